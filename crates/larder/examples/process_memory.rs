//! Compares the resident memory of a process with the capacities of its cache.
//!
//! Run it with `cargo run --release -p larder --example process_memory`. For each of several value sizes, a
//! child process fills a cache that has 32 MiB of memory, 16 MiB of page cache and 16 MiB of write buffer.
//! The child then inserts and overwrites entries, reads them from disk, and removes them. Each line shows
//! how much the resident memory of the child has grown since it opened the cache, at the peak and at the
//! end. The growth is in MiB, and as a multiple of these 64 MiB. `-- 10 5242880` measures only these value
//! sizes.
#![expect(clippy::print_stdout, reason = "a measurement says what it found")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use larder::{ByteSize, Cache, Format, Keyspace, KeyspaceDefinition};

const MEMORY: u64 = 32 << 20;
const PAGES: u64 = 16 << 20;
const BUFFER: u64 = 16 << 20;
/// Bytes of values, keys and bookkeeping that the child writes before its random operations. They determine
/// the number of keys.
const WORKING_SET: u64 = 160 << 20;
/// Approximate bytes of an entry besides its value.
const OVERHEAD: u64 = 160;
const LASTS: Duration = Duration::from_secs(8);
const THREADS: usize = 2;
const SIZES: [usize; 4] = [10, 100, 10_000, 5 << 20];
/// The first argument of a child process.
const CHILD: &str = "--child";

const VALUES: KeyspaceDefinition<u64, Vec<u8>> = KeyspaceDefinition::new("values");

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [child, size, path] = arguments.as_slice()
        && child == CHILD
    {
        return fill(size.parse()?, Path::new(path));
    }
    let asked: Vec<usize> = arguments.iter().map(|size| size.parse()).collect::<Result<_, _>>()?;
    println!("{:>9}  {:>8}  {:>6}  {:>8}  {:>6}  configured", "value", "peak MiB", "x", "end MiB", "x");
    for size in if asked.is_empty() { SIZES.to_vec() } else { asked } {
        let directory = tempfile::tempdir()?;
        let path: PathBuf = directory.path().join("cache.larder");
        let child = Command::new(env::current_exe()?).arg(CHILD).arg(size.to_string()).arg(&path).output()?;
        if !child.status.success() {
            return Err(String::from_utf8_lossy(&child.stderr).into());
        }
        print!("{}", String::from_utf8_lossy(&child.stdout));
    }
    Ok(())
}

/// Fills and uses the cache, and prints how much the memory has grown. Runs in the child process.
#[expect(clippy::cast_precision_loss, reason = "bytes of memory are below what a double tells apart")]
fn fill(size: usize, path: &Path) -> Result<(), Box<dyn Error>> {
    let empty = status("VmRSS")?;
    let cache = Cache::builder()
        .path(path)
        .memory_capacity(ByteSize::bytes(MEMORY))
        .page_cache(ByteSize::bytes(PAGES))
        .write_buffer(ByteSize::bytes(BUFFER))
        .disk_capacity(ByteSize::gib(1))
        .open()?;
    let values = cache.keyspace(VALUES.format(format()))?;
    let keys = WORKING_SET / (size as u64 + 8 + OVERHEAD);
    let results = thread::scope(|scope| {
        let run = |seed| {
            let values = &values;
            scope.spawn(move || work(values, size, keys, seed).map_err(|error| error.to_string()))
        };
        let workers: Vec<_> = (0..THREADS as u64).map(run).collect();
        workers.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    let mut operations = 0;
    for result in results {
        operations += result.map_err(|_| "a worker panicked")??;
    }
    cache.flush()?;
    let stats = cache.stats();
    let (peak, end) = (status("VmHWM")? - empty, status("VmRSS")? - empty);
    let (all, mib) = ((MEMORY + PAGES + BUFFER) as f64, f64::from(1 << 20));
    println!(
        "{size:>9}  {:>8.1}  {:>6.2}  {:>8.1}  {:>6.2}  {:.0} MiB; {operations} operations, {} entries in memory, {} on disk",
        peak as f64 / mib,
        peak as f64 / all,
        end as f64 / mib,
        end as f64 / all,
        all / mib,
        stats.memory.entries,
        stats.disk.map_or(0, |disk| disk.entries),
    );
    Ok(())
}

fn format() -> Format {
    match env::var("FORMAT").as_deref() {
        Ok("raw") => Format::Raw,
        Ok("msgpack") => Format::MessagePack,
        _ => Format::Bincode,
    }
}

#[expect(clippy::disallowed_methods, reason = "a measurement lasts for as long as it lasts")]
fn work(values: &Keyspace<u64, Vec<u8>>, size: usize, keys: u64, seed: u64) -> Result<u64, Box<dyn Error>> {
    // Each thread first inserts its own part of the keys.
    for key in (seed..keys).step_by(THREADS) {
        values.insert(&key, vec![1; size])?;
    }
    let (mut random, mut operations) = (seed + 1, 0);
    let began = Instant::now();
    while began.elapsed() < LASTS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let key = (random >> 33) % keys;
        match random >> 20 & 1023 {
            0 => drop(values.remove(&key)?),
            1..600 => values.insert(&key, vec![2; size])?,
            _ => drop(values.get(&key)),
        }
        operations += 1;
    }
    Ok(operations)
}

/// Returns a field of `/proc/self/status`, in bytes.
fn status(field: &str) -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(field)).ok_or("the kernel does not say")?;
    let kib: u64 = line.split_whitespace().nth(1).ok_or("no number")?.parse()?;
    Ok(kib * 1024)
}
