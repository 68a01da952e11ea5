//! Tests of a cache file on a simulated disk that another process removes, moves, replaces or overwrites.
//! In some tests, this happens before a disk operation of the call, with another operation in each run.
//! Other tests use a path that can't be checked, or a file system with changing identities.
//!
//! At its end, the writer's step checks the path, and only then answers its callers. The first test fails
//! if that check runs before the commit or after the answers.

use larder::testing::{Act, DiskOperation, Failure};
use larder::{ByteSize, Cache, DiskState, Durability, Error, Event, InsertOptions};

use crate::support::simulated::{Names, PATH, SimulatedPlace, discarded, disk_of, filled, state_of, value};
use crate::support::{BLOBS, NAMES};

const ELSEWHERE: &str = "/cache/elsewhere";

/// A call whose result `Ok` promises durability.
type Request = fn(&Cache, &Names) -> Result<(), Error>;

/// The tested calls. Each has a key, and the value that a restart must find under that key after the call.
const CALLS: [(&str, Request, &str, Option<&str>); 5] = [
    ("a removal", |_, names| names.remove("kept").map(drop), "kept", None),
    ("a removal of a range", |_, names| names.clear().map(drop), "old", None),
    (
        "an insert that asks for the disk",
        |_, names| {
            let immediate = InsertOptions::new().durability(Durability::Immediate);
            names.insert_with("new", "new 1".to_owned(), immediate)
        },
        "new",
        Some("new 1"),
    ),
    (
        "a flush",
        |cache, names| {
            names.insert("new", "new 1".to_owned())?;
            cache.flush()
        },
        "new",
        Some("new 1"),
    ),
    (
        "closing",
        |cache, names| {
            names.insert("new", "new 1".to_owned())?;
            cache.close()
        },
        "new",
        Some("new 1"),
    ),
];

fn act(which: usize, copy: &[u8]) -> Act {
    match which {
        0 => Act::Unlink(PATH.into()),
        1 => Act::Rename(PATH.into(), ELSEWHERE.into()),
        _ => Act::Replace(PATH.into(), copy.to_vec()),
    }
}

/// Returns the number of disk operations of a call, plus a few that may follow.
fn operations_of(call: Request) -> u64 {
    let place = SimulatedPlace::new();
    let (cache, names) = filled(&place);
    let began = place.next_operation();
    call(&cache, &names).unwrap();
    place.next_operation() - began + 4
}

/// Returns the index of the operation that checks the path before the call returns: the first metadata read
/// after the last sync.
fn last_look(place: &SimulatedPlace, began: u64) -> Option<u64> {
    let operations = place.disk.operations();
    let of_call = &operations[usize::try_from(began).unwrap()..];
    let synced = of_call.iter().rposition(|operation| *operation == DiskOperation::Sync)?;
    let look = of_call[synced..].iter().position(|operation| *operation == DiskOperation::Metadata)?;
    Some(began + (synced + look) as u64)
}

#[test]
fn what_happens_to_the_file_before_the_look_is_known_to_the_answer() {
    for (what, call, key, expected) in CALLS {
        let (mut told, mut held, mut late) = (0, 0, 0);
        for offset in 0..operations_of(call) {
            for which in 0..3 {
                let place = SimulatedPlace::new();
                let (cache, names) = filled(&place);
                let copy = place.disk.read(PATH).unwrap();
                let began = place.next_operation();
                place.disk.act_at(began + offset, act(which, &copy));
                let answer = call(&cache, &names);
                let look = last_look(&place, began);
                let left = place.moved_to(place.disk.copy());
                match answer {
                    Ok(())
                        if place
                            .disk
                            .acted()
                            .first()
                            .is_some_and(|at| look.is_some_and(|look| *at <= look)) =>
                    {
                        held += 1;
                        let found = value(&left.open().keyspace(NAMES).unwrap(), key);
                        let why = format!("{what}, act {which} before operation {offset}");
                        assert_eq!(found.as_deref(), expected, "{why}");
                    }
                    // The act was performed after the check. To the caller, the result is the same as if it
                    // was performed after the call.
                    Ok(()) => late += 1,
                    Err(Error::NotDurable { .. }) => told += 1,
                    Err(error) => panic!("{what}: {error}"),
                }
            }
        }
        eprintln!("{what}: {told} times told, {held} times held, {late} times too late");
        assert!(told > 10 && held > 10 && late > 0 && late < 60, "{what}: {told}, {held}, {late}");
    }
}

#[test]
fn memory_agrees_with_the_disk_after_whatever_happened_to_the_file() {
    for (what, call, _, _) in &CALLS[..4] {
        for offset in (0..operations_of(*call)).step_by(2) {
            for which in 0..3 {
                let place = SimulatedPlace::new();
                let (cache, names) = filled(&place);
                let copy = place.disk.read(PATH).unwrap();
                place.disk.act_at(place.next_operation() + offset, act(which, &copy));
                drop(call(&cache, &names));
                place.retry(&cache);
                // Restores the file, or removes the file that replaced it.
                if state_of(&cache) != DiskState::On {
                    place.disk.act(match which {
                        1 => Act::Rename(ELSEWHERE.into(), PATH.into()),
                        _ => Act::Unlink(PATH.into()),
                    });
                    place.retry(&cache);
                }
                assert_eq!(state_of(&cache), DiskState::On, "{what}, act {which} before {offset}");
                names.insert("late", "late 1".to_owned()).unwrap();
                let in_memory = ["kept", "new", "late"].map(|key| value(&names, key));
                drop(names);
                cache.close().unwrap();
                let reopened = place.open().keyspace(NAMES).unwrap();
                for (key, in_memory) in ["kept", "new", "late"].into_iter().zip(in_memory) {
                    let found = value(&reopened, key);
                    // An entry may be missing, because its file is lost. But no wrong value may be found.
                    assert!(found.is_none() || found == in_memory, "{key} is {found:?}, was {in_memory:?}");
                }
                assert_eq!(value(&reopened, "late").as_deref(), Some("late 1"));
            }
        }
    }
}

/// Tests removals that take several transactions of one step. The first transaction removes the key `kept`,
/// but the call returns only after the last transaction.
#[test]
fn removals_of_several_transactions_hold_or_are_not_acknowledged() {
    let (mut held, mut told) = (0, 0);
    for offset in (0..160).step_by(2) {
        let place = SimulatedPlace::new();
        let open = |place: &SimulatedPlace| place.builder().stepped(1).disk_capacity(ByteSize::mib(1)).open();
        let cache = open(&place).unwrap();
        let names = cache.keyspace(NAMES).unwrap();
        let others: Vec<String> = (0..80).map(|number| format!("other {number}")).collect();
        let keys = || others.iter().map(String::as_str).chain(["kept"]);
        for key in keys() {
            names.insert(key, format!("{key} 1")).unwrap();
        }
        cache.flush().unwrap();
        let copy = place.disk.read(PATH).unwrap();
        let began = place.next_operation();
        place.disk.act_at(began + offset, Act::Replace(PATH.into(), copy));
        let answer = names.remove_many(keys());
        let look = last_look(&place, began);
        let is_in_time = place.disk.acted().first().is_some_and(|at| look.is_some_and(|look| *at <= look));
        let left = place.moved_to(place.disk.copy());
        match answer {
            Ok(_) if is_in_time => {
                held += 1;
                let found = value(&open(&left).unwrap().keyspace(NAMES).unwrap(), "kept");
                assert_eq!(found, None, "replaced before operation {offset}");
            }
            Ok(_) => {}
            Err(_) => told += 1,
        }
    }
    eprintln!("{told} times told, {held} times held");
    assert!(told > 20, "{told} times told, {held} times held");
}

#[test]
fn a_place_that_cannot_be_looked_at_is_no_proof() {
    let place = SimulatedPlace::new();
    let (cache, names) = filled(&place);
    place.disk.fail_every(&[DiskOperation::Metadata], Failure::Io);
    names.insert("new", "new 1".to_owned()).unwrap();
    assert!(cache.flush().is_err());
    assert_eq!(state_of(&cache), DiskState::Suspended);
    place.retry(&cache);
    assert_eq!((state_of(&cache), disk_of(&cache).discards), (DiskState::On, 0));
    assert!(value(&names, "kept").is_some());
}

#[test]
fn a_file_with_changing_identities_is_known_by_its_content() {
    let place = SimulatedPlace::new();
    let (cache, names) = filled(&place);
    place.disk.make_identities_unstable();
    for round in 0..3 {
        names.insert("new", format!("new {round}")).unwrap();
        cache.flush().unwrap();
    }
    let disk = disk_of(&cache);
    assert_eq!((disk.state, disk.faults, disk.discards), (DiskState::On, 0, 0));
    let told = place.wait_for_events(1);
    assert_eq!(told, [Event::FileIdentityUnstable], "once");
    // The copy has older content, and the cache still detects that it is another file.
    let copy = place.disk.read(PATH).unwrap();
    assert!(names.remove("kept").unwrap());
    place.disk.act(Act::Replace(PATH.into(), copy));
    assert!(cache.flush().is_err() && names.remove("new").is_err());
    assert!(disk_of(&cache).off.unwrap().contains("another file"));
}

#[test]
fn a_copy_of_the_latest_commit_is_not_the_file() {
    let place = SimulatedPlace::new();
    let (cache, names) = filled(&place);
    let copy = place.disk.read(PATH).unwrap();
    place.disk.act(Act::Rename(PATH.into(), ELSEWHERE.into()));
    place.disk.act(Act::Replace(PATH.into(), copy.clone()));
    assert!(cache.flush().is_err(), "the next commit would not be in it");
    names.insert("new", "new 1".to_owned()).unwrap();
    place.retry(&cache);
    assert_eq!(state_of(&cache), DiskState::Suspended);
    assert!(place.disk.read(PATH).unwrap() == copy, "it is not touched");
    place.disk.act(Act::Unlink(PATH.into()));
    place.disk.act(Act::Rename(ELSEWHERE.into(), PATH.into()));
    place.retry(&cache);
    assert!(state_of(&cache) == DiskState::On && disk_of(&cache).discards == 0);
    drop(names);
    cache.close().unwrap();
    assert_eq!(value(&place.open().keyspace(NAMES).unwrap(), "new").as_deref(), Some("new 1"));
}

#[test]
fn a_copy_in_the_place_of_a_file_that_is_gone_is_not_forgotten() {
    let place = SimulatedPlace::new();
    let (cache, names) = discarded(&place);
    let older = SimulatedPlace::new();
    drop(filled(&older));
    place.disk.act(Act::Replace(PATH.into(), older.disk.read(PATH).unwrap()));
    assert!(names.remove("old").is_err(), "a restart would find it in the copy");
    place.disk.act(Act::Unlink(PATH.into()));
    assert!(names.remove("old").is_ok());
    place.retry(&cache);
    assert_eq!(state_of(&cache), DiskState::On);
}

#[test]
fn a_file_with_changing_identities_can_be_put_aside() {
    let place = SimulatedPlace::new();
    let (cache, names) = filled(&place);
    place.disk.make_identities_unstable();
    place.disk.fail_every(&crate::support::simulated::WRITES[1..], Failure::Io);
    assert!(names.remove("kept").is_ok());
    assert_eq!(state_of(&cache), DiskState::Discarded);
    place.retry(&cache);
    assert_eq!(state_of(&cache), DiskState::On);
}

#[test]
fn what_is_overwritten_between_two_steps_is_never_written_to() {
    let place = SimulatedPlace::new();
    let (cache, names) = filled(&place);
    let letters = vec![b'x'; 50_000];
    place.disk.act(Act::Overwrite(PATH.into(), letters.clone()));
    assert!(names.remove("kept").is_ok(), "in a fresh file it is not");
    let disk = disk_of(&cache);
    assert_eq!((disk.state, disk.quarantines), (DiskState::On, 1));
    assert!(place.disk.read(disk.quarantined.unwrap()).unwrap() == letters);
}

/// A file that exceeds its capacity is reopened through its path during a step. The test replaces the file
/// at every moment around that.
#[test]
fn a_file_that_is_replaced_while_it_is_shortened_is_not_read() {
    let run = |offset: u64| {
        let place = SimulatedPlace::new();
        let capacity = ByteSize::mib(1);
        let builder = place.builder().stepped(1).disk_capacity(capacity).memory_capacity(ByteSize::kib(64));
        let cache = builder.open().unwrap();
        let (names, blobs) = (cache.keyspace(NAMES).unwrap(), cache.keyspace(BLOBS).unwrap());
        names.insert("removed", "old".to_owned()).unwrap();
        let len = || place.disk.read(PATH).unwrap().len() as u64;
        for key in 0..60 {
            blobs.insert(&key, vec![7; 9_000]).unwrap();
            if key % 10 == 9 {
                cache.flush().unwrap();
            }
        }
        assert!(len() > capacity.as_u64(), "it is as long as its blocks allow: {}", len());
        let copy = place.disk.read(PATH).unwrap();
        place.disk.hide_blocks(true);
        let began = place.next_operation();
        place.disk.act_at(began + offset, act(2, &copy));
        drop(names.remove("removed"));
        assert!(names.get("removed").is_none(), "before operation {offset}");
        let operations = place.disk.operations().split_off(usize::try_from(began).unwrap());
        let is_open = |operation: &DiskOperation| *operation == DiskOperation::Open;
        let opened = [operations.iter().position(is_open), operations.iter().rposition(is_open)];
        opened.map(|at| at.expect("it is opened again") as u64)
    };
    let [first, last] = run(u64::MAX / 2);
    for offset in first.saturating_sub(8)..last + 2 {
        run(offset);
    }
}
