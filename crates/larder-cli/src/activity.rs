//! The commands that ask a live cache which keys are at work: what they share.

pub(crate) mod hot;
pub(crate) mod monitor;
pub(crate) mod slow;

use std::path::Path;

use larder::control::Client;

use crate::exit::{Exit, Failure};
use crate::live;

/// Connects to a live cache, by its control socket or by the file that it has.
fn connect(path: &Path, json: bool) -> Result<Client, Failure> {
    live::process_behind(path, json)?.ok_or_else(|| {
        let text = format!(
            "{} is no control socket, nor the file of a process that serves one, and only a live cache knows which keys are at work; \
             give the path after `control=` in the service's LARDER_URL",
            path.display()
        );
        Failure::new(Exit::Usage, text)
    })
}
