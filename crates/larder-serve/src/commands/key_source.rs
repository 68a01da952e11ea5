//! The keys of a database, for the commands that walk over all keys.

use std::borrow::Cow;

use larder::{Keys, Keyspace, PinnedKeyspace, UntypedKeys};

use super::errors;
use crate::session::databases::{Selected, Value};
use crate::session::named::NamedVersion;

/// The keys of a database. A walk uses the bytes that the cache stores for a key, because a walk follows
/// the order of these bytes.
pub(super) enum KeySource {
    Raw(Keyspace<Vec<u8>, Value>),
    Named(NamedVersion),
}

impl KeySource {
    /// Returns the keys of a database, or the text of an error reply.
    pub(super) fn of(database: Selected<'_>) -> Result<Self, String> {
        Self::at(database, None)
    }

    /// Like [`of`](Self::of), in the version of the keyspace that an earlier call has pinned, if there is
    /// one.
    pub(super) fn at(database: Selected<'_>, pinned: Option<PinnedKeyspace>) -> Result<Self, String> {
        Ok(match database {
            Selected::Raw(database) => Self::Raw(database.keyspace.clone()),
            Selected::Named(named) => {
                let version = pinned.map_or_else(|| named.pin(), |pinned| named.at(pinned));
                Self::Named(version.map_err(|error| errors::of(&error))?)
            }
        })
    }

    /// Returns the version that later calls of the same walk must use.
    pub(super) fn pinned(&self) -> Option<PinnedKeyspace> {
        match self {
            Self::Raw(_) => None,
            Self::Named(version) => Some(version.keyspace.clone()),
        }
    }

    /// Returns the text of an error reply if a walk may have left out keys, because the application has
    /// opened another version of the keyspace meanwhile.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Raw(_) => Ok(()),
            Self::Named(version) => version.keyspace.info().map(drop).map_err(|error| errors::of(&error)),
        }
    }

    /// Returns the keys of the live entries, in order, after the key `after`.
    pub(super) fn keys_after(&self, after: Option<&[u8]>) -> Result<SourceKeys, String> {
        let keys = match (self, after) {
            (Self::Raw(keyspace), Some(after)) => keyspace.keys_after(after).map(SourceKeys::Raw),
            (Self::Raw(keyspace), None) => Ok(SourceKeys::Raw(keyspace.keys())),
            (Self::Named(version), after) => version.keyspace.keys_after(after).map(SourceKeys::Named),
        };
        keys.map_err(|error| errors::of(&error))
    }

    pub(super) fn has(&self, key: &Vec<u8>) -> bool {
        match self {
            Self::Raw(keyspace) => keyspace.contains_key(key),
            Self::Named(version) => version.keyspace.expires_at(key).is_ok_and(|found| found.is_some()),
        }
    }

    /// Returns a key as the client sees it.
    pub(super) fn shown<'a>(&self, key: &'a [u8]) -> Cow<'a, [u8]> {
        match self {
            Self::Raw(_) => Cow::Borrowed(key),
            Self::Named(version) => Cow::Owned(version.texts.show(key).into_bytes()),
        }
    }
}

pub(super) enum SourceKeys {
    Raw(Keys<Vec<u8>, Value>),
    Named(UntypedKeys),
}

impl SourceKeys {
    /// Returns whether the iterator has left out no key so far.
    pub(super) fn is_complete(&self) -> bool {
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
