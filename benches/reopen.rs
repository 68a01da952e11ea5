//! Measures the time from opening a file with many entries until the first lookup returns. Before that, the
//! file was closed, or the process that had it open was killed.
//!
//! For the second case, a larder process that writes to the file is killed. redb opens a copy of the file,
//! whose writer was killed in the same way.

#![forbid(unsafe_code)]

use std::error::Error;
use std::fs;
use std::path::Path;

use larder::Cache;
use larder_benches::child::{self, Process};
use larder_benches::disk::{builder, fill, page_of, pages, room};
use larder_benches::peers::raw_redb::RawRedb;
use larder_benches::stopwatch::Stopwatch;
use larder_benches::{Against, Contest, Pace, Unit, key};

const ROW: &str = "reopen";
const TITLE: &str = "First hit after reopening";
/// Length of a page's text in bytes. The texts are short, because there are many pages.
const TEXT_LEN: usize = 64;
const LARDER: &str = "commits of two phases, with quick repair";
const REDB: &str = "the same commits: a copy of the same file";
/// Number of pages that the child rewrites repeatedly.
const REWRITTEN: usize = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(file) = child::task() {
        return write_until_killed(&file);
    }
    let Some(pace) = Pace::of_program("reopen") else { return Ok(()) };
    let entries = pace.pick(1_000_000, 100_000);
    let count = if pace.is_quick { "100k" } else { "1M" };
    let settings = ["closed cleanly", "after kill -9"].map(|how| format!("{count} entries, {how}"));
    if !settings.iter().any(|setting| pace.wants(ROW, setting)) {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let (larder, redb) = (dir.path().join("larder"), dir.path().join("redb"));
    fill(&larder, entries, TEXT_LEN);
    fs::copy(&larder, &redb)?;
    for (setting, bound) in settings.iter().zip([20.0, 50.0]) {
        if !pace.wants(ROW, setting) {
            continue;
        }
        let is_killed = setting.ends_with("kill -9");
        let prepare = |file: &Path| {
            if is_killed {
                kill_a_writer_of(file).expect("a child process starts");
            }
        };
        let mut contest = Contest::new(ROW, TITLE, setting, Unit::Milliseconds);
        let mut turn = 0;
        contest.contestant("larder", LARDER, || {
            prepare(&larder);
            turn += 7919;
            first_hit(&larder, entries, &key(turn % entries))
        });
        let mut turn = 0;
        contest.contestant("redb", REDB, || {
            prepare(&redb);
            turn += 7919;
            first_hit_of_redb(&redb, &key(turn % entries)).expect("the file opens")
        });
        contest.target(Against::Bound(bound), 1.0, &format!("{bound} ms"));
        contest.run(&pace.rounds(10));
    }
    Ok(())
}

fn open(file: &Path, entries: usize) -> Cache {
    builder(file, room(entries, TEXT_LEN)).open().expect("the file opens")
}

fn first_hit(file: &Path, entries: usize, key: &str) -> f64 {
    let watch = Stopwatch::start();
    let cache = open(file, entries);
    let found = pages(&cache).get(key);
    let elapsed = watch.nanos() / 1e6;
    assert!(found.is_some(), "{key} is gone");
    cache.close().expect("the disk takes writes");
    elapsed
}

fn first_hit_of_redb(file: &Path, key: &str) -> Result<f64, redb::Error> {
    let watch = Stopwatch::start();
    let redb = RawRedb::open(file)?;
    let found = redb.table()?.get(key);
    let elapsed = watch.nanos() / 1e6;
    assert!(found.is_some(), "{key} is gone");
    redb.close()?;
    Ok(elapsed)
}

/// Starts a child that writes to a file, and kills the child while it writes.
fn kill_a_writer_of(file: &Path) -> Result<(), Box<dyn Error>> {
    let mut writer = Process::start(file)?;
    // The child prints this line after several commits, and then writes on.
    match writer.line()?.as_str() {
        "writing" => Ok(()),
        other => Err(format!("the child did not write: {other:?}").into()),
    }
}

#[expect(clippy::print_stdout, reason = "a child reports by printing")]
fn write_until_killed(file: &Path) -> Result<(), Box<dyn Error>> {
    // The capacity is large enough for all numbers of entries.
    let cache = open(file, 1_000_000);
    let pages = pages(&cache);
    for turn in 0.. {
        for number in 0..REWRITTEN {
            pages.insert(key(number).as_str(), page_of(number + turn, TEXT_LEN))?;
        }
        if turn == 2 {
            cache.flush()?;
            println!("writing");
        }
    }
    Ok(())
}
