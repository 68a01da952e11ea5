//! Tests of promotions beside an eviction from disk.

use std::time::Duration;

use super::*;
use crate::api::cache::Cache;
use crate::api::keyspace::definition::KeyspaceDefinition;
use crate::api::keyspace::read_many::MissedKey;
use crate::engine::tiers::Tiers;
use crate::memory::entry::{IncomingEntry, PromotionSource, Value};
use crate::memory::evicted_values::EvictedValues;
use crate::memory::grace::Grace;
use crate::memory::weight::Weight;
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

    /// Writes values until the disk has evicted the first entry.
    fn evict_first(&mut self) {
        while self.is_on_disk(FIRST) {
            assert!(self.written < 20_000, "the file is full before that");
            self.write();
        }
    }

    /// Stores a copy of the first entry in memory, as a caller does that has read the entry before its
    /// eviction.
    fn copy_first(&self) {
        let (full, memory) = (self.full(FIRST), &self.tiers().memory);
        let key = memory.key(&full);
        let (lease, ..) = memory.lease_over(key, self.tiers().time.now());
        let lease = Lease::new(memory, key, lease);
        let value: Value = Arc::new(vec![1_u8; 1_000]);
        let (expires_at, weight) = (Timestamp::NEVER, Weight::of(1_000));
        let (grace, unsaved, extras) = (Grace::NONE, None, None);
        let entry = IncomingEntry { value: Some(value), expires_at, grace, weight, unsaved, extras };
        let source = PromotionSource { is_current: &|| true, is_extended: false };
        let mut evicted_values = EvictedValues::default();
        let permit = Permit::Lease(lease.id);
        memory.promote_entry(key, permit, entry, 1, source, &mut evicted_values).unwrap();
    }
}

#[test]
fn an_entry_that_the_disk_has_evicted_meanwhile_is_not_promoted() {
    let mut values = Values::new();
    let is_promoted = values.promote_beside(Values::evict_first);
    assert!(!is_promoted);
    assert_eq!(values.keyspace.get(&FIRST), None);
}

#[test]
fn a_commit_that_evicts_nothing_leaves_promotions_alone() {
    let mut values = Values::new();
    assert!(values.promote_beside(Values::write));
}

/// The writer counts the evicted entries before it installs the snapshot that lacks them.
#[test]
fn an_entry_that_the_disk_is_about_to_lack_is_neither_promoted_nor_changed() {
    let mut values = Values::new();
    assert!(!values.promote_beside(|values| values.tiers().count_eviction()));
    let full = values.full(FIRST);
    let (key, tiers) = (values.tiers().memory.key(&full), values.tiers());
    let sequence = values.keyspace.lease_over(key).read.unwrap().entry.sequence;
    let snapshot = tiers.confirm(key, sequence).unwrap();
    assert!(tiers.reads_from(&snapshot) && !tiers.may_change_from(&snapshot));
}

/// Each lookup has missed the entry in memory before the eviction, and looks on disk only after it. Meanwhile
/// another caller has copied the entry into memory.
#[test]
fn a_lookup_that_misses_an_evicted_entry_finds_the_copy_that_was_made_meanwhile() {
    type Look = fn(&Keyspace<u64, Vec<u8>>, SlotKey<'_>, MissToken) -> bool;
    let looks: [Look; 3] = [
        |keyspace, key, miss| keyspace.get_below(key, miss).is_some(),
        |keyspace, key, miss| {
            keyspace.find_below(key, Permit::EpochToken(miss.epoch_token), miss, false).is_some()
        },
        |keyspace, key, miss| {
            let mut found = false;
            let missed = MissedKey::new(0, key, miss);
            keyspace.read_missed(vec![missed], |_, _, value| found = value.is_some());
            found
        },
    ];
    for (number, look) in looks.into_iter().enumerate() {
        let mut values = Values::new();
        let full = values.full(FIRST);
        let key = values.tiers().memory.key(&full);
        let Lookup::Unknown(miss) = values.tiers().get_in_memory(key) else { panic!("memory has it") };
        values.evict_first();
        let Lookup::Unknown(later) = values.tiers().get_in_memory(key) else { panic!("memory has it") };
        assert!(values.tiers().may_be_on_disk(key, miss), "look {number}");
        assert!(!look(&values.keyspace, key, miss), "look {number}: it is in no tier");
        values.copy_first();
        assert!(look(&values.keyspace, key, miss), "look {number}");
        assert!(!look(&values.keyspace, key, later), "look {number}: nothing was evicted since that miss");
    }
}

thread_local! {
    /// What evicts an entry from disk while a value is decoded, and how often it was called.
    static EVICTING: std::cell::RefCell<Option<Arc<Tiers>>> = const { std::cell::RefCell::new(None) };
    static DECODES: Cell<u32> = const { Cell::new(0) };
}

/// A value that cannot be decoded once [`EVICTING`] is set. Its entry stays on disk, and others are evicted.
struct Unreadable;

impl Serialize for Unreadable {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(0)
    }
}

impl<'de> serde::Deserialize<'de> for Unreadable {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u8::deserialize(deserializer)?;
        let Some(tiers) = EVICTING.with_borrow(Clone::clone) else { return Ok(Self) };
        DECODES.set(DECODES.get() + 1);
        assert!(DECODES.get() < 10, "it is decoded without end");
        tiers.count_eviction();
        Err(serde::de::Error::custom("it is never readable"))
    }
}

#[test]
fn a_lookup_whose_record_cannot_be_decoded_is_not_repeated_while_the_disk_evicts() {
    type Look = fn(&Keyspace<u64, Unreadable>) -> bool;
    let looks: [Look; 5] = [
        |keyspace| keyspace.get(&1).is_none(),
        |keyspace| keyspace.peek(&1).is_none(),
        |keyspace| keyspace.get_many([&1])[0].is_none(),
        |keyspace| keyspace.get_or_load(&1, || Err::<Unreadable, _>(())).is_err(),
        |keyspace| keyspace.take(&1).unwrap().is_none(),
    ];
    for (number, look) in looks.into_iter().enumerate() {
        let builder = Cache::builder().path("/cache/shop.larder").volume(&SimulatedVolume::new());
        let cache = builder.stepped(1).open().unwrap();
        let keyspace = cache.keyspace(KeyspaceDefinition::<u64, Unreadable>::new("unreadable")).unwrap();
        keyspace.insert(&1, Unreadable).unwrap();
        cache.flush().unwrap();
        let (full, tiers) = (keyspace.encode(&1).unwrap().as_slice().to_vec(), &cache.shared().tiers);
        tiers.memory.forget(tiers.memory.key(&full), Timestamp::ZERO, &mut EvictedValues::default());
        EVICTING.set(Some(tiers.clone()));
        DECODES.set(0);
        assert!(look(&keyspace), "look {number}");
        assert!((1..=2).contains(&DECODES.get()), "look {number}: {}", DECODES.get());
        EVICTING.set(None);
    }
}
