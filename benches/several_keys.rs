//! Measures the calls for several keys, compared with a loop of the calls for one key.
//!
//! Each figure is a median, in microseconds for each key. A call for several keys need not be faster than a
//! loop: each key costs a lookup or an encoding either way. The exceptions are a load, which asks its source
//! once, and a durable insert, which waits for one commit.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "this program's output is its purpose")]

use std::error::Error;
use std::hint::black_box;
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
fn open(dir: &std::path::Path, memory: ByteSize) -> Result<(Cache, Keyspace<u64, Vec<u8>>), larder::Error> {
    let cache = Cache::builder().path(dir.join("many.larder")).memory_capacity(memory).open()?;
    let blobs = cache.keyspace(BLOBS)?;
    Ok((cache, blobs))
}

fn on_disk(
    dir: &std::path::Path,
    rounds: usize,
    count: u64,
    keys: &dyn Fn(usize) -> Vec<u64>,
) -> Result<(), Box<dyn Error>> {
    let (cache, blobs) = open(dir, ByteSize::kib(64))?;
    let alone = median(rounds, count, |round| {
        for key in keys(round) {
            black_box(blobs.get(&key));
        }
    });
    let together = median(rounds, count, |round| drop(black_box(blobs.get_many(&keys(round)))));
    print("found on disk", count, alone, together);
    cache.close()?;
    Ok(())
}

fn in_memory(
    dir: &std::path::Path,
    rounds: usize,
    count: u64,
    keys: &dyn Fn(usize) -> Vec<u64>,
) -> Result<(), Box<dyn Error>> {
    let (cache, blobs) = open(dir, ByteSize::mib(256))?;
    (0..rounds).for_each(|round| drop(blobs.get_many(&keys(round))));
    let alone = median(rounds, count, |round| {
        for key in keys(round) {
            black_box(blobs.get(&key));
        }
    });
    let together = median(rounds, count, |round| drop(black_box(blobs.get_many(&keys(round)))));
    print("found in memory", count, alone, together);

    let alone = median(rounds, count, |round| {
        for key in keys(round) {
            blobs.insert(&key, value()).expect("the cache is open");
        }
    });
    let entries = |round: usize| keys(round).into_iter().map(|key| (key, value()));
    let together = median(rounds, count, |round| {
        blobs.insert_many(entries(round)).expect("the group is small");
    });
    print("inserted, buffered", count, alone, together);

    let is_durable = InsertOptions::new().durability(Durability::Immediate);
    let alone = median(rounds / 5, count, |round| {
        for key in keys(round).into_iter().take(10) {
            blobs.insert_with(&key, value(), is_durable).expect("the disk works");
        }
    });
    let together = median(rounds, count, |round| {
        blobs.insert_many_with(entries(round), is_durable).expect("the disk works");
    });
    #[expect(clippy::cast_precision_loss, reason = "a small number of keys")]
    let of_ten = count as f64 / 10.0;
    print("inserted, durable", count, alone * of_ten, together);
    cache.close()?;
    Ok(())
}

fn print(what: &str, count: u64, alone: f64, together: f64) {
    println!("{what:36}{count:>8}{alone:>12.2}{together:>12.2}");
}

/// Returns the median time of a call, in microseconds for each of its keys.
fn median(rounds: usize, count: u64, mut call: impl FnMut(usize)) -> f64 {
    let mut times: Vec<Duration> = (0..rounds.max(1))
        .map(|round| {
            let watch = Stopwatch::start();
            call(round);
            watch.elapsed()
        })
        .collect();
    times.sort_unstable();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "a small number of keys")]
    let count = count as f64;
    middle.as_secs_f64() * 1e6 / count
}
