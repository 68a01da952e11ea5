//! Whether a cache has an entry, asked before one is removed: of a file, or of the process that has it.

use larder::control::Client;
use larder::inspect::{Snapshot, spell_hex};

use crate::exit::Failure;
use crate::inspect::spelling::Keys;

pub(super) enum Existing<'a> {
    Of(&'a Snapshot),
    Live(&'a mut Client),
}

impl Existing<'_> {
    /// Returns whether a key has a live entry.
    pub(super) fn has(&mut self, keyspace: Keys<'_>, key: &[u8]) -> Result<bool, Failure> {
        Ok(match self {
            Self::Of(snapshot) => match snapshot.keyspace(keyspace.name) {
                Some(facts) => snapshot.find(facts, key)?.live().is_some(),
                None => false,
            },
            Self::Live(client) => client.ttl(keyspace.name, &spell_hex(key))?.is_some(),
        })
    }

    /// Returns whether entries begin so, expired ones included.
    pub(super) fn begin_with(&mut self, keyspace: Keys<'_>, prefix: &[u8]) -> Result<bool, Failure> {
        match self {
            Self::Of(snapshot) => match snapshot.keyspace(keyspace.name) {
                Some(facts) => Ok(!snapshot.page(facts, prefix, None, 1)?.is_empty()),
                None => Ok(false),
            },
            Self::Live(client) => {
                let (prefix, mut after) = (spell_hex(prefix), None);
                loop {
                    let page = client.keys(keyspace.name, &prefix, after.as_deref(), 1, true)?;
                    // A page may be empty, and not be the last.
                    match page.after {
                        _ if !page.keys.is_empty() => return Ok(true),
                        None => return Ok(false),
                        next => after = next,
                    }
                }
            }
        }
    }
}
