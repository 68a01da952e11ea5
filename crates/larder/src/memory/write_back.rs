//! The part of memory in a commit: room for new values, the keys to drain, and marking them clean.

use super::Memory;
use super::budget::Reservation;
use super::buffer::BufferRoom;
use super::evicted_values::EvictedValues;
use super::slot::{Change, Mutation};
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::sync::{Ordering, thread};
use crate::units::Timestamp;

impl Memory {
    /// Reserves room for a value that will be committed: in the write buffer, and in the budget for the
    /// excess of a large value, by evicting. Waits for the room, and calls `on_full` before each wait.
    /// Returns `None` once the buffer is closed.
    ///
    /// So memory and the write buffer together never hold more than their capacities. A value that, with its
    /// encoding, is larger than both has the whole budget: it stands alone.
    ///
    /// The caller holds no lock. It drops the evicted values after its value is stored: a user's `Drop` may
    /// wait for the very room that the caller has here.
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

    /// Ends, because everything in the budget is evictable or about to be: a thread that has reserved weight
    /// makes an entry of it or gives it back, and runs no user code before that. There is one large value at
    /// a time.
    fn reserve_beyond(&self, weight: u64, evicted_values: &mut EvictedValues) -> Reservation {
        let mut reservation = Reservation::new(self.budget.clone());
        let mut idle = 0;
        while !reservation.grow_to(weight) {
            if self.evict_next(evicted_values) {
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

    /// Hands every dirty key to the writer thread, with the values that the writer thread must not drop
    /// itself.
    pub(crate) fn drain(&self, now: Timestamp, evicted_values: &mut EvictedValues) -> Vec<Mutation> {
        let mut mutations = Vec::new();
        self.drain_into(&mut mutations, now, evicted_values);
        mutations
    }

    /// As [`drain`](Memory::drain), into a list that is used again for each step. A new list each time would
    /// be the largest block that is ever freed. glibc's allocator adapts to that size: it would then keep all
    /// blocks up to it in its arenas, where the holes between them are not given back.
    pub(crate) fn drain_into(
        &self,
        mutations: &mut Vec<Mutation>,
        now: Timestamp,
        evicted_values: &mut EvictedValues,
    ) {
        for shard in &self.shards {
            let mut locked = self.lock_shard(shard, evicted_values);
            locked.shard.drain(now, mutations, &mut locked.released.deferred);
        }
    }

    /// Lists the drained keys again that are not committed.
    pub(crate) fn requeue(&self) {
        for shard in self.shards.iter().filter(|_| !failpoint_is_set(Failpoint::ForgetDrained)) {
            shard.write().requeue();
        }
    }

    /// Makes every shard refuse a value of the disk tier that would not be saved.
    pub(crate) fn start_saving(&self) {
        for shard in &self.shards {
            shard.write().start_saving();
        }
    }

    /// Called when the file is discarded. Values need not be saved any more, and pending range removals have
    /// nothing left to remove.
    pub(crate) fn stop_saving(&self) {
        for shard in &self.shards {
            shard.write().stop_saving();
        }
    }

    /// Makes a committed key clean. Invariant 2: its snapshot was installed before.
    pub(crate) fn mark_clean(&self, mutation: &Mutation, evicted_values: &mut EvictedValues) {
        let key = self.key(&mutation.key);
        let (weight, passed) = match &mutation.change {
            // The weight that a large value has reserved is passed on to the entry. Reserved twice, a value
            // of half the capacity would find no room.
            Change::Put { weight, unsaved, .. } => (weight.bytes(), unsaved.room.pass_on(weight.bytes())),
            Change::Delete => (0, 0),
        };
        let keep = self.reserve_weight(key, weight - passed, evicted_values);
        if !keep {
            self.bypassed.fetch_add(1, Ordering::Relaxed);
        }
        let mut locked = self.lock(key, evicted_values);
        let kept = locked.shard.mark_clean(key, mutation.sequence, keep, &mut locked.released.deferred);
        drop(locked);
        if !kept {
            self.budget.release(if keep { weight } else { passed });
        }
    }
}
