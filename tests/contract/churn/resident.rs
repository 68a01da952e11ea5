//! Compares the resident memory of a process with the configured memory, for values of several sizes. The
//! resident memory of an empty process is subtracted. Small values are the hardest case, because most of
//! their memory is overhead.

use std::fs;
use std::path::Path;
use std::time::Duration;

use larder::{ByteSize, Cache, KeyspaceDefinition};

use crate::support::child::{Worker, say};
use crate::support::{HOUR, Place, Random};

const TEXTS: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("text").ttl(HOUR);

const MEMORY: u64 = 8 << 20;
const PAGES: u64 = 4 << 20;
const BUFFER: u64 = 4 << 20;
/// Total number of bytes to write, including the overhead of each value.
const WRITTEN: u64 = 2 * (MEMORY + BUFFER);
/// Approximate overhead of a value, in bytes.
const KEPT: u64 = 200;
/// Maximum resident memory that the cache may add to its process, as a multiple of the configured memory.
/// The measured factor is lower, but the allocator keeps some freed memory, and threads may wake late on a
/// busy machine.
const MAX_TIMES: f64 = 1.7;

/// Runs a child process. Returns how much resident memory its cache adds at most, as a multiple of the
/// configured memory.
fn measured(size: usize, plant: &str) -> f64 {
    let place = Place::in_memory();
    let mut worker = Worker::start(&format!("fill {size} {plant}"), &place.path());
    let line = worker.line().expect("the child reports its memory");
    line.strip_prefix("resident ").unwrap_or_else(|| panic!("{line:?}")).parse().unwrap()
}

#[test]
fn contract_7_a_process_takes_about_what_its_cache_may_whatever_the_size_of_values() {
    for size in [10, 1_000, 100_000] {
        let times = measured(size, "none");
        eprintln!("values of {size} bytes: {times:.2} times the configured memory");
        assert!(times <= MAX_TIMES, "values of {size} bytes take {times:.2} times the configured memory");
        assert!(times > 0.7, "the cache was not filled: {times:.2}");
    }
}

#[test]
fn a_process_that_keeps_a_copy_of_each_value_is_caught() {
    let times = measured(100_000, "keep");
    assert!(times > MAX_TIMES, "{times:.2} times the configured memory");
}

/// Runs in a child process. Inserts and overwrites values, reads some from memory or from the disk, and
/// removes some. `words` are `SIZE PLANT`.
pub(crate) fn fill(path: &Path, words: &[&str]) {
    let size: usize = words[0].parse().unwrap();
    let (empty, code) = (status("VmRSS"), status("RssFile"));
    let cache = Cache::builder()
        .path(path)
        .memory_capacity(ByteSize::bytes(MEMORY))
        .page_cache(ByteSize::bytes(PAGES))
        .write_buffer(ByteSize::bytes(BUFFER))
        .flush_interval(Duration::from_millis(100))
        .open()
        .unwrap();
    let texts = cache.keyspace(TEXTS).unwrap();
    let writes = WRITTEN / (size as u64 + KEPT);
    let mut random = Random::new(7);
    let mut kept = Vec::new();
    for number in 0..writes {
        // All writes of the first half have new keys. About half of the later writes overwrite an earlier
        // key.
        let is_new = number < writes / 2 || random.below(2) == 0;
        let key = if is_new { number } else { random.below(number) };
        texts.insert(&key, "x".repeat(size)).unwrap();
        if number % 4 == 0 {
            drop(texts.get(&random.below(number + 1)));
        }
        if words[1] == "keep" {
            kept.push("k".repeat(size));
        }
        if number % (writes / 20) == 0 {
            texts.remove(&random.below(number + 1)).map(drop).unwrap();
        }
    }
    cache.flush().unwrap();
    // Subtracts the pages of program code that were loaded during the test, because the test binary is large.
    let taken = status("VmHWM") - empty - status("RssFile").saturating_sub(code);
    let of = u32::try_from(taken * 1_000 / (MEMORY + PAGES + BUFFER)).unwrap();
    say(&format!("resident {:.3}", f64::from(of) / 1_000.0));
    cache.close().unwrap();
    drop(kept);
}

/// Returns a field of `/proc/self/status`, in bytes.
fn status(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
