//! The commands that change a cache.
//!
//! These commands open the file as its owner, except `flush`. If another process already owns the file,
//! removals instead ask that process through its control socket. The process then changes its memory too.
//! `flush` always asks the process.

pub(crate) mod compact;
pub(crate) mod flush;
pub(crate) mod import;
pub(crate) mod remove;
mod target;

use std::path::Path;

use larder::admin::Admin;
use larder::inspect::escape_control;

use crate::term::exit::{Exit, Failure};

/// Turns the error for a file in use into a failure that names the owner and the remedy.
///
/// Without `instead`, the remedy is to ask the owner.
fn own(opened: Result<Admin, larder::Error>, instead: Option<&str>) -> Result<Admin, Failure> {
    opened.map_err(|error| match error {
        larder::Error::InUse { path, pid, has_ended: false, is_elsewhere, socket, .. } => {
            let owner = match pid {
                Some(pid) if is_elsewhere => format!("process {pid} of another container"),
                Some(pid) => format!("process {pid}"),
                None => "another program".to_owned(),
            };
            match (instead, socket) {
                (Some(instead), _) => in_use(&path, &owner, instead),
                (None, None) => in_use(&path, &owner, NO_SOCKET),
                (None, Some(socket)) => {
                    let socket = socket.to_string_lossy();
                    let remedy = format!("ask it, with --socket {}, or stop it", escape_control(&socket));
                    in_use(&path, &owner, &remedy)
                }
            }
        }
        error => error.into(),
    })
}

/// The remedy if the owner of the file serves no socket.
const NO_SOCKET: &str = "it serves no control socket: stop it, or give it one with control=PATH in its URL, and it makes \
                         the change itself";

fn in_use(path: &Path, owner: &str, instead: &str) -> Failure {
    Failure::new(
        Exit::InUse,
        format!("cannot change {}: {owner} is writing to it; {instead}", path.display()),
    )
}

/// Returns a number of entries in words.
fn entries(count: u64) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
}
