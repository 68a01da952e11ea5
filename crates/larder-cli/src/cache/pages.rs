//! Visits the entries of a keyspace page by page, so that a command never holds all entries in memory.

use std::ops::ControlFlow;

use larder::control::{Client, KeyStatus, MAX_PAGE};
use larder::inspect::{Entry, KeyspaceInfo, Snapshot};

use crate::term::exit::Failure;

/// Maximum number of entries that are read from a file at once.
const PAGE: usize = 256;

/// What a visitor returns: whether to continue with the next entry.
pub(crate) type Visited = Result<ControlFlow<()>, Failure>;

/// Visits the entries of a file's keyspace whose keys begin with a prefix, until the visitor breaks.
pub(crate) fn visit_file(
    snapshot: &Snapshot,
    keyspace: &KeyspaceInfo,
    prefix: &[u8],
    mut visit: impl FnMut(Entry) -> Visited,
) -> Visited {
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = snapshot.page(keyspace, prefix, after.as_deref(), PAGE)?;
        let Some(last) = page.last() else { return Ok(ControlFlow::Continue(())) };
        after = Some(last.key.clone());
        for entry in page {
            if visit(entry)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
}

/// Visits the keys of a process's keyspace that begin with a prefix, until the visitor breaks.
///
/// The prefix is in hexadecimal. With `all`, expired and damaged entries are visited too.
pub(crate) fn visit_process(
    client: &mut Client,
    keyspace: &str,
    prefix: &str,
    all: bool,
    mut visit: impl FnMut(&KeyStatus) -> Visited,
) -> Visited {
    let mut after: Option<String> = None;
    loop {
        let page = client.keys(keyspace, prefix, after.as_deref(), MAX_PAGE, all)?;
        for status in &page.keys {
            if visit(status)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        after = page.after;
        if after.is_none() {
            return Ok(ControlFlow::Continue(()));
        }
    }
}
