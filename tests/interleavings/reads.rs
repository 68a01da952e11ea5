//! Tests of reads of a key while it is in memory, is written to the disk, is on disk only, and is promoted
//! again (contract 1).

use larder::{Cache, Keyspace};

use crate::explorer::contest;
use crate::history::{Call, History};
use crate::place::{Place, versions};

/// A cache, and the history of the calls on it.
pub(crate) struct Noted {
    pub(crate) cache: Cache,
    pub(crate) versions: Keyspace<u64, u64>,
    pub(crate) history: History,
}

impl Noted {
    pub(crate) fn new(cache: Cache) -> Self {
        Self { versions: versions(&cache), cache, history: History::default() }
    }

    /// Commits a value for a key before the contest.
    pub(crate) fn begin_with(&self, key: u64, value: u64) {
        self.versions.insert(&key, value).unwrap();
        self.cache.flush().unwrap();
    }

    pub(crate) fn insert(&self, key: u64, value: u64) {
        self.history.note(key, || {
            self.versions.insert(&key, value).unwrap();
            Call::Insert(value)
        });
    }

    pub(crate) fn get(&self, key: u64) {
        self.history.note(key, || Call::Get(self.versions.get(&key).map(|value| *value)));
    }

    pub(crate) fn remove(&self, key: u64) {
        self.history.note(key, || Call::Remove(Some(self.versions.remove(&key).unwrap())));
    }

    pub(crate) fn check(self, initial: &[(u64, u64)]) {
        self.cache.flush().unwrap();
        let stats = self.cache.stats();
        self.cache.close().unwrap();
        drop((self.cache, self.versions));
        self.history.check(initial);
        assert!(stats.unsaved_bytes.is_zero(), "room in the write buffer was lost");
        assert!(stats.memory.weight <= stats.memory.capacity, "{stats:?}");
    }
}

/// A key is written twice, while another key evicts it from memory as soon as it is clean. Lookups then read
/// it from the disk.
pub(crate) fn reads_never_go_back() {
    let noted = Noted::new(Place::new().open_tight());
    noted.begin_with(1, 10);
    contest([
        &|| {
            noted.insert(1, 11);
            noted.insert(1, 12);
        },
        &|| {
            noted.insert(2, 20);
            noted.get(1);
        },
        &|| {
            for _ in 0..3 {
                noted.get(1);
            }
        },
    ]);
    noted.get(1);
    noted.check(&[(1, 10)]);
}

/// A write is committed and evicted after a lookup has searched the shard, but before it reads the disk.
pub(crate) fn a_lookup_sees_the_latest_of_several_commits() {
    let noted = Noted::new(Place::new().open_tight());
    noted.begin_with(1, 10);
    noted.begin_with(2, 20);
    contest([
        &|| {
            noted.insert(1, 11);
            noted.cache.flush().unwrap();
            noted.insert(2, 21);
            noted.cache.flush().unwrap();
        },
        &|| {
            noted.get(1);
            noted.get(1);
        },
    ]);
    noted.get(1);
    noted.check(&[(1, 10), (2, 20)]);
}

/// A key that is on disk only is removed and written, while lookups promote it.
pub(crate) fn removals_writes_and_promotions_agree() {
    let noted = Noted::new(Place::new().open_tight());
    noted.begin_with(1, 10);
    noted.begin_with(2, 20);
    contest([
        &|| {
            noted.remove(1);
            noted.get(1);
        },
        &|| {
            noted.insert(1, 11);
            noted.remove(1);
        },
        &|| {
            for _ in 0..3 {
                noted.get(1);
            }
        },
    ]);
    noted.get(1);
    noted.check(&[(1, 10), (2, 20)]);
}

/// A range is removed while another thread writes its keys. One key is on disk only. Each key has its own
/// order of calls, and the range as a whole has none.
pub(crate) fn a_clear_agrees_with_writes_and_reads() {
    let noted = Noted::new(Place::new().open_tight());
    noted.begin_with(1, 10);
    noted.begin_with(2, 20);
    contest([
        &|| {
            noted.history.note_all(&[1, 2], || {
                noted.versions.clear().unwrap();
                Call::Remove(None)
            });
            noted.get(1);
        },
        &|| {
            noted.insert(1, 11);
            noted.insert(2, 21);
        },
        &|| {
            noted.get(1);
            noted.remove(1);
            noted.get(2);
        },
    ]);
    noted.get(1);
    noted.get(2);
    noted.check(&[(1, 10), (2, 20)]);
}

/// A removal of three keys is executed in parts. The last key is deleted together with the removal's row.
pub(crate) fn a_large_removal_agrees_with_reads() {
    let noted = Noted::new(Place::new().open_in_pairs());
    noted.begin_with(1, 10);
    noted.begin_with(2, 20);
    noted.begin_with(3, 30);
    contest([
        &|| {
            noted.history.note_all(&[1, 2, 3], || {
                noted.versions.clear().unwrap();
                Call::Remove(None)
            });
            noted.get(3);
            // A part follows each step of the writer. Without these steps, the last part would come after
            // the lookups of the other threads.
            noted.cache.flush().unwrap();
            noted.cache.flush().unwrap();
            noted.get(3);
        },
        &|| {
            for _ in 0..3 {
                noted.cache.flush().unwrap();
                noted.get(3);
            }
        },
        &|| {
            noted.insert(1, 11);
            noted.get(3);
            noted.get(3);
        },
    ]);
    noted.get(3);
    noted.check(&[(1, 10), (2, 20), (3, 30)]);
}
