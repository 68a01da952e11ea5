//! What leads to a commit and follows from it: range removals, what the writer drains, and what it settles.

use super::budget::Reservation;
use super::buffer::Room;
use super::shard::Shard;
use super::slot::{Change, Mutation, Purged, Range};
use super::{Memory, Remains};
use crate::key::Scope;
use crate::sync::planted::{Fault, is_planted};
use crate::sync::{Ordering, thread};
use crate::units::Timestamp;

impl Memory {
    /// Reserves room for a value that is to be committed: in the write buffer, and in the budget for what the
    /// buffer is too small for, by evicting. Waits for it; `on_full` is called before each wait. `None` once
    /// the buffer is closed.
    ///
    /// So memory and the write buffer together never hold more than their capacities. A large value that,
    /// with its encoding, is more than both has the whole budget: it stands alone.
    ///
    /// No lock is held at the call. What is evicted is for the caller to drop, after the value is stored: a
    /// user's `Drop` may wait for the very room that the caller has here.
    pub(crate) fn reserve_room(&self, bytes: u64, on_full: impl Fn(), remains: &mut Remains) -> Option<Room> {
        let mut room = self.buffer.reserve(bytes, on_full)?;
        if room.excess() > 0 {
            room.keep(self.reserve_beyond(room.excess().min(self.budget.capacity()), remains));
        }
        Some(room)
    }

    /// Ends: everything in the budget is evictable, or about to be. Who has reserved weight makes an entry of
    /// it or gives it back, and runs no code of the user's before that; and there is one large value at a
    /// time.
    fn reserve_beyond(&self, weight: u64, remains: &mut Remains) -> Reservation {
        let mut reservation = Reservation::new(self.budget.clone());
        let mut idle = 0;
        while !reservation.grow_to(weight) {
            let next = self.next_victim.fetch_add(1, Ordering::Relaxed);
            let shard = self.shards.get(next & (self.shards.len() - 1));
            if shard.is_some_and(|shard| self.keeping(shard, remains, Shard::evict)) {
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

    /// Removes every key in a scope, at one sequence. On disk the range is pending from here on, until
    /// [`Memory::range_committed`].
    ///
    /// 1. In every shard, leases are revoked and barred: from here on no load, promotion or touch that began
    ///    earlier can publish.
    /// 2. The sequence is taken.
    /// 3. In every shard, what is older is removed, and the barrier with it.
    ///
    /// With (2) before (1) a load could publish, in a shard that (3) has not reached, an old value with a
    /// newer sequence.
    ///
    /// What it removes is left to the caller. Dropped in between, a value whose `Drop` panics would leave a
    /// barrier behind, or a range that nobody commits.
    pub(crate) fn purge(
        &self,
        scope: Scope,
        is_on_disk: bool,
        now: Timestamp,
        remains: &mut Remains,
    ) -> (Range, Purged) {
        for shard in self.shards.iter().filter(|_| !is_planted(Fault::SkipBarrier)) {
            self.keeping(shard, remains, |shard, trash| shard.leases.raise_barrier(&scope, trash));
        }
        let sequence = self.sequence.fetch_add(1, Ordering::SeqCst) + 1;
        let range = Range { scope, sequence };
        let mut all = Purged::default();
        for shard in &self.shards {
            let purged =
                self.keeping(shard, remains, |shard, trash| shard.purge(&range, is_on_disk, now, trash));
            all.memory_only += purged.memory_only;
            all.known.extend(purged.known);
        }
        (range, all)
    }

    pub(crate) fn range_committed(&self, sequence: u64) {
        for shard in &self.shards {
            shard.write().range_committed(sequence);
        }
    }

    /// Hands every dirty key to the writer, and what it is not to drop itself.
    pub(crate) fn drain(&self, now: Timestamp, remains: &mut Remains) -> Vec<Mutation> {
        let mut mutations = Vec::new();
        self.drain_into(&mut mutations, now, remains);
        mutations
    }

    /// As [`drain`](Memory::drain), into a list that is used again for each step. A list of its own each time
    /// would be the largest block that is ever freed, and glibc's allocator goes by that: it then keeps all
    /// blocks up to this size in its arenas, where the holes that they leave are not given back.
    pub(crate) fn drain_into(&self, mutations: &mut Vec<Mutation>, now: Timestamp, remains: &mut Remains) {
        for shard in &self.shards {
            self.keeping(shard, remains, |shard, trash| {
                shard.drain(now, mutations, trash);
            });
        }
    }

    /// Lists again what was drained and is not committed.
    pub(crate) fn relist(&self) {
        for shard in self.shards.iter().filter(|_| !is_planted(Fault::ForgetDrained)) {
            shard.write().relist();
        }
    }

    /// From here on every shard refuses a value that is not to be saved, where it should be.
    pub(crate) fn start_saving(&self) {
        for shard in &self.shards {
            shard.write().start_saving();
        }
    }

    /// There is no file any more: values need not be saved, and pending range removals have nothing left to
    /// remove.
    pub(crate) fn stop_saving(&self) {
        for shard in &self.shards {
            shard.write().stop_saving();
        }
    }

    /// Makes a committed key clean (invariant 2: after its snapshot was installed).
    pub(crate) fn settle(&self, mutation: &Mutation, remains: &mut Remains) {
        let key = self.key(&mutation.key);
        let (weight, passed) = match &mutation.change {
            // What a large value has reserved is passed on to the entry: taken twice, a value of half the
            // capacity would find no room.
            Change::Put { weight, unsaved, .. } => (weight.bytes(), unsaved.room.pass_on(weight.bytes())),
            Change::Delete => (0, 0),
        };
        let keep = self.reserve_keeping(key, weight - passed, remains);
        if !keep {
            self.bypassed.fetch_add(1, Ordering::Relaxed);
        }
        let shard = self.shard(key);
        let kept =
            self.keeping(shard, remains, |shard, trash| shard.settle(key, mutation.sequence, keep, trash));
        if !kept {
            self.budget.release(if keep { weight } else { passed });
        }
    }
}
