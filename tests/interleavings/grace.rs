//! Tests of failing loads that return a stale value, together with removals (contract 3).

use std::time::Duration;

use larder::Keyspace;
use shuttle::thread::sleep;

use crate::explorer::contest;
use crate::place::{Place, STALE, TTL};
use crate::source::Source;

/// Loads the key with a loader that fails, and judges the stale value that the caller gets, if there is one.
/// The cache reads the stale value only after the loader has failed.
fn fail(source: &Source, versions: &Keyspace<u64, u64>) {
    source.look_again("stale", |failed| {
        let loaded = versions.get_or_load(&1, || {
            sleep(Duration::ZERO);
            failed();
            Err::<u64, _>("the source is away")
        });
        loaded.ok().map(|value| *value)
    });
}

/// Key 1 has expired. One thread removes it while loads of the key fail.
fn contest_with_removals(place: &Place, source: &Source, versions: &Keyspace<u64, u64>) {
    place.time.advance(TTL);
    contest([
        &|| {
            source.change(|| _ = versions.remove(&1).unwrap());
            fail(source, versions);
        },
        &|| {
            fail(source, versions);
            fail(source, versions);
        },
        &|| {
            fail(source, versions);
            fail(source, versions);
        },
    ]);
    fail(source, versions);
}

pub(crate) fn a_stale_answer_never_outlives_a_removal() {
    let (place, source) = (Place::new(), Source::new());
    let cache = place.open();
    let versions = cache.keyspace(STALE).unwrap();
    source.load(&versions, &1);
    contest_with_removals(&place, &source, &versions);
    cache.close().unwrap();
    source.check();
}

/// Runs the contest with a stale value that is on disk only.
pub(crate) fn a_stale_answer_from_disk_never_outlives_a_removal() {
    let (place, source) = (Place::new(), Source::new());
    let cache = place.open_tight();
    let versions = cache.keyspace(STALE).unwrap();
    source.load(&versions, &1);
    cache.flush().unwrap();
    versions.insert(&2, 1 << 20).unwrap();
    cache.flush().unwrap();
    contest_with_removals(&place, &source, &versions);
    cache.close().unwrap();
    source.check();
}
