//! Tests of the filter that answers lookups of absent keys without a read of the file (contract 1).

use std::collections::BTreeMap;
use std::time::Duration;

use larder::testing::{Act, Failure};
use larder::{ByteSize, Cache, DiskState, Error, Keyspace, KeyspaceDefinition};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};

use crate::support::simulated::{PATH, SimulatedPlace, WRITES, disk_of, state_of};

const LIFE: Duration = Duration::from_hours(24);
const PAIRS: KeyspaceDefinition<(u64, u64), u64> = KeyspaceDefinition::new("pair").ttl(LIFE);
const NUMBERS: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("number").ttl(LIFE);

/// Opens a cache whose memory holds one or two clean entries, so that nearly all entries are only on disk.
fn open(place: &SimulatedPlace) -> Cache {
    let small = ByteSize::kib(64);
    place.builder().shards(1).memory_capacity(small).weigher(|_| 30 << 10).open().unwrap()
}

/// Opens a cache that builds a new filter after three reads that found nothing, in parts of four keys.
fn open_to_build(place: &SimulatedPlace) -> Cache {
    let small = ByteSize::kib(64);
    let builder = place.builder().shards(1).memory_capacity(small).weigher(|_| 30 << 10);
    builder.filter_builds(3, 4).open().unwrap()
}

/// Looks up absent numbers until a filter answers, and fails if it never does. The writer begins a filter at
/// the end of a step, and builds the parts between its steps.
fn await_filter(cache: &Cache, numbers: &Keyspace<u64, u64>) {
    let before = reads(cache).1;
    let is_filtered = |number: u64| {
        assert_eq!(numbers.get(&number), None);
        cache.flush().unwrap();
        reads(cache).1 > before
    };
    assert!((1 << 40..(1 << 40) + 100_000).any(is_filtered), "no filter is built");
}

/// Returns the number of reads of the file that found nothing, and the number of lookups that the filter has
/// answered.
fn reads(cache: &Cache) -> (u64, u64) {
    let disk = disk_of(cache);
    (disk.unfound, disk.filtered)
}

#[test]
fn an_absent_key_of_a_new_keyspace_is_a_miss_without_a_read() {
    let place = SimulatedPlace::new();
    let cache = open(&place);
    let numbers = cache.keyspace(NUMBERS).unwrap();
    for number in 0..100 {
        numbers.insert(&number, number).unwrap();
    }
    cache.flush().unwrap();
    assert!((0..100).all(|number| numbers.get(&number).as_deref() == Some(&number)), "they are on disk");
    assert_eq!((disk_of(&cache).hits > 90, reads(&cache)), (true, (0, 0)));
    assert!((100..110).all(|number| numbers.get(&number).is_none()));
    assert!(numbers.get_many([110, 111]).iter().all(Option::is_none));
    assert_eq!(numbers.try_get_group([&112, &113]), Some(vec![None, None]), "without inline calls");
    assert_eq!(smol::block_on(numbers.get_async(&114)), None);
    assert!(!numbers.contains_key(&115));
    assert_eq!(*numbers.get_or_load(&116, || Ok::<_, Error>(116_u64)).unwrap(), 116);
    assert!(cache.transaction(|tx| tx.get(&numbers, &117)).unwrap().is_none());
    assert_eq!(reads(&cache), (0, 18));
    assert_eq!(numbers.stats().misses, 17, "`contains_key` counts no lookup");
    assert_eq!(disk_of(&cache).filter_bytes.as_u64() % 8, 0);
    assert!(disk_of(&cache).filter_bytes > ByteSize::bytes(0));
}

#[test]
fn a_key_of_an_earlier_process_is_read_from_the_file() {
    let place = SimulatedPlace::new();
    let cache = open(&place);
    cache.keyspace(NUMBERS).unwrap().insert(&1, 10).unwrap();
    cache.close().unwrap();
    let cache = open(&place);
    let numbers = cache.keyspace(NUMBERS).unwrap();
    assert_eq!((numbers.get(&1).as_deref(), numbers.get(&2)), (Some(&10), None));
    assert_eq!(reads(&cache), (1, 0), "the keyspace existed before");
    let pairs = cache.keyspace(PAIRS).unwrap();
    assert_eq!((pairs.get(&(1, 1)), reads(&cache)), (None, (1, 1)), "this one did not");
    drop(numbers);
    let numbers = cache.keyspace(NUMBERS.version(2)).unwrap();
    assert_eq!((numbers.get(&1), reads(&cache)), (None, (1, 2)), "nor this version");
}

#[test]
fn a_cache_without_a_file_has_no_filter() {
    let cache = Cache::builder().open().unwrap();
    assert_eq!(cache.keyspace(NUMBERS).unwrap().get(&1), None);
    assert!(cache.stats().disk.is_none());
}

#[test]
fn a_key_that_another_process_added_during_an_outage_is_found() {
    let place = SimulatedPlace::new();
    let cache = open(&place);
    let numbers = cache.keyspace(NUMBERS).unwrap();
    numbers.insert(&1, 10).unwrap();
    cache.flush().unwrap();
    assert_eq!((numbers.get(&3), reads(&cache)), (None, (0, 1)));
    place.disk.fail_every(&WRITES, Failure::Io);
    numbers.insert(&2, 20).unwrap();
    assert!(cache.flush().is_err());
    place.disk.heal();
    // The process that finds no lock file takes the lock, and adds a key to the file.
    let elsewhere = place.moved_to(place.disk.copy());
    let other = open(&elsewhere);
    other.keyspace(NUMBERS).unwrap().insert(&3, 30).unwrap();
    other.close().unwrap();
    place.disk.unlink(format!("{PATH}.lock"));
    place.disk.act(Act::Overwrite(PATH.into(), elsewhere.disk.read(PATH).unwrap()));
    place.retry(&cache);
    assert_eq!((state_of(&cache), disk_of(&cache).discards), (DiskState::On, 0));
    assert_eq!(numbers.get(&3).as_deref(), Some(&30));
}

#[derive(Debug, Clone, Copy)]
enum FileStep {
    Insert(u64, u64),
    InsertPair(u64, u64),
    /// Inserts 300 numbers from here on, more than the first layer of a filter holds.
    InsertMany(u64),
    /// Waits until a filter answers for the numbers.
    Build,
    Remove(u64),
    RemovePrefix(u64),
    Clear,
    Flush,
    Expire,
    Reopen,
    /// The disk fails for a while, and the file is opened again.
    Outage,
    /// The disk fails during a removal, so that the file is discarded.
    Discard,
    /// Another program deletes the file.
    Delete,
}

fn step() -> impl Strategy<Value = FileStep> {
    prop_oneof![
        12 => (0..20_u64, any::<u64>()).prop_map(|(key, value)| FileStep::Insert(key, value)),
        8 => (0..20_u64, any::<u64>()).prop_map(|(key, value)| FileStep::InsertPair(key, value)),
        2 => (20..600_u64).prop_map(FileStep::InsertMany),
        4 => Just(FileStep::Build),
        4 => (0..20_u64).prop_map(FileStep::Remove),
        2 => (0..3_u64).prop_map(FileStep::RemovePrefix),
        1 => Just(FileStep::Clear),
        6 => Just(FileStep::Flush),
        1 => Just(FileStep::Expire),
        2 => Just(FileStep::Reopen),
        2 => Just(FileStep::Outage),
        1 => Just(FileStep::Discard),
        1 => Just(FileStep::Delete),
    ]
}

type Opened = (Cache, Keyspace<u64, u64>, Keyspace<(u64, u64), u64>);

struct Run {
    place: SimulatedPlace,
    cache: Option<Opened>,
    numbers: BTreeMap<u64, u64>,
    pairs: BTreeMap<(u64, u64), u64>,
}

impl Run {
    fn new() -> Self {
        let mut run = Self {
            place: SimulatedPlace::new(),
            cache: None,
            numbers: BTreeMap::new(),
            pairs: BTreeMap::new(),
        };
        run.reopen();
        run
    }

    fn reopen(&mut self) {
        if let Some((cache, ..)) = self.cache.take() {
            cache.close().unwrap();
        }
        let cache = open_to_build(&self.place);
        let keyspaces = (cache.keyspace(NUMBERS).unwrap(), cache.keyspace(PAIRS).unwrap());
        self.cache = Some((cache, keyspaces.0, keyspaces.1));
    }

    fn step(&mut self, step: FileStep) {
        let (cache, numbers, pairs) = self.cache.as_ref().unwrap();
        match step {
            FileStep::Insert(key, value) => {
                numbers.insert(&key, value).unwrap();
                self.numbers.insert(key, value);
            }
            FileStep::InsertPair(key, value) => {
                let key = (key % 3, key);
                pairs.insert(&key, value).unwrap();
                self.pairs.insert(key, value);
            }
            FileStep::InsertMany(first) => {
                let many = (first..first + 300).map(|key| (key, key));
                for (key, value) in many.clone() {
                    numbers.insert(&key, value).unwrap();
                }
                self.numbers.extend(many);
            }
            FileStep::Build => await_filter(cache, numbers),
            FileStep::Remove(key) => {
                assert_eq!(numbers.remove(&key).unwrap(), self.numbers.remove(&key).is_some());
            }
            FileStep::RemovePrefix(first) => {
                _ = pairs.remove_prefix((first,)).unwrap();
                self.pairs.retain(|key, _| key.0 != first);
            }
            FileStep::Clear => {
                _ = numbers.clear().unwrap();
                self.numbers.clear();
            }
            FileStep::Flush => cache.flush().unwrap(),
            FileStep::Expire => {
                self.place.clock.advance(LIFE + Duration::from_secs(1));
                self.numbers.clear();
                self.pairs.clear();
            }
            FileStep::Reopen => return self.reopen(),
            disk_step => self.disk_step(disk_step),
        }
        self.check();
    }

    fn disk_step(&mut self, step: FileStep) {
        let (cache, numbers, pairs) = self.cache.as_ref().unwrap();
        match step {
            FileStep::Outage => {
                // More unsaved entries than memory holds could be lost, and the file be discarded for them.
                cache.flush().unwrap();
                let discards = disk_of(cache).discards;
                self.place.disk.fail_every(&WRITES, Failure::Io);
                numbers.insert(&0, 0).unwrap();
                assert!(cache.flush().is_err());
                self.numbers.insert(0, 0);
                self.place.retry(cache);
                assert_eq!((state_of(cache), disk_of(cache).discards), (DiskState::On, discards));
            }
            FileStep::Discard => {
                self.place.disk.fail_every(&WRITES, Failure::Io);
                drop(numbers.remove(&0));
                self.place.disk.heal();
                self.place.retry(cache);
                assert_eq!(state_of(cache), DiskState::On);
                // The entries of the discarded file are lost, but memory may still have some of them. So the
                // test removes all entries.
                _ = (numbers.clear().unwrap(), pairs.clear().unwrap());
                self.numbers.clear();
                self.pairs.clear();
            }
            FileStep::Delete => {
                self.place.disk.unlink(PATH);
                let new: BTreeMap<u64, u64> = (17..20).map(|key| (key, 10 * key)).collect();
                numbers.insert_many(new.clone()).unwrap();
                drop(cache.flush());
                assert_eq!(state_of(cache), DiskState::On);
                // The new entries are committed to the new file. The others are lost, as above.
                let lost: Vec<u64> =
                    self.numbers.keys().filter(|key| !new.contains_key(key)).copied().collect();
                _ = (numbers.remove_many(lost).unwrap(), pairs.clear().unwrap());
                self.numbers = new;
                self.pairs.clear();
            }
            _ => unreachable!("{step:?} is matched before"),
        }
    }

    /// Looks up the keys in several ways, but only some of [`FileStep::InsertMany`]. The retries of the
    /// outages advance the clock by less than [`LIFE`], so they let no entry expire.
    fn check(&mut self) {
        let (cache, numbers, pairs) = self.cache.as_ref().unwrap();
        let _inline = cache.inline_calls();
        for key in 0..20 {
            let expected = self.numbers.get(&key);
            match key % 4 {
                0 => assert_eq!(numbers.get(&key).as_deref(), expected, "{key}"),
                1 => assert_eq!(smol::block_on(numbers.get_async(&key)).as_deref(), expected, "{key}"),
                2 => assert_eq!(numbers.get_many([key])[0].as_deref(), expected, "{key}"),
                _ => {
                    let found = numbers.try_get_group([key]).expect("the disk is quick");
                    assert_eq!(found[0].as_deref(), expected, "{key}");
                }
            }
            let key = (key % 3, key);
            assert_eq!(pairs.peek(&key).as_deref(), self.pairs.get(&key), "{key:?}");
        }
        for key in (20..900).step_by(29) {
            assert_eq!(numbers.peek(&key).as_deref(), self.numbers.get(&key), "{key}");
        }
    }
}

#[test]
fn no_step_makes_the_filter_hide_an_entry() {
    let config = ProptestConfig {
        cases: 6,
        rng_seed: RngSeed::Random,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let steps = proptest::collection::vec(step(), 1..40);
    let run = TestRunner::new(config).run(&steps, |steps| {
        let mut run = Run::new();
        for step in steps {
            run.step(step);
        }
        Ok(())
    });
    run.unwrap();
}
