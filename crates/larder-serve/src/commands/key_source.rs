//! The keys of a database, for the commands that walk over all keys.

use std::borrow::Cow;
use std::sync::Arc;

use larder::{Keys, Keyspace, UntypedKeys};

use super::errors;
use crate::session::databases::{Selected, Value};
use crate::session::named::{KeyTexts, NamedDatabase};

/// The keys of a database. A walk uses the bytes that the cache stores for a key, because a walk follows
/// the order of these bytes.
pub(super) enum KeySource {
    Raw(Keyspace<Vec<u8>, Value>),
    Named(Arc<NamedDatabase>, KeyTexts),
}

impl KeySource {
    /// Returns the keys of a database, or the text of an error reply.
    pub(super) fn of(database: Selected<'_>) -> Result<Self, String> {
        Ok(match database {
            Selected::Raw(database) => Self::Raw(database.keyspace.clone()),
            Selected::Named(named) => {
                let texts = named.key_texts().map_err(|error| errors::of(&error))?;
                Self::Named(named.clone(), texts)
            }
        })
    }

    /// Returns the keys of the live entries, in order, after the key `after`.
    pub(super) fn keys_after(&self, after: Option<&[u8]>) -> Result<SourceKeys, String> {
        let keys = match (self, after) {
            (Self::Raw(keyspace), Some(after)) => keyspace.keys_after(after).map(SourceKeys::Raw),
            (Self::Raw(keyspace), None) => Ok(SourceKeys::Raw(keyspace.keys())),
            (Self::Named(named, _), after) => named.keyspace.keys_after(after).map(SourceKeys::Named),
        };
        keys.map_err(|error| errors::of(&error))
    }

    pub(super) fn has(&self, key: &Vec<u8>) -> bool {
        match self {
            Self::Raw(keyspace) => keyspace.contains_key(key),
            Self::Named(named, _) => named.keyspace.expires_at(key).is_ok_and(|found| found.is_some()),
        }
    }

    /// Returns a key as the client sees it.
    pub(super) fn shown<'a>(&self, key: &'a [u8]) -> Cow<'a, [u8]> {
        match self {
            Self::Raw(_) => Cow::Borrowed(key),
            Self::Named(_, texts) => Cow::Owned(texts.show(key).into_bytes()),
        }
    }
}

pub(super) enum SourceKeys {
    Raw(Keys<Vec<u8>, Value>),
    Named(UntypedKeys),
}

impl SourceKeys {
    /// Returns whether the iterator has left out no key so far.
    pub(super) const fn is_complete(&self) -> bool {
        match self {
            Self::Raw(keys) => keys.is_complete(),
            Self::Named(keys) => keys.is_complete(),
        }
    }
}

impl Iterator for SourceKeys {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::Raw(keys) => keys.next(),
            Self::Named(keys) => keys.next(),
        }
    }
}
