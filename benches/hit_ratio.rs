//! Measures the hit ratio of the memory tier at given capacities on real request traces, compared with the
//! peers.
//!
//! A trace is a gzipped text file with one request per line. A request is a number that identifies the key.
//! The directory `LARDER_TRACES` contains the traces as `NAME.txt.gz`. It may also contain `peers.txt`,
//! with the hit ratios of other caches on these traces. Each trace, or its first 1,500,000 requests, is
//! played at six capacities, from half a percent to half of its distinct keys. All entries weigh the same.
//! After a miss, the entry is inserted.
//!
//! larder takes part with its default number of shards, and with a single shard, which shows the policy
//! alone. `quick_cache` has a single shard. moka runs its maintenance every 64 requests, as it would in the
//! background.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "this program's output is its purpose")]

use std::collections::{BTreeMap, HashSet};
use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use larder::{ByteSize, Cache, KeyspaceDefinition};
use larder_benches::outcome::OURS;
use larder_benches::traces::{TraceRow, mean, mean_of, parse};
use larder_benches::{Against, Contest, Measured, Pace, Unit};

/// Maximum number of requests per trace.
const MAX_REQUESTS: usize = 1_500_000;
/// Capacities in thousandths of a trace's distinct keys, and the minimum capacity in entries.
const CAPACITIES: [usize; 6] = [5, 10, 50, 100, 250, 500];
const SHARES: [&str; 6] = ["0.5 %", "1 %", "5 %", "10 %", "25 %", "50 %"];
const MIN_CAPACITY: usize = 16;
/// Weight of every entry. It equals larder's minimum capacity, so that even a capacity of one entry is valid.
const WEIGHT: ByteSize = ByteSize::kib(64);

const ONE_SHARD: &str = "larder, one shard";
/// Maximum number of percentage points by which larder may be behind the best peer of a row.
const MAX_BEHIND: f64 = 3.0;
/// Target for larder's mean over all rows, in percent.
const MEAN: f64 = 47.4;

const KEYS: KeyspaceDefinition<u64, ()> =
    KeyspaceDefinition::new("trace").ttl(Duration::from_hours(24 * 365));

fn main() -> Result<(), Box<dyn Error>> {
    let Some(pace) = Pace::of_program("hit_ratio") else { return Ok(()) };
    let dir = traces_dir();
    let traces = traces(&dir);
    if traces.is_empty() {
        println!(
            "hit_ratio: no traces (*.txt.gz) in {}; LARDER_TRACES may name another directory",
            dir.display()
        );
        return Ok(());
    }
    let others = parse(&fs::read_to_string(dir.join("peers.txt")).unwrap_or_default());
    let pace = Pace { rounds: 1, ..pace };
    // No times are measured, so the traces can run concurrently.
    let results: Vec<Result<Vec<TraceRow>, String>> = thread::scope(|scope| {
        let run = |path: &PathBuf| {
            let pace = &pace;
            let path = path.clone();
            scope.spawn(move || rows(&path, pace).map_err(|error| error.to_string()))
        };
        let running: Vec<_> = traces.iter().map(run).collect();
        running.into_iter().map(|thread| thread.join().expect("a trace panicked")).collect()
    });
    let mut rows = results.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
    add(&mut rows, others);
    for trace in &traces {
        report_trace(&rows, &name_of(trace), &pace);
    }
    report_mean(&rows, &pace);
    report_worst(&rows, &pace);
    Ok(())
}

/// Adds the ratios of other caches to the rows, except those of caches that were also run here. In a small
/// trace, the two smallest capacities may be equal, and the file then has two such rows. So equal rows are
/// matched by their order.
fn add(rows: &mut [TraceRow], others: Vec<TraceRow>) {
    let mut others: Vec<Option<TraceRow>> = others.into_iter().map(Some).collect();
    for row in rows {
        let is_same = |other: &TraceRow| other.trace == row.trace && other.capacity == row.capacity;
        let found = others.iter_mut().find(|other| other.as_ref().is_some_and(is_same));
        for (name, hits) in found.and_then(Option::take).map_or_else(BTreeMap::new, |other| other.hits) {
            row.hits.entry(name).or_insert(hits);
        }
    }
}

/// Returns the names of all caches with a ratio in some row, larder first.
fn names(rows: &[TraceRow]) -> Vec<String> {
    let all: HashSet<&String> = rows.iter().flat_map(|row| row.hits.keys()).collect();
    let mut names: Vec<String> = all.into_iter().cloned().collect();
    names.sort_by_key(|name| (!name.starts_with(OURS), name.clone()));
    names
}

fn is_peer(name: &str) -> bool {
    !name.starts_with(OURS)
}

fn report_trace(rows: &[TraceRow], trace: &str, pace: &Pace) {
    let rows: Vec<TraceRow> = rows.iter().filter(|row| row.trace == trace).cloned().collect();
    let title = "Hit ratio, mean of six capacities";
    let mut contest =
        Contest::new("hit-ratio", title, format!("trace {trace}"), Unit::Percent).without_warm_up();
    for name in names(&rows) {
        let Some(mean) = mean(&rows, &name) else { continue };
        let mut measured = Measured::new(mean);
        for (row, share) in rows.iter().zip(SHARES) {
            if let Some(hits) = row.hits.get(&name) {
                measured = measured.also(share, Unit::Percent, *hits);
            }
        }
        contest.contestant(&name, "memory only", move || measured.clone());
    }
    contest.note(
        "The mean of the six capacities, and each of them, in percents of a trace's distinct keys. Peers that were \
         not run here have the figures of the traces' peers.txt.",
    );
    contest.run(pace);
}

fn report_mean(rows: &[TraceRow], pace: &Pace) {
    let mut contest =
        Contest::new("hit-ratio", "Hit ratio, mean of all rows", "mean of all traces", Unit::Percent)
            .without_warm_up();
    let names = names(rows);
    for name in &names {
        if let Some(mean) = mean(rows, name) {
            contest.contestant(name, "memory only", move || mean);
        }
    }
    let means = names.iter().filter(|name| is_peer(name)).filter_map(|name| mean(rows, name));
    let floor = means.max_by(f64::total_cmp);
    let ceiling = mean_of(rows, |row| row.best(is_peer));
    for subject in [OURS, ONE_SHARD].into_iter().filter(|subject| names.iter().any(|name| name == subject)) {
        contest.target_of(
            subject,
            None,
            Against::Bound(MEAN),
            1.0,
            &format!("{subject}: a mean of at least {MEAN}"),
        );
    }
    let show = |figure: Option<f64>| figure.map_or_else(|| "–".to_owned(), |figure| format!("{figure:.2}"));
    contest.note(format!(
        "The best single peer has {} %, and picking the best peer for each row would give {} %.",
        show(floor),
        show(ceiling)
    ));
    contest.run(pace);
}

fn report_worst(rows: &[TraceRow], pace: &Pace) {
    let title = "Points behind the best peer, in the worst row";
    let mut contest = Contest::new("hit-ratio", title, "worst row", Unit::Points).without_warm_up();
    for name in [OURS, ONE_SHARD] {
        let behind = |row: &TraceRow| {
            Some((row.best(is_peer)? - row.hits.get(name)?, row.trace.clone(), row.capacity))
        };
        let worst = rows.iter().filter_map(behind).max_by(|one, other| one.0.total_cmp(&other.0));
        let Some((points, trace, capacity)) = worst else { continue };
        contest.contestant(name, "memory only", move || points.max(0.0));
        contest.target_of(
            name,
            None,
            Against::Bound(MAX_BEHIND),
            1.0,
            &format!("{name}: at most {MAX_BEHIND} points behind"),
        );
        contest.note(format!(
            "{name} is furthest behind on {trace} with room for {capacity}: {points:.2} points."
        ));
    }
    contest.run(pace);
}

/// Plays a trace at each capacity. A quick run takes the ratios of the peers from the file, and omits the
/// single shard.
fn rows(path: &Path, pace: &Pace) -> Result<Vec<TraceRow>, Box<dyn Error>> {
    let mut requests = read(path)?;
    // Counts the keys of the whole trace, because the ratios in the file are based on that number.
    let distinct = requests.iter().collect::<HashSet<_>>().len();
    requests.truncate(MAX_REQUESTS);
    let run = |share: &usize| {
        let capacity = (distinct * share / 1000).max(MIN_CAPACITY);
        let mut hits = BTreeMap::from([(OURS.to_owned(), larder(&requests, capacity, None)?)]);
        if !pace.is_quick {
            hits.insert(ONE_SHARD.to_owned(), larder(&requests, capacity, Some(1))?);
            hits.insert("moka".to_owned(), moka(&requests, capacity));
            hits.insert("quick_cache".to_owned(), quick_cache(&requests, capacity)?);
        }
        Ok(TraceRow { trace: name_of(path), capacity, hits })
    };
    CAPACITIES.iter().map(run).collect()
}

fn name_of(path: &Path) -> String {
    path.file_name().and_then(|name| name.to_str()).unwrap_or("?").trim_end_matches(".txt.gz").to_owned()
}

fn traces_dir() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/traces");
    env::var_os("LARDER_TRACES").map_or_else(default, PathBuf::from)
}

/// Returns the traces in a directory, sorted by name. Returns an empty list if the directory does not exist.
fn traces(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir).into_iter().flatten().flatten().map(|file| file.path());
    let mut traces: Vec<PathBuf> = files.filter(|path| path.to_string_lossy().ends_with(".txt.gz")).collect();
    traces.sort();
    traces
}

fn read(path: &Path) -> Result<Vec<u64>, Box<dyn Error>> {
    let lines = BufReader::new(MultiGzDecoder::new(File::open(path)?)).lines();
    lines.map(|line| Ok(line?.trim().parse()?)).collect()
}

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
