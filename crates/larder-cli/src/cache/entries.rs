//! Looks up keys and prefixes in a file, or in the process that owns the file.
//!
//! A text may mean two different keys or prefixes. Commands look up both before they choose one.

use larder::control::Client;
use larder::inspect::{Snapshot, spell_hex};

use super::spelling::{AlternativeReading, KeySyntax};
use crate::term::exit::Failure;

/// Where to look: in a snapshot of a file, or in a process.
pub(crate) enum Entries<'a> {
    File(&'a Snapshot),
    Process(&'a mut Client),
}

impl Entries<'_> {
    /// Returns the alternative reading of a prefix if the user probably meant it: no key begins with the
    /// literal prefix.
    ///
    /// If the keyspace does not have the schema of the alternative reading, some key must also begin with
    /// the alternative prefix.
    pub(crate) fn other_prefix<'a>(
        &mut self,
        keyspace: KeySyntax<'a>,
        text: &str,
        prefix: &[u8],
    ) -> Result<Option<AlternativeReading<'a>>, Failure> {
        let other = AlternativeReading::of_prefix(keyspace, text).filter(|other| other.bytes != prefix);
        let Some(other) = other else { return Ok(None) };
        let is_meant = !self.has_prefix(keyspace, prefix)?
            && (other.is_of_schema() || self.has_prefix(keyspace, &other.bytes)?);
        Ok(is_meant.then_some(other))
    }

    pub(crate) fn has(&mut self, keyspace: KeySyntax<'_>, key: &[u8]) -> Result<bool, Failure> {
        Ok(match self {
            Self::File(snapshot) => match snapshot.keyspace(keyspace.name) {
                Some(info) => snapshot.find(info, key)?.live().is_some(),
                None => false,
            },
            Self::Process(client) => client.ttl(keyspace.name, &spell_hex(key))?.is_some(),
        })
    }

    /// Returns whether any key begins with a prefix. Keys of expired entries count.
    pub(crate) fn has_prefix(&mut self, keyspace: KeySyntax<'_>, prefix: &[u8]) -> Result<bool, Failure> {
        match self {
            Self::File(snapshot) => match snapshot.keyspace(keyspace.name) {
                Some(info) => Ok(!snapshot.page(info, prefix, None, 1)?.is_empty()),
                None => Ok(false),
            },
            Self::Process(client) => {
                let (prefix, mut after) = (spell_hex(prefix), None);
                loop {
                    let page = client.keys(keyspace.name, &prefix, after.as_deref(), 1, true)?;
                    // An empty page may be followed by other pages.
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
