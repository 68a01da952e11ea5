//! How many live entries a removal through a process would take.

use larder::control::{Client, EntryState, MAX_PAGE};
use larder::inspect::spell_hex;

use super::Chosen;
use crate::exit::Failure;

/// Counts in the memory of the process, and in its file.
pub(super) fn of_process(client: &mut Client, chosen: &Chosen) -> Result<u64, Failure> {
    let (names, prefix) = match chosen {
        Chosen::Key(keyspace, key) => {
            let status = client.why(keyspace, &spell_hex(key))?;
            return Ok(u64::from(status.state == EntryState::Live));
        }
        Chosen::Prefix(keyspace, prefix) => (vec![keyspace.clone()], spell_hex(prefix)),
        Chosen::Everything => {
            (client.keyspaces()?.into_iter().map(|keyspace| keyspace.name).collect(), String::new())
        }
    };
    let mut live = 0;
    for name in names {
        let mut after: Option<String> = None;
        loop {
            let page = client.keys(&name, &prefix, after.as_deref(), MAX_PAGE, false)?;
            live += page.keys.len() as u64;
            after = page.after;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(live)
}
