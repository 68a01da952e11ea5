//! The memory tier: shards, their shared budget, and the write buffer.
//!
//! A key belongs to one [`shard::Shard`], chosen by its hash (of a per-process random seed). This module
//! takes the locks, one at a time, and drops what shards let go of after unlocking; it does no I/O.

mod budget;
pub(crate) mod buffer;
mod closing;
mod epochs;
pub(crate) mod evicted_values;
mod expiry;
pub mod heap;
pub(crate) mod leases;
mod maintenance;
mod policy;
mod purge;
mod removal;
mod segments;
pub(crate) mod shard;
pub(crate) mod slot;
mod slots;
#[cfg(any(test, feature = "test-util"))]
mod validate;
pub(crate) mod weight;
mod write_back;

use buffer::WriteBuffer;
use evicted_values::EvictedValues;
use leases::{LeaseId, Permit};

use slot::{DeferredDrops, IncomingEntry, Lookup, MissToken, Refused, SlotKey, Value};

use std::hash::{BuildHasher, Hasher};
use std::ops::Deref;

use budget::Budget;
use shard::Shard;

use crate::format::keyspace_id::KeyspaceId;
use crate::sys::process::Process;
use crate::sys::sync::{
    Arc, AtomicBool, AtomicU64, AtomicUsize, Ordering, RwLock, RwLockReadGuard, StatisticU64, hash_seeds,
    thread,
};
use crate::units::Timestamp;

/// All shards.
#[derive(Debug)]
pub(crate) struct Memory {
    shards: Box<[Padded]>,
    hasher: ahash::RandomState,
    budget: Arc<Budget>,
    buffer: Arc<WriteBuffer>,
    /// The last sequence given out.
    sequence: AtomicU64,
    next_victim: AtomicUsize,
    /// Values that were too heavy for memory, or found no room, and were left to the disk.
    bypassed: StatisticU64,
    /// Whether a write was stored, to a keyspace that is on disk, that will not be saved.
    has_unsaved: AtomicBool,
    /// The process whose threads use the locks.
    pub(crate) process: Process,
}

/// A shard on lines of the processor's cache that it shares with no other.
#[derive(Debug)]
#[repr(align(128))]
struct Padded(RwLock<Shard>);

impl Deref for Padded {
    type Target = RwLock<Shard>;

    fn deref(&self) -> &RwLock<Shard> {
        &self.0
    }
}

/// What a lookup that may fill found under the exclusive lock.
#[derive(Debug)]
pub(crate) enum Leased {
    /// A value came in the meantime.
    Value(Value),
    /// Another caller is loading the key: join its flight.
    Flight(Value),
    /// A lease, and what to know before the disk is asked; none if it has nothing live.
    Lease { id: LeaseId, on_disk: Option<MissToken> },
}

impl Memory {
    /// `shards` is rounded up to a power of two.
    pub(crate) fn new(shards: usize, capacity: u64, write_buffer: u64, last_sequence: u64) -> Self {
        let shards = shards.next_power_of_two().min(1 << 16);
        Self {
            shards: (0..shards).map(|_| Padded(RwLock::new(Shard::new()))).collect(),
            hasher: hash_seeds(),
            budget: Arc::new(Budget::new(capacity)),
            buffer: WriteBuffer::new(write_buffer),
            sequence: AtomicU64::new(last_sequence),
            next_victim: AtomicUsize::new(0),
            bypassed: StatisticU64::new(0),
            has_unsaved: AtomicBool::new(false),
            process: Process::current(),
        }
    }

    /// The same, with hashes that are the same in each process.
    pub(crate) fn seeded(self, seed: u64) -> Self {
        Self { hasher: ahash::RandomState::with_seeds(seed, 1, 2, 3), ..self }
    }

    #[inline]
    pub(crate) fn key<'a>(&self, bytes: &'a [u8]) -> SlotKey<'a> {
        // Not by way of `Hash`, which would hash the length as well: the bytes alone tell keys apart.
        let mut hasher = self.hasher.build_hasher();
        hasher.write(bytes);
        SlotKey { hash: hasher.finish(), bytes }
    }

    pub(crate) fn buffer(&self) -> &Arc<WriteBuffer> {
        &self.buffer
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.budget.capacity()
    }

    pub(crate) fn last_sequence(&self) -> u64 {
        self.sequence.load(Ordering::SeqCst)
    }

    /// In a forked child, a key whose shard can't be looked at has nothing.
    #[inline]
    pub(crate) fn get(&self, key: SlotKey<'_>, now: Timestamp) -> Lookup {
        self.read(key).map_or(Lookup::Negative, |shard| shard.get(key, now))
    }

    /// A lookup that counts as no use.
    pub(crate) fn peek(&self, key: SlotKey<'_>, now: Timestamp) -> Lookup {
        self.read(key).map_or(Lookup::Negative, |shard| shard.peek(key, now))
    }

    /// The shard of a key, under its shared lock; none in a forked child, if a thread of its parent was
    /// changing the shard at the fork.
    ///
    /// The process is asked for only if the lock can't be had at once, so a hit costs nothing more. A child
    /// that has the lock is sure to give it back without waiting: nobody can come to wait for it.
    #[inline]
    fn read(&self, key: SlotKey<'_>) -> Option<RwLockReadGuard<'_, Shard>> {
        let shard = self.shard(key);
        shard.try_read().or_else(|| self.wait_to_read(shard))
    }

    #[cold]
    fn wait_to_read<'a>(&self, shard: &'a RwLock<Shard>) -> Option<RwLockReadGuard<'a, Shard>> {
        self.process.is_current().then(|| shard.read())
    }

    /// Takes a lease on a key even if it has a value, so as to write that value again.
    pub(crate) fn lease_over(&self, key: SlotKey<'_>, now: Timestamp) -> (LeaseId, Lookup) {
        let mut shard = self.shard(key).write();
        (shard.leases.take_over(key), shard.peek(key, now))
    }

    /// Takes a lease on a key and hangs `flight` on it, so as to load it; unless there is a flight to join.
    /// Invariant 4: the caller asks the disk after this.
    pub(crate) fn lease_to_load(
        &self,
        key: SlotKey<'_>,
        now: Timestamp,
        flight: impl FnOnce() -> Value,
    ) -> Leased {
        let mut shard = self.shard(key).write();
        let on_disk = match shard.get(key, now) {
            Lookup::Value(value, _) => return Leased::Value(value),
            Lookup::Negative => None,
            Lookup::Unknown(absent) => Some(absent),
        };
        if let Some(flight) = shard.leases.flight(key) {
            return Leased::Flight(flight);
        }
        let id = shard.leases.take(key);
        shard.leases.attach(key, id, flight());
        Leased::Lease { id, on_disk }
    }

    pub(crate) fn release(&self, key: SlotKey<'_>, lease: LeaseId) {
        self.locked(key, |shard, deferred| shard.leases.release(key, lease, deferred));
    }

    /// Stores an explicit write. An entry that is not to be saved is evicted at once if memory has no room
    /// for it.
    ///
    /// What it replaces, and what goes for its room, is left to the caller, who may have others to tell of
    /// the write first: a user's `Drop` may panic. So do the other two ways to store an entry.
    pub(crate) fn store_keeping(
        &self,
        key: SlotKey<'_>,
        entry: IncomingEntry,
        now: Timestamp,
        evicted_values: &mut EvictedValues,
    ) -> Result<u64, Refused> {
        if entry.unsaved.is_none() && !KeyspaceId::of(key.bytes).is_memory_only() {
            // Before the shard takes it: whoever asks after every shard refuses such entries knows of all
            // that were stored.
            self.has_unsaved.store(true, Ordering::SeqCst);
        }
        let store = |shard: &mut Shard, entry, deferred: &mut DeferredDrops| {
            shard.store(key, entry, &self.sequence, deferred)
        };
        self.charged(key, entry, evicted_values, store).map_err(|refused| match refused {
            // What it would have replaced must not outlive it.
            Refused::NoRoom => self.keeping(self.shard(key), evicted_values, |shard, deferred| {
                shard.forget_replaced(key, now, deferred)
            }),
            other => other,
        })
    }

    /// Whether writes were stored since this was last asked that will not be saved.
    pub(crate) fn take_unsaved(&self) -> bool {
        self.has_unsaved.swap(false, Ordering::SeqCst)
    }

    /// Publishes a load, if its lease still holds. Answers its sequence.
    pub(crate) fn fill_keeping(
        &self,
        key: SlotKey<'_>,
        lease: LeaseId,
        entry: IncomingEntry,
        evicted_values: &mut EvictedValues,
    ) -> Result<u64, Refused> {
        let fill = |shard: &mut Shard, entry, deferred: &mut DeferredDrops| {
            shard.fill(key, lease, entry, &self.sequence, deferred)
        };
        self.charged(key, entry, evicted_values, fill)
    }

    /// Publishes what was read from disk, if the permission still holds.
    pub(crate) fn promote_keeping(
        &self,
        key: SlotKey<'_>,
        permit: Permit,
        entry: IncomingEntry,
        sequence: u64,
        evicted_values: &mut EvictedValues,
    ) -> Result<(), Refused> {
        let promote = |shard: &mut Shard, entry, deferred: &mut DeferredDrops| {
            shard.promote(key, permit, entry, sequence, deferred)
        };
        self.charged(key, entry, evicted_values, promote)
    }

    /// Stores an entry, its weight reserved if it is not to be saved: it is clean from the start then.
    ///
    /// A full cache mostly has the room in the entry's own shard: what is evicted there, under the same lock,
    /// gives its room to the newcomer, and nobody can come in between. Otherwise room is looked for
    /// everywhere.
    fn charged<R>(
        &self,
        key: SlotKey<'_>,
        entry: IncomingEntry,
        // Not dropped here: a user's `Drop` must not run while weight is reserved that is nobody's yet, since
        // it may wait for that weight.
        evicted_values: &mut EvictedValues,
        store: impl FnOnce(&mut Shard, IncomingEntry, &mut DeferredDrops) -> Result<R, Refused>,
    ) -> Result<R, Refused> {
        let weight = if entry.unsaved.is_none() { entry.weight.bytes() } else { 0 };
        let is_reserved = self.budget.try_reserve(weight);
        let mut left = Some((entry, store));
        let mut stored = Err(Refused::NoRoom);
        if is_reserved || weight <= self.budget.capacity() {
            self.keeping(self.shard(key), evicted_values, |shard, deferred| {
                if (is_reserved || (shard.evict(deferred) && deferred.give_room(weight)))
                    && let Some((entry, store)) = left.take()
                {
                    stored = store(shard, entry, deferred);
                }
            });
        }
        if let Some((entry, store)) = left {
            if !self.reserve_keeping(key, weight, evicted_values) {
                self.bypassed.fetch_add(1, Ordering::Relaxed);
                return Err(Refused::NoRoom);
            }
            stored = self
                .keeping(self.shard(key), evicted_values, |shard, deferred| store(shard, entry, deferred));
        }
        stored.inspect_err(|_| self.budget.release(weight))
    }

    /// Reserves room in the budget for a key, evicting as needed: first from its own shard, so that shards
    /// keep their sizes and each chooses among the entries that the new one competes with, then from one
    /// after another. No lock is held at the call.
    fn reserve_keeping(&self, key: SlotKey<'_>, weight: u64, evicted_values: &mut EvictedValues) -> bool {
        if weight > self.budget.capacity() {
            return false;
        }
        if self.budget.try_reserve(weight) {
            return true;
        }
        self.keeping(self.shard(key), evicted_values, Shard::evict);
        let mut idle = 0;
        while !self.budget.try_reserve(weight) {
            let next = self.next_victim.fetch_add(1, Ordering::Relaxed);
            let Some(shard) = self.shards.get(next & (self.shards.len() - 1)) else {
                return false;
            };
            if self.keeping(shard, evicted_values, Shard::evict) {
                idle = 0;
                continue;
            }
            // Nothing to evict: the room is reserved by fills that are about to be published.
            idle += 1;
            if idle > 8 * self.shards.len() {
                return false;
            }
            if idle % self.shards.len() == 0 {
                thread::yield_now();
            }
        }
        true
    }

    /// The shard of a key: by the upper half of the hash, the lower being the table's and the policy's.
    #[inline]
    fn shard(&self, key: SlotKey<'_>) -> &RwLock<Shard> {
        let at = usize::try_from(key.hash >> 32).unwrap_or(0) & (self.shards.len() - 1);
        self.shards.get(at).expect("a masked index is below the power of two that is the length")
    }

    fn locked<R>(&self, key: SlotKey<'_>, change: impl FnOnce(&mut Shard, &mut DeferredDrops) -> R) -> R {
        self.locked_shard(self.shard(key), change)
    }

    /// Changes a shard under its lock. What it lets go of is dropped after the lock (invariant 5), its weight
    /// given back.
    fn locked_shard<R>(
        &self,
        shard: &RwLock<Shard>,
        change: impl FnOnce(&mut Shard, &mut DeferredDrops) -> R,
    ) -> R {
        self.keeping(shard, &mut EvictedValues::default(), change)
    }

    /// Changes a shard under its lock. What it lets go of is left to the caller, its weight given back.
    fn keeping<R>(
        &self,
        shard: &RwLock<Shard>,
        evicted_values: &mut EvictedValues,
        change: impl FnOnce(&mut Shard, &mut DeferredDrops) -> R,
    ) -> R {
        let mut deferred = DeferredDrops::default();
        let result = change(&mut shard.write(), &mut deferred);
        self.budget.release(deferred.weight);
        evicted_values.extend(deferred.values);
        result
    }
}

#[cfg(test)]
mod tests;
