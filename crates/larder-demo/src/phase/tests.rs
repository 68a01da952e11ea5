//! Tests of the phases: the results are correct, and the check detects a cache that serves stale answers.

use larder::Cache;

use super::*;
use crate::shop::catalog::{Change, Subject};
use crate::shop::service::{CachedService, DirectService};
use crate::shop::values::Answer;
use crate::shop::writer::Writer;
use crate::workload::Stream;

/// Enough requests for 30 changes.
const REQUESTS: u64 = 60_000;

fn world(dir: &tempfile::TempDir) -> World {
    let catalog = Catalog::new().unwrap();
    let path = dir.path().join("shop.sqlite");
    let database = Database::open_or_fill(&path, &catalog, &ProgressBar::hidden()).unwrap();
    World { database, catalog, workload: Workload::new(), min_revisions: MinRevisions::new() }
}

fn plan(requests: u64) -> PhasePlan {
    PhasePlan {
        requests,
        clients: (0..3).map(|thread| Stream::Before(thread).rng(1)).collect(),
        changes: Stream::ChangesBefore.rng(1),
        since: clock::now(),
        bar: ProgressBar::hidden(),
    }
}

/// A service that changes the database without invalidating the cache.
struct WithoutInvalidation<'a>(CachedService<'a>, DirectService<'a>);

impl Service for WithoutInvalidation<'_> {
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
    let service = DirectService { catalog: &world.catalog };
    let result = run(plan(REQUESTS), &world, &service).unwrap();
    assert_eq!((result.requests, result.queries), (REQUESTS, REQUESTS));
    assert_eq!((result.stale, result.first_hits, result.first_hit), (0, 0, None));
}

#[test]
fn with_larder_most_requests_are_hits_and_none_is_stale() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(&dir);
    let service = CachedService::open(&Cache::builder().open().unwrap(), &world.catalog).unwrap();
    let result = run(plan(REQUESTS), &world, &service).unwrap();
    assert_eq!((result.requests, result.stale), (REQUESTS, 0));
    assert!(result.queries < REQUESTS / 2, "{} queries", result.queries);
    assert!(result.first_hits > 0 && result.first_hits < FIRST);
    assert!(result.first_hit.is_some());
}

#[test]
fn a_cache_that_is_not_invalidated_is_caught() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(&dir);
    let catalog = &world.catalog;
    let cached = CachedService::open(&Cache::builder().open().unwrap(), catalog).unwrap();
    let service = WithoutInvalidation(cached, DirectService { catalog });
    let result = run(plan(REQUESTS), &world, &service).unwrap();
    assert!(result.stale > 0, "the planted fault was not caught");
}
