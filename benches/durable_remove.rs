//! What a removal costs that is on the disk when it returns: from one thread, and from eight, which share commits.
//!
//! What was removed is stored again between the turns, untimed.

#![forbid(unsafe_code)]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Duration;

use larder_benches::disk::{TEXT_LEN, batches, builder, fill, page, room};
use larder_benches::peers::Peer;
use larder_benches::peers::cached_redb::CachedRedb;
use larder_benches::peers::fjall::Fjall;
use larder_benches::peers::larder::{Larder, Lookup};
use larder_benches::peers::raw_redb::RawRedb;
use larder_benches::peers::sqlite::{Remover, Sqlite, Synchronous};
use larder_benches::stopwatch::{in_threads, nanos_each, per_second};
use larder_benches::{Against, Contest, Pace, Unit, key};

const ROW: &str = "durable-remove";
const TITLE: &str = "Durable remove";
const THREADS: usize = 8;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(pace) = Pace::of_program("durable_remove") else { return Ok(()) };
    let (one, eight) = ("1 thread", "8 threads");
    if !pace.wants(ROW, one) && !pace.wants(ROW, eight) {
        return Ok(());
    }
    let entries = pace.pick(200_000, 50_000);
    let dir = tempfile::tempdir()?;
    let field = Field::new(dir.path(), entries)?;
    let count = pace.pick(400, 80);
    if pace.wants(ROW, one) {
        let mut contest = Contest::new(ROW, TITLE, one, Unit::NanosPerOperation);
        for remover in field.all() {
            let mut turn = 0;
            contest.contestant(remover.name(), remover.terms(), move || {
                turn += 1;
                nanos_each(removals(remover, 1, &scattered(entries, turn, count)), count)
            });
        }
        contest.target(Against::peer("redb"), 1.0 / 1.3, "at most 1.3 × raw redb's commit of the same durability");
        contest.run(&pace);
    }
    if pace.wants(ROW, eight) {
        let mut contest = Contest::new(ROW, TITLE, eight, Unit::OperationsPerSecond);
        for remover in field.all() {
            let mut turn = 0;
            contest.contestant(remover.name(), remover.terms(), move || {
                turn += 1;
                let count = count * THREADS / 2;
                per_second(removals(remover, THREADS, &scattered(entries, turn, count)), count)
            });
        }
        let mut turn = 0;
        contest.contestant("larder, 1 thread", field.larder.terms(), move || {
            turn += 1;
            per_second(removals(&field.larder, 1, &scattered(entries, turn, count)), count)
        });
        contest.target(Against::peer("larder, 1 thread"), 4.0, "8 threads at least 4 × one: they share commits");
        contest.run(&pace);
    }
    Ok(())
}
