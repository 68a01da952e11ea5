//! Compares orders in which a disk tier can evict entries, by the hit ratios of a model on real request
//! traces. The keys have different lifetimes.
//!
//! The bench uses the traces of the bench `hit_ratio`, in the directory `LARDER_TRACES`. Each trace is played
//! three times, as if its requests had taken one hour, six hours and a day. The disk has room for a tenth of
//! the keys, and memory for a hundredth. ADR 10 contains the table.
//!
//! A second table compares the real store with the model's orders. The beginning of each trace, spread over
//! six hours, is played on a cache with a manual clock. The same requests are then played on models. Their
//! tiers have room for as many entries as the tiers of the cache had. For the disk, this number is the mean
//! since the first eviction. The cache differs from the model in two ways: its memory has larder's own
//! policy, and a written entry reaches the disk after up to 64 requests.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "this program's output is its purpose")]

use std::collections::HashSet;
use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use larder::clock::ManualClock;
use larder::{ByteSize, Cache, InsertOptions, KeyspaceDefinition};
use larder_benches::Pace;
use larder_benches::eviction::{Model, Order};

/// Maximum number of requests per trace.
const MAX_REQUESTS: usize = 1_500_000;
const HOURS: [u64; 3] = [1, 6, 24];
const MS_PER_HOUR: u64 = 3_600_000;
const MIN_DISK: usize = 16;
const MIN_MEMORY: usize = 4;
/// Number of requests per trace that are played on the store, and the hours over which they are spread.
const STORE_REQUESTS: usize = 200_000;
const STORE_HOURS: u64 = 6;
/// The length of a value in bytes, and the bytes of disk and memory capacity per entry.
const VALUE_LEN: usize = 1000;
const DISK_PER_ENTRY: usize = 2200;
const MEMORY_PER_ENTRY: usize = 1150;
/// Number of requests between two flushes. The clock advances after each flush.
const PER_FLUSH: usize = 64;

const VALUES: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("values");

fn main() -> Result<(), Box<dyn Error>> {
    let Some(pace) = Pace::of_program("disk_hit_ratio") else { return Ok(()) };
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/traces");
    let dir = env::var_os("LARDER_TRACES").map_or_else(default, PathBuf::from);
    let files = fs::read_dir(&dir).into_iter().flatten().flatten().map(|file| file.path());
    let mut traces: Vec<PathBuf> = files.filter(|path| path.to_string_lossy().ends_with(".txt.gz")).collect();
    traces.sort();
    if traces.is_empty() {
        println!(
            "disk_hit_ratio: no traces (*.txt.gz) in {}; LARDER_TRACES may name another directory",
            dir.display()
        );
        return Ok(());
    }
    println!("percent of requests that either tier answers");
    println!("{:24}{}", "trace, hours", Order::ALL.map(|order| format!("{:>15}", order.name())).concat());
    let mut rows: Vec<Vec<f64>> = Vec::new();
    for trace in &traces {
        let requests = read(trace, pace.pick(MAX_REQUESTS, MAX_REQUESTS / 50))?;
        let (disk, memory) = tiers(&requests);
        for hours in HOURS {
            let row = Order::ALL.map(|order| played(&requests, order, hours, disk, memory));
            println!("{:24}{}", format!("{}, {hours}", name_of(trace)), line(&row));
            rows.push(row.to_vec());
        }
    }
    let means: Vec<f64> = (0..Order::ALL.len())
        .map(|order| mean(rows.iter().filter_map(|row| row.get(order).copied())))
        .collect();
    println!("{:24}{}", "mean", line(&means));
    println!("\nthe store, and the models with as many entries");
    println!(
        "{:12}{:>9}{:>9}{:>9}{}",
        "trace",
        "on disk",
        "memory",
        "store",
        Order::ALL.map(|order| format!("{:>15}", order.name())).concat()
    );
    for trace in &traces {
        let requests = read(trace, pace.pick(STORE_REQUESTS, STORE_REQUESTS / 20))?;
        let (hits, disk, memory) = stored(&requests)?;
        let row = Order::ALL.map(|order| played(&requests, order, STORE_HOURS, disk, memory));
        println!("{:12}{disk:>9}{memory:>9}{hits:>9.2}{}", name_of(trace), line(&row));
    }
    Ok(())
}

fn name_of(trace: &Path) -> String {
    trace.file_name().unwrap_or_default().to_string_lossy().replace(".txt.gz", "")
}

fn line(row: &[f64]) -> String {
    row.iter().map(|hits| format!("{hits:>15.2}")).collect::<Vec<_>>().concat()
}

#[expect(clippy::cast_precision_loss, reason = "there are a few dozen rows")]
fn mean(figures: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = figures.fold((0.0, 0_usize), |(sum, count), figure| (sum + figure, count + 1));
    sum / count.max(1) as f64
}

fn read(path: &Path, most: usize) -> Result<Vec<u64>, Box<dyn Error>> {
    let lines = BufReader::new(MultiGzDecoder::new(File::open(path)?)).lines();
    lines.take(most).map(|line| Ok(line?.trim().parse()?)).collect()
}

/// Returns the capacities of disk and memory in entries: a tenth and a hundredth of the keys, but at least a
/// minimum.
fn tiers(requests: &[u64]) -> (usize, usize) {
    let keys = requests.iter().collect::<HashSet<_>>().len();
    ((keys / 10).max(MIN_DISK), (keys / 100).max(MIN_MEMORY))
}

/// Plays the requests, spread over `hours`, on a model with these capacities in entries. Returns the
/// percentage of hits.
fn played(requests: &[u64], order: Order, hours: u64, disk: usize, memory: usize) -> f64 {
    let mut model = Model::new(order, disk, memory);
    let all = requests.len().max(1) as u64;
    let hits = (0_u64..)
        .zip(requests)
        .filter(|(at, key)| model.request(**key, MS_PER_HOUR + hours * MS_PER_HOUR * at / all));
    percent(hits.count(), requests.len())
}

/// Plays the requests on a cache. Returns the percentage of hits, the mean number of entries on disk since
/// the first eviction, and the maximum number of entries in memory.
fn stored(requests: &[u64]) -> Result<(f64, usize, usize), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let clock = Arc::new(ManualClock::new());
    let (disk, memory) = tiers(requests);
    let cache = Cache::builder()
        .path(dir.path().join("trace.larder"))
        .clock(clock.clone())
        .disk_capacity(ByteSize::bytes((disk * DISK_PER_ENTRY) as u64).max(ByteSize::mib(1)))
        .memory_capacity(ByteSize::bytes((memory * MEMORY_PER_ENTRY) as u64).max(ByteSize::kib(64)))
        .open()?;
    let values = cache.keyspace(VALUES)?;
    let hours = Duration::from_millis(STORE_HOURS * MS_PER_HOUR);
    let (mut hits, mut on_disk, mut in_memory) = (0, Vec::new(), 0);
    for some in requests.chunks(PER_FLUSH) {
        for key in some {
            if values.get(key).is_some() {
                hits += 1;
                continue;
            }
            let ttl = Duration::from_secs(Model::lifetime(*key));
            values.insert_with(key, "x".repeat(VALUE_LEN), InsertOptions::new().ttl(ttl))?;
        }
        cache.flush()?;
        let stats = cache.stats();
        in_memory = in_memory.max(stats.memory.entries);
        if let Some(disk) = stats.disk {
            if disk.evictions == 0 {
                on_disk.clear();
            }
            on_disk.push(disk.entries);
        }
        clock.advance(hours.mul_f64(percent(some.len(), requests.len()) / 100.0));
        cache.sweep()?;
    }
    let on_disk = on_disk.iter().sum::<u64>() / on_disk.len().max(1) as u64;
    Ok((percent(hits, requests.len()), usize::try_from(on_disk)?, usize::try_from(in_memory)?))
}

#[expect(clippy::cast_precision_loss, reason = "a trace has fewer requests than a double tells apart")]
fn percent(part: usize, all: usize) -> f64 {
    100.0 * part as f64 / all.max(1) as f64
}
