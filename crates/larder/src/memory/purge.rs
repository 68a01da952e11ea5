//! Range removals in memory. The entries of a scope leave the shards, and the records of the scope on disk
//! become invisible.
//!
//! 1. Every shard gets a barrier for the scope. It revokes leases and prevents new ones. From then on no
//!    earlier load, promotion or touch can store a value.
//! 2. The range removal gets its sequence.
//! 3. One shard after another gets a range tombstone. The tombstone raises `min_visible_sequence`: a record
//!    of the scope on disk is visible only if its sequence is higher. Then the older entries are removed.
//!    The lock is held for a bounded number of slots at a time, so that no lookup waits for a whole shard.
//!    At the end, the barrier is removed under the same lock. Then the changes that wait for this are woken.
//! 4. The range tombstone stays until the installed snapshot has no record of the range
//!    ([`Memory::remove_range_tombstone`]).
//!
//! With (2) before (1), a load could store an old value in a shard before (3) reaches that shard. The value
//! would have a newer sequence, so (3) would not remove it. If an entry were removed before the range
//! tombstone is inserted, a lookup between the two steps would find the removed record on disk. If the
//! barrier were removed before the last slot is visited, a promotion could put an older entry into a slot
//! that was already visited.
//!
//! No user code runs between (1) and the end of (3). The `Drop` of a value may change a key of the scope, and
//! a change waits until there is no barrier for its key. Only the calling thread removes the barriers, so a
//! `Drop` on this thread would wait forever. So the caller drops the removed values after the call, and after
//! the removal is committed, because a `Drop` may take long. If there are many values, most of them are
//! handed over to another thread on the way.

use super::Memory;
use super::evicted_values::EvictedValues;
use crate::format::key::scope::Scope;
use crate::format::range_tombstone::RangeTombstone;
use crate::memory::purged::Purged;
use crate::sys::sync::Ordering;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::units::Timestamp;

/// Maximum number of slots to visit while holding a shard's lock. Removing all of them takes about 50 µs.
///
/// The number is 1 under the model checker, so that other threads can run between two slots.
const SLOTS: u32 = if cfg!(shuttle) { 1 } else { 512 };

impl Memory {
    /// Removes every key in a scope, under one sequence. Lists the removed keys of the disk tier: all dirty
    /// keys, and clean keys while fewer than `most_listed` keys are listed. If the scope `is_on_disk`, the
    /// range removal stays pending until [`Memory::remove_range_tombstone`].
    ///
    /// If there are many removed values, passes most of them to `hand_over`, which must not drop them on the
    /// calling thread.
    pub(crate) fn purge(
        &self,
        scope: Scope,
        is_on_disk: bool,
        now: Timestamp,
        most_listed: usize,
        evicted_values: &mut EvictedValues,
        hand_over: impl Fn(EvictedValues),
    ) -> (RangeTombstone, Purged) {
        for shard in self.shards.iter().filter(|_| !failpoint_is_set(Failpoint::SkipBarrier)) {
            let mut locked = self.lock_shard(shard, evicted_values);
            locked.shard.leases.raise_barrier(&scope, &mut locked.released.deferred);
        }
        let sequence = self.sequence.fetch_add(1, Ordering::SeqCst) + 1;
        let range = RangeTombstone { scope, sequence };
        let mut purged = Purged::default();
        for shard in &self.shards {
            let is_late = failpoint_is_set(Failpoint::InsertRangeTombstoneLate);
            let mut next = Some(0);
            while let Some(from) = next {
                let mut locked = self.lock_shard(shard, evicted_values);
                if from == 0 && is_on_disk && !is_late {
                    purged.earlier = locked.shard.insert_range_tombstone(&range);
                }
                let deferred = &mut locked.released.deferred;
                let slots = (from, SLOTS);
                next = locked.shard.purge_part(&range, now, slots, most_listed, &mut purged, deferred);
                drop(locked);
                if next.is_none() {
                    self.barrier_waits.wake();
                }
                evicted_values.hand_over_if_many(&hand_over);
            }
            if is_late {
                shard.write().insert_range_tombstone(&range);
            }
        }
        purged.earlier.retain(|earlier| earlier.sequence < range.sequence);
        (range, purged)
    }

    /// Hides the records of each range whose removal is still pending in the file. Must be called before
    /// the first lookup.
    pub(crate) fn insert_range_tombstones(&self, ranges: &[RangeTombstone]) {
        for shard in &self.shards {
            let mut shard = shard.write();
            for range in ranges {
                shard.insert_range_tombstone(range);
            }
        }
    }

    /// Runs step 4. The disk must have no more records of the range.
    pub(crate) fn remove_range_tombstone(&self, sequence: u64) {
        for shard in &self.shards {
            shard.write().remove_range_tombstone(sequence);
        }
    }
}
