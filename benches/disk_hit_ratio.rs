//! In which order a disk tier should evict: hit ratios of a model on real request streams, whose keys have different lifetimes.
//!
//! The traces are those of the bench `hit_ratio`: `LARDER_TRACES` names the directory that holds them. Each is played three times, as
//! if it had taken an hour, six hours and a day; the disk has room for a tenth of its keys, memory for a hundredth. ADR 10 has the table.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "this program's output is its purpose")]

use std::collections::HashSet;
use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use larder_benches::Pace;
use larder_benches::eviction::{Model, Order};

/// Requests of a trace that are played.
const MOST_REQUESTS: usize = 1_500_000;
const HOURS: [u64; 3] = [1, 6, 24];
const MS_PER_HOUR: u64 = 3_600_000;
const LEAST_DISK: usize = 16;
const LEAST_MEMORY: usize = 4;

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
        let requests = read(trace, pace.pick(MOST_REQUESTS, MOST_REQUESTS / 50))?;
        let name = trace.file_name().unwrap_or_default().to_string_lossy().replace(".txt.gz", "");
        for hours in HOURS {
            let row = Order::ALL.map(|order| played(&requests, order, hours));
            println!("{:24}{}", format!("{name}, {hours}"), line(&row));
            rows.push(row.to_vec());
        }
    }
    let means: Vec<f64> = (0..Order::ALL.len())
        .map(|order| mean(rows.iter().filter_map(|row| row.get(order).copied())))
        .collect();
    println!("{:24}{}", "mean", line(&means));
    Ok(())
}

fn line(row: &[f64]) -> String {
    row.iter().map(|hits| format!("{hits:>15.2}")).collect()
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

/// Percent of the requests that hit, when they are spread over so many hours.
#[expect(clippy::cast_precision_loss, reason = "a trace has fewer requests than a double tells apart")]
fn played(requests: &[u64], order: Order, hours: u64) -> f64 {
    let keys = requests.iter().collect::<HashSet<_>>().len();
    let mut model = Model::new(order, (keys / 10).max(LEAST_DISK), (keys / 100).max(LEAST_MEMORY));
    let all = requests.len().max(1) as u64;
    let hits = (0_u64..)
        .zip(requests)
        .filter(|(at, key)| model.request(**key, MS_PER_HOUR + hours * MS_PER_HOUR * at / all));
    100.0 * hits.count() as f64 / all as f64
}
