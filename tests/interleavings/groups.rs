//! Tests of lookups of two keys at one moment. One key is on disk, and the other key is in memory. Beside
//! the lookup, another thread replaces the value in memory, makes the entry on disk disappear, and replaces
//! the value in memory again.

use std::sync::Mutex;

use larder::testing::{DiskOperation, Failure};
use larder::{Cache, Error, Keyspace, KeyspaceDefinition};

use crate::explorer::contest;
use crate::place::{PAIRS, Place, TTL, let_others_go_on};

const ON_DISK: (u64, u64) = (1, 1);
const IN_MEMORY: (u64, u64) = (2, 1);
/// Another key on disk, which no lookup reads.
const OTHER: (u64, u64) = (3, 1);

/// The value of the key on disk.
const STORED: u64 = 10;
/// The value in memory before the contest.
const FIRST: u64 = 20;
/// The value that replaces [`FIRST`] while the entry on disk still exists.
const BEFORE: u64 = 21;
/// The value that a transaction stores in memory when it has missed the entry on disk.
const AFTER: u64 = 22;

/// Large values. Storing them makes the disk evict older entries.
const FILLING: KeyspaceDefinition<u64, Vec<u8>> = KeyspaceDefinition::new("filling").ttl(TTL);

/// Number of bytes of a large value.
const LARGE: usize = 60 << 10;
/// Number of large values that the file can hold beside the other entries.
const FILLED: u64 = 12;

/// The values that a lookup of both keys has found.
type Found = [Option<u64>; 2];

/// Opens a cache whose memory holds one entry, and stores both entries.
fn on_disk_and_in_memory(place: &Place) -> (Cache, Keyspace<(u64, u64), u64>) {
    let cache = place.open_tight();
    let pairs = cache.keyspace(PAIRS).unwrap();
    pairs.insert(&ON_DISK, STORED).unwrap();
    cache.flush().unwrap();
    place.time.advance(TTL / 2);
    pairs.insert(&IN_MEMORY, FIRST).unwrap();
    cache.flush().unwrap();
    (cache, pairs)
}

/// Looks up both keys, without waiting.
fn look_up(cache: &Cache, pairs: &Keyspace<(u64, u64), u64>) -> Option<Found> {
    let _inline = cache.inline_calls();
    let found = pairs.try_get_group([ON_DISK, IN_MEMORY])?;
    Some([0, 1].map(|at: usize| found.get(at).and_then(|value| value.as_deref().copied())))
}

/// Looks up both keys while `lose` makes the entry on disk disappear. Returns the result if the two values
/// never existed at the same time. Also returns the result of a last lookup, which runs alone.
fn look_up_beside(
    cache: &Cache,
    pairs: &Keyspace<(u64, u64), u64>,
    lose: impl Fn() + Sync,
) -> (Option<Found>, Option<Found>) {
    let seen = Mutex::new(None);
    contest([
        &|| {
            let found = look_up(cache, pairs);
            *seen.lock().unwrap() = found;
        },
        &|| {
            pairs.insert(&IN_MEMORY, BEFORE).unwrap();
            lose();
            // Unlike a lookup, a transaction fails if it can't read the disk.
            let stored = cache.transaction(|tx| {
                if tx.get(pairs, &ON_DISK)?.is_none() {
                    tx.insert(pairs, &IN_MEMORY, AFTER)?;
                }
                Ok::<_, Error>(())
            });
            drop(stored);
        },
    ]);
    let_others_go_on();
    drop(cache.flush());
    let last = look_up(cache, pairs);
    let is_wrong = |found: &Found| matches!(found, [Some(STORED), Some(AFTER)] | [None, Some(FIRST)]);
    (seen.into_inner().unwrap().filter(is_wrong), last)
}

/// Runs a scenario with a file that stays in service.
fn is_of_one_moment_beside(lose: impl Fn(&Place, &Keyspace<(u64, u64), u64>) + Sync) {
    let place = Place::new();
    let (cache, pairs) = on_disk_and_in_memory(&place);
    let (wrong, last) = look_up_beside(&cache, &pairs, || lose(&place, &pairs));
    cache.close().unwrap();
    check(wrong, last);
}

fn check(wrong: Option<Found>, last: Option<Found>) {
    check_moment(wrong);
    assert!(last.is_some(), "nothing came in between");
}

fn check_moment(wrong: Option<Found>) {
    assert_eq!(wrong, None, "the results are of no moment");
}

pub(crate) fn a_group_lookup_beside_a_removal_is_of_one_moment() {
    is_of_one_moment_beside(|_, pairs| _ = pairs.remove(&ON_DISK).unwrap());
}

pub(crate) fn a_group_lookup_beside_a_removal_by_prefix_is_of_one_moment() {
    is_of_one_moment_beside(|_, pairs| _ = pairs.remove_prefix((1,)).unwrap());
}

pub(crate) fn a_group_lookup_beside_an_expiry_is_of_one_moment() {
    is_of_one_moment_beside(|place, _| place.time.advance(TTL / 2));
}

/// The file is full of large values. The next large value evicts the oldest entry, which is the entry on
/// disk.
pub(crate) fn a_group_lookup_beside_an_eviction_from_disk_is_of_one_moment() {
    let place = Place::new();
    let cache = place.open_tight();
    let (pairs, filling) = (cache.keyspace(PAIRS).unwrap(), cache.keyspace(FILLING).unwrap());
    let fill = |key| filling.insert(&key, vec![1; LARGE]).unwrap();
    pairs.insert(&ON_DISK, STORED).unwrap();
    (0..FILLED).for_each(fill);
    cache.flush().unwrap();
    assert!((0..FILLED).all(|key| filling.peek(&key).is_some()), "the file is not too full yet");
    pairs.insert(&IN_MEMORY, FIRST).unwrap();
    cache.flush().unwrap();
    let (wrong, last) = look_up_beside(&cache, &pairs, || {
        fill(FILLED);
        cache.flush().unwrap();
    });
    cache.close().unwrap();
    check(wrong, last);
}

/// The removal of another key can't be committed, so the file is discarded.
pub(crate) fn a_group_lookup_beside_a_discarded_file_is_of_one_moment() {
    let (place, disk) = Place::on_a_disk();
    let (cache, pairs) = on_disk_and_in_memory(&place);
    pairs.insert(&OTHER, STORED).unwrap();
    cache.flush().unwrap();
    pairs.insert(&IN_MEMORY, FIRST).unwrap();
    cache.flush().unwrap();
    let (wrong, _) = look_up_beside(&cache, &pairs, || {
        disk.fail_every(&DiskOperation::CHANGES, Failure::Io);
        assert!(pairs.remove(&OTHER).is_err(), "nothing can be committed");
    });
    drop(cache.close());
    check_moment(wrong);
}
