//! Tests of the filter of absent keys beside writes, commits and evictions. The keyspace does not exist in
//! the file before the scenario, so the filter answers for it.

use larder::model::Failpoint;
use larder::{Cache, Keyspace, KeyspaceDefinition};

use crate::explorer::contest;
use crate::history::{Call, History};
use crate::place::{Place, TTL};
use crate::planted::assert_caught;

const NEW: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("new").ttl(TTL);

struct NewKeys {
    cache: Cache,
    numbers: Keyspace<u64, u64>,
    history: History,
}

impl NewKeys {
    fn new() -> Self {
        let cache = Place::new().open_tight();
        let numbers = cache.keyspace(NEW).unwrap();
        Self { cache, numbers, history: History::default() }
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
    let keys = NewKeys::new();
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
    assert!(keys.cache.stats().disk.unwrap().filtered > 0, "key 3 was never stored");
    keys.cache.close().unwrap();
    keys.history.check(&[]);
}

#[test]
fn a_key_filtered_after_it_was_marked_clean_is_caught() {
    assert_caught(Failpoint::FilterAfterClean, a_stored_key_is_never_filtered);
}

#[test]
fn a_filter_asked_before_memory_is_caught() {
    assert_caught(Failpoint::FilterBeforeMemory, a_stored_key_is_never_filtered);
}
