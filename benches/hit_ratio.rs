//! How often a memory tier of a given size can answer, on real request streams, beside moka and `quick_cache`.
//!
//! A trace is a text file, gzipped: one request a line, a number that stands for its key. `LARDER_TRACES` names the directory
//! that holds them as `NAME.txt.gz`. Each trace is run at capacities from half a percent to half of its distinct keys, every entry
//! weighing the same. A miss inserts. Printed are percent of hits; `*` marks the best of a row.
//!
//! larder is run twice: with a single shard, to judge the policy, and with the shards that a cache has unless told otherwise.
//! `quick_cache` has a single shard; moka does its maintenance every 64 requests, as it would in the background.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "this program's output is its purpose")]

use std::collections::HashSet;
use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use larder::{ByteSize, Cache, KeyspaceDefinition};

/// Requests of a trace that are run: enough to fill every capacity many times over.
const MOST_REQUESTS: usize = 1_500_000;
/// Capacities, in thousandths of the distinct keys of a trace, and the least in entries.
const CAPACITIES: [usize; 6] = [5, 10, 50, 100, 250, 500];
const LEAST_CAPACITY: usize = 16;
/// The weight of every entry: the least capacity of larder, so that a capacity of a single entry is a legal one.
const WEIGHT: ByteSize = ByteSize::kib(64);

const KEYS: KeyspaceDefinition<u64, ()> =
    KeyspaceDefinition::new("trace").ttl(Duration::from_hours(24 * 365));

fn main() -> Result<(), Box<dyn Error>> {
    // `cargo test --benches` runs this program too, without `--bench`; it is no test.
    if !env::args().any(|argument| argument == "--bench") {
        println!("hit_ratio: run it with `cargo bench -p larder-benches --bench hit_ratio`");
        return Ok(());
    }
    let dir = traces_dir();
    let traces = traces(&dir);
    if traces.is_empty() {
        println!(
            "hit_ratio: no traces (*.txt.gz) in {}; LARDER_TRACES may name another directory",
            dir.display()
        );
        return Ok(());
    }
    println!(
        "{:<12} {:>9} | {:>12} {:>12} {:>12} {:>12}",
        "trace", "capacity", "larder", "(one shard)", "moka", "quick_cache"
    );
    let mut rows: Vec<[f64; 4]> = Vec::new();
    for path in traces {
        let requests = read(&path)?;
        let distinct = requests.iter().collect::<HashSet<_>>().len();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("?").trim_end_matches(".txt.gz");
        let mut capacities: Vec<usize> =
            CAPACITIES.iter().map(|share| (distinct * share / 1000).max(LEAST_CAPACITY)).collect();
        capacities.dedup();
        for capacity in capacities {
            let row = [
                larder(&requests, capacity, None)?,
                larder(&requests, capacity, Some(1))?,
                moka(&requests, capacity),
                quick_cache(&requests, capacity)?,
            ];
            print_row(name, &capacity.to_string(), row);
            rows.push(row);
        }
    }
    let count = f64::from(u32::try_from(rows.len())?);
    print_row(
        "mean",
        "",
        std::array::from_fn(|column| rows.iter().filter_map(|row| row.get(column)).sum::<f64>() / count),
    );
    Ok(())
}

fn print_row(name: &str, capacity: &str, row: [f64; 4]) {
    let best = row.iter().copied().fold(0.0, f64::max);
    let cells = row.map(|hits| format!("{hits:>11.2}{}", if hits >= best { "*" } else { " " }));
    println!("{name:<12} {capacity:>9} | {}", cells.join(" "));
}

fn traces_dir() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/traces");
    env::var_os("LARDER_TRACES").map_or_else(default, PathBuf::from)
}

/// The traces of a directory by name; none if there is no such directory.
fn traces(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir).into_iter().flatten().flatten().map(|file| file.path());
    let mut traces: Vec<PathBuf> = files.filter(|path| path.to_string_lossy().ends_with(".txt.gz")).collect();
    traces.sort();
    traces
}

fn read(path: &Path) -> Result<Vec<u64>, Box<dyn Error>> {
    let lines = BufReader::new(MultiGzDecoder::new(File::open(path)?)).lines();
    lines.take(MOST_REQUESTS).map(|line| Ok(line?.trim().parse()?)).collect()
}

/// Percent of the requests that hit.
#[expect(clippy::cast_precision_loss, reason = "a trace has fewer requests than a double tells apart")]
fn percent(requests: &[u64], mut hits: impl FnMut(u64) -> bool) -> f64 {
    let hits = requests.iter().filter(|&&key| hits(key)).count();
    100.0 * hits as f64 / requests.len().max(1) as f64
}

fn larder(requests: &[u64], capacity: usize, shards: Option<usize>) -> Result<f64, larder::Error> {
    let mut builder =
        Cache::builder().memory_capacity(capacity as u64 * WEIGHT.as_u64()).weigher(|_| WEIGHT.as_u64());
    if let Some(shards) = shards {
        builder = builder.shards(shards);
    }
    let cache = builder.open()?;
    let keys = cache.keyspace(KEYS)?;
    let mut failed = None;
    let hits = percent(requests, |key| {
        let is_hit = keys.get(&key).is_some();
        if !is_hit && let Err(error) = keys.insert(&key, ()) {
            failed = Some(error);
        }
        is_hit
    });
    failed.map_or(Ok(hits), Err)
}

fn moka(requests: &[u64], capacity: usize) -> f64 {
    let cache = moka::sync::Cache::new(capacity as u64);
    let mut turn = 0_u64;
    percent(requests, |key| {
        turn += 1;
        if turn.is_multiple_of(64) {
            cache.run_pending_tasks();
        }
        let is_hit = cache.get(&key).is_some();
        if !is_hit {
            cache.insert(key, ());
        }
        is_hit
    })
}

fn quick_cache(requests: &[u64], capacity: usize) -> Result<f64, Box<dyn Error>> {
    let options = quick_cache::OptionsBuilder::new()
        .estimated_items_capacity(capacity)
        .weight_capacity(capacity as u64)
        .shards(1)
        .build()
        .map_err(|error| format!("{error:?}"))?;
    let cache = quick_cache::sync::Cache::with_options(
        options,
        quick_cache::UnitWeighter,
        quick_cache::DefaultHashBuilder::default(),
        quick_cache::sync::DefaultLifecycle::default(),
    );
    Ok(percent(requests, |key| {
        let is_hit = cache.get(&key).is_some();
        if !is_hit {
            cache.insert(key, ());
        }
        is_hit
    }))
}
