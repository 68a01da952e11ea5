//! Tests of promotions beside an eviction from disk.

use std::time::Duration;

use super::*;
use crate::api::cache::Cache;
use crate::api::keyspace::definition::KeyspaceDefinition;
use crate::engine::tiers::Tiers;
use crate::memory::evicted_values::EvictedValues;
use crate::sys::clock::ManualClock;
use crate::testing::volume::SimulatedVolume;
use crate::units::ByteSize;

const VALUES: KeyspaceDefinition<u64, Vec<u8>> = KeyspaceDefinition::new("value");
/// The entry that is written first, so it is evicted from disk first.
const FIRST: u64 = 0;

/// A cache with little memory, whose file can have fewer values than [`Values::write`] may write.
struct Values {
    cache: Cache,
    keyspace: Keyspace<u64, Vec<u8>>,
    clock: Arc<ManualClock>,
    written: u64,
}

impl Values {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new());
        let builder = Cache::builder().path("/cache/shop.larder").volume(&SimulatedVolume::new());
        let builder = builder.clock(clock.clone()).shards(1).memory_capacity(ByteSize::kib(64));
        let cache = builder.disk_capacity(ByteSize::mib(4)).stepped(1).open().unwrap();
        let keyspace = cache.keyspace(VALUES).unwrap();
        let mut values = Self { cache, keyspace, clock, written: FIRST };
        values.write();
        let (full, memory) = (values.full(FIRST), &values.tiers().memory);
        memory.forget(memory.key(&full), Timestamp::ZERO, &mut EvictedValues::default());
        values
    }

    fn tiers(&self) -> &Tiers {
        &self.cache.shared().tiers
    }

    fn full(&self, number: u64) -> Vec<u8> {
        self.keyspace.encode(&number).unwrap().as_slice().to_vec()
    }

    /// Writes and commits further values.
    fn write(&mut self) {
        for number in self.written..self.written + 100 {
            self.clock.advance(Duration::from_millis(1));
            self.keyspace.insert(&number, vec![1; 1_000]).unwrap();
        }
        self.written += 100;
        self.cache.flush().unwrap();
    }

    fn is_on_disk(&self, number: u64) -> bool {
        let full = self.full(number);
        let keys = self.tiers().keys_on_disk(&full, None, 1).unwrap();
        keys.first().is_some_and(|key| **key == *full)
    }

    /// Reads the first entry from disk, calls `meanwhile`, and then promotes the entry. Returns whether
    /// memory has it then. The permit is a lease, because changes of other keys may revoke an epoch token.
    fn promote_beside(&mut self, meanwhile: impl FnOnce(&mut Self)) -> bool {
        let (full, shared) = (self.full(FIRST), self.cache.shared().clone());
        let key = shared.tiers.memory.key(&full);
        let (lease, ..) = shared.tiers.memory.lease_over(key, shared.tiers.time.now());
        let lease = Lease::new(&shared.tiers.memory, key, lease);
        let decoded: DecodedEntry<Vec<u8>> = shared.read_entry(&self.keyspace.opened, key, 0).unwrap();
        meanwhile(self);
        self.keyspace.copy_to_memory(key, Permit::Lease(lease.id), &decoded, false);
        shared.tiers.memory.has_entry(&full)
    }
}

#[test]
fn an_entry_that_the_disk_has_evicted_meanwhile_is_not_promoted() {
    let mut values = Values::new();
    let is_promoted = values.promote_beside(|values| {
        while values.is_on_disk(FIRST) {
            assert!(values.written < 20_000, "the file is full before that");
            values.write();
        }
    });
    assert!(!is_promoted);
    assert_eq!(values.keyspace.get(&FIRST), None);
}

#[test]
fn a_commit_that_evicts_nothing_leaves_promotions_alone() {
    let mut values = Values::new();
    assert!(values.promote_beside(Values::write));
}
