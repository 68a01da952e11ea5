//! A workload on a simulated disk, its history, and what that history allows a restart to find.
//!
//! The history says for each key what it was made to be, in order; from which change of the disk on each of these may be found; and
//! from which on it is certain, because a call that promises it has returned. After a crash at any moment a key must then be
//! what the last certain event made it, or what a later one that had begun did. After failures of the disk it may also be
//! missing: a cache may forget, but nothing that was overwritten or removed for certain may come back.

use std::collections::BTreeMap;
use std::time::Duration;

use larder::clock::Clock;
use larder::{Cache, Durability, Error, InsertOptions, Keyspace, KeyspaceDefinition, Timestamp};

use crate::simulated::{PATH, SimulatedPlace};
use crate::support::{HOUR, Random};

pub(crate) type Key = (u8, u8);

type Space = Keyspace<Key, (u64, Vec<u8>)>;

const SPACE: KeyspaceDefinition<Key, (u64, Vec<u8>)> = KeyspaceDefinition::new("space").ttl(HOUR);
/// Keys of each of three groups.
const KEYS: u8 = 5;
const GROUPS: u8 = 3;

/// One call of a workload.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    Insert(Key, usize),
    InsertFor(Key, Duration),
    InsertNow(Key, usize),
    Remove(Key),
    RemoveMany(Vec<Key>),
    RemoveGroup(u8),
    Clear,
    Update(Key, usize),
    Load(Key),
    Get(Key),
    Flush,
    Sweep,
    Advance(Duration),
    Reopen,
    /// Closes the cache, damages its file, and opens it.
    Damage,
}

/// Random calls.
pub(crate) fn calls(seed: u64, count: usize) -> Vec<Call> {
    let mut random = Random::new(seed);
    (0..count).map(|_| call(&mut random)).collect()
}

fn call(random: &mut Random) -> Call {
    let key = |random: &mut Random| {
        let mut below = |end: u8| u8::try_from(random.below(u64::from(end))).unwrap();
        (below(GROUPS), below(KEYS))
    };
    let len = |random: &mut Random| [10, 300, 1_500, 6_000][usize::try_from(random.below(4)).unwrap()];
    match random.below(40) {
        0..=10 => Call::Insert(key(random), len(random)),
        11..=12 => Call::InsertFor(key(random), Duration::from_millis(1 + random.below(30_000))),
        13..=15 => Call::InsertNow(key(random), len(random)),
        16..=20 => Call::Remove(key(random)),
        21 => Call::RemoveMany(vec![key(random), key(random), key(random)]),
        22..=23 => Call::RemoveGroup(key(random).0),
        24 => Call::Clear,
        25..=26 => Call::Update(key(random), len(random)),
        27..=28 => Call::Load(key(random)),
        29..=30 => Call::Get(key(random)),
        31..=34 => Call::Flush,
        35 => Call::Sweep,
        36 => Call::Advance(Duration::from_millis(random.below(20_000))),
        37..=38 => Call::Reopen,
        _ => Call::Damage,
    }
}

/// What a key was made to be.
#[derive(Debug, Clone)]
struct Event {
    /// A version and when it expires; none for a removal.
    put: Option<(u64, Timestamp)>,
    /// How many changes the disk had seen when the call began.
    began: usize,
    /// How many it had seen when a call that promises this had returned.
    certain: Option<usize>,
}

/// What was done to each key, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    events: BTreeMap<Key, Vec<Event>>,
}

impl History {
    fn put(&mut self, key: Key, version: u64, expires_at: Timestamp, began: usize) {
        self.event(key, Some((version, expires_at)), began);
    }

    fn event(&mut self, key: Key, put: Option<(u64, Timestamp)>, began: usize) {
        self.events.entry(key).or_default().push(Event { put, began, certain: None });
    }

    /// A call that promises what a key has been made to be has returned.
    fn is_certain(&mut self, key: Key, changes: usize) {
        if let Some(last) = self.events.get_mut(&key).and_then(|events| events.last_mut()) {
            last.certain.get_or_insert(changes);
        }
    }

    fn all_are_certain(&mut self, changes: usize) {
        for key in all_keys() {
            self.is_certain(key, changes);
        }
    }

    /// The version that a key has now; none if it was removed or has expired.
    fn latest(&self, key: Key, now: Timestamp) -> Option<u64> {
        let last = self.events.get(&key)?.last()?;
        last.put.filter(|(_, expires_at)| *expires_at > now).map(|(version, _)| version)
    }

    /// Whether a restart may find a key as this, when the disk was left after so many changes.
    fn allows(&self, key: Key, found: Option<u64>, changes: usize, may_forget: bool, now: Timestamp) -> bool {
        let events = self.events.get(&key).map_or(&[][..], Vec::as_slice);
        let begun = events.iter().take_while(|event| event.began <= changes).count();
        let begun = &events[..begun];
        let certain = begun.iter().rposition(|event| event.certain.is_some_and(|at| at <= changes));
        let live = |event: &Event| event.put.filter(|(_, until)| *until > now).map(|(version, _)| version);
        let may_be_missing = may_forget || certain.is_none();
        (found.is_none() && may_be_missing)
            || begun[certain.unwrap_or(0)..].iter().any(|event| live(event) == found)
    }

    /// Plants a removal that nobody made: what a harness must then miss.
    pub(crate) fn plant_removal(&mut self, changes: usize) {
        for key in all_keys() {
            self.event(key, None, 0);
            self.is_certain(key, changes);
        }
    }
}

fn all_keys() -> impl Iterator<Item = Key> {
    (0..GROUPS).flat_map(|group| (0..KEYS).map(move |number| (group, number)))
}

fn filler(version: u64, len: usize) -> Vec<u8> {
    (0..len as u64)
        .map(|at| (version.wrapping_mul(31).wrapping_add(at * 7) % 251).try_into().unwrap_or(0))
        .collect()
}

/// A workload in progress.
pub(crate) struct Run {
    place: SimulatedPlace,
    cache: Option<(Cache, Space)>,
    pub(crate) history: History,
    last_version: u64,
    /// Whether the disk fails, so that calls may too.
    fails: bool,
}

impl Run {
    /// A workload on a disk that fails, or does not.
    pub(crate) fn new(place: SimulatedPlace, fails: bool) -> Self {
        Self { place, cache: None, history: History::default(), last_version: 0, fails }
    }

    fn changes(&self) -> usize {
        self.place.disk.changes()
    }

    fn now(&self) -> Timestamp {
        self.place.clock.wall()
    }

    /// The open cache. A disk that fails may refuse to open; it is healed then.
    fn space(&mut self) -> Space {
        if self.cache.is_none() {
            let cache = self.place.builder().open().unwrap_or_else(|error| {
                assert!(self.fails, "the cache does not open: {error}");
                self.place.disk.heal();
                self.place.open()
            });
            let space = cache.keyspace(SPACE).unwrap();
            self.cache = Some((cache, space));
        }
        self.cache.as_ref().unwrap().1.clone()
    }

    /// Takes a result that only a failing disk may make an error.
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

    /// Makes one call, and then looks at every key.
    pub(crate) fn make(&mut self, call: &Call) {
        let space = self.space();
        match call {
            Call::Insert(key, len) => self.insert(&space, *key, *len, InsertOptions::new()),
            Call::InsertFor(key, ttl) => self.insert(&space, *key, 50, InsertOptions::new().ttl(*ttl)),
            Call::InsertNow(key, len) => {
                self.insert(&space, *key, *len, InsertOptions::new().durability(Durability::Immediate));
            }
            Call::Remove(key) => self.invalidate(&[*key], || space.remove(key).map(drop)),
            Call::RemoveMany(keys) => self.invalidate(keys, || space.remove_many(keys).map(drop)),
            Call::RemoveGroup(group) => {
                let keys: Vec<Key> = all_keys().filter(|key| key.0 == *group).collect();
                self.invalidate(&keys, || space.remove_prefix((*group,)).map(drop));
            }
            Call::Clear => self.invalidate(&all_keys().collect::<Vec<_>>(), || space.clear().map(drop)),
            Call::Update(key, len) => {
                let mut update = None;
                self.invalidate(&[*key], || space.begin_update(key).map(|begun| update = Some(begun)));
                self.insert(&space, *key, *len, InsertOptions::new());
            }
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
                // Whatever it answers, from here on a restart decides.
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

    /// Damages the closed file: from here on nothing of it may be found.
    fn damage(&mut self) {
        let Some(mut bytes) = self.place.disk.read(PATH) else { return };
        let began = self.changes();
        for at in (4_096..bytes.len()).step_by(4_096) {
            bytes[at..at + 64].fill(0x5A);
        }
        self.place.disk.write(PATH, &bytes);
        for key in all_keys() {
            self.history.event(key, None, began);
        }
        self.history.all_are_certain(self.changes());
    }

    /// After a restart: what is found is what there is from here on.
    fn found(&mut self, call: &Call) {
        let (changes, now) = (self.changes(), self.now());
        let space = self.space();
        for key in all_keys() {
            let found = read(&space, key);
            let allowed = self.history.allows(key, found, changes, self.fails, now);
            assert!(allowed, "{call:?}: {key:?} is {found:?}; {:?}", self.history.events.get(&key));
            if self.history.latest(key, now) != found {
                // What was not certain did not happen.
                let until = now.after(space.ttl(&key).unwrap_or(HOUR));
                self.history.event(key, found.map(|version| (version, until)), changes);
                self.history.is_certain(key, changes);
            }
        }
    }

    fn insert(&mut self, space: &Space, key: Key, len: usize, options: InsertOptions) {
        let value = self.value(len);
        let (version, began) = (value.0, self.changes());
        let inserted = space.insert_with(&key, value, options);
        // In memory it is, whatever the disk says.
        let until = self.now().after(space.ttl(&key).unwrap_or_default());
        self.history.put(key, version, until, began);
        let is_immediate = format!("{options:?}").contains("Immediate");
        if self.held(inserted).is_some() && is_immediate {
            self.history.is_certain(key, self.changes());
        }
    }

    fn invalidate(&mut self, keys: &[Key], remove: impl FnOnce() -> Result<(), Error>) {
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

    fn load(&mut self, space: &Space, key: Key) {
        let value = self.value(100);
        let (version, began) = (value.0, self.changes());
        let loaded = space.get_or_load(&key, || Ok::<_, Error>(value)).unwrap();
        if loaded.0 == version {
            self.history.put(key, version, self.now().after(HOUR), began);
        }
    }

    /// Every key is what it was last made to be, or, on a disk that fails, missing.
    fn look(&mut self) {
        let now = self.now();
        let space = self.space();
        for key in all_keys() {
            let (found, latest) = (read(&space, key), self.history.latest(key, now));
            let is_missed = found.is_none() && self.fails;
            assert!(found == latest || is_missed, "{key:?} is {found:?}, and was made {latest:?}");
        }
    }

    /// The disk works again: so does the cache, after its wait.
    pub(crate) fn heal(&mut self) {
        self.place.disk.heal();
        self.place.clock.advance(larder::LAST_DISK_RETRY);
        self.space();
        let (cache, space) = self.cache.as_ref().unwrap();
        cache.flush().unwrap_or_else(|error| panic!("the disk is healed, and yet: {error}"));
        space.insert(&(0, 0), (u64::MAX, Vec::new())).unwrap();
        cache.flush().unwrap();
        let healed = self.place.moved_to(self.place.disk.copy());
        let kept = read(&healed.open().keyspace(SPACE).unwrap(), (0, 0));
        assert_eq!(kept, Some(u64::MAX), "a healed disk keeps what is written");
        self.history.put((0, 0), u64::MAX, self.now().after(HOUR), self.changes());
        self.history.is_certain((0, 0), self.changes());
    }

    pub(crate) fn close(&mut self) {
        if let Some((cache, space)) = self.cache.take() {
            drop(space);
            if self.held(cache.close()).is_some() {
                self.history.all_are_certain(self.changes());
            }
        }
    }
}

/// The version of a key's value, which must be whole.
fn read(space: &Space, key: Key) -> Option<u64> {
    let value = space.get(&key)?;
    assert!(value.1 == filler(value.0, value.1.len()), "{key:?} has a value that nobody wrote");
    Some(value.0)
}

/// Opens what a crash left of the disk, and holds it against the history.
pub(crate) fn check(left: &SimulatedPlace, history: &History, changes: usize, may_forget: bool) {
    let cache = left.builder().open().unwrap_or_else(|error| panic!("a restart fails: {error}"));
    let space = cache.keyspace(SPACE).unwrap();
    let now = left.clock.wall();
    for key in all_keys() {
        let found = read(&space, key);
        assert!(
            history.allows(key, found, changes, may_forget, now),
            "{key:?} is {found:?} after {changes} changes; its history: {:?}",
            history.events.get(&key)
        );
    }
}
