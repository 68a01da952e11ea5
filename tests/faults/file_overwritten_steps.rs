//! Tests of a cache file on a simulated disk that another process cuts or overwrites during a step of the
//! writer, before another disk operation in each run.
//!
//! The file keeps its identity, so only its first bytes and its length show what has happened. A writer that
//! took them over from the file at the end of a step, or wrote its header over them, would go on.
//!
//! In some calls the writer closes the file and opens it again. A writer that took over what it then finds
//! would go on with an older copy. But another process may have owned the file meanwhile, and added keys.

use larder::testing::{Act, DiskOperation, await_first_sweep};
use larder::{ByteSize, Cache, DiskState};

use crate::support::simulated::{Names, PATH, SimulatedPlace, disk_of, filled, value};
use crate::support::{BLOBS, NAMES};

/// A call that makes the writer run a step, or several.
type StepCall = fn(&SimulatedPlace, &Cache, &Names);

/// A call, and the cache for which it is made.
struct StepCase {
    what: &'static str,
    /// Opens a cache with the committed entry `kept 1`.
    fill: fn(&SimulatedPlace) -> (Cache, Names),
    call: StepCall,
    /// Whether the writer opens the file again during the call.
    reopens: bool,
}

const CASES: [StepCase; 5] = [
    StepCase {
        what: "a sweep that deletes nothing",
        fill: filled,
        call: |_, cache, _| drop(cache.sweep()),
        reopens: false,
    },
    StepCase {
        what: "a removal",
        fill: filled,
        call: |_, _, names| drop(names.remove("kept")),
        reopens: false,
    },
    StepCase { what: "parts of a range removal", fill: filled_with_parts, call: clear, reopens: false },
    StepCase { what: "the file is shortened", fill: nearly_full, call: shorten, reopens: true },
    StepCase { what: "a transaction is refused", fill: nearly_full, call: exceed, reopens: true },
];

/// Like [`filled`], but each part of a range removal deletes one entry.
fn filled_with_parts(place: &SimulatedPlace) -> (Cache, Names) {
    let (cache, names) = filled(place);
    drop(names);
    cache.close().unwrap();
    let cache = place.builder().range_rows(1).open().unwrap();
    drop(await_first_sweep(&cache));
    let names = cache.keyspace(NAMES).unwrap();
    (cache, names)
}

/// Removes all entries. After each step, the writer deletes at least one part.
fn clear(_: &SimulatedPlace, cache: &Cache, names: &Names) {
    drop(names.clear());
    (0..3).for_each(|_| drop(cache.flush()));
}

fn open_small(place: &SimulatedPlace) -> Cache {
    let builder = place.builder().stepped(1).disk_capacity(ByteSize::mib(1));
    builder.memory_capacity(ByteSize::kib(64)).open().unwrap()
}

/// Opens a small cache, and fills its file almost up to the capacity.
fn nearly_full(place: &SimulatedPlace) -> (Cache, Names) {
    let cache = open_small(place);
    let (names, blobs) = (cache.keyspace(NAMES).unwrap(), cache.keyspace(BLOBS).unwrap());
    names.insert("kept", "kept 1".to_owned()).unwrap();
    for key in 0..60 {
        blobs.insert(&key, vec![7; 9_000]).unwrap();
        if key % 10 == 9 {
            cache.flush().unwrap();
        }
    }
    (cache, names)
}

/// Makes the file exceed its capacity, so that the writer shortens it.
fn shorten(place: &SimulatedPlace, _: &Cache, names: &Names) {
    place.disk.hide_blocks(true);
    drop(names.remove("kept"));
}

/// Stores more than fits, so that a transaction is refused, and the writer moves the pages of the file.
fn exceed(_: &SimulatedPlace, cache: &Cache, _: &Names) {
    let blobs = cache.keyspace(BLOBS).unwrap();
    (60..100).for_each(|key| blobs.insert(&key, vec![7; 9_000]).unwrap());
    drop(cache.flush());
}

/// What the other process writes, with the file as it was before its last commit.
type Content = fn(&[u8]) -> Vec<u8>;

/// An older copy, other bytes, and an empty file.
const CONTENTS: [Content; 3] = [<[u8]>::to_vec, |older| vec![b'x'; older.len() + 1], |_| Vec::new()];

/// Fills a cache, and returns it with a copy of the file that is one commit older than the file.
fn filled_twice(case: &StepCase, place: &SimulatedPlace) -> (Cache, Names, Vec<u8>) {
    let (cache, names) = (case.fill)(place);
    let older = place.disk.read(PATH).unwrap();
    names.insert("kept", "kept 2".to_owned()).unwrap();
    cache.flush().unwrap();
    (cache, names, older)
}

/// Returns the operations of the call before which the file is overwritten. If the file is opened again, only
/// some of those from its closing to the first moves of its pages. The others are those of any commit.
fn offsets(case: &StepCase) -> Vec<u64> {
    let place = SimulatedPlace::new();
    let (cache, names, _) = filled_twice(case, &place);
    let began = place.next_operation();
    (case.call)(&place, &cache, &names);
    let operations = place.disk.operations().split_off(usize::try_from(began).unwrap());
    let opened = operations.iter().position(|operation| *operation == DiskOperation::Open);
    assert_eq!(opened.is_some(), case.reopens, "{}", case.what);
    let Some(opened) = opened.map(|opened| opened as u64) else {
        // The parts of a range removal have many operations, which repeat.
        let apart = if operations.len() > 50 { 4 } else { 1 };
        return (0..=operations.len() as u64).step_by(apart).collect();
    };
    (opened.saturating_sub(6)..opened + 14).step_by(2).collect()
}

/// Overwrites the file before operation `offset` of a call. Then commits twice, and checks that the cache has
/// noticed it. Returns whether it has. Nothing can notice what happens between the check of the header and
/// its write.
fn overwrite_before(offset: u64, case: &StepCase, content: Content) -> bool {
    let place = SimulatedPlace::new();
    let (cache, names, older) = filled_twice(case, &place);
    let began = place.next_operation();
    place.disk.act_at(began + offset, Act::Overwrite(PATH.into(), content(&older)));
    (case.call)(&place, &cache, &names);
    for round in 0..2 {
        names.insert("late", format!("late {round}")).unwrap();
        drop(cache.flush());
    }
    let is_checked = place.disk.writes_at_start().contains(&place.disk.acted()[0]);
    let disk = disk_of(&cache);
    let is_noticed = disk.discards == 1 && disk.quarantines == 1;
    let (what, len) = (case.what, content(&older).len());
    let why = format!("{what}, {len} bytes instead of {} before operation {offset}: {disk:?}", older.len());
    assert!(is_noticed || is_checked, "{why}");
    if is_noticed {
        assert!(disk.state == DiskState::On && disk.suspensions == 0, "{why}");
        drop(names);
        cache.close().unwrap();
        let reopened = place.open().keyspace(NAMES).unwrap();
        assert_eq!(value(&reopened, "late").as_deref(), Some("late 1"), "{why}");
        assert_ne!(value(&reopened, "kept").as_deref(), Some("kept 1"), "{why}");
    }
    is_noticed
}

#[test]
fn what_is_overwritten_during_a_step_is_noticed_by_this_step_or_the_next_one() {
    for case in &CASES {
        let offsets = offsets(case);
        // An opening finds that any other content is not the file.
        let contents = if case.reopens { 1 } else { CONTENTS.len() };
        let least = offsets.len() / 2;
        let (mut noticed, mut unnoticed) = (0, 0_usize);
        for offset in offsets {
            for content in CONTENTS.into_iter().take(contents) {
                let is_noticed = overwrite_before(offset, case, content);
                noticed += usize::from(is_noticed);
                unnoticed += usize::from(!is_noticed);
            }
        }
        eprintln!("{}: {noticed} times noticed, {unnoticed} times unnoticed", case.what);
        assert!(noticed > least, "{}: {noticed} {unnoticed}", case.what);
    }
}

/// Fills a small file, and lets the call close it and open it again. If `offset` is given, another process
/// takes the lock before this operation of the call, and adds a key to the file. Returns the number of the
/// operation that opens the file, and whether the filter of absent keys answers for the key afterwards.
fn add_before(offset: Option<u64>, call: StepCall) -> (u64, bool) {
    let place = SimulatedPlace::new();
    let (cache, names) = nearly_full(&place);
    let other = place.moved_to(place.disk.copy());
    let their_cache = open_small(&other);
    their_cache.keyspace(NAMES).unwrap().insert("theirs", "theirs 1".to_owned()).unwrap();
    their_cache.close().unwrap();
    let is_filtered = || {
        let before = disk_of(&cache).filtered;
        names.get("theirs");
        disk_of(&cache).filtered > before
    };
    assert!(is_filtered());
    let began = place.next_operation();
    if let Some(offset) = offset {
        place.disk.act_at(began + offset, Act::Unlink(format!("{PATH}.lock").into()));
        place.disk.act_at(began + offset, Act::Overwrite(PATH.into(), other.disk.read(PATH).unwrap()));
    }
    call(&place, &cache, &names);
    let operations = place.disk.operations().split_off(usize::try_from(began).unwrap());
    let opened = operations.iter().position(|operation| *operation == DiskOperation::Open);
    (opened.expect("it is opened again") as u64, is_filtered())
}

#[test]
fn a_filter_gives_up_its_answers_if_another_owner_has_had_the_file_while_it_was_closed() {
    for case in CASES.iter().filter(|case| case.reopens) {
        let (what, call) = (case.what, case.call);
        let (opened, is_filtered) = add_before(None, call);
        assert!(is_filtered, "{what}: no other owner has had the file");
        let (again, is_filtered) = add_before(Some(opened), call);
        assert!(again == opened && !is_filtered, "{what}: {again} {opened}");
    }
}
