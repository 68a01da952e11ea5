//! A model test of the memory tier: random steps, one at a time. After each step the counters must agree
//! with the slots. At the end no reserved room may be lost.
//!
//! A commit has several steps: drain, then mark each key clean, or requeue the keys after a failure. A load
//! or a promotion has two steps: take a lease or a token, then publish. A key may change between two steps,
//! and then reserved room must be released.

use crate::memory::entry::{IncomingEntry, Refused, Value};
use crate::memory::evicted_values::EvictedValues;
use crate::memory::extras::EntryExtras;
use crate::memory::grace::Grace;
use crate::memory::leases::Permit;
use crate::memory::loads::LeaseOutcome;
use crate::memory::lookup::Lookup;
use crate::memory::mutation::{Mutation, SlotChange};
use crate::memory::weight::Weight;
use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{HEEDS_ALL, dirty, later};
use crate::format::key::scope::Scope;
use crate::memory::*;

const CAPACITY: u64 = 300;
const KEYS: u8 = 24;

type Key = [u8; 5];

/// Returns a key. Even numbers are keys of the disk tier, odd numbers are memory-only keys.
fn key_of(number: u8) -> Key {
    [0x80 * (number % 2), 0, 0, 1, number]
}

#[derive(Debug, Clone)]
enum Step {
    /// Stores a value that will not be committed.
    StoreClean(u8, u64, u64),
    StoreDirty(u8, u64, u64),
    Get(u8),
    Forget(u8),
    InsertTombstone(u8),
    AskToLoad(u8),
    AskToPromote(u8),
    /// Publishes the oldest load or promotion. Its key may have been invalidated in the meantime.
    Publish(u64, bool),
    Drain,
    MarkClean,
    Requeue,
    /// Discards the file. Values are not committed until `StartSaving`.
    StopSaving,
    StartSaving,
    Purge(Option<u8>),
    Advance(u64),
    Expire,
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..KEYS;
    // Some weights exceed the capacity.
    let weight = || prop_oneof![15 => 1_u64..60, 1 => CAPACITY - 1..CAPACITY + 2];
    // The TTL is below four seconds, so that several entries expire in the same second and share a list.
    let ttl = || 1_u64..4_000;
    prop_oneof![
        4 => (key(), weight(), ttl()).prop_map(|(key, weight, ttl)| Step::StoreClean(key, weight, ttl)),
        6 => (key(), weight(), ttl()).prop_map(|(key, weight, ttl)| Step::StoreDirty(key, weight, ttl)),
        3 => key().prop_map(Step::Get),
        1 => key().prop_map(Step::Forget),
        1 => key().prop_map(Step::InsertTombstone),
        3 => key().prop_map(Step::AskToLoad),
        3 => key().prop_map(Step::AskToPromote),
        5 => (weight(), any::<bool>()).prop_map(|(weight, saved)| Step::Publish(weight, saved)),
        4 => Just(Step::Drain),
        8 => Just(Step::MarkClean),
        1 => Just(Step::Requeue),
        1 => Just(Step::StopSaving),
        1 => Just(Step::StartSaving),
        1 => proptest::option::of(key()).prop_map(Step::Purge),
        3 => (1_u64..1_500).prop_map(Step::Advance),
        2 => Just(Step::Expire),
    ]
}

struct Run {
    memory: Memory,
    now: Timestamp,
    /// Keys that the writer has drained and not yet marked clean.
    drained: Vec<Mutation>,
    asked: Vec<(Key, Permit)>,
    saves: bool,
}

impl Run {
    fn new() -> Self {
        let now = Timestamp::from_millis(100_000);
        let memory = Memory::new(4, CAPACITY, 1 << 20, 0);
        Self { memory, now, drained: Vec::new(), asked: Vec::new(), saves: true }
    }

    fn clean(&self, weight: u64, ttl: u64) -> IncomingEntry {
        let expires_at = Timestamp::from_millis(self.now.as_millis() + ttl);
        IncomingEntry {
            // Every third entry is an absence.
            value: (!weight.is_multiple_of(3)).then(|| Arc::new(()) as Value),
            expires_at,
            grace: Grace::NONE,
            weight: Weight::of(weight),
            unsaved: None,
            // Some entries have extras. `validate` checks that no extras outlive their entries.
            extras: (weight % 3 == 1).then(|| EntryExtras::new(self.now, None, expires_at)),
        }
    }

    fn dirty(&self, weight: u64, ttl: u64) -> IncomingEntry {
        IncomingEntry { unsaved: dirty(&self.memory, weight).unsaved, ..self.clean(weight, ttl) }
    }

    fn live(&self) -> BTreeSet<u8> {
        let is_live = |number: &u8| {
            let bytes = key_of(*number);
            let found = self.memory.peek(self.memory.key(&bytes), self.now);
            matches!(found, Lookup::Value(..) | Lookup::Absent(_))
        };
        (0..KEYS).filter(is_live).collect()
    }

    fn step(&mut self, step: &Step) {
        let now = self.now;
        match *step {
            Step::StoreClean(number, weight, ttl) => {
                let bytes = key_of(number);
                let stored = self.memory.store(self.memory.key(&bytes), self.clean(weight, ttl), now);
                let must_save = self.saves && number.is_multiple_of(2);
                assert_eq!(stored == Err(Refused::Unsaved), must_save, "{stored:?}");
                // A write that finds no room removes the previous value. Otherwise the previous value would
                // stay visible.
                assert!(must_save || stored.is_ok() == self.live().contains(&number), "{stored:?}");
            }
            Step::StoreDirty(number, weight, ttl) => {
                let bytes = key_of(number);
                self.memory.store(self.memory.key(&bytes), self.dirty(weight, ttl), now).unwrap();
                assert!(self.live().contains(&number), "dirty entries are pinned");
            }
            Step::Get(number) => drop(self.memory.get(self.memory.key(&key_of(number)), now)),
            Step::Forget(number) => {
                let (bytes, mut evicted_values) = (key_of(number), EvictedValues::default());
                self.memory.forget(self.memory.key(&bytes), now, &mut evicted_values);
            }
            Step::InsertTombstone(number) => {
                let (bytes, mut evicted_values) = (key_of(number), EvictedValues::default());
                _ = self.memory.insert_tombstone(self.memory.key(&bytes), now, &mut evicted_values, || ());
            }
            Step::AskToLoad(number) => self.ask_to_load(number),
            Step::AskToPromote(number) => {
                let bytes = key_of(number);
                if let Lookup::Unknown(absent) = self.memory.get(self.memory.key(&bytes), now) {
                    self.asked.push((bytes, Permit::EpochToken(absent.epoch_token)));
                }
            }
            Step::Publish(weight, is_saved) => self.publish(weight, is_saved),
            Step::Purge(number) => {
                let prefix = number.map_or(vec![], |number| key_of(number).to_vec());
                let (range, _) = self.memory.purge(
                    Scope::prefix(prefix.clone()),
                    true,
                    now,
                    1000,
                    &mut EvictedValues::default(),
                    drop,
                );
                let is_gone =
                    |key: &Arc<[u8]>| matches!(self.memory.get(self.memory.key(key), now), Lookup::Negative);
                assert!(self.memory.keys(&prefix).iter().all(is_gone));
                self.memory.remove_range_tombstone(range.sequence);
            }
            Step::Advance(ms) => self.now = Timestamp::from_millis(now.as_millis() + ms),
            Step::Expire => self.expire(),
            _ => self.work(step),
        }
    }

    fn work(&mut self, step: &Step) {
        let mut evicted_values = EvictedValues::default();
        match step {
            // A drain comes only after all keys of the previous drain have been marked clean or requeued.
            Step::Drain if self.drained.is_empty() => {
                self.drained = self.memory.drain(self.now, &mut evicted_values);
            }
            Step::MarkClean => {
                if let Some(drained) = self.drained.pop() {
                    self.memory.mark_clean(&drained, &mut evicted_values);
                }
            }
            Step::Requeue => {
                self.drained.clear();
                self.memory.requeue();
            }
            Step::StopSaving => {
                self.drained.clear();
                self.memory.requeue();
                self.memory.stop_saving();
                self.saves = false;
            }
            Step::StartSaving => {
                self.memory.start_saving();
                self.saves = true;
            }
            _ => {}
        }
    }

    fn ask_to_load(&mut self, number: u8) {
        let bytes = key_of(number);
        let flight = || (Arc::new(()) as Value, true);
        if let LeaseOutcome::Lease { id, .. } =
            self.memory.lease_to_load(self.memory.key(&bytes), self.now, later(), HEEDS_ALL, flight)
        {
            self.asked.push((bytes, Permit::Lease(id)));
        }
    }

    fn publish(&mut self, weight: u64, is_saved: bool) {
        if self.asked.is_empty() {
            return;
        }
        let (bytes, permit) = self.asked.remove(0);
        let key = self.memory.key(&bytes);
        match permit {
            Permit::Lease(lease) => {
                let entry = if is_saved { self.dirty(weight, 2_000) } else { self.clean(weight, 2_000) };
                let is_filled = self.memory.fill(key, lease, entry).is_ok();
                self.memory.release(key, lease);
                assert!(!is_filled || self.live().contains(&bytes[4]));
            }
            Permit::EpochToken(_) => {
                let is_promoted = self.memory.promote(key, permit, self.clean(weight, 2_000), 0).is_ok();
                assert!(!is_promoted || self.live().contains(&bytes[4]));
            }
        }
    }

    /// Expires entries. Live entries must stay, and no expired clean entry may remain.
    fn expire(&self) {
        let live = self.live();
        self.memory.expire(self.now);
        assert_eq!(self.live(), live, "an entry was expired before its time");
        assert_eq!(self.memory.expire(self.now), 0);
        for number in (0..KEYS).filter(|number| !live.contains(number)) {
            assert!(!self.memory.has_clean(&key_of(number)), "{number} has expired and is kept");
        }
    }

    fn validate(&self) {
        assert!(self.memory.budget.used() <= CAPACITY);
        self.memory.validate();
        let dirty: usize = self.memory.shards.iter().map(|shard| shard.read().validate().dirty).sum();
        let replaced = self.drained.iter().filter(|drained| match &drained.change {
            SlotChange::Put { unsaved, .. } => Arc::strong_count(unsaved) == 1,
            SlotChange::Delete | SlotChange::DeleteInGroup(_) => false,
        });
        // Each dirty value has one byte of the write buffer, shared by its slot and the writer's batch.
        assert_eq!(
            self.memory.buffer().used(),
            (dirty + replaced.count()) as u64,
            "room in the write buffer"
        );
    }

    /// Ends the operations in progress, then fills memory again to check that all of its capacity is usable.
    fn end(mut self) {
        while !self.asked.is_empty() {
            self.publish(1, true);
        }
        while !self.drained.is_empty() {
            self.step(&Step::MarkClean);
        }
        self.step(&Step::Drain);
        while !self.drained.is_empty() {
            self.step(&Step::MarkClean);
        }
        self.memory.validate_at_end();
        assert_eq!(self.memory.buffer().used(), 0);
        let (range, _) =
            self.memory.purge(Scope::prefix([]), false, self.now, 1000, &mut EvictedValues::default(), drop);
        self.memory.remove_range_tombstone(range.sequence);
        for number in 0..30 {
            let bytes = [0x80, 0, 0, 2, number];
            self.memory.store(self.memory.key(&bytes), self.clean(CAPACITY / 30, 10_000), self.now).unwrap();
        }
        assert_eq!(self.memory.budget.used(), CAPACITY);
        assert_eq!(self.memory.keys(&[]).len(), 30, "memory holds as much as it may");
    }
}

proptest! {
    #[test]
    fn every_sum_agrees_with_the_slots_and_nothing_reserved_is_lost(
        steps in proptest::collection::vec(step(), 0..160)
    ) {
        let mut run = Run::new();
        for step in &steps {
            run.step(step);
            run.validate();
        }
        run.end();
    }
}
