//! The harness on itself: it counts what happens, and it catches a cache that is stale.

use larder::Cache;

use super::*;
use crate::demo::directory::{Change, Subject};
use crate::demo::service::{Cached, Uncached};
use crate::demo::shop::Answer;
use crate::demo::workload::Stream;
use crate::demo::writer::Writer;

/// Enough for some dozens of changes to the things that are asked for most.
const REQUESTS: u64 = 60_000;

fn world(dir: &tempfile::TempDir) -> World {
    let directory = Directory::new().unwrap();
    let path = dir.path().join("shop.sqlite");
    let database = Database::open_or_fill(&path, &directory, &ProgressBar::hidden()).unwrap();
    World { database, directory, workload: Workload::new(), floors: Floors::new() }
}

fn plan(requests: u64) -> Plan {
    Plan {
        requests,
        askers: (0..3).map(|thread| Stream::Before(thread).rng(1)).collect(),
        changer: Stream::ChangesBefore.rng(1),
        since: clock::now(),
        bar: ProgressBar::hidden(),
    }
}

/// A service whose changes tell the cache nothing.
struct Forgetful<'a>(Cached<'a>, Uncached<'a>);

impl Service for Forgetful<'_> {
    fn answer(&self, subject: Subject, database: &Reader) -> Result<Answer, Error> {
        self.0.answer(subject, database)
    }

    fn change(&self, change: Change, database: &mut Writer) -> Result<u64, Error> {
        self.1.change(change, database)
    }
}

#[test]
fn without_a_cache_every_request_is_a_query() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(&dir);
    let service = Uncached { directory: &world.directory };
    let seen = run(plan(REQUESTS), &world, &service).unwrap();
    assert_eq!((seen.requests, seen.queries), (REQUESTS, REQUESTS));
    assert_eq!((seen.stale, seen.first_hits, seen.first_hit), (0, 0, None));
}

#[test]
fn with_larder_most_requests_are_hits_and_none_is_stale() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(&dir);
    let service = Cached::open(&Cache::builder().open().unwrap(), &world.directory).unwrap();
    let seen = run(plan(REQUESTS), &world, &service).unwrap();
    assert_eq!((seen.requests, seen.stale), (REQUESTS, 0));
    assert!(seen.queries < REQUESTS / 2, "{} queries", seen.queries);
    assert!(seen.first_hits > 0 && seen.first_hits < FIRST);
    assert!(seen.first_hit.is_some());
}

#[test]
fn a_cache_that_is_not_invalidated_is_caught() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(&dir);
    let directory = &world.directory;
    let cached = Cached::open(&Cache::builder().open().unwrap(), directory).unwrap();
    let seen = run(plan(REQUESTS), &world, &Forgetful(cached, Uncached { directory })).unwrap();
    assert!(seen.stale > 0, "the planted fault was not caught");
}
