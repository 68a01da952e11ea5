//! Tests of a cache file on a simulated disk that another process overwrites with an older copy, or replaces,
//! while the cache opens it, closes it, or has it out of service, and while it can't be moved aside.
//!
//! An opening finds nothing wrong with an older copy. So the process that had the file open must notice it.

use larder::testing::{Act, DiskOperation, Failure};
use larder::{ByteSize, Cache, DiskState, Error, Event};

use crate::support::NAMES;
use crate::support::simulated::{Names, PATH, SimulatedPlace, disk_of, filled, state_of, value};

/// Fills a cache, and returns it with a copy of the file that is one commit older than the file.
fn filled_twice(place: &SimulatedPlace) -> (Cache, Names, Vec<u8>) {
    let (cache, names) = filled(place);
    let older = place.disk.read(PATH).unwrap();
    names.insert("kept", "kept 2".to_owned()).unwrap();
    cache.flush().unwrap();
    (cache, names, older)
}

/// Returns which operations from `began` on have written a header.
fn headers(place: &SimulatedPlace, began: u64) -> Vec<u64> {
    place.disk.writes_at_start().into_iter().filter_map(|at| at.checked_sub(began)).collect()
}

/// Returns the operations before the last write of a header. Nothing can notice what happens between the
/// check of a header and its write, so the writes of headers are left out.
fn before_last(headers: &[u64]) -> impl Iterator<Item = u64> {
    let last = *headers.last().expect("a header is written");
    (0..last).filter(|offset| !headers.contains(offset))
}

/// Closes a cache, and overwrites the file before operation `offset` of the call.
fn close_and_overwrite_before(offset: Option<u64>) -> (SimulatedPlace, u64, Result<(), Error>) {
    let place = SimulatedPlace::new();
    let (cache, names, older) = filled_twice(&place);
    names.insert("late", "late 1".to_owned()).unwrap();
    let began = place.next_operation();
    if let Some(offset) = offset {
        place.disk.act_at(began + offset, Act::Overwrite(PATH.into(), older));
    }
    let closed = cache.close();
    (place, began, closed)
}

#[test]
fn what_is_overwritten_while_the_cache_is_closed_is_moved_aside() {
    let (place, began, closed) = close_and_overwrite_before(None);
    closed.unwrap();
    let mut refused = 0;
    for offset in before_last(&headers(&place, began)) {
        let (place, _, closed) = close_and_overwrite_before(Some(offset));
        assert_eq!(place.quarantined_files().len(), 1, "before operation {offset}: {closed:?}");
        let told = place.events();
        assert!(
            told.iter().any(|event| matches!(event, Event::DiskQuarantined { .. })),
            "before operation {offset}: {told:?}"
        );
        let reopened = place.open().keyspace(NAMES).unwrap();
        let (kept, late) = (value(&reopened, "kept"), value(&reopened, "late"));
        assert!(kept.is_none(), "before operation {offset}: {kept:?}");
        assert!(late.is_some() || closed.is_err(), "before operation {offset}");
        refused += u32::from(late.is_none());
    }
    assert!(refused > 0, "the last write finds the older copy");
}

#[test]
fn what_is_overwritten_while_the_file_is_out_of_service_is_moved_aside() {
    let place = SimulatedPlace::new();
    let (cache, names, older) = filled_twice(&place);
    // The header is not written, so the cache still knows what it has left in the file.
    place.disk.fail_every(&[DiskOperation::Sync], Failure::Io);
    names.insert("new", "new 1".to_owned()).unwrap();
    assert!(cache.flush().is_err());
    assert_eq!(state_of(&cache), DiskState::Suspended);
    place.disk.act(Act::Overwrite(PATH.into(), older));
    place.retry(&cache);
    let disk = disk_of(&cache);
    assert_eq!((disk.state, disk.discards, disk.quarantines), (DiskState::On, 1, 1));
    drop(names);
    cache.close().unwrap();
    let reopened = place.open().keyspace(NAMES).unwrap();
    assert_eq!((value(&reopened, "kept"), value(&reopened, "new").as_deref()), (None, Some("new 1")));
}

/// What [`remove_and_overwrite_before`] has seen.
struct Removal {
    headers: Vec<u64>,
    removed: Result<u64, Error>,
    /// What the process would leave if it was killed after the answer.
    left: SimulatedPlace,
}

/// Removes entries that take several transactions of one step. The first transaction removes the key `kept`.
/// Overwrites the file before operation `offset` of the call. From then on, no file can be renamed.
fn remove_and_overwrite_before(offset: Option<u64>) -> Removal {
    let place = SimulatedPlace::new();
    let builder = place.builder().stepped(1).disk_capacity(ByteSize::mib(1));
    let cache = builder.open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    let others: Vec<String> = (0..80).map(|number| format!("other {number}")).collect();
    let keys = || others.iter().map(String::as_str).chain(["kept"]);
    for key in keys() {
        names.insert(key, format!("{key} 1")).unwrap();
    }
    cache.flush().unwrap();
    let older = place.disk.read(PATH).unwrap();
    let began = place.next_operation();
    if let Some(offset) = offset {
        place.disk.act_at(began + offset, Act::Overwrite(PATH.into(), older));
        place.disk.fail_every(&[DiskOperation::Rename], Failure::Io);
    }
    let removed = names.remove_many(keys());
    Removal { headers: headers(&place, began), removed, left: place.moved_to(place.disk.copy()) }
}

#[test]
fn a_removal_is_not_acknowledged_if_a_later_part_of_its_step_finds_an_older_copy() {
    let undisturbed = remove_and_overwrite_before(None);
    assert_eq!(undisturbed.removed.unwrap(), 81);
    let (mut refused, headers) = (0, undisturbed.headers);
    assert!(headers.len() > 4, "the step takes several transactions: {headers:?}");
    for offset in before_last(&headers).step_by(3) {
        let Removal { removed, left, .. } = remove_and_overwrite_before(Some(offset));
        let kept = value(&left.open().keyspace(NAMES).unwrap(), "kept");
        assert!(removed.is_err() || kept.is_none(), "before operation {offset}: {removed:?}, {kept:?}");
        refused += u32::from(removed.is_err());
    }
    assert!(refused > 0, "no run has found the older copy");
}

/// Opens a cache, and replaces its file with a note before operation `offset` of the call. Uses the cache if
/// it could be opened. Returns the number of operations of the opening, and whether it has succeeded.
fn open_and_replace_before(offset: Option<u64>) -> (u64, bool) {
    const NOTE: &[u8] = b"a note of the user";
    let place = SimulatedPlace::new();
    let (cache, names) = filled(&place);
    drop(names);
    cache.close().unwrap();
    drop(cache);
    let began = place.next_operation();
    if let Some(offset) = offset {
        place.disk.act_at(began + offset, Act::Replace(PATH.into(), NOTE.to_vec()));
    }
    let opened = place.builder().open();
    let operations = place.next_operation() - began;
    let is_open = opened.is_ok();
    if let Ok(cache) = opened
        && let Ok(names) = cache.keyspace(NAMES)
    {
        names.insert("new", "new 1".to_owned()).unwrap();
        drop((cache.flush(), names));
        drop(cache.close());
    }
    if offset.is_some() {
        let found = place.disk.read(PATH);
        assert!(found.is_some_and(|found| found == NOTE), "replaced before operation {offset:?}");
    }
    (operations, is_open)
}

#[test]
fn a_file_that_takes_the_place_of_the_cache_file_while_it_is_opened_is_not_touched() {
    let (operations, is_open) = open_and_replace_before(None);
    assert!(is_open);
    let opened =
        (operations / 2..operations).filter(|offset| open_and_replace_before(Some(*offset)).1).count();
    eprintln!("{operations} operations, {opened} openings succeed");
}

/// Opens a cache. Before operation `offset` of the call, another owner has added a key. Returns the place,
/// the number of the first operation, and the value of the key.
fn open_after_another(offset: Option<u64>) -> (SimulatedPlace, u64, Option<String>) {
    let place = SimulatedPlace::new();
    let (cache, names) = filled(&place);
    drop(names);
    cache.close().unwrap();
    drop(cache);
    let other = place.moved_to(place.disk.copy());
    let their_cache = other.open();
    their_cache.keyspace(NAMES).unwrap().insert("theirs", "theirs 1".to_owned()).unwrap();
    their_cache.close().unwrap();
    let began = place.next_operation();
    if let Some(offset) = offset {
        place.disk.act_at(began + offset, Act::Overwrite(PATH.into(), other.disk.read(PATH).unwrap()));
    }
    let names = place.builder().open().unwrap().keyspace(NAMES).unwrap();
    let found = value(&names, "theirs");
    (place, began, found)
}

#[test]
fn an_owner_that_commits_just_before_the_file_is_locked_is_believed() {
    let (place, began, found) = open_after_another(None);
    assert_eq!(found, None);
    let first_header = usize::try_from(began + headers(&place, began)[0]).unwrap();
    let operations = place.disk.operations();
    let opened = operations[..first_header].iter().rposition(|kind| *kind == DiskOperation::Open).unwrap();
    // The next operation reads what the file begins with.
    assert_eq!(operations[opened + 1], DiskOperation::Read);
    let (place, _, found) = open_after_another(Some(opened as u64 + 2 - began));
    assert_eq!((found.as_deref(), place.quarantined_files().len()), (Some("theirs 1"), 0));
}
