//! The part of memory in commits: it reserves room for new values, drains the dirty keys, marks the
//! committed keys clean, and starts or stops saving.

use super::Memory;
use super::budget::Reservation;
use super::buffer::BufferRoom;
use super::evicted_values::EvictedValues;
use super::mutation::{Mutation, SlotChange};
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::sync::thread;
use crate::units::Timestamp;

impl Memory {
    /// Reserves room in the write buffer for a value that will be committed. For a large value, also
    /// reserves its excess in the budget, by evicting entries. Waits for the room, and calls `on_full`
    /// before each wait. Returns `None` once the buffer is closed.
    ///
    /// So memory and the write buffer together never exceed their capacities. The only exception is a value
    /// that, with its encoding, is larger than both capacities together. A value of that size reserves the
    /// whole budget.
    ///
    /// The caller must not hold a lock. The caller drops the evicted values after its own value is stored,
    /// because a user's `Drop` may wait for the room that the caller has reserved.
    pub(crate) fn reserve_room(
        &self,
        bytes: u64,
        on_full: impl Fn(),
        evicted_values: &mut EvictedValues,
    ) -> Option<BufferRoom> {
        let mut room = self.buffer.reserve(bytes, on_full)?;
        if room.excess() > 0 {
            room.keep(self.reserve_beyond(room.excess().min(self.budget.capacity()), evicted_values));
        }
        Some(room)
    }

    /// Reserves weight in the budget, evicting entries as needed. The loop terminates, because all weight in
    /// the budget is evictable or soon will be. A thread with reserved weight uses it for an entry or
    /// releases it, and runs no user code before that. Only one large value has room at a time.
    fn reserve_beyond(&self, weight: u64, evicted_values: &mut EvictedValues) -> Reservation {
        let mut reservation = Reservation::new(self.budget.clone());
        let mut idle = 0;
        while !reservation.grow_to(weight) {
            if self.evict_next(&[], evicted_values) {
                idle = 0;
                continue;
            }
            idle += 1;
            if idle % self.shards.len() == 0 {
                thread::yield_now();
            }
        }
        reservation
    }

    /// Returns the changes of the keys on the dirty lists of all shards, for the writer thread. Adds the
    /// values that the writer thread must not drop to `evicted_values`.
    pub(crate) fn drain(&self, now: Timestamp, evicted_values: &mut EvictedValues) -> Vec<Mutation> {
        let mut mutations = Vec::new();
        self.drain_into(&mut mutations, now, evicted_values);
        mutations
    }

    /// Like [`drain`](Memory::drain), but adds to a list.
    pub(crate) fn drain_into(
        &self,
        mutations: &mut Vec<Mutation>,
        now: Timestamp,
        evicted_values: &mut EvictedValues,
    ) {
        // The gate is closed first. Otherwise the drain could contain a part of a group: see
        // [`super::store_group`].
        let _gate = self.close_group_gate();
        for (number, shard) in (0..=u16::MAX).zip(&self.shards) {
            let mut locked = self.lock_shard(shard, evicted_values);
            locked.shard.drain(number, now, mutations, &mut locked.released.deferred);
        }
    }

    pub(crate) fn requeue(&self) {
        for shard in self.shards.iter().filter(|_| !failpoint_is_set(Failpoint::ForgetDrained)) {
            shard.write().requeue();
        }
    }

    /// Makes every shard refuse values of the disk tier that would not be committed. Returns the highest
    /// sequence of such values that were stored since the shards stopped saving, or 0.
    pub(crate) fn start_saving(&self) -> u64 {
        let _gate = self.close_group_gate();
        self.shards.iter().map(|shard| shard.write().start_saving()).max().unwrap_or(0)
    }

    /// Called when the file is discarded. From then on values need not be committed, and pending range
    /// removals have no records to remove.
    pub(crate) fn stop_saving(&self) {
        for shard in &self.shards {
            shard.write().stop_saving();
        }
    }

    /// Marks a drained key clean. Its change was committed, and the snapshot of the commit is already
    /// installed (invariant 2 of `docs/design.md`); or the file was discarded.
    pub(crate) fn mark_clean(&self, mutation: &Mutation, evicted_values: &mut EvictedValues) {
        let key = self.key(&mutation.key);
        let SlotChange::Put { unsaved, slot, .. } = &mutation.change else {
            let mut locked = self.lock(key, evicted_values);
            locked.shard.mark_clean(key, mutation.sequence, true, &mut locked.released.deferred);
            return;
        };
        // The weight that a large value has reserved is transferred to the entry. If it were reserved twice,
        // a value of more than half the capacity would find no room.
        let weight = unsaved.weight.bytes();
        let passed = unsaved.room.pass_on(weight);
        let missing = weight - passed;
        let mut locked = self.lock(key, evicted_values);
        // A value that was replaced or removed after the drain needs no room, so nothing is evicted for it.
        let needs_room = locked.shard.is_dirty(*slot, key, mutation.sequence);
        let may_fit = needs_room && missing <= self.budget.capacity();
        let mut keep = may_fit && (self.budget.try_reserve(missing) || locked.evict_for(key, missing));
        if needs_room && !keep {
            let evicted_values = locked.unlock();
            keep = self.reserve_weight(key, missing, evicted_values);
            if !keep {
                self.count_bypassed();
            }
            locked = self.lock(key, evicted_values);
        }
        let deferred = &mut locked.released.deferred;
        let kept = locked.shard.mark_slot_clean(*slot, key, mutation.sequence, keep, deferred);
        drop(locked);
        if !kept {
            self.budget.release(if keep { weight } else { passed });
        }
    }

    /// Notes that the removals that these values hide were committed without the values. The snapshot of the
    /// commit is already installed.
    pub(crate) fn note_hidden_removals(&self, mutations: &[Mutation]) {
        for mutation in mutations.iter().filter(|mutation| mutation.hides_removal) {
            if let SlotChange::Put { slot, .. } = &mutation.change {
                let key = self.key(&mutation.key);
                self.shard(key).write().note_hidden_removal(*slot, key, mutation.sequence);
            }
        }
    }
}
