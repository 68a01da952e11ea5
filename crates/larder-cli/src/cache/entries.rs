//! Whether a cache has an entry, asked of a file or of the process that owns it.
//!
//! Commands ask this before they take a text as a key, if the text may have been meant as another key.

use larder::control::Client;
use larder::inspect::{Snapshot, spell_hex};

use super::spelling::{AlternativeReading, KeySyntax};
use crate::term::exit::Failure;

/// The entries of a cache.
pub(crate) enum Entries<'a> {
    File(&'a Snapshot),
    Process(&'a mut Client),
}

impl Entries<'_> {
    /// Returns the other meaning of a prefix, if no key begins with the prefix as it stands.
    ///
    /// In a keyspace that does not have the schema of that spelling, a prefix is suspicious only if keys
    /// begin with its other meaning.
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

    /// Returns whether a key has a live entry.
    pub(crate) fn has(&mut self, keyspace: KeySyntax<'_>, key: &[u8]) -> Result<bool, Failure> {
        Ok(match self {
            Self::File(snapshot) => match snapshot.keyspace(keyspace.name) {
                Some(info) => snapshot.find(info, key)?.live().is_some(),
                None => false,
            },
            Self::Process(client) => client.ttl(keyspace.name, &spell_hex(key))?.is_some(),
        })
    }

    /// Returns whether any key begins with a prefix. Expired entries count.
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
                    // An empty page need not be the last one.
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
