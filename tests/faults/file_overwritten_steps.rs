//! Tests of a cache file on a simulated disk that another process cuts or overwrites during a step of the
//! writer, before another disk operation in each run.
//!
//! The file keeps its identity, so only its first bytes and its length show what has happened. A writer that
//! took them over from the file at the end of a step, or wrote its header over them, would go on.
//!
//! While the writer opens the file again, another process may even have owned it, and added keys.

use larder::testing::{Act, DiskOperation};
use larder::{ByteSize, Cache, DiskState};

use crate::support::simulated::{Names, PATH, SimulatedPlace, disk_of, filled, value};
use crate::support::{BLOBS, NAMES};

/// A call that makes the writer run a step.
type StepCall = fn(&Cache, &Names);

const CALLS: [(&str, StepCall); 2] = [
    ("a sweep that deletes nothing", |cache, _| drop(cache.sweep())),
    ("a removal", |_, names| drop(names.remove("kept"))),
];

/// What the other process writes, with the file as it was before its last commit.
type Content = fn(&[u8]) -> Vec<u8>;

/// What a run of [`overwrite_before`] has seen.
struct Overwritten {
    /// Whether the call has an operation with the number.
    is_of_call: bool,
    is_noticed: bool,
}

/// Overwrites the file before operation `offset` of a call. Then commits twice, and checks that the cache has
/// noticed it.
fn overwrite_before(offset: u64, (what, call): (&str, StepCall), content: Content) -> Overwritten {
    let place = SimulatedPlace::new();
    let (cache, names) = filled(&place);
    let older = place.disk.read(PATH).unwrap();
    names.insert("kept", "kept 2".to_owned()).unwrap();
    cache.flush().unwrap();
    let began = place.next_operation();
    place.disk.act_at(began + offset, Act::Overwrite(PATH.into(), content(&older)));
    call(&cache, &names);
    let is_of_call = began + offset < place.next_operation();
    for round in 0..2 {
        names.insert("late", format!("late {round}")).unwrap();
        drop(cache.flush());
    }
    let acted = usize::try_from(place.disk.acted()[0]).unwrap();
    let operations = place.disk.operations();
    let is_after_check =
        acted > 0 && operations[acted - 1..=acted] == [DiskOperation::Read, DiskOperation::Write];
    let disk = disk_of(&cache);
    let is_noticed = disk.discards == 1 && disk.quarantines == 1;
    let len = content(&older).len();
    let why = format!("{what}, {len} bytes instead of {} before operation {offset}: {disk:?}", older.len());
    assert!(is_noticed || is_after_check, "{why}");
    if is_noticed {
        assert!(disk.state == DiskState::On && disk.suspensions == 0, "{why}");
        drop(names);
        cache.close().unwrap();
        let reopened = place.open().keyspace(NAMES).unwrap();
        assert_eq!(value(&reopened, "late").as_deref(), Some("late 1"), "{why}");
        assert_ne!(value(&reopened, "kept").as_deref(), Some("kept 1"), "{why}");
    }
    Overwritten { is_of_call, is_noticed }
}

#[test]
fn what_is_overwritten_during_a_step_is_noticed_by_this_step_or_the_next_one() {
    let others: [Content; 2] = [|older| vec![b'x'; older.len() + 1], |_| Vec::new()];
    for call in CALLS {
        let (mut offset, mut unnoticed) = (0, 0);
        loop {
            let older = overwrite_before(offset, call, <[u8]>::to_vec);
            unnoticed += u32::from(!older.is_noticed);
            if let Some(content) = others.get(usize::try_from(offset).unwrap() % 4) {
                unnoticed += u32::from(!overwrite_before(offset, call, *content).is_noticed);
            }
            if !older.is_of_call {
                break;
            }
            offset += 1;
        }
        eprintln!("{}: {offset} operations, {unnoticed} times unnoticed", call.0);
        // Nothing can notice what happens between the check of the header and its write.
        assert!(offset > 3 && unnoticed <= 4, "{}: {offset} {unnoticed}", call.0);
    }
}

/// A call during which the writer closes the file and opens it again.
type Reopening = fn(&SimulatedPlace, &Cache, &Names);

/// Fills a small file, and lets the call close it and open it again. If `offset` is given, another process
/// takes the lock before this operation of the call, and adds a key to the file. Returns the number of the
/// operation that opens the file, and whether the filter of absent keys answers for the key afterwards.
fn add_before(offset: Option<u64>, call: Reopening) -> (u64, bool) {
    let place = SimulatedPlace::new();
    let open = |place: &SimulatedPlace| {
        let builder = place.builder().stepped(1).disk_capacity(ByteSize::mib(1));
        builder.memory_capacity(ByteSize::kib(64)).open().unwrap()
    };
    let cache = open(&place);
    let (names, blobs) = (cache.keyspace(NAMES).unwrap(), cache.keyspace(BLOBS).unwrap());
    names.insert("kept", "kept 1".to_owned()).unwrap();
    for key in 0..60 {
        blobs.insert(&key, vec![7; 9_000]).unwrap();
        if key % 10 == 9 {
            cache.flush().unwrap();
        }
    }
    let other = place.moved_to(place.disk.copy());
    let their_cache = open(&other);
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
    let shorten: Reopening = |place, _, names| {
        place.disk.hide_blocks(true);
        drop(names.remove("kept"));
    };
    let exceed: Reopening = |_, cache, _| {
        let blobs = cache.keyspace(BLOBS).unwrap();
        (60..100).for_each(|key| blobs.insert(&key, vec![7; 9_000]).unwrap());
        cache.flush().unwrap();
    };
    for (what, call) in [("the file is shortened", shorten), ("a transaction is refused", exceed)] {
        let (opened, is_filtered) = add_before(None, call);
        assert!(is_filtered, "{what}: no other owner has had the file");
        let (again, is_filtered) = add_before(Some(opened), call);
        assert!(again == opened && !is_filtered, "{what}: {again} {opened}");
    }
}
