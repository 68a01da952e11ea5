//! How long the file grows under a steady stream of writes, against its capacity: the measurement behind the share of the file
//! that entries may fill (`docs/design.md`, "Room on disk").
//!
//! For each size of value, three times the capacity is written to random keys, more of them than the file can hold, so that
//! entries are overwritten and evicted all the time; the last line draws from all sizes. Printed is
//! the longest that the file was, what its entries were charged for in the end, and how many were evicted.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "this program's output is its purpose")]

use std::env;
use std::error::Error;
use std::fs;
use std::time::Duration;

use larder::{ByteSize, Cache, KeyspaceDefinition};
use larder_benches::Pace;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The capacity unless `LARDER_CAPACITY_MIB` gives another.
const CAPACITY_MIB: u64 = 64;
/// That of a quick run, which only draws from all sizes.
const QUICK_CAPACITY_MIB: u64 = 8;
/// Times the capacity that is written.
const ROUNDS: u64 = 3;
/// Looks at the file for each capacity that is written.
const LOOKS: u64 = 2048;
/// Sizes of values in bytes; the last line of the table draws from all of them.
const SIZES: [usize; 6] = [100, 500, 1_900, 5_000, 30_000, 300_000];

const VALUES: KeyspaceDefinition<u64, String> =
    KeyspaceDefinition::new("values").ttl(Duration::from_hours(24)).version(1);

fn main() -> Result<(), Box<dyn Error>> {
    let Some(pace) = Pace::of_program("file_length") else { return Ok(()) };
    let mib = env::var("LARDER_CAPACITY_MIB")
        .map_or(Ok(pace.pick(CAPACITY_MIB, QUICK_CAPACITY_MIB)), |mib| mib.parse())?;
    let capacity = ByteSize::mib(mib);
    println!("disk_capacity {capacity}, {ROUNDS} times that written");
    println!("{:>16} | {:>12} {:>9} {:>12} {:>10}", "value", "longest file", "share", "entries", "evictions");
    for size in SIZES.into_iter().take(pace.pick(SIZES.len(), 0)) {
        churn(capacity, &size.to_string(), &[size])?;
    }
    churn(capacity, "all, mixed", &SIZES)
}

fn churn(capacity: ByteSize, name: &str, sizes: &[usize]) -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("churn.larder");
    let cache = Cache::builder().path(&path).disk_capacity(capacity).memory_capacity(1 << 20).open()?;
    let values = cache.keyspace(VALUES)?;
    let mut random = StdRng::seed_from_u64(42);
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    let keys = (capacity.as_u64() / mean as u64).max(16);
    let (mut written, mut longest, mut looked) = (0, 0, 0);
    while written < ROUNDS * capacity.as_u64() {
        let size = sizes.get(random.random_range(0..sizes.len())).copied().unwrap_or(mean);
        values.insert(&random.random_range(0..keys), "x".repeat(size))?;
        written += size as u64;
        if written - looked > capacity.as_u64() / LOOKS {
            looked = written;
            longest = longest.max(fs::metadata(&path)?.len());
        }
    }
    cache.flush()?;
    longest = longest.max(fs::metadata(&path)?.len());
    let disk = cache.stats().disk.ok_or("a cache with a path has a disk tier")?;
    let share = percent(longest, capacity.as_u64());
    println!(
        "{name:>16} | {:>12} {share:>8.1}% {:>12} {:>10}",
        ByteSize::bytes(longest).to_string(),
        ByteSize::bytes(disk.bytes).to_string(),
        disk.evictions
    );
    cache.close()?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a file's length is below what a double tells apart")]
fn percent(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole as f64
}
