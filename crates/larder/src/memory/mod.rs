//! The memory tier: shards, their shared budget, and the write buffer.
//!
//! The hash of a key chooses its [`shard::Shard`]. The hash has a random seed for each cache. Only
//! [`group_publication`] and [`group_lookup`] lock several shards at the same time. Values that leave a shard
//! are dropped after its lock is released. The code in this module does no I/O.

mod barrier_waits;
mod budget;
pub(crate) mod buffer;
mod closing;
mod deferred_drops;
pub(crate) mod entry;
pub(crate) mod epochs;
pub(crate) mod evicted_values;
mod expiry;
pub(crate) mod extras;
mod few;
pub(crate) mod grace;
pub(crate) mod group;
#[cfg(feature = "async")]
mod group_lookup;
pub(crate) mod group_publication;
pub mod heap;
pub(crate) mod idle;
mod in_place;
pub(crate) mod key_leases;
pub(crate) mod keyspace_usage;
pub(crate) mod leases;
pub(crate) mod loads;
mod locked_shard;
pub(crate) mod lookup;
mod maintenance;
pub(crate) mod mutation;
mod near;
pub(crate) mod payload;
mod policy;
pub(crate) mod publication;
mod purge;
pub(crate) mod purged;
mod reading;
pub(crate) mod refresh;
mod removal;
mod removal_groups;
mod room;
mod segments;
pub(crate) mod shard;
mod slot;
mod slot_index;
pub(crate) mod slot_key;
mod slots;
mod store_group;
pub(crate) mod use_stamps;
#[cfg(any(test, feature = "test-util"))]
mod validate;
mod watch_epochs;
pub(crate) mod weight;
mod write_back;

use barrier_waits::BarrierWaits;
use buffer::WriteBuffer;
use evicted_values::EvictedValues;
use key_leases::LeaseId;
use leases::Permit;
use locked_shard::LockedShard;
use use_stamps::UseStamps;

use crate::memory::entry::{IncomingEntry, PromotionSource, Refused};
use crate::memory::lookup::{Lookup, ReadEntry};
use crate::memory::slot_key::SlotKey;

use std::ops::Deref;

use budget::Budget;
use shard::Shard;

use crate::format::key::hash::{HashSeed, KeyspaceSeed};
use crate::format::keyspace_id::KeyspaceId;
use crate::sys::process::Process;
use crate::sys::sync::{Arc, AtomicU64, AtomicUsize, Ordering, RwLock, StatisticU64, key_seeds};
use crate::units::Timestamp;

#[derive(Debug)]
pub(crate) struct Memory {
    shards: Box<[Padded]>,
    hash_seed: HashSeed,
    budget: Arc<Budget>,
    buffer: Arc<WriteBuffer>,
    /// The sequence of the latest change.
    sequence: AtomicU64,
    next_victim: AtomicUsize,
    /// Number of values that memory did not store, because they were too heavy or found no room.
    bypassed: StatisticU64,
    /// This lock is held shared while the values of a group are stored: see [`store_group`].
    group_gate: RwLock<()>,
    barrier_waits: BarrierWaits,
    pub(crate) use_stamps: UseStamps,
    /// The process that opened the cache. Only threads of this process wait for the shards' locks.
    pub(crate) process: Process,
}

/// A shard that shares no CPU cache line with another shard.
#[derive(Debug)]
#[repr(align(128))]
struct Padded(RwLock<Shard>);

impl Deref for Padded {
    type Target = RwLock<Shard>;

    fn deref(&self) -> &RwLock<Shard> {
        &self.0
    }
}

impl Memory {
    /// Creates empty shards. Their number is `shards`, rounded up to a power of two, but at most 65,536.
    pub(crate) fn new(shards: usize, capacity: u64, write_buffer: u64, last_sequence: u64) -> Self {
        let shards = shards.next_power_of_two().min(1 << 16);
        Self {
            shards: (0..shards).map(|_| Padded(RwLock::new(Shard::new()))).collect(),
            hash_seed: HashSeed::new(key_seeds()),
            budget: Arc::new(Budget::new(capacity)),
            buffer: WriteBuffer::new(write_buffer),
            sequence: AtomicU64::new(last_sequence),
            next_victim: AtomicUsize::new(0),
            bypassed: StatisticU64::new(0),
            group_gate: RwLock::new(()),
            barrier_waits: BarrierWaits::new(),
            use_stamps: UseStamps::default(),
            process: Process::current(),
        }
    }

    /// Replaces the random hash seed, so that every process computes the same hashes.
    pub(crate) fn seeded(self, seed: u64) -> Self {
        Self { hash_seed: HashSeed::fixed(seed), ..self }
    }

    /// Makes misses take their number of evictions from this counter
    /// ([`MissToken`](lookup::MissToken)).
    pub(crate) fn above_disk(self, evictions: &Arc<AtomicU64>) -> Self {
        for shard in &self.shards {
            shard.write().disk_evictions = evictions.clone();
        }
        self
    }

    pub(crate) fn keyspace_seed(&self, keyspace: KeyspaceId) -> KeyspaceSeed {
        self.hash_seed.of(keyspace)
    }

    #[inline]
    pub(crate) fn key<'a>(&self, bytes: &'a [u8]) -> SlotKey<'a> {
        let seed = self.keyspace_seed(KeyspaceId::of(bytes));
        SlotKey { hash: seed.hash(bytes.get(KeyspaceId::LEN..).unwrap_or(bytes)), bytes }
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

    /// Takes a lease to change a key's content ([`publication`]). Returns the lease, the result of a lookup
    /// in the shard, and the entry that was read.
    pub(crate) fn lease_over(
        &self,
        key: SlotKey<'_>,
        now: Timestamp,
    ) -> (LeaseId, Lookup, Option<ReadEntry>) {
        let mut shard = self.shard(key).write();
        let (lease, found) = (shard.leases.take_over(key), shard.peek_to_change(key, now));
        let read = if let Lookup::Value(_, expires_at) = found {
            Some(ReadEntry::new(shard.sequence_of(key), expires_at, shard.extras_of(key)))
        } else {
            None
        };
        (lease, found, read)
    }

    /// Stores an explicit write. If the entry will not be committed and memory has no room for it, returns
    /// an error, and removes the key's previous value unless changes of the key must be committed.
    ///
    /// The caller drops the replaced value and the evicted values in `evicted_values`. Some callers must
    /// first announce the write, because a user's `Drop` may wait. [`fill_entry`](Memory::fill_entry) and
    /// [`promote_entry`](Memory::promote_entry) also leave the dropping to the caller.
    pub(crate) fn store_entry(
        &self,
        key: SlotKey<'_>,
        entry: IncomingEntry,
        now: Timestamp,
        evicted_values: &mut EvictedValues,
    ) -> Result<u64, Refused> {
        let weight = entry.clean_weight();
        let has_room = self.budget.try_reserve(weight);
        if has_room || weight <= self.budget.capacity() {
            // Does the same as `lock_with_room`, whose result would move the guard in memory.
            let mut locked = self.lock(key, evicted_values);
            if has_room || locked.evict_for(key, weight) {
                let stored = locked.shard.store(key, entry, &self.sequence, &mut locked.released.deferred);
                return stored.inspect_err(|_| locked.released.deferred.weight += weight);
            }
        }
        self.store_with_room_of_all(key, entry, now, evicted_values)
    }

    /// Stores an explicit write like [`store_entry`](Self::store_entry), after evicting entries of any shard.
    #[cold]
    fn store_with_room_of_all(
        &self,
        key: SlotKey<'_>,
        entry: IncomingEntry,
        now: Timestamp,
        evicted_values: &mut EvictedValues,
    ) -> Result<u64, Refused> {
        let weight = entry.clean_weight();
        let has_room = self.reserve_weight(key, weight, evicted_values);
        let mut locked = self.lock(key, evicted_values);
        if !has_room {
            let deferred = &mut locked.released.deferred;
            deferred.refused(entry);
            // The previous value is removed. Otherwise it would stay visible after this write.
            let refused = locked.shard.forget_replaced(key, now, &self.sequence, deferred);
            // Any other refused write is prepared again, for a commit.
            if refused == Refused::NoRoom {
                self.count_bypassed();
            }
            return Err(refused);
        }
        let stored = locked.shard.store(key, entry, &self.sequence, &mut locked.released.deferred);
        stored.inspect_err(|_| locked.released.deferred.weight += weight)
    }

    /// Stores a loaded value if its lease is still valid. Returns the sequence of the entry.
    pub(crate) fn fill_entry(
        &self,
        key: SlotKey<'_>,
        lease: LeaseId,
        entry: IncomingEntry,
        evicted_values: &mut EvictedValues,
    ) -> Result<u64, Refused> {
        let weight = entry.clean_weight();
        let Some(mut locked) = self.lock_with_room(key, weight, evicted_values) else {
            return Err(Refused::NoRoom);
        };
        let filled = locked.shard.fill(key, lease, entry, &self.sequence, &mut locked.released.deferred);
        filled.inspect_err(|_| locked.released.deferred.weight += weight)
    }

    /// Stores a value that was read from disk or from a server, if the permit is still valid, and its source
    /// is still current.
    pub(crate) fn promote_entry(
        &self,
        key: SlotKey<'_>,
        permit: Permit,
        mut entry: IncomingEntry,
        sequence: u64,
        source: PromotionSource<'_>,
        evicted_values: &mut EvictedValues,
    ) -> Result<(), Refused> {
        let weight = entry.clean_weight();
        let Some(mut locked) = self.lock_with_room(key, weight, evicted_values) else {
            return Err(Refused::NoRoom);
        };
        let PromotionSource { is_current, is_extended } = source;
        let expires_at = if is_extended {
            self.latest_expiry(key, sequence, entry.expires_at, is_current)
        } else {
            is_current().then_some(entry.expires_at)
        };
        let Some(expires_at) = expires_at else {
            locked.released.deferred.refused(entry);
            locked.released.deferred.weight += weight;
            return Err(Refused::Revoked);
        };
        entry.expires_at = expires_at;
        let promoted = locked.shard.promote(key, permit, entry, sequence, &mut locked.released.deferred);
        promoted.inspect_err(|_| locked.released.deferred.weight += weight)
    }

    /// Locks the shard of a key, with `weight` reserved in the budget. Returns `None` if memory has no room
    /// for this weight.
    ///
    /// In a full cache, the room usually comes from the key's own shard. The victim is evicted under the
    /// same lock, so no other entry can take its room. If this room is too small, other entries of any
    /// shard are evicted too.
    ///
    /// This function drops no value. It has reserved weight for an entry that is not stored yet, and a
    /// user's `Drop` may wait for that weight.
    #[inline]
    fn lock_with_room<'a>(
        &'a self,
        key: SlotKey<'_>,
        weight: u64,
        evicted_values: &'a mut EvictedValues,
    ) -> Option<LockedShard<'a>> {
        let has_room = self.budget.try_reserve(weight);
        if !has_room && weight > self.budget.capacity() {
            self.count_bypassed();
            return None;
        }
        // Both cases share this lock call, so that the guard is never moved in memory.
        let mut locked = self.lock(key, evicted_values);
        if has_room || locked.evict_for(key, weight) {
            return Some(locked);
        }
        self.lock_with_room_of_all(key, weight, locked.unlock())
    }

    /// Locks the shard of a key, after evicting entries of any shard to reserve `weight`.
    #[cold]
    fn lock_with_room_of_all<'a>(
        &'a self,
        key: SlotKey<'_>,
        weight: u64,
        evicted_values: &'a mut EvictedValues,
    ) -> Option<LockedShard<'a>> {
        if !self.reserve_weight(key, weight, evicted_values) {
            self.count_bypassed();
            return None;
        }
        Some(self.lock(key, evicted_values))
    }

    #[inline]
    fn shard(&self, key: SlotKey<'_>) -> &RwLock<Shard> {
        self.shard_of(key.hash)
    }

    #[inline]
    fn shard_of(&self, hash: u64) -> &RwLock<Shard> {
        self.shards
            .get(self.index_of(hash))
            .expect("a masked index is below the power of two that is the length")
    }

    /// Locks the shard of a key. Adds the values that leave the shard to `evicted_values`.
    #[inline]
    fn lock<'a>(&'a self, key: SlotKey<'_>, evicted_values: &'a mut EvictedValues) -> LockedShard<'a> {
        self.lock_shard(self.shard(key), evicted_values)
    }

    #[inline]
    fn lock_shard<'a>(
        &'a self,
        shard: &'a RwLock<Shard>,
        evicted_values: &'a mut EvictedValues,
    ) -> LockedShard<'a> {
        LockedShard::new(shard, &self.budget, evicted_values)
    }
}

#[cfg(test)]
mod tests;
