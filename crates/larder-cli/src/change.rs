//! The commands that change a cache file: what they share.
//!
//! They open it as its owner, so a file that a process has is left to that process: its control socket takes
//! the same changes, and makes them in its memory too.

pub(crate) mod compact;
pub(crate) mod flush;
pub(crate) mod import;
pub(crate) mod remove;
pub(crate) mod target;

use std::path::Path;

use larder::admin::Admin;

use crate::exit::{Exit, Failure};

/// Opens a file to change it.
fn own(opened: Result<Admin, larder::Error>) -> Result<Admin, Failure> {
    opened.map_err(|error| match error {
        larder::Error::InUse { path, pid, has_ended: false, .. } => in_use(&path, pid),
        error => error.into(),
    })
}

fn in_use(path: &Path, pid: Option<u32>) -> Failure {
    let owner = pid.map_or_else(|| "another program".to_owned(), |pid| format!("process {pid}"));
    let remedy = "ask it through its control socket, with --socket PATH, or stop it";
    Failure::new(Exit::InUse, format!("cannot change {}: {owner} is writing to it; {remedy}", path.display()))
}

/// A count of entries, in words.
fn entries(count: u64) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
}
