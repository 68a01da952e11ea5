//! A keyspace that is open: what its handles share.

use std::any::{TypeId, type_name};
use std::collections::BTreeSet;
use std::time::Duration;

use crate::codec::{Format, ValueChecks};
use crate::error::Error;
use crate::id::KeyspaceId;
use crate::key::Key;
use crate::stats::{Count, Counters, Lifetime};
use crate::sync::{Arc, AtomicBool, Condvar, Mutex};

#[derive(Debug)]
pub(crate) struct Space {
    pub(crate) name: String,
    pub(crate) id: KeyspaceId,
    pub(crate) kind: Kind,
    /// The shape of its keys.
    #[cfg_attr(not(all(unix, feature = "control")), expect(dead_code, reason = "for the control socket"))]
    pub(crate) shape: String,
    pub(crate) counters: Counters,
    /// Whether its values come back.
    pub(crate) checks: ValueChecks,
    /// Whether the log has said that a record of it did not decode.
    pub(crate) told_undecodable: AtomicBool,
    /// A load that takes as long is told in the log.
    pub(crate) slow_load: Duration,
}

/// Every keyspace that was open, and what those had counted that are no more.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<(Vec<Arc<Space>>, Lifetime)>);

impl Ledger {
    /// Enters a keyspace. The list of open ones holds it as well.
    pub(crate) fn enter(&self, space: Arc<Space>) {
        self.0.lock().0.push(space);
    }

    /// Keeps what a keyspace has counted that nobody has open any more.
    pub(crate) fn strike(&self, space: &Arc<Space>) {
        let mut ledger = self.0.lock();
        let (open, gone) = &mut *ledger;
        open.retain(|other| !Arc::ptr_eq(other, space));
        *gone = gone.plus(&counted(space));
    }

    /// What all of them have counted.
    pub(crate) fn sum(&self) -> Lifetime {
        let ledger = self.0.lock();
        ledger.0.iter().fold(ledger.1.clone(), |sum, space| sum.plus(&counted(space)))
    }
}

fn counted(space: &Space) -> Lifetime {
    let count = |count| space.counters.sum(count);
    Lifetime {
        memory_hits: count(Count::MemoryHits),
        disk_hits: count(Count::DiskHits),
        misses: count(Count::Misses),
        loads: count(Count::Loads),
        load_failures: count(Count::LoadFailures),
        promotions: count(Count::Promotions),
        inserts: count(Count::Inserts),
        invalidations: count(Count::Invalidations),
        ..Lifetime::default()
    }
}

/// The names of the keyspaces that are being opened.
///
/// Opening one waits for a commit, so no lock is held for as long. Two threads that open one name take turns
/// by this.
#[derive(Debug, Default)]
pub(crate) struct Openings {
    names: Mutex<BTreeSet<String>>,
    ended: Condvar,
}

/// A thread's turn to open a keyspace of this name, until it is dropped.
#[derive(Debug)]
pub(crate) struct Opening<'a> {
    all: &'a Openings,
    name: &'a str,
}

impl Openings {
    /// Waits for the opening of the same name that is under way. No code of the user runs in one, so that
    /// none asks for its own.
    pub(crate) fn begin<'a>(&'a self, name: &'a str) -> Opening<'a> {
        let mut names = self.names.lock();
        while !names.insert(name.to_owned()) {
            self.ended.wait(&mut names);
        }
        Opening { all: self, name }
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.all.names.lock().remove(self.name);
        self.all.ended.notify_all();
    }
}

/// What two handles of one keyspace must agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kind {
    key: TypeId,
    value: TypeId,
    pub(crate) version: u32,
    pub(crate) format: Format,
    pub(crate) memory_only: bool,
    names: (&'static str, &'static str),
}

impl Kind {
    pub(crate) fn new<K: Key, V: 'static>(version: u32, format: Format, memory_only: bool) -> Self {
        Self {
            key: TypeId::of::<K>(),
            value: TypeId::of::<V>(),
            version,
            format,
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
        write!(f, "<{}, {}> version {}, {}{tiers}", self.names.0, self.names.1, self.version, self.format)
    }
}
