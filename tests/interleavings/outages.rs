//! Tests of a disk that fails and recovers while the cache is used (contracts 3 and 6).
//!
//! A lookup may miss an entry that is only on the disk, and such an entry may be lost. But no lookup returns
//! an overwritten or removed value, even after a restart at any moment after the removal was acknowledged. No
//! thread waits forever.

use std::sync::Mutex;
use std::time::Duration;

use larder::model::pass_time;
use larder::testing::{DiskOperation, Failure, SimulatedVolume};
use larder::{Cache, Keyspace};
use shuttle::rand::{RngCore, thread_rng};
use shuttle::thread::sleep;

use crate::explorer::contest;
use crate::place::{Place, let_others_go_on, versions};
use crate::source::Source;

/// A time longer than the delay before the writer retries the disk.
const RETRY: Duration = Duration::from_mins(1);

/// Number of points during the outage at which other threads may run.
const OUTAGE: usize = 12;

/// Number of coming disk operations from which the failing one is chosen: about as many as two or three
/// commits make.
const NEXT_OPERATIONS: u64 = 60;

/// Makes these operations fail for some time, and then lets the cache retry the disk.
fn fail(place: &Place, disk: &SimulatedVolume, operations: &[DiskOperation]) {
    disk.fail_every(operations, Failure::Io);
    for _ in 0..OUTAGE {
        sleep(Duration::ZERO);
    }
    disk.heal();
    place.time.advance(RETRY);
}

/// Makes one of the next disk operations fail. A retry of that operation succeeds.
fn fail_once(disk: &SimulatedVolume) {
    let next = disk.operations().len() as u64;
    disk.fail_once(next + thread_rng().next_u64() % NEXT_OPERATIONS, Failure::Io);
}

/// A copy of the disk from the moment when a removal was acknowledged, and a number. No restart of that copy
/// may find a lower number. There is no copy if the removal was refused as not durable.
#[derive(Default)]
struct Removed(Mutex<Option<(Option<Place>, u64)>>);

/// Writes key 1, removes it, and writes it again. Each step makes the earlier values wrong.
fn change(place: &Place, source: &Source, removed: &Removed, versions: &Keyspace<u64, u64>) {
    let written = source.next();
    versions.insert(&1, written).unwrap();
    source.settle(written);
    let next = source.next();
    let is_durable = versions.remove(&1).is_ok();
    *removed.0.lock().unwrap() = Some((is_durable.then(|| place.restarted()), next));
    source.settle(next);
    versions.insert(&1, next).unwrap();
}

/// Checks key 1 after the contest, when the disk works again. Looks up the key in this cache, which reads it
/// from the disk, and in new caches on copies of the disk. If the removal was acknowledged, one copy is from
/// that moment, and another one is made now, before the close. The last copy is made after the close. If the
/// close succeeds, the disk has everything that memory had, also a removal that was refused before.
fn judge(place: &Place, cache: Cache, versions: Keyspace<u64, u64>, source: &Source, removed: Removed) {
    pass_time();
    let_others_go_on();
    // Memory holds one entry, so this insert evicts key 1. The next lookup reads the key from the disk.
    versions.insert(&2, 1 << 20).unwrap();
    drop(cache.flush());
    source.get(&versions, &1);
    let at_the_end = place.restarted();
    let has_closed = cache.close().is_ok();
    drop((cache, versions));
    source.check();
    let (at_once, least) = removed.0.into_inner().unwrap().expect("key 1 was removed");
    let at_the_end = at_once.is_some().then_some(at_the_end);
    let closed = has_closed.then(|| place.restarted());
    for place in [at_once, at_the_end, closed].into_iter().flatten() {
        let cache = place.open_tight();
        let found = crate::place::versions(&cache).get(&1).map(|value| *value);
        cache.close().unwrap();
        assert!(
            found.is_none_or(|found| found >= least),
            "{found:?} after a restart, though {least} was removed"
        );
    }
}

pub(crate) fn an_outage_brings_nothing_back() {
    let (place, disk) = Place::on_a_disk();
    let (source, removed) = (Source::new(), Removed::default());
    let cache = place.open_tight();
    let versions = versions(&cache);
    versions.insert(&1, 10).unwrap();
    cache.flush().unwrap();
    contest([
        &|| change(&place, &source, &removed, &versions),
        &|| fail(&place, &disk, &DiskOperation::CHANGES),
        &|| {
            source.get(&versions, &1);
            versions.insert(&2, 1 << 20).unwrap();
            drop(cache.flush());
            source.get(&versions, &1);
        },
    ]);
    judge(&place, cache, versions, &source, removed);
}

/// A single operation fails. The file is closed and reopened, and the commit is repeated within the same step
/// if that is enough.
pub(crate) fn a_single_failure_brings_nothing_back() {
    let (place, disk) = Place::on_a_disk();
    let (source, removed) = (Source::new(), Removed::default());
    let cache = place.open_tight();
    let versions = versions(&cache);
    versions.insert(&1, 10).unwrap();
    cache.flush().unwrap();
    contest([&|| change(&place, &source, &removed, &versions), &|| fail_once(&disk), &|| {
        versions.insert(&2, 1 << 20).unwrap();
        source.get(&versions, &1);
        source.get(&versions, &1);
    }]);
    place.time.advance(RETRY);
    judge(&place, cache, versions, &source, removed);
}

/// Reads and syncs fail. Lookups then miss and report the failure, and the writer reacts to the report.
pub(crate) fn lookups_that_fail_bring_nothing_back() {
    let (place, disk) = Place::on_a_disk();
    let (source, removed) = (Source::new(), Removed::default());
    let cache = place.open_tight();
    let versions = versions(&cache);
    versions.insert(&1, 10).unwrap();
    cache.flush().unwrap();
    versions.insert(&2, 1 << 20).unwrap();
    cache.flush().unwrap();
    contest([
        &|| change(&place, &source, &removed, &versions),
        &|| fail(&place, &disk, &[DiskOperation::Read, DiskOperation::Sync]),
        &|| {
            source.get(&versions, &1);
            source.load(&versions, &1);
            source.get(&versions, &1);
        },
    ]);
    judge(&place, cache, versions, &source, removed);
}

/// The disk fails until the end of the contest, while callers find the write buffer full. Removals must
/// still return.
pub(crate) fn no_caller_waits_for_a_disk_that_is_gone() {
    let (place, disk) = Place::on_a_disk();
    let (source, removed) = (Source::new(), Removed::default());
    let cache = place.open_full();
    let versions = versions(&cache);
    contest([
        &|| change(&place, &source, &removed, &versions),
        &|| {
            versions.insert(&2, 1 << 20).unwrap();
            versions.insert(&2, 2 << 20).unwrap();
        },
        &|| disk.fail_every(&DiskOperation::CHANGES, Failure::Io),
        &|| source.get(&versions, &1),
    ]);
    disk.heal();
    place.time.advance(RETRY);
    judge(&place, cache, versions, &source, removed);
}
