//! Measures the operations on one keyspace while there are many others. The other keyspaces must not slow any
//! operation down.
//!
//! Each figure is in microseconds. If calls are timed one by one, it is their median. The last column is the
//! largest ratio to the time with a single keyspace. `TMPDIR=/dev/shm` measures larder and its store without
//! a disk, so that no commit waits for a device and any growth is visible. With many keyspaces, each request
//! uses another keyspace, so it finds less data in the processor's caches.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "this program's output is its purpose")]

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use larder::{Cache, Durability, Follower, InsertOptions, KeyspaceDefinition};
use larder_benches::Pace;
use larder_benches::stopwatch::Stopwatch;

const FEW: [usize; 2] = [1, 100];
const MANY: usize = 4_000;
const QUICK_MANY: usize = 1_000;
/// Number of keyspaces that are opened one by one.
const MORE: usize = 100;

type Row = (&'static str, f64);

fn main() -> Result<(), Box<dyn Error>> {
    let Some(pace) = Pace::of_program("many_keyspaces") else { return Ok(()) };
    let counts = [FEW[0], FEW[1], pace.pick(MANY, QUICK_MANY)];
    let mut columns = Vec::new();
    for count in counts {
        columns.push(measure(count)?);
    }
    let [one, some, many] = &columns[..] else { return Ok(()) };
    println!(
        "{:32}{:>11}{:>11}{:>11}{:>11}",
        "microseconds, with keyspaces", counts[0], counts[1], counts[2], "at most"
    );
    for (((name, one), (_, some)), (_, many)) in one.iter().zip(some).zip(many) {
        println!("{name:32}{one:>11.2}{some:>11.2}{many:>11.2}{:>9.2} ×", some.max(*many) / one);
    }
    Ok(())
}

fn measure(count: usize) -> Result<Vec<Row>, Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("many.larder");
    let cache = Cache::builder().path(&path).open()?;
    let definitions: Vec<_> = (0..count).map(numbered).collect();
    let watch = Stopwatch::start();
    let all: Vec<_> =
        definitions.iter().map(|definition| cache.keyspace(*definition)).collect::<Result<_, _>>()?;
    cache.flush()?;
    let mut rows = vec![("each of them opened, and a flush", micros(watch.elapsed()) / float(count))];
    for numbers in &all {
        numbers.insert(&1, 1)?;
    }
    cache.flush()?;
    let of = |at: usize| all.get(at * 7 % count).expect("the remainder is less than their number");
    let is_durable = InsertOptions::new().durability(Durability::Immediate);
    rows.push(("one insert committed", median(200, |at| drop(of(at).insert_with(&2, 2, is_durable)))));
    rows.push(("a flush of nothing", median(200, |_| drop(cache.flush()))));
    rows.push(("one insert, buffered", median(5_000, |at| drop(of(at).insert(&3, 3)))));
    rows.push(("one lookup in memory", median(5_000, |at| drop(black_box(of(at).get(&1))))));
    cache.flush()?;
    let follower = Follower::open(&path)?;
    let seen = follower.keyspace(numbered(0));
    rows.push(("one lookup by a follower", median(1_000, |_| drop(black_box(seen.get(&1))))));
    rows.push(("statistics of one", median(1_000, |at| drop(black_box(of(at).stats())))));
    rows.push(("statistics of all", median(20, |_| drop(black_box(cache.stats())))));
    drop(all);
    let watch = Stopwatch::start();
    cache.close()?;
    rows.push(("closing", micros(watch.elapsed())));
    let watch = Stopwatch::start();
    let cache = Cache::builder().path(&path).open()?;
    rows.push(("opening the file", micros(watch.elapsed())));
    // The first opening is measured separately, because it differs from later ones.
    let first = KeyspaceDefinition::<u64, u64>::new("another").ttl(Duration::from_hours(1));
    rows.push(("the first opened then", median(1, |_| drop(cache.keyspace(first)))));
    let open = |at: usize| drop(definitions.get(at).map(|definition| cache.keyspace(*definition)));
    rows.push(("one opened that the file has", median(count.min(MORE), open)));
    // This operation is last, because it adds keyspaces.
    rows.push(("one more opened", median(MORE, |at| drop(cache.keyspace(numbered(count + at))))));
    Ok(rows)
}

/// Returns the definition of the keyspace with this number. Its name is leaked.
fn numbered(number: usize) -> KeyspaceDefinition<u64, u64> {
    KeyspaceDefinition::new(Box::leak(format!("keyspace {number:05}").into_boxed_str()))
        .ttl(Duration::from_hours(1))
}

/// Returns the median time of `calls` calls, in microseconds.
fn median(calls: usize, mut call: impl FnMut(usize)) -> f64 {
    let time = |at| {
        let watch = Stopwatch::start();
        call(at);
        watch.elapsed()
    };
    let mut times: Vec<Duration> = (0..calls).map(time).collect();
    times.sort_unstable();
    times.get(calls / 2).copied().map_or(f64::NAN, micros)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[expect(clippy::cast_precision_loss, reason = "there are thousands")]
fn float(count: usize) -> f64 {
    count as f64
}
