//! A keyspace that is open: what its handles share.

use std::any::{TypeId, type_name};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use crate::error::Error;
use crate::format::codec::checks::ValueChecks;
use crate::format::codec::erased::ErasedCodec;
use crate::format::codec::format::Format;
use crate::format::key::Key;
use crate::format::keyspace_id::KeyspaceId;
use crate::stats::counters::Counters;
use crate::stats::cumulative::CumulativeStats;
use crate::stats::observe::named::Named;
use crate::sys::sync::{Arc, AtomicBool, Condvar, Mutex};

#[derive(Debug)]
pub(crate) struct OpenKeyspace {
    pub(crate) name: String,
    pub(crate) id: KeyspaceId,
    pub(crate) kind: KeyspaceType,
    /// The shape of its keys.
    pub(crate) shape: String,
    /// Its values' codec.
    #[cfg_attr(not(all(unix, feature = "control")), expect(dead_code, reason = "for the control socket"))]
    pub(crate) codec: ErasedCodec,
    /// The schema of the definition that opened it.
    #[cfg_attr(not(all(unix, feature = "control")), expect(dead_code, reason = "for the control socket"))]
    pub(crate) schema: Option<&'static str>,
    pub(crate) counters: Counters,
    /// Whether its values come back.
    pub(crate) checks: ValueChecks,
    /// Whether the log has said that a record of it did not decode.
    pub(crate) told_undecodable: AtomicBool,
    /// A load that takes as long is told in the log.
    pub(crate) slow_load: Duration,
}

impl OpenKeyspace {
    /// Returns its name, and what spells its keys.
    pub(crate) fn named(&self) -> Named {
        Named { name: self.name.clone(), shape: self.shape.parse().ok() }
    }
}

/// What all keyspaces have counted that are open, or were.
///
/// A sum over all costs as much as there are keyspaces, and the file notes the sum with each commit. So the
/// ledger keeps the sum of what each keyspace was last asked for, and a commit asks only a few of them, in
/// turn ([`CounterRegistry::sum_of_some`]).
#[derive(Debug, Default)]
pub(crate) struct CounterRegistry(Mutex<Accounts>);

#[derive(Debug, Default)]
struct Accounts {
    open: BTreeMap<KeyspaceId, Account>,
    /// What was noted of all keyspaces.
    sum: CumulativeStats,
    /// The keyspace that was asked last.
    last: Option<KeyspaceId>,
}

#[derive(Debug)]
struct Account {
    open_keyspace: Arc<OpenKeyspace>,
    /// What it had counted when it was last asked. That much of it is in the sum.
    noted: CumulativeStats,
}

impl Account {
    /// Asks the keyspace what it has counted. Returns what is new.
    fn ask(&mut self) -> CumulativeStats {
        let counted = counted(&self.open_keyspace);
        let new = counted.since(&self.noted);
        self.noted = counted;
        new
    }
}

impl CounterRegistry {
    /// Enters a keyspace. The list of open ones holds it as well.
    pub(crate) fn enter(&self, open_keyspace: Arc<OpenKeyspace>) {
        self.0
            .lock()
            .open
            .insert(open_keyspace.id, Account { open_keyspace, noted: CumulativeStats::default() });
    }

    /// Keeps what a keyspace has counted that nobody has open any more.
    pub(crate) fn strike(&self, open_keyspace: &Arc<OpenKeyspace>) {
        let mut accounts = self.0.lock();
        if let Some(mut account) = accounts.open.remove(&open_keyspace.id) {
            accounts.sum = accounts.sum.plus(&account.ask());
        }
    }

    /// Returns the sum of what all keyspaces had counted when they were last asked, after asking up to `most`
    /// of them anew, in turn.
    pub(crate) fn sum_of_some(&self, most: usize) -> CumulativeStats {
        let mut accounts = self.0.lock();
        let Accounts { open, sum, last } = &mut *accounts;
        let after = last.map_or(Bound::Unbounded, Bound::Excluded);
        let later = open.range((after, Bound::Unbounded)).map(|(id, _)| *id);
        // The lap ends with the last keyspace, and the next begins with the first.
        let asked: Vec<KeyspaceId> = later.chain(open.keys().copied()).take(most.min(open.len())).collect();
        for id in asked {
            if let Some(account) = open.get_mut(&id) {
                *sum = sum.plus(&account.ask());
            }
            *last = Some(id);
        }
        sum.clone()
    }
}

fn counted(open_keyspace: &OpenKeyspace) -> CumulativeStats {
    CumulativeStats::of_keyspace(&open_keyspace.counters.sums())
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
pub(crate) struct KeyspaceType {
    key: TypeId,
    value: TypeId,
    pub(crate) version: u32,
    pub(crate) format: Format,
    pub(crate) memory_only: bool,
    names: (&'static str, &'static str),
}

impl KeyspaceType {
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

impl std::fmt::Display for KeyspaceType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tiers = if self.memory_only { ", memory only" } else { "" };
        write!(f, "<{}, {}> version {}, {}{tiers}", self.names.0, self.names.1, self.version, self.format)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::count::Count;

    fn open_keyspace(number: u32) -> Arc<OpenKeyspace> {
        Arc::new(OpenKeyspace {
            name: format!("{number}"),
            id: KeyspaceId::on_disk(number),
            kind: KeyspaceType::new::<u64, u64>(0, Format::Bincode, false),
            shape: String::new(),
            codec: ErasedCodec::of::<u64>(Format::Bincode),
            schema: None,
            counters: Counters::default(),
            checks: ValueChecks::new(false),
            told_undecodable: AtomicBool::new(false),
            slow_load: Duration::ZERO,
        })
    }

    #[test]
    fn a_ledger_asks_keyspaces_in_turn_and_loses_no_count() {
        let registry = CounterRegistry::default();
        assert_eq!(registry.sum_of_some(4), CumulativeStats::default(), "none is open");
        let open_keyspaces: Vec<_> = (1..=10).map(open_keyspace).collect();
        for open_keyspace in &open_keyspaces {
            registry.enter(open_keyspace.clone());
            open_keyspace.counters.add(Count::Misses);
        }
        let misses = |most| registry.sum_of_some(most).misses;
        assert_eq!([misses(4), misses(4), misses(4)], [4, 8, 10]);
        assert_eq!(misses(usize::MAX), 10, "none is counted twice");
        for open_keyspace in &open_keyspaces {
            open_keyspace.counters.add(Count::Misses);
        }
        // What a keyspace has counted stays when it goes, whenever it was last asked.
        registry.strike(&open_keyspaces[0]);
        registry.strike(&open_keyspaces[5]);
        registry.strike(&open_keyspaces[5]);
        assert_eq!(misses(0), 12);
        assert_eq!([misses(3), misses(3), misses(3)], [15, 18, 20]);
        open_keyspaces[7].counters.add(Count::Inserts);
        assert_eq!(registry.sum_of_some(usize::MAX).inserts, 1);
    }
}
