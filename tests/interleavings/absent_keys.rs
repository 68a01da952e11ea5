//! Tests of the filter of absent keys beside writes, commits and evictions.

use larder::model::pass_time;
use larder::{Cache, Keyspace, KeyspaceDefinition};

use crate::explorer::contest;
use crate::history::{Call, History};
use crate::place::{LARGE, Place, TTL, VERSIONS, let_others_go_on};

/// A keyspace that does not exist in the file before the scenario, so the filter answers for it.
const NEW: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("new").ttl(TTL);

/// A keyspace, and the history of the calls on it.
struct Filtered {
    cache: Cache,
    numbers: Keyspace<u64, u64>,
    history: History,
}

impl Filtered {
    fn new(cache: Cache, keyspace: KeyspaceDefinition<u64, u64>) -> Self {
        let numbers = cache.keyspace(keyspace).unwrap();
        Self { cache, numbers, history: History::default() }
    }

    fn flush(&self) {
        self.cache.flush().unwrap();
    }

    fn remove(&self, key: u64) {
        self.history.note(key, || Call::Remove(Some(self.numbers.remove(&key).unwrap())));
    }

    /// Returns the number of lookups that the filter has answered.
    fn filtered(&self) -> u64 {
        self.cache.stats().disk.unwrap().filtered
    }

    fn insert(&self, key: u64, value: u64) {
        self.history.note(key, || {
            self.numbers.insert(&key, value).unwrap();
            Call::Insert(value)
        });
    }

    fn get(&self, key: u64) {
        self.history.note(key, || Call::Get(self.numbers.get(&key).map(|value| *value)));
    }

    fn peek(&self, key: u64) {
        self.history.note(key, || Call::Get(self.numbers.peek(&key).map(|value| *value)));
    }
}

/// Two keys are stored for the first time, and committed. One of them evicts the other one from memory, while
/// lookups ask for it.
pub(crate) fn a_stored_key_is_never_filtered() {
    let keys = Filtered::new(Place::new().open_tight(), NEW);
    contest([
        &|| {
            keys.insert(1, 10);
            keys.peek(1);
            keys.get(1);
        },
        &|| {
            keys.insert(2, 20);
            keys.cache.flush().unwrap();
            keys.peek(2);
        },
        &|| {
            for _ in 0..3 {
                keys.get(1);
                keys.peek(2);
            }
        },
    ]);
    keys.get(1);
    keys.get(2);
    keys.get(3);
    assert!(keys.filtered() > 0, "key 3 was never stored");
    keys.cache.close().unwrap();
    keys.history.check(&[]);
}

/// A new filter is built key by key, while keys before and behind the current part are written, removed and
/// evicted from memory.
pub(crate) fn a_filter_that_is_built_hides_no_key() {
    let keys = Filtered::new(Place::new().open_to_build(), VERSIONS);
    for key in [2, 4, 6] {
        keys.insert(key, 10 * key);
        keys.flush();
    }
    contest([
        &|| {
            // The lookup reads the file, and finds nothing. So the next step begins the build.
            keys.get(9);
            keys.flush();
            keys.insert(1, 10);
            keys.flush();
            keys.get(1);
        },
        &|| {
            keys.remove(4);
            keys.insert(5, 50);
            keys.get(1);
        },
        &|| {
            keys.get(2);
            keys.get(4);
            keys.get(1);
        },
    ]);
    keys.get(9);
    // Two steps: after the first one, all parts are built.
    keys.flush();
    let_others_go_on();
    keys.flush();
    for key in 1..=6 {
        keys.get(key);
    }
    let before = keys.filtered();
    keys.get(9);
    let after = keys.filtered();
    keys.cache.close().unwrap();
    keys.history.check(&[]);
    assert_eq!(after, before + 1, "the new filter answers");
}

/// The file is deleted, and a key is committed to the new file while lookups ask for it.
pub(crate) fn the_filter_of_a_new_file_hides_no_key() {
    let (place, disk) = Place::on_a_disk();
    let keys = Filtered::new(place.open_with_large(), VERSIONS);
    contest([
        &|| {
            disk.unlink(place.path());
            keys.insert(7, 70);
            drop(keys.cache.flush());
        },
        &|| {
            keys.get(7);
            keys.get(9);
            keys.get(7);
        },
        &|| drop(keys.cache.flush()),
    ]);
    pass_time();
    let_others_go_on();
    // This value evicts all others from memory.
    keys.insert(8, LARGE);
    keys.flush();
    keys.get(7);
    keys.cache.close().unwrap();
    keys.history.check(&[]);
}
