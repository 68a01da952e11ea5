//! The child process of the churn test: opens and closes a cache, with a mixed load in between, and takes
//! samples.

use std::fs;
use std::path::Path;
use std::time::Duration;

use larder::clock::{Clock, SystemClock};
use larder::{ByteSize, Cache, Error, InsertOptions, KeyspaceDefinition};

use super::sample::{DISK_CAPACITY, Sample};
use crate::support::child::say;
use crate::support::{BLOBS, HOUR, Random, assert_capacity_is_usable};

/// Number of steps between two samples while the cache is open.
const STEPS: u64 = 2_500;
const MEMORY_CAPACITY: ByteSize = ByteSize::mib(2);
/// Upper bound of the weight of an entry, in bytes.
const HEAVIEST: u64 = 4 << 10;
/// Number of keys that the load overwrites most often.
const HOT_KEYS: u64 = 20;
/// Number of openings and closings between two long loads.
const CYCLES: u64 = 8;

/// A fault to plant: a resource that every round leaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PlantedLeak {
    None,
    Memory,
    Descriptors,
    Threads,
}

/// Opens, works and closes repeatedly, for some seconds and at least for a minimum number of rounds. Prints
/// the samples of each round. `words` are `SEED SECONDS PLANT`.
pub(crate) fn wear(path: &Path, words: &[&str]) {
    let mut random = Random::of_round(words[0].parse().unwrap());
    let seconds = Duration::from_secs(words[1].parse().unwrap());
    let plant = match words[2] {
        "memory" => PlantedLeak::Memory,
        "descriptors" => PlantedLeak::Descriptors,
        "threads" => PlantedLeak::Threads,
        _ => PlantedLeak::None,
    };
    let clock = SystemClock::new();
    let mut version = 0;
    let mut rounds = 0;
    while rounds < super::MIN_ROUNDS || clock.monotonic() < seconds {
        for _ in 0..CYCLES {
            let cache = open(path);
            let blobs = cache.keyspace(BLOBS).unwrap();
            blobs.insert(&random.below(100), vec![1; 100]).unwrap();
            match random.below(3) {
                0 => cache.close().unwrap(),
                1 => drop(cache),
                _ => assert!(Cache::builder().path(path).open().is_err(), "it is open already"),
            }
        }
        lose(plant);
        let cache = open(path);
        load(&cache, &mut random, &mut version);
        cache.flush().unwrap();
        assert_capacity_is_usable(&cache, HEAVIEST);
        say(&Sample::take(path, "open").to_string());
        cache.close().unwrap();
        drop(cache);
        say(&Sample::take(path, "closed").to_string());
        rounds += 1;
    }
    say("end");
}

fn open(path: &Path) -> Cache {
    Cache::builder()
        .path(path)
        .memory_capacity(MEMORY_CAPACITY)
        .write_buffer(ByteSize::kib(512))
        .page_cache(ByteSize::mib(1))
        .disk_capacity(DISK_CAPACITY)
        .flush_interval(Duration::from_millis(5))
        .sweep_interval(Duration::from_millis(20))
        .open()
        .unwrap()
}

/// Leaks a resource, as a faulty cache could.
fn lose(plant: PlantedLeak) {
    match plant {
        PlantedLeak::None => {}
        PlantedLeak::Memory => std::mem::forget(vec![1_u8; 16 << 20]),
        PlantedLeak::Descriptors => std::mem::forget(fs::File::open("/proc/self/statm").unwrap()),
        PlantedLeak::Threads => drop(std::thread::spawn(std::thread::park)),
    }
}

/// Runs a mixed load: inserts, overwrites, expirations, evictions from both tiers, loads, updates,
/// invalidations, and a new version of a keyspace.
fn load(cache: &Cache, random: &mut Random, version: &mut u32) {
    let blobs = cache.keyspace(BLOBS).unwrap();
    *version += 1;
    let definition = KeyspaceDefinition::<(u64, u64), String>::new("versioned").ttl(HOUR).version(*version);
    let versioned = cache.keyspace(definition).unwrap();
    for step in 0..STEPS {
        let key = random.below(20_000);
        let size = usize::try_from(1_u64 << random.below(12)).unwrap();
        blobs.insert(&(1_000_000 + step % HOT_KEYS), vec![5; 50]).unwrap();
        match random.below(20) {
            0..6 => blobs.insert(&key, vec![2; size]).unwrap(),
            6..9 => {
                let ttl = Duration::from_millis(1 + random.below(200));
                blobs.insert_with(&key, vec![3; size], InsertOptions::new().ttl(ttl)).unwrap();
            }
            9..12 => versioned.insert(&(key % 7, key), "v".repeat(size % 300)).unwrap(),
            12..15 => drop(blobs.get(&key)),
            15..18 => drop(blobs.get_or_load(&key, || Ok::<_, Error>(vec![4; 50])).unwrap()),
            18 => drop(blobs.get_or_load(&key, || Err::<Vec<u8>, _>("no such thing"))),
            // These calls wait for a commit, so they are rare.
            _ if step % 40 == 0 => match random.below(4) {
                0 => drop(blobs.remove(&key).unwrap()),
                1 => blobs.begin_update(&key).unwrap().finish(),
                2 => drop(versioned.remove_prefix((key % 7,)).unwrap()),
                _ => drop(blobs.touch(&key).unwrap()),
            },
            _ => {}
        }
    }
}
