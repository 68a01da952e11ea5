//! Counts the live entries that a removal would delete, for `--dry-run`.

use std::ops::ControlFlow;

use larder::control::{Client, EntryState};
use larder::inspect::{Snapshot, spell_hex};

use super::removal::Removal;
use crate::cache::pages::{visit_file, visit_process};
use crate::term::exit::Failure;

/// Counts the live entries of the file that the removal covers.
pub(super) fn in_file(snapshot: &Snapshot, removal: &Removal) -> Result<u64, Failure> {
    let (names, prefix): (Vec<&str>, &[u8]) = match removal {
        Removal::Key(keyspace, key) => {
            let Some(info) = snapshot.keyspace(keyspace) else { return Ok(0) };
            return Ok(u64::from(snapshot.find(info, key)?.live().is_some()));
        }
        Removal::Prefix(keyspace, prefix) => (vec![keyspace], prefix),
        Removal::Everything => (snapshot.keyspaces().iter().map(|info| &*info.name).collect(), &[]),
    };
    let mut live = 0;
    for info in names.into_iter().filter_map(|name| snapshot.keyspace(name)) {
        // The visitor never breaks.
        let _end = visit_file(snapshot, info, prefix, |entry| {
            live += u64::from(entry.finding.live().is_some());
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(live)
}

/// Counts the live entries that the removal covers, in the memory of a process and in its file.
pub(super) fn in_process(client: &mut Client, removal: &Removal) -> Result<u64, Failure> {
    let (names, prefix) = match removal {
        Removal::Key(keyspace, key) => {
            let status = client.why(keyspace, &spell_hex(key))?;
            return Ok(u64::from(status.state == EntryState::Live));
        }
        Removal::Prefix(keyspace, prefix) => (vec![keyspace.clone()], spell_hex(prefix)),
        Removal::Everything => {
            (client.keyspaces()?.into_iter().map(|keyspace| keyspace.name).collect(), String::new())
        }
    };
    let mut live = 0;
    for name in names {
        let _end = visit_process(client, &name, &prefix, false, |_| {
            live += 1;
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(live)
}
