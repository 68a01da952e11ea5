//! Measures the calls for several keys, compared with loops of the calls for one key.
//!
//! Each figure is the time per key. A call for several keys need not be faster than a loop, because each key
//! costs a lookup or an encoding in both cases. Such a call is faster for loads, which query the source once,
//! and for durable inserts, which wait for one commit.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::error::Error;
use std::hint::black_box;
use std::path::Path;

use larder::{ByteSize, Cache, Durability, InsertOptions, Keyspace, KeyspaceDefinition};
use larder_benches::stopwatch::{nanos_each, time};
use larder_benches::{Contest, Pace, Unit};

const ROW: &str = "several-keys";
const TITLE: &str = "Several keys at once";
const BLOBS: KeyspaceDefinition<u64, Vec<u8>> =
    KeyspaceDefinition::new("blob").ttl(std::time::Duration::from_hours(24)).version(1);
/// Number of entries in the file.
const ENTRIES: u64 = 50_000;
/// Numbers of keys per call.
const KEYS: [usize; 3] = [10, 100, 1_000];
/// Length of a value, in bytes.
const VALUE_LEN: usize = 500;
/// Number of keys in a loop of durable inserts. Each insert waits for its own commit.
const FEW: usize = 10;
/// Distance between two keys of a call, so that they are not neighbours in the file.
const STRIDE: u64 = 7_919;
const OURS: &str = "larder";
const ALONE: &str = "larder, one by one";
const BUFFERED: &str = "on disk within 100 ms";
const DURABLE: &str = "durable when it returns";

type Blobs = Keyspace<u64, Vec<u8>>;

/// The keys of the calls. Each call begins at another key than the previous call.
struct NextKeys {
    count: usize,
    call: Cell<u64>,
}

impl NextKeys {
    fn new(count: usize) -> Self {
        Self { count, call: Cell::new(0) }
    }

    fn next(&self) -> Vec<u64> {
        self.call.set(self.call.get() + 1);
        let first = self.call.get() * 31;
        (0..self.count as u64).map(|at| (at * STRIDE + first) % ENTRIES).collect()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(pace) = Pace::of_program("several_keys") else { return Ok(()) };
    let pace = pace.rounds(30);
    let dir = tempfile::tempdir()?;
    let (cache, blobs) = open(dir.path(), ByteSize::mib(256))?;
    for key in 0..ENTRIES {
        blobs.insert(&key, value())?;
    }
    cache.close()?;
    for count in KEYS {
        for (what, memory) in [("found on disk", ByteSize::kib(64)), ("found in memory", ByteSize::mib(256))]
        {
            look_up(&pace, dir.path(), memory, &format!("{count} keys {what}"), count)?;
        }
        for (what, durability) in [("buffered", Durability::Buffered), ("durable", Durability::Immediate)] {
            insert(&pace, dir.path(), &format!("{count} keys inserted, {what}"), count, durability)?;
        }
    }
    Ok(())
}

fn value() -> Vec<u8> {
    vec![7; VALUE_LEN]
}

fn open(dir: &Path, memory: ByteSize) -> Result<(Cache, Blobs), larder::Error> {
    let cache = Cache::builder().path(dir.join("many.larder")).memory_capacity(memory).open()?;
    let blobs = cache.keyspace(BLOBS)?;
    Ok((cache, blobs))
}

fn look_up(
    pace: &Pace,
    dir: &Path,
    memory: ByteSize,
    setting: &str,
    count: usize,
) -> Result<(), larder::Error> {
    if !pace.wants(ROW, setting) {
        return Ok(());
    }
    let (cache, blobs) = open(dir, memory)?;
    let keys = NextKeys::new(count);
    if memory >= ByteSize::mib(1) {
        // Loads all keys into memory.
        drop(blobs.get_many(0..ENTRIES));
    }
    let mut contest = Contest::new(ROW, TITLE, setting, Unit::NanosPerOperation);
    contest.contestant(OURS, BUFFERED, || {
        let keys = keys.next();
        nanos_each(time(|| drop(black_box(blobs.get_many(&keys)))), count)
    });
    contest.contestant(ALONE, BUFFERED, || {
        let keys = keys.next();
        nanos_each(time(|| keys.iter().for_each(|key| drop(black_box(blobs.get(key))))), count)
    });
    contest.run(pace);
    cache.close()
}

fn insert(
    pace: &Pace,
    dir: &Path,
    setting: &str,
    count: usize,
    durability: Durability,
) -> Result<(), larder::Error> {
    if !pace.wants(ROW, setting) {
        return Ok(());
    }
    let (cache, blobs) = open(dir, ByteSize::mib(256))?;
    let keys = NextKeys::new(count);
    let options = InsertOptions::new().durability(durability);
    let (terms, of_loop) = match durability {
        Durability::Immediate => (DURABLE, count.min(FEW)),
        _ => (BUFFERED, count),
    };
    let mut contest = Contest::new(ROW, TITLE, setting, Unit::NanosPerOperation);
    contest.contestant(OURS, terms, || {
        let entries: Vec<_> = keys.next().into_iter().map(|key| (key, value())).collect();
        let insert = || blobs.insert_many_with(entries, options).expect("the disk works");
        nanos_each(time(insert), count)
    });
    contest.contestant(ALONE, terms, || {
        let entries: Vec<_> = keys.next().into_iter().take(of_loop).map(|key| (key, value())).collect();
        let insert = |(key, value)| blobs.insert_with(&key, value, options).expect("the disk works");
        nanos_each(time(|| entries.into_iter().for_each(insert)), of_loop)
    });
    contest.note("Durable inserts one by one: a loop of 10 keys, each of which waits for its own commit.");
    contest.run(pace);
    cache.close()
}
