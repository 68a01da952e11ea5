//! A keyspace that is open: what its handles share.

use std::any::{TypeId, type_name};

use crate::error::Error;
use crate::id::KeyspaceId;
use crate::key::Key;
use crate::stats::Counters;

#[derive(Debug)]
pub(crate) struct Space {
    pub(crate) name: String,
    pub(crate) id: KeyspaceId,
    pub(crate) kind: Kind,
    /// The shape of its keys.
    pub(crate) shape: String,
    pub(crate) counters: Counters,
}

/// What two handles of one keyspace must agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kind {
    key: TypeId,
    value: TypeId,
    pub(crate) version: u32,
    pub(crate) memory_only: bool,
    names: (&'static str, &'static str),
}

impl Kind {
    pub(crate) fn new<K: Key, V: 'static>(version: u32, memory_only: bool) -> Self {
        Self {
            key: TypeId::of::<K>(),
            value: TypeId::of::<V>(),
            version,
            memory_only,
            names: (type_name::<K>(), type_name::<V>()),
        }
    }

    pub(crate) fn conflict(&self, name: &str, requested: &Self) -> Error {
        Error::KeyspaceConflict {
            name: name.to_owned(),
            opened: self.to_string(),
            requested: requested.to_string(),
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tiers = if self.memory_only { ", memory only" } else { "" };
        write!(f, "<{}, {}> version {}{tiers}", self.names.0, self.names.1, self.version)
    }
}
