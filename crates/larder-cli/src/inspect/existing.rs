//! Whether a cache has an entry: asked of a file, or of the process that has it, before a text is taken for a key
//! that it may not have been meant for.

use larder::control::Client;
use larder::inspect::{Snapshot, spell_hex};

use super::spelling::{Keys, Misread};
use crate::exit::Failure;

pub(crate) enum Existing<'a> {
    Of(&'a Snapshot),
    Live(&'a mut Client),
}

impl Existing<'_> {
    /// Returns what else a prefix may have been meant for, if no key begins with it. In a keyspace that is not of
    /// the schema that spells so, the text is only odd if there are such keys.
    pub(crate) fn misread_prefix<'a>(
        &mut self,
        keyspace: Keys<'a>,
        text: &str,
        prefix: &[u8],
    ) -> Result<Option<Misread<'a>>, Failure> {
        let misread = Misread::of_prefix(keyspace, text).filter(|other| other.bytes != prefix);
        let Some(other) = misread else { return Ok(None) };
        let is_meant = !self.begin_with(keyspace, prefix)?
            && (other.is_of_schema() || self.begin_with(keyspace, &other.bytes)?);
        Ok(is_meant.then_some(other))
    }

    /// Returns whether a key has a live entry.
    pub(crate) fn has(&mut self, keyspace: Keys<'_>, key: &[u8]) -> Result<bool, Failure> {
        Ok(match self {
            Self::Of(snapshot) => match snapshot.keyspace(keyspace.name) {
                Some(facts) => snapshot.find(facts, key)?.live().is_some(),
                None => false,
            },
            Self::Live(client) => client.ttl(keyspace.name, &spell_hex(key))?.is_some(),
        })
    }

    /// Returns whether entries begin so, expired ones included.
    pub(crate) fn begin_with(&mut self, keyspace: Keys<'_>, prefix: &[u8]) -> Result<bool, Failure> {
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
