//! Evicts the entries under test from memory by using other entries.

use std::cell::Cell;

use larder::{Cache, Keyspace, KeyspaceDefinition};

const FILLER: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("filler").never_expires();

/// Entries on disk that displace other entries in memory when they are used.
pub(super) struct Filler {
    entries: Keyspace<u64, String>,
    next: Cell<u64>,
}

impl Filler {
    const ENTRIES: u64 = 400;

    pub(super) fn new(cache: &Cache) -> Self {
        let entries = cache.keyspace(FILLER).unwrap();
        entries.insert_many((0..Self::ENTRIES).map(|key| (key, "x".repeat(5_000)))).unwrap();
        cache.flush().unwrap();
        Self { entries, next: Cell::new(0) }
    }

    /// Uses filler entries until memory holds no entry of the keyspace `user`. Each round uses new keys
    /// several times, because keys that are used once displace no other entry. These lookups commit nothing.
    pub(super) fn evict_users(&self, cache: &Cache) {
        let is_left = |stats: larder::Stats| {
            let mut keyspaces = stats.keyspaces.iter();
            keyspaces.any(|keyspace| keyspace.name == "user" && keyspace.memory_entries > 0)
        };
        for round in 0..100 {
            if !is_left(cache.stats()) {
                return;
            }
            let first = self.next.replace((self.next.get() + 20) % Self::ENTRIES);
            for _ in 0..4 {
                let mut keys = first..first + 20;
                assert!(keys.all(|key| self.entries.get(key).is_some()), "round {round}");
            }
        }
        panic!("the entry is still in memory");
    }
}
