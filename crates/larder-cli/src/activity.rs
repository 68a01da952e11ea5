//! The commands that ask a live cache which keys are at work: what they share.

pub(crate) mod hot;
pub(crate) mod monitor;
pub(crate) mod slow;

use std::path::Path;

use larder::control::Client;

use crate::change::target::is_socket;
use crate::exit::{Exit, Failure};

/// Connects to the control socket of a live cache.
fn connect(socket: &Path) -> Result<Client, Failure> {
    if socket.exists() && !is_socket(socket) {
        let text = format!(
            "{} is no control socket, and only a live cache knows which keys are at work; give the path after \
             `control=` in the service's LARDER_URL",
            socket.display()
        );
        return Err(Failure::new(Exit::Usage, text));
    }
    Ok(Client::connect(socket)?)
}
