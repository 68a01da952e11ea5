//! Tests of atomic changes of one key: counters, closures, and values that are taken (contract 1). Each
//! change takes effect at one moment, in either tier, and during commits and evictions.

use larder::{Change, Keyspace};

use crate::explorer::contest;
use crate::history::Call;
use crate::place::Place;
use crate::reads::Noted;

/// Adds to the value with a closure.
fn add(versions: &Keyspace<u64, u64>, key: u64, by: u64) -> u64 {
    let modified = versions.modify(&key, |old, _| Change::insert(old.copied().unwrap_or(0) + by)).unwrap();
    *modified.new_value().unwrap()
}

impl Noted {
    fn modify(&self, key: u64, by: u64) {
        self.history.note(key, || Call::Add(by, add(&self.versions, key, by)));
    }

    fn increment(&self, key: u64, by: u64) {
        self.history.note(key, || Call::Add(by, self.versions.increment(&key, by).unwrap()));
    }

    fn take(&self, key: u64) {
        self.history.note(key, || Call::Take(self.versions.take(&key).unwrap().map(|value| *value)));
    }

    fn insert_if_absent(&self, key: u64, value: u64) {
        self.history.note(key, || {
            let there = self.versions.insert_if_absent(&key, value).unwrap();
            Call::InsertIfAbsent(value, there.map(|value| *value))
        });
    }

    fn compare_and_insert(&self, key: u64, expected: u64, value: u64) {
        self.history.note(key, || {
            let compared = self.versions.compare_and_insert(&key, &expected, value).unwrap();
            Call::CompareAndInsert(expected, value, compared.is_changed())
        });
    }
}

/// Increments race with closures and with a commit. Memory has room for all entries.
pub(crate) fn no_increment_is_lost() {
    let noted = Noted::new(Place::new().open());
    noted.begin_with(1, 10);
    contest([
        &|| {
            noted.increment(1, 1);
            noted.increment(1, 2);
        },
        &|| {
            noted.modify(1, 4);
            noted.increment(2, 1);
        },
        &|| {
            noted.increment(1, 8);
            noted.cache.flush().unwrap();
            noted.increment(2, 1);
        },
    ]);
    noted.get(1);
    noted.get(2);
    noted.check(&[(1, 10)]);
}

/// Counters are changed while their keyspace is cleared. Each change is before the clear, and is cleared, or
/// after it, and finds no entry. The shards of the two keys are cleared one after another.
pub(crate) fn a_change_never_outlives_a_clear() {
    let noted = Noted::new(Place::new().open());
    let versions = &noted.versions;
    for key in [1, 2] {
        versions.insert(&key, 100).unwrap();
    }
    contest([&|| versions.clear().map(drop).unwrap(), &|| _ = versions.increment(&1, 1).unwrap(), &|| {
        _ = add(versions, 2, 1);
    }]);
    for key in [1, 2] {
        let left = versions.get(&key).map_or(0, |value| *value);
        assert!(left <= 1, "the counter {key} is {left}, so a change has outlived the clear");
    }
}

/// An entry that is on disk only is changed while it is promoted and evicted.
pub(crate) fn changes_of_what_is_on_disk_agree() {
    let noted = Noted::new(Place::new().open_tight());
    noted.begin_with(1, 10);
    noted.begin_with(2, 20);
    contest([
        &|| {
            noted.increment(1, 1);
            noted.get(2);
        },
        &|| {
            noted.modify(1, 2);
            noted.cache.flush().unwrap();
            noted.get(1);
        },
        &|| {
            noted.get(2);
            noted.compare_and_insert(1, 10, 40);
        },
    ]);
    noted.get(1);
    noted.check(&[(1, 10), (2, 20)]);
}

/// Callers take a value while others insert it if absent, or remove it. Each value is taken by only one
/// caller.
pub(crate) fn a_value_is_taken_once() {
    let noted = Noted::new(Place::new().open_tight());
    noted.begin_with(1, 10);
    noted.begin_with(2, 20);
    contest([
        &|| {
            noted.take(1);
            noted.insert_if_absent(1, 11);
        },
        &|| {
            noted.take(1);
            noted.get(1);
        },
        &|| {
            noted.insert_if_absent(1, 12);
            noted.remove(1);
        },
    ]);
    noted.get(1);
    noted.check(&[(1, 10), (2, 20)]);
}

/// Many changes run at the same time, so callers lose rounds and then take exclusive turns.
pub(crate) fn changes_that_take_turns_end() {
    let noted = Noted::new(Place::new().open());
    let change = |by: u64| {
        for _ in 0..3 {
            noted
                .versions
                .modify(&1, |old, _| {
                    // Lets another thread change the key, so that this round fails.
                    if old.copied().unwrap_or(0) < 40 {
                        noted.versions.increment(&2, 1).unwrap();
                        shuttle::thread::yield_now();
                    }
                    Change::insert(old.copied().unwrap_or(0) + by)
                })
                .unwrap();
        }
    };
    contest([&|| change(1), &|| change(1), &|| change(1), &|| change(1)]);
    let sum = noted.versions.get(&1).map(|value| *value);
    noted.check(&[]);
    assert_eq!(sum, Some(12));
}
