//! A workload on a simulated disk, its history, and a check of a restart against that history.
//!
//! The history has the changes of each key in their order. Each change has two numbers of disk changes:
//!
//! - From the first number on, a restart may find the change.
//! - From the second number on, the change is certain, because a call has returned that guarantees its
//!   durability.
//!
//! After a crash, a key must be in the state of its last certain change, or of a later change that had begun.
//! After disk failures the key may also be missing, because a cache may forget. But an entry must not come
//! back once its removal or replacement is certain.

mod calls;
mod history;
mod second;

use std::collections::BTreeMap;

use larder::clock::Clock;
use larder::{
    Any, ByteSize, Cache, CacheBuilder, Durability, Error, InsertOptions, Keyspace, KeyspaceDefinition,
    Remaining, Timestamp,
};

use crate::support::HOUR;
use crate::support::simulated::{PATH, SimulatedPlace};
pub(crate) use calls::{Call, calls};
use calls::{WorkloadKey, all_keys};
use history::History;
use second::Second;

type WorkloadKeyspace = Keyspace<WorkloadKey, (u64, Vec<u8>)>;

/// The message of [`check`] for an entry that no call has left so.
pub(crate) const BROKEN_PROMISE: &str = "a promise is broken";

const SPACE: KeyspaceDefinition<WorkloadKey, (u64, Vec<u8>)> = KeyspaceDefinition::new("space").ttl(HOUR);

/// Returns the builder of a very small cache. Its writer works in steps of several parts. A removal of two
/// keys deletes their entries after the call has returned.
fn builder(place: &SimulatedPlace) -> CacheBuilder {
    place.builder().disk_capacity(ByteSize::mib(1)).range_rows(1).parts_with_steps()
}

fn filler(version: u64, len: usize) -> Vec<u8> {
    (0..len as u64)
        .map(|at| (version.wrapping_mul(31).wrapping_add(at * 7) % 251).try_into().unwrap_or(0))
        .collect()
}

/// A workload in progress.
pub(crate) struct WorkloadRun {
    place: SimulatedPlace,
    cache: Option<(Cache, WorkloadKeyspace)>,
    second: Second,
    pub(crate) history: History,
    last_version: u64,
    /// Whether the disk fails, so that calls may fail too.
    fails: bool,
}

impl WorkloadRun {
    pub(crate) fn new(place: SimulatedPlace, fails: bool) -> Self {
        let (second, history) = (Second::default(), History::default());
        Self { place, cache: None, second, history, last_version: 0, fails }
    }

    fn changes(&self) -> usize {
        self.place.disk.changes()
    }

    fn now(&self) -> Timestamp {
        self.place.clock.wall()
    }

    /// Returns the keyspace of the cache, and opens the cache if it is closed. If a failing disk prevents
    /// the opening, heals the disk first.
    fn space(&mut self) -> WorkloadKeyspace {
        if self.cache.is_none() {
            let cache = builder(&self.place).open().unwrap_or_else(|error| {
                assert!(self.fails, "the cache does not open: {error}");
                self.place.disk.heal();
                builder(&self.place).open().unwrap()
            });
            let space = cache.keyspace(SPACE).unwrap();
            self.second.reopen(&cache);
            self.cache = Some((cache, space));
        }
        self.cache.as_ref().unwrap().1.clone()
    }

    /// Returns the value of a result. On a failing disk, `NotDurable` is allowed and gives `None`.
    fn held<T>(&self, result: Result<T, Error>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(Error::NotDurable { .. }) if self.fails => None,
            Err(error) => panic!("a call failed: {error}"),
        }
    }

    fn value(&mut self, len: usize) -> (u64, Vec<u8>) {
        self.last_version += 1;
        (self.last_version, filler(self.last_version, len))
    }

    /// Makes a call, and then checks every key.
    pub(crate) fn make(&mut self, call: &Call) {
        let space = self.space();
        match call {
            Call::Insert(key, len) => self.insert(&space, *key, *len, InsertOptions::new()),
            Call::InsertFor(key, ttl) => self.insert(&space, *key, 50, InsertOptions::new().ttl(*ttl)),
            Call::InsertNow(key, len) => {
                self.insert(&space, *key, *len, InsertOptions::new().durability(Durability::Immediate));
            }
            Call::InsertMany(keys, len) => self.insert_many(&space, keys, *len),
            Call::Transaction(keys, removed, len) => self.transaction(&space, keys, *removed, *len),
            Call::Remove(key) => self.invalidate(&[*key], || space.remove(key).map(drop)),
            Call::RemoveMany(keys) => self.invalidate(keys, || space.remove_many(keys).map(drop)),
            Call::RemoveGroup(group) => {
                let keys: Vec<WorkloadKey> = all_keys().filter(|key| key.0 == *group).collect();
                self.invalidate(&keys, || space.remove_prefix((*group,)).map(drop));
            }
            Call::RemoveNumber(number) => {
                let keys: Vec<WorkloadKey> = all_keys().filter(|key| key.1 == *number).collect();
                self.invalidate(&keys, || space.remove_matching((Any, number)).map(drop));
            }
            Call::RemoveTogether(key, group) => {
                let keys: Vec<WorkloadKey> =
                    all_keys().filter(|other| other == key || other.0 == *group).collect();
                let mut together = self.cache.as_ref().unwrap().0.invalidation();
                together.remove(&space, key).unwrap().remove_prefix(&space, (*group,));
                self.invalidate(&keys, || together.commit().map(drop));
            }
            Call::Clear => self.invalidate(&all_keys().collect::<Vec<_>>(), || space.clear().map(drop)),
            Call::Update(key, len) => {
                let mut update = None;
                self.invalidate(&[*key], || space.begin_update(key).map(|begun| update = Some(begun)));
                self.insert(&space, *key, *len, InsertOptions::new());
            }
            Call::NextVersion(len) => self.next_version(*len),
            Call::Load(key) => self.load(&space, *key),
            Call::Get(key) => drop(space.get(key)),
            Call::Advance(by) => self.place.clock.advance(*by),
            Call::Flush | Call::Sweep | Call::Reopen | Call::Damage => self.whole(call),
        }
        drop(space);
        self.look();
    }

    fn whole(&mut self, call: &Call) {
        let (cache, space) = self.cache.take().unwrap();
        match call {
            Call::Flush => {
                let flushed = cache.flush();
                if self.held(flushed).is_some() {
                    self.history.all_are_certain(self.changes());
                }
                self.cache = Some((cache, space));
            }
            Call::Sweep => {
                self.held(cache.sweep());
                self.cache = Some((cache, space));
            }
            _ => {
                drop(space);
                self.second.leave();
                // After a successful `close`, a restart must find the latest changes.
                if self.held(cache.close()).is_some() {
                    self.history.all_are_certain(self.changes());
                }
                if matches!(call, Call::Damage) {
                    self.damage();
                }
                self.space();
                self.found(call);
            }
        }
    }

    /// Damages the closed file, so that none of its entries may be found afterwards.
    fn damage(&mut self) {
        let Some(mut bytes) = self.place.disk.read(PATH) else { return };
        let began = self.changes();
        for at in (4_096..bytes.len()).step_by(4_096) {
            bytes[at..at + 64].fill(0x5A);
        }
        self.place.disk.write(PATH, &bytes);
        for key in all_keys().chain(self.second.key()) {
            self.history.event(key, None, began);
        }
        self.history.all_are_certain(self.changes());
    }

    /// Checks the content after a restart, and makes it the state from which the history continues.
    fn found(&mut self, call: &Call) {
        let (changes, now) = (self.changes(), self.now());
        let found: BTreeMap<_, _> = self.read_all().into_iter().collect();
        self.history.check_groups(&found, changes, self.fails, now);
        for (key, found) in found {
            let allowed = self.history.allows(key, found, changes, self.fails, now);
            assert!(allowed, "{call:?}: {key:?} is {found:?}; {}", self.history.of(key));
            // On a failing disk, an entry may be missing for a while and come back later.
            if self.history.latest(key, now) != found && !(self.fails && found.is_none()) {
                // A change that was not certain and is not found has no effect from now on.
                let left = self.space().ttl(&key).and_then(Remaining::duration);
                let until = now.after(left.unwrap_or(HOUR));
                self.history.event(key, found.map(|version| (version, until)), changes);
                self.history.is_certain(key, changes);
            }
        }
    }

    fn insert(&mut self, space: &WorkloadKeyspace, key: WorkloadKey, len: usize, options: InsertOptions) {
        let value = self.value(len);
        let (version, began) = (value.0, self.changes());
        let inserted = space.insert_with(&key, value, options);
        // Memory has the value, even if the insert fails on disk.
        let left = space.ttl(&key).and_then(Remaining::duration);
        let until = self.now().after(left.unwrap_or_default());
        self.history.put(key, version, until, began);
        let is_immediate = format!("{options:?}").contains("Immediate");
        if self.held(inserted).is_some() && is_immediate {
            self.history.is_certain(key, self.changes());
        }
    }

    fn insert_many(&mut self, space: &WorkloadKeyspace, keys: &[WorkloadKey], len: usize) {
        let entries: Vec<_> = keys.iter().map(|key| (*key, self.value(len))).collect();
        // If a key occurs twice, the group stores its last value.
        let group: BTreeMap<WorkloadKey, u64> = entries.iter().map(|(key, value)| (*key, value.0)).collect();
        let began = self.changes();
        let inserted = space.insert_many(entries);
        for (key, version) in &group {
            let left = space.ttl(key).and_then(Remaining::duration);
            let until = self.now().after(left.unwrap_or_default());
            self.history.put(*key, *version, until, began);
        }
        self.history.group(group, None);
        self.held(inserted);
    }

    fn transaction(
        &mut self,
        space: &WorkloadKeyspace,
        keys: &[WorkloadKey],
        removed: WorkloadKey,
        len: usize,
    ) {
        let entries: Vec<_> = keys.iter().map(|key| (*key, self.value(len))).collect();
        let group: BTreeMap<WorkloadKey, u64> = entries.iter().map(|(key, value)| (*key, value.0)).collect();
        let began = self.changes();
        self.history.event(removed, None, began);
        let made = self.cache.as_ref().unwrap().0.transaction(|tx| {
            for (key, value) in &entries {
                tx.insert(space, key, value.clone())?;
            }
            tx.remove(space, &removed)
        });
        for (key, version) in &group {
            let left = space.ttl(key).and_then(Remaining::duration);
            let until = self.now().after(left.unwrap_or_default());
            self.history.put(*key, *version, until, began);
        }
        if self.held(made).is_some() {
            for key in group.keys().chain([&removed]) {
                self.history.is_certain(*key, self.changes());
            }
        }
        self.history.group(group, Some(removed));
    }

    fn invalidate(&mut self, keys: &[WorkloadKey], remove: impl FnOnce() -> Result<(), Error>) {
        let began = self.changes();
        for key in keys {
            self.history.event(*key, None, began);
        }
        let removed = remove();
        if self.held(removed).is_some() {
            for key in keys {
                self.history.is_certain(*key, self.changes());
            }
        }
    }

    fn load(&mut self, space: &WorkloadKeyspace, key: WorkloadKey) {
        let value = self.value(100);
        let (version, began) = (value.0, self.changes());
        let loaded = space.get_or_load(&key, || Ok::<_, Error>(value)).unwrap();
        if loaded.0 == version {
            self.history.put(key, version, self.now().after(HOUR), began);
        }
    }

    /// Opens the next version of the second keyspace, and inserts a value. The new version must be empty
    /// before the insert.
    fn next_version(&mut self, len: usize) {
        let (value, began) = (self.value(len), self.changes());
        let version = value.0;
        let key = self.second.next_version(&self.cache.as_ref().unwrap().0, value);
        self.history.put(key, version, self.now().after(HOUR), began);
    }

    /// Returns the version of every key, including the key of the second keyspace.
    fn read_all(&mut self) -> Vec<(WorkloadKey, Option<u64>)> {
        let space = self.space();
        all_keys().map(|key| (key, read(&space, key))).chain(self.second.read()).collect()
    }

    /// Checks that every key has its latest version. On a failing disk, a key may be missing.
    fn look(&mut self) {
        let now = self.now();
        for (key, found) in self.read_all() {
            let latest = self.history.latest(key, now);
            let is_missed = found.is_none() && self.fails;
            assert!(found == latest || is_missed, "{key:?} is {found:?}, and was made {latest:?}");
        }
    }

    /// Heals the disk, makes the cache use the disk again, and checks that the disk keeps an entry.
    pub(crate) fn heal(&mut self) {
        self.place.disk.heal();
        self.place.clock.advance(larder::MAX_RETRY_DELAY);
        self.space();
        let (cache, space) = self.cache.as_ref().unwrap();
        // The first flush may report inserts that were made while the cache had no file.
        drop(cache.flush());
        cache.flush().unwrap_or_else(|error| panic!("the disk is healed, and yet: {error}"));
        space.insert(&(0, 0), (u64::MAX, Vec::new())).unwrap();
        cache.flush().unwrap();
        let healed = self.place.moved_to(self.place.disk.copy());
        let kept = read(&builder(&healed).open().unwrap().keyspace(SPACE).unwrap(), (0, 0));
        assert_eq!(kept, Some(u64::MAX), "a healed disk keeps what is written");
        self.history.put((0, 0), u64::MAX, self.now().after(HOUR), self.changes());
        self.history.is_certain((0, 0), self.changes());
    }

    pub(crate) fn close(&mut self) {
        if let Some((cache, space)) = self.cache.take() {
            drop(space);
            self.second.leave();
            if self.held(cache.close()).is_some() {
                self.history.all_are_certain(self.changes());
            }
        }
    }
}

/// Returns the version of the key's value. Checks that the value is not damaged.
fn read(space: &WorkloadKeyspace, key: WorkloadKey) -> Option<u64> {
    let value = space.get(&key)?;
    assert!(value.1 == filler(value.0, value.1.len()), "{key:?} has a value that was never written");
    Some(value.0)
}

/// Opens the disk that a crash left, and checks its content against the history.
pub(crate) fn check(left: &SimulatedPlace, history: &History, changes: usize, may_forget: bool) {
    let cache = builder(left).open().unwrap_or_else(|error| panic!("a restart fails: {error}"));
    let space = cache.keyspace(SPACE).unwrap();
    let second = Second::found(&cache, history, changes);
    let now = left.clock.wall();
    let found: BTreeMap<_, _> = all_keys().map(|key| (key, read(&space, key))).chain(second.read()).collect();
    history.check_groups(&found, changes, may_forget, now);
    for (key, found) in found {
        assert!(
            history.allows(key, found, changes, may_forget, now),
            "{BROKEN_PROMISE}: {key:?} is {found:?} after {changes} changes; its history: {}",
            history.of(key)
        );
    }
}
