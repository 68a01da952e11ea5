//! Tests of durability. A change whose commit was acknowledged is already on the disk (contracts 3 and 4).
//! With a full write buffer, no caller waits forever (contract 7).

use std::sync::Mutex;

use larder::model::pass_time;
use larder::{Durability, InsertOptions};

use crate::explorer::contest;
use crate::history::{Call, History};
use crate::place::{LARGE, Place, let_others_go_on, versions};

/// As soon as a thread learns that its change is committed, it reads the committed file.
pub(crate) fn what_was_acknowledged_is_committed() {
    let place = Place::new();
    let cache = place.open();
    let versions = versions(&cache);
    versions.insert(&3, 30).unwrap();
    cache.flush().unwrap();
    let wrong = Mutex::new(Vec::new());
    let expect = |key, is_right: fn(Option<u64>) -> bool| {
        let found = place.committed(key);
        if !is_right(found) {
            wrong.lock().unwrap().push((key, found));
        }
    };
    contest([
        &|| {
            versions.insert(&1, 11).unwrap();
            cache.flush().unwrap();
            expect(1, |found| found >= Some(11));
            versions.insert(&1, 12).unwrap();
        },
        &|| {
            let options = InsertOptions::new().durability(Durability::Immediate);
            versions.insert_with(&2, 21, options).unwrap();
            expect(2, |found| found == Some(21));
        },
        &|| {
            _ = versions.remove(&3).unwrap();
            expect(3, |found| found.is_none());
        },
    ]);
    cache.close().unwrap();
    expect(1, |found| found == Some(12));
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "acknowledged, and not committed (key, what is): {wrong:?}");
}

/// The flush of one thread may end before an insert of the other thread. Even so, after the flush interval
/// every insert is on the disk.
pub(crate) fn an_insert_reaches_the_disk_by_itself() {
    let place = Place::new();
    let cache = place.open();
    let versions = versions(&cache);
    contest([
        &|| {
            versions.insert(&1, 10).unwrap();
            versions.insert(&1, 11).unwrap();
        },
        &|| {
            versions.insert(&2, 20).unwrap();
            cache.flush().unwrap();
        },
    ]);
    pass_time();
    let_others_go_on();
    let committed = (place.committed(1), place.committed(2));
    cache.close().unwrap();
    assert_eq!(committed, (Some(11), Some(20)), "the writer was not woken");
}

/// The write buffer has room for one value. Each further value waits for a commit, although no thread calls
/// `flush`.
pub(crate) fn writers_wait_for_room_and_go_on() {
    let (place, history) = (Place::new(), History::default());
    let cache = place.open_full();
    let versions = versions(&cache);
    let insert = |key, value| {
        history.note(key, || {
            versions.insert(&key, value).unwrap();
            Call::Insert(value)
        });
    };
    let get = |key| history.note(key, || Call::Get(versions.get(&key).map(|value| *value)));
    contest([
        &|| {
            insert(1, 11);
            insert(1, 12);
        },
        &|| {
            insert(2, 21);
            history.note(1, || Call::Remove(Some(versions.remove(&1).unwrap())));
        },
        &|| {
            insert(2, 22);
            get(1);
        },
    ]);
    get(1);
    get(2);
    cache.close().unwrap();
    history.check(&[]);
}

/// Large values wait until the write buffer is empty, and small values queue behind them. Every value gets
/// its turn, and memory stays within its bound.
pub(crate) fn large_values_and_small_ones_go_on() {
    let (place, history) = (Place::new(), History::default());
    let cache = place.open_with_large();
    let versions = versions(&cache);
    let too_heavy = Mutex::new(Vec::new());
    let insert = |key, value| {
        history.note(key, || {
            versions.insert(&key, value).unwrap();
            Call::Insert(value)
        });
        let memory = cache.stats().memory;
        let weight = u64::from(memory.weight + memory.unsaved_weight);
        // The limit is the sum of memory's capacity and the write buffer. A large value with its encoding is
        // smaller than that.
        if weight > 2 * (64 << 10) {
            too_heavy.lock().unwrap().push(weight);
        }
    };
    let get = |key| history.note(key, || Call::Get(versions.get(&key).map(|value| *value)));
    contest([
        &|| {
            insert(1, LARGE + 11);
            insert(1, 12);
        },
        &|| {
            insert(2, 21);
            insert(3, LARGE + 31);
            history.note(1, || Call::Remove(Some(versions.remove(&1).unwrap())));
        },
        &|| {
            insert(2, LARGE + 22);
            get(1);
            insert(3, 32);
        },
    ]);
    get(1);
    get(2);
    get(3);
    let unsaved = {
        cache.flush().unwrap();
        cache.stats().unsaved_bytes.as_u64()
    };
    // Checks that the whole capacity is usable: a large value stays in memory after its commit.
    versions.insert(&4, LARGE).unwrap();
    cache.flush().unwrap();
    let weight = cache.stats().memory.weight.as_u64();
    cache.close().unwrap();
    history.check(&[]);
    let too_heavy = too_heavy.into_inner().unwrap();
    assert!(too_heavy.is_empty(), "in memory: {too_heavy:?}");
    assert_eq!((unsaved, weight), (0, (64 << 10) - 1), "room was lost");
}
