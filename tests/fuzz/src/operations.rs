//! Fuzzes sequences of operations. Every answer must equal the answer of a model, which is a map with
//! expiries.
//!
//! The entries are so small that none is evicted, in memory or in the file.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use larder::clock::ManualClock;
use larder::{Cache, Error, InsertOptions, Keyspace, KeyspaceDefinition, Update};

use crate::input::Input;

type Key = (String, u8);
type Space = Keyspace<Key, u64>;

const TTL: Duration = Duration::from_mins(1);
const SPACES: [KeyspaceDefinition<Key, u64>; 2] =
    [KeyspaceDefinition::new("one").ttl(TTL), KeyspaceDefinition::new("two").ttl(TTL)];
/// Some of these texts are prefixes of others, and one has a byte that the key encoding escapes.
const TEXTS: [&str; 4] = ["", "a", "ab", "a\0"];
const MAX_STEPS: usize = 300;
/// Maximum number of times that one input reopens the cache, because a reopening takes milliseconds.
const MAX_REOPENED: usize = 3;

/// The function under test, which removes a key. The tests also pass a broken one.
pub(crate) type Remove = fn(&Space, &Key) -> Result<bool, Error>;

pub(crate) fn check(remove: Remove, data: &[u8]) {
    let mut input = Input::new(data);
    let mut run = Run::new(remove, input.below(4) == 1);
    for _ in 0..MAX_STEPS {
        if input.is_empty() {
            break;
        }
        run.step(&mut input);
    }
    run.agree();
    run.updates.clear();
    run.spaces.clear();
    run.cache.close().unwrap();
}

struct Run {
    dir: tempfile::TempDir,
    is_on_disk: bool,
    reopened: usize,
    clock: Arc<ManualClock>,
    cache: Cache,
    spaces: Vec<Space>,
    remove: Remove,
    /// Milliseconds since the start of the run.
    now: u64,
    /// The live entries: for each key, the value and the expiry.
    model: BTreeMap<(usize, Key), (u64, u64)>,
    /// Keys whose source is being changed, with their updates.
    updates: Vec<((usize, Key), Update)>,
}

impl Run {
    fn new(remove: Remove, is_on_disk: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new());
        let cache = open(&dir, is_on_disk, &clock);
        let spaces = spaces(&cache);
        let (model, updates) = (BTreeMap::new(), Vec::new());
        Self { dir, is_on_disk, reopened: 0, clock, cache, spaces, remove, now: 0, model, updates }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let kind = input.byte() % 20;
        let at = input.below(SPACES.len());
        match kind {
            0..=12 => self.step_on_key(kind, at, input),
            13 => self.remove_prefix(at, TEXTS[input.below(TEXTS.len())]),
            14 => {
                self.spaces[at].clear().map(drop).unwrap();
                self.model.retain(|(space, _), _| *space != at);
            }
            15 => {
                self.cache.clear().map(drop).unwrap();
                self.model.clear();
            }
            16 => self.advance(u64::from(input.u16())),
            17 => drop(self.cache.sweep().unwrap()),
            18 => self.reopen(),
            _ => self.agree(),
        }
    }

    fn step_on_key(&mut self, kind: u8, at: usize, input: &mut Input<'_>) {
        let key: Key = (TEXTS[input.below(TEXTS.len())].to_owned(), input.byte() % 3);
        let space = &self.spaces[at];
        let slot = (at, key.clone());
        match kind {
            0..=2 => {
                let value = input.u64();
                space.insert(&key, value).unwrap();
                self.model.insert(slot, (value, self.now + 60_000));
            }
            3 => {
                let (value, ttl) = (input.u64(), 1 + u64::from(input.u16()));
                space.insert_with(&key, value, InsertOptions::new().ttl(Duration::from_millis(ttl))).unwrap();
                self.model.insert(slot, (value, self.now + ttl));
            }
            4..=6 => assert_eq!(space.get(&key).as_deref(), self.value(&slot).as_ref(), "get {slot:?}"),
            7 => {
                let left =
                    self.model.get(&slot).map(|(_, expires)| Duration::from_millis(expires - self.now));
                assert_eq!(space.ttl(&key), left.map(Into::into), "the time left to {slot:?}");
            }
            8 => {
                assert_eq!(space.touch(&key).unwrap(), self.model.contains_key(&slot), "touch {slot:?}");
                let expires = self.now + 60_000;
                self.model.entry(slot).and_modify(|entry| entry.1 = expires);
            }
            9 => self.load(&slot, input),
            10 => {
                let was_there = (self.remove)(space, &key).unwrap();
                assert_eq!(was_there, self.model.remove(&slot).is_some(), "remove {slot:?}");
            }
            11 => {
                self.updates.push((slot.clone(), space.begin_update(&key).unwrap()));
                self.model.remove(&slot);
            }
            _ => drop(self.updates.pop()),
        }
    }

    fn value(&self, slot: &(usize, Key)) -> Option<u64> {
        self.model.get(slot).map(|(value, _)| *value)
    }

    fn load(&mut self, slot: &(usize, Key), input: &mut Input<'_>) {
        let source = input.flag().then(|| input.u64());
        let loaded = self.spaces[slot.0].get_or_load(&slot.1, || source.ok_or("no such row"));
        let expected = self.value(slot).or(source);
        assert_eq!(loaded.ok().as_deref(), expected.as_ref(), "load {slot:?}");
        let is_barred = self.updates.iter().any(|(barred, _)| barred == slot);
        if let (Some(value), false) = (source, is_barred) {
            self.model.entry(slot.clone()).or_insert((value, self.now + 60_000));
        }
    }

    fn remove_prefix(&mut self, at: usize, text: &str) {
        self.spaces[at].remove_prefix((text,)).map(drop).unwrap();
        self.model.retain(|(space, key), _| *space != at || key.0 != text);
    }

    fn advance(&mut self, by: u64) {
        self.clock.advance(Duration::from_millis(by));
        self.now += by;
        self.model.retain(|_, (_, expires)| *expires > self.now);
    }

    fn reopen(&mut self) {
        if !self.is_on_disk || self.reopened == MAX_REOPENED {
            return;
        }
        self.reopened += 1;
        self.updates.clear();
        self.spaces.clear();
        self.cache.close().unwrap();
        self.cache = open(&self.dir, true, &self.clock);
        self.spaces = spaces(&self.cache);
    }

    /// Checks that the cache and the model have the same entries.
    fn agree(&self) {
        for (at, space) in self.spaces.iter().enumerate() {
            let found: Vec<(Key, u64)> = space.iter().map(|(key, value)| (key, *value)).collect();
            let expected = self.model.iter().filter(|((space, _), _)| *space == at);
            let expected: Vec<(Key, u64)> =
                expected.map(|((_, key), (value, _))| (key.clone(), *value)).collect();
            assert_eq!(found, expected, "what is in keyspace {at}");
        }
    }
}

fn open(dir: &tempfile::TempDir, is_on_disk: bool, clock: &Arc<ManualClock>) -> Cache {
    let builder = Cache::builder().clock(clock.clone()).shards(4);
    if is_on_disk { builder.path(dir.path().join("fuzz.larder")) } else { builder }.open().unwrap()
}

fn spaces(cache: &Cache) -> Vec<Space> {
    SPACES.iter().map(|definition| cache.keyspace(*definition).unwrap()).collect()
}
