//! Measures the calls for several keys, compared with a loop of the calls for one key.
//!
//! Each figure is a median, in microseconds for each key. A call for several keys need not be faster than a
//! loop: each key costs a lookup or an encoding either way. The exceptions are a load, which asks its source
//! once, and a durable insert, which waits for one commit.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "this program's output is its purpose")]

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use larder::{ByteSize, Cache, Durability, InsertOptions, Keyspace, KeyspaceDefinition};
use larder_benches::Pace;
use larder_benches::stopwatch::Stopwatch;

const BLOBS: KeyspaceDefinition<u64, Vec<u8>> =
    KeyspaceDefinition::new("blob").ttl(Duration::from_hours(24)).version(1);
/// Number of entries in the file.
const ENTRIES: u64 = 50_000;
/// Number of keys of a call.
const KEYS: [u64; 3] = [10, 100, 1_000];
/// Number of bytes in a value.
const VALUE_LEN: usize = 500;
/// Number of measured calls for each figure.
const ROUNDS: usize = 30;
/// Number of keys in a loop of durable inserts, each of which waits for its own commit.
const FEW: usize = 10;
/// The distance between two keys of a call, so that they are not neighbours in the file.
const STRIDE: u64 = 7_919;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(pace) = Pace::of_program("several_keys") else { return Ok(()) };
    let rounds = pace.pick(ROUNDS, ROUNDS / 6);
    let dir = tempfile::tempdir()?;
    let cache =
        Cache::builder().path(dir.path().join("many.larder")).memory_capacity(ByteSize::mib(256)).open()?;
    let blobs = cache.keyspace(BLOBS)?;
    for key in 0..ENTRIES {
        blobs.insert(&key, value())?;
    }
    cache.close()?;
    println!("{:36}{:>8}{:>12}{:>12}", "microseconds for each key", "keys", "one by one", "together");
    for count in KEYS {
        let keys = |round: usize| -> Vec<u64> {
            (0..count).map(|at| (at * STRIDE + round as u64 * 31) % ENTRIES).collect()
        };
        on_disk(dir.path(), rounds, count, &keys)?;
        in_memory(dir.path(), rounds, count, &keys)?;
    }
    Ok(())
}

fn value() -> Vec<u8> {
    vec![7; VALUE_LEN]
}

/// Opens the cache, with room in memory for a few entries or for all.
fn open(dir: &Path, memory: ByteSize) -> Result<(Cache, Keyspace<u64, Vec<u8>>), larder::Error> {
    let cache = Cache::builder().path(dir.join("many.larder")).memory_capacity(memory).open()?;
    let blobs = cache.keyspace(BLOBS)?;
    Ok((cache, blobs))
}

fn on_disk(
    dir: &Path,
    rounds: usize,
    count: u64,
    keys: &dyn Fn(usize) -> Vec<u64>,
) -> Result<(), Box<dyn Error>> {
    let (cache, blobs) = open(dir, ByteSize::kib(64))?;
    let times = compare(
        rounds,
        |round| keys(round).iter().for_each(|key| drop(black_box(blobs.get(key)))),
        |round| drop(black_box(blobs.get_many(&keys(round)))),
    );
    print("found on disk", count, (times.0, count), times.1);
    cache.close()?;
    Ok(())
}

fn in_memory(
    dir: &Path,
    rounds: usize,
    count: u64,
    keys: &dyn Fn(usize) -> Vec<u64>,
) -> Result<(), Box<dyn Error>> {
    let (cache, blobs) = open(dir, ByteSize::mib(256))?;
    (0..2 * rounds + 9).for_each(|round| drop(blobs.get_many(&keys(round))));
    let times = compare(
        rounds,
        |round| keys(round).iter().for_each(|key| drop(black_box(blobs.get(key)))),
        |round| drop(black_box(blobs.get_many(&keys(round)))),
    );
    print("found in memory", count, (times.0, count), times.1);

    let entries = |round: usize| keys(round).into_iter().map(|key| (key, value()));
    let insert = |key: u64, options| blobs.insert_with(&key, value(), options).expect("the disk works");
    let buffered = InsertOptions::new();
    let times = compare(
        rounds,
        |round| keys(round).into_iter().for_each(|key| insert(key, buffered)),
        |round| blobs.insert_many(entries(round)).expect("the group is small"),
    );
    print("inserted, buffered", count, (times.0, count), times.1);

    let durable = InsertOptions::new().durability(Durability::Immediate);
    let times = compare(
        rounds / 5,
        |round| keys(round).into_iter().take(FEW).for_each(|key| insert(key, durable)),
        |round| blobs.insert_many_with(entries(round), durable).expect("the disk works"),
    );
    print("inserted, durable", count, (times.0, FEW as u64), times.1);
    cache.close()?;
    Ok(())
}

/// Prints the time for each key. The loop of single calls may have had fewer keys.
fn print(what: &str, count: u64, (alone, of): (Duration, u64), together: Duration) {
    println!("{what:36}{count:>8}{:>12.2}{:>12.2}", micros(alone, of), micros(together, count));
}

fn micros(time: Duration, keys: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a small number of keys")]
    let keys = keys as f64;
    time.as_secs_f64() * 1e6 / keys
}

/// Returns the median times of two calls. They take turns, so that neither profits from what the other has
/// brought into the caches of the machine.
fn compare(
    rounds: usize,
    mut alone: impl FnMut(usize),
    mut together: impl FnMut(usize),
) -> (Duration, Duration) {
    let mut times = (Vec::new(), Vec::new());
    for round in 0..=rounds.max(3) {
        let watch = Stopwatch::start();
        alone(2 * round);
        let of_alone = watch.elapsed();
        let watch = Stopwatch::start();
        together(2 * round + 1);
        // The first round warms up.
        if round > 0 {
            times.0.push(of_alone);
            times.1.push(watch.elapsed());
        }
    }
    (median(times.0), median(times.1))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
