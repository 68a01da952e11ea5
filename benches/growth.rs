//! Measures how larder's costs grow with the number of entries: lookups on disk, opening, memory for
//! bookkeeping, and operations that change or describe many entries.
//!
//! For lookups, a child process opens a file with the entries and looks up keys. So the memory of the process
//! is the memory of one cache. Values are small, because there are up to ten million of them. The operations
//! on many entries are measured once per size, because they remove the entries.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a child reports by printing, and filling shows its progress")]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use larder::clock::{Clock, ManualClock, SystemClock};
use larder::inspect::Inspector;
use larder::{Cache, InsertOptions};
use larder_benches::child::{self, Process};
use larder_benches::disk::{NO_MEMORY, builder, fill, page_of, pages, room, uniform};
use larder_benches::machine::resident_bytes;
use larder_benches::peers::larder::{Larder, Lookup};
use larder_benches::peers::raw_redb::RawRedb;
use larder_benches::peers::{Peer, lookups};
use larder_benches::stopwatch::{Stopwatch, per_second, time};
use larder_benches::{Against, Contest, Measured, Pace, Unit, key};

/// Length of a page's text, in bytes.
const TEXT_LEN: usize = 16;
const LOOKUPS: usize = 50_000;
const ROUNDS: usize = 7;
/// TTL of the entries that are swept.
const SHORT: Duration = Duration::from_secs(1);
const TERMS: &str = "commits of two phases, with quick repair";
const SIZES: [(usize, &str); 4] = [
    (10_000, "10k entries"),
    (100_000, "100k entries"),
    (1_000_000, "1M entries"),
    (10_000_000, "10M entries"),
];

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(file) = child::task() {
        return sample(&file);
    }
    let Some(pace) = Pace::of_program("growth") else { return Ok(()) };
    let most = pace.pick(10_000_000, 100_000);
    let pace = pace.rounds(ROUNDS);
    for (entries, setting) in SIZES {
        let rows = ["growth-lookup", "growth-open", "growth-memory", "growth-work"];
        if entries <= most && rows.iter().any(|row| pace.wants(row, setting)) {
            grown(&pace, entries, setting)?;
        }
    }
    Ok(())
}

/// The measurements of one child process, for larder or for redb on a copy of the same file.
#[derive(Debug, Clone, Copy)]
struct Sample {
    open_ms: f64,
    lookup_nanos: f64,
    bytes: f64,
}

/// A row of the report: its id, title and unit, and a function that returns its figure.
type Figure = (&'static str, &'static str, Unit, fn(&Sample) -> f64);

fn grown(pace: &Pace, entries: usize, setting: &str) -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let file = |name: &str| dir.path().join(format!("{entries}.{name}"));
    let filled = time(|| fill(&file("larder"), entries, TEXT_LEN));
    let length = fs::metadata(file("larder"))?.len();
    fs::copy(file("larder"), file("redb"))?;
    println!("{setting}: filled in {:.1} s, a file of {} MB", filled.as_secs_f64(), length / 1_000_000);
    // All samples are taken first, in turns. Each contest then uses its figures from the samples. The first
    // sample of each contestant is a warm-up.
    let mut samples = [Vec::new(), Vec::new()];
    for _ in 0..=pace.rounds {
        for (name, taken) in ["larder", "redb"].into_iter().zip(&mut samples) {
            taken.push(ask(&file(name))?);
        }
    }
    let [larder, redb] = &samples;
    let figures: [Figure; 3] = [
        ("growth-lookup", "Growth: lookups", Unit::NanosPerOperation, |sample| sample.lookup_nanos),
        ("growth-open", "Growth: open time", Unit::Milliseconds, |sample| sample.open_ms),
        ("growth-memory", "Growth: memory for bookkeeping", Unit::Bytes, |sample| sample.bytes),
    ];
    for (row, title, unit, figure) in figures {
        let mut contest = Contest::new(row, title, setting, unit).at(f64::from(u32::try_from(entries)?));
        for (name, taken) in [("larder", larder), ("redb", redb)] {
            let mut turns = taken.iter().map(figure);
            contest.contestant(name, TERMS, move || turns.next().unwrap_or(f64::NAN));
        }
        match row {
            "growth-open" => contest.target(Against::Bound(20.0), 1.0, "20 ms, whatever the number of entries"),
            "growth-lookup" => contest.target(Against::peer("redb"), 0.5, "no faster than redb's tree: at most 2 × its lookup"),
            _ => contest.note(
                "The growth of the process since it opened the file: threads, shards, a memory tier of 64 KiB, and the \
                 page cache, which fills up to its bound. redb has a page cache of the same bound.",
            ),
        }
        contest.run(pace);
    }
    if pace.wants("growth-work", setting) {
        let work = Work { filled, length, ..work_on(&file("larder"), entries)? };
        let title = "Growth: work on many entries";
        let contest = Contest::new("growth-work", title, setting, Unit::OperationsPerSecond);
        let mut contest = contest.at(f64::from(u32::try_from(entries)?)).without_warm_up();
        contest.contestant("larder", TERMS, || work.measured(entries));
        contest.note(
            "The figure is the inserts of a second while the file is filled, until all are committed. A removal is \
             acknowledged when it is durable and seen by all lookups. The entries are deleted afterwards. The \
             prefix covers a tenth of the entries.",
        );
        contest.run(&pace.rounds(1));
    }
    Ok(())
}

/// The times of operations on a whole file, and the file's length after filling.
#[derive(Debug, Default)]
struct Work {
    filled: Duration,
    length: u64,
    /// Time until an inspector has opened the closed file and described it.
    described: Duration,
    swept: Duration,
    prefix: Removal,
    all: Removal,
}

/// The time until a removal returned, and the time until the last of its entries was deleted.
#[derive(Debug, Default)]
struct Removal {
    acknowledged: Duration,
    deleted: Duration,
}

impl Work {
    #[expect(clippy::cast_precision_loss, reason = "lengths of files are below what a double tells apart")]
    fn measured(&self, entries: usize) -> Measured {
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        let times = [
            ("described (`info`)", self.described),
            ("1 % swept", self.swept),
            ("`remove_prefix` acknowledged", self.prefix.acknowledged),
            ("`remove_prefix` deleted", self.prefix.deleted),
            ("`clear` acknowledged", self.all.acknowledged),
            ("`clear` deleted", self.all.deleted),
        ];
        let measured = Measured::new(per_second(self.filled, entries))
            .also("file", Unit::Bytes, self.length as f64)
            .also("file for each entry", Unit::BytesPerEntry, self.length as f64 / entries as f64);
        times.into_iter().fold(measured, |all, (said, time)| all.also(said, Unit::Milliseconds, millis(time)))
    }
}

/// Describes a file, adds and sweeps a hundredth more entries, and then removes all other entries.
fn work_on(file: &Path, entries: usize) -> Result<Work, Box<dyn Error>> {
    let mut described = Ok(0);
    let mut work = Work {
        described: time(|| {
            described = Inspector::open(file)
                .and_then(|inspector| inspector.snapshot())
                .map(|snapshot| snapshot.file().entries);
        }),
        ..Work::default()
    };
    assert_eq!(described?, entries as u64, "the file has all entries");
    // The manual clock starts later than the times in the file, but before its entries expire.
    let clock = Arc::new(ManualClock::starting_at(SystemClock::new().wall()));
    let cache =
        builder(file, room(entries, TEXT_LEN)).memory_capacity(NO_MEMORY).clock(clock.clone()).open()?;
    let pages = pages(&cache);
    let options = InsertOptions::new().ttl(SHORT);
    let count = entries / 100;
    for number in 0..count {
        // This key sorts between other keys, so the swept entries are spread over the whole file.
        let key = format!("{}~", key(number * 100));
        pages.insert_with(key.as_str(), page_of(number, TEXT_LEN), options)?;
    }
    cache.flush()?;
    clock.advance(2 * SHORT);
    let swept = || cache.stats().disk.map_or(0, |disk| disk.expirations);
    let mut is_refused = Ok(());
    work.swept = time(|| {
        while is_refused.is_ok() && swept() < count as u64 {
            is_refused = cache.sweep().map(drop);
        }
    });
    is_refused?;
    // With ten thousand entries, for example, these are the keys `product_00001000` to `product_00001999`.
    let digits = entries.ilog10() as usize;
    let tenth = format!("product_{}1", "0".repeat(8 - digits));
    work.prefix = removal(&cache, entries / 10, || pages.remove_prefix(tenth.as_str()))?;
    work.all = removal(&cache, entries - entries / 10, || pages.clear())?;
    Ok(work)
}

/// Removes entries, and waits until they are deleted.
#[expect(clippy::disallowed_methods, reason = "a measurement lasts for as long as it lasts")]
fn removal(
    cache: &Cache,
    count: usize,
    remove: impl FnOnce() -> Result<u64, larder::Error>,
) -> Result<Removal, larder::Error> {
    let watch = Stopwatch::start();
    let removed = remove()?;
    let acknowledged = watch.elapsed();
    assert_eq!(removed, count as u64, "all entries of the range are removed");
    while cache.stats().disk.is_some_and(|disk| disk.pending_removals > 0) {
        thread::sleep(Duration::from_millis(1));
    }
    Ok(Removal { acknowledged, deleted: watch.elapsed() })
}

fn ask(file: &Path) -> Result<Sample, Box<dyn Error>> {
    let line = Process::start(file)?.line()?;
    let words: Vec<f64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    match *words {
        [open_ms, lookup_nanos, bytes] => Ok(Sample { open_ms, lookup_nanos, bytes }),
        _ => Err(format!("the child said {line:?}").into()),
    }
}

/// Runs in a child process: opens the file, looks up keys, and prints the measurements.
fn sample(file: &Path) -> Result<(), Box<dyn Error>> {
    let entries: usize = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().parse()?;
    let keys = uniform(entries, 2 * LOOKUPS, 1);
    let (warm_up, keys) = keys.split_at(LOOKUPS);
    let before = resident_bytes();
    let watch = Stopwatch::start();
    let peer: Box<dyn Peer> = if file.extension().is_some_and(|name| name == "redb") {
        Box::new(RawRedb::open(file)?)
    } else {
        let cache = builder(file, room(entries, TEXT_LEN)).memory_capacity(NO_MEMORY).open()?;
        Box::new(Larder::new(cache, "larder", Lookup::Get))
    };
    let is_found = peer.session().get(keys.first().map_or("", String::as_str));
    let open_ms = watch.nanos() / 1e6;
    let _ = lookups(&*peer, 1, warm_up);
    let found = lookups(&*peer, 1, keys);
    assert!(is_found && found.hits > 99.9, "{} % found", found.hits);
    let bytes = resident_bytes().saturating_sub(before);
    // Closes the peer first. The parent kills this process after the printed line, and a file that was not
    // closed would take longer to open.
    drop(peer);
    println!("{open_ms} {} {bytes}", found.nanos);
    Ok(())
}
