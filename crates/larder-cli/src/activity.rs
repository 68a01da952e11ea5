//! The commands that ask a live cache which keys are at work: what they share.

pub(crate) mod hot;
pub(crate) mod monitor;
pub(crate) mod slow;

use std::path::Path;

use larder::control::Client;
use larder::inspect::{FileState, Inspector};

use crate::change::target::is_socket;
use crate::exit::{Exit, Failure};

/// Connects to a live cache: by its control socket; or by its file, whose owner names a socket. Then standard error
/// says so, unless JSON is read.
fn connect(target: &Path, json: bool) -> Result<Client, Failure> {
    // What is not there is no socket, and the failure says so.
    if is_socket(target) || !target.exists() {
        return Ok(Client::connect(target)?);
    }
    let file = Inspector::open(target)?.snapshot()?.file();
    if let Some(client) = Client::connect_to_owner(&file)? {
        if !json {
            eprintln!(
                "larder: process {} has the file, and is asked at {}",
                client.server().pid,
                client.path().display()
            );
        }
        return Ok(client);
    }
    let (path, only) = (target.display(), "only a live cache knows which keys are at work");
    Err(Failure::new(
        Exit::System,
        match file.state {
            FileState::Owned { has_ended: false, .. } => format!(
                "the process that has {path} serves no control socket, and {only}; start it with control=PATH in its URL"
            ),
            _ => format!("no process has {path}, and {only}; is it the file of the service's LARDER_URL?"),
        },
    ))
}
