//! Range removals in memory: what the shards hold of a scope goes, and what the disk holds of it is
//! disbelieved.
//!
//! 1. In every shard, leases are revoked and barred: from here on no load, promotion or touch that began
//!    earlier can publish.
//! 2. The sequence is taken.
//! 3. In every shard in turn the *floor* is raised: what the disk has of the scope is believed only if its
//!    sequence is later. Then what is older is removed, a bounded number of slots under each hold of the
//!    lock,
//!    so that no lookup waits for a whole shard. With the last of them the barrier is lowered.
//! 4. The floor stays until nothing of the range is left on disk and the snapshot says so
//!    ([`Memory::remove_range_tombstone`]).
//!
//! With (2) before (1) a load could publish, in a shard that (3) has not reached, an old value with a newer
//! sequence. With the floor raised after a key was removed, a lookup between the two would find on disk what
//! is
//! removed. With the barrier lowered before the last slot was looked at, a promotion could put an older entry
//! into a slot that was passed already.
//!
//! What is removed is left to the caller, who drops it after the removal is committed: dropped in between, a
//! value whose `Drop` panics would leave a barrier behind, or a range that nobody commits. Of very many
//! values
//! a part is dropped on the way, with no lock held and each panic kept until the rest is dropped.

use super::Memory;
use super::evicted_values::EvictedValues;
use super::slot::Purged;
use crate::format::key::scope::Scope;
use crate::format::range_tombstone::RangeTombstone;
use crate::sys::sync::Ordering;
use crate::sys::sync::planted::{Failpoint, failpoint_is_set};
use crate::units::Timestamp;

/// Slots looked at under one hold of a shard's lock: some 50 µs where all of them are removed.
///
/// One under the model checker, so that there is something between two.
const SLOTS: u32 = if cfg!(shuttle) { 1 } else { 512 };

impl Memory {
    /// Removes every key in a scope, at one sequence, and lists up to `most_listed` of them. If the scope
    /// `is_on_disk`, the range is pending there from here on, until [`Memory::remove_range_tombstone`].
    pub(crate) fn purge(
        &self,
        scope: Scope,
        is_on_disk: bool,
        now: Timestamp,
        most_listed: usize,
        evicted_values: &mut EvictedValues,
    ) -> (RangeTombstone, Purged) {
        for shard in self.shards.iter().filter(|_| !failpoint_is_set(Failpoint::SkipBarrier)) {
            self.keeping(shard, evicted_values, |shard, deferred| {
                shard.leases.raise_barrier(&scope, deferred)
            });
        }
        let sequence = self.sequence.fetch_add(1, Ordering::SeqCst) + 1;
        let range = RangeTombstone { scope, sequence };
        let mut purged = Purged::default();
        for shard in &self.shards {
            let is_late = failpoint_is_set(Failpoint::RaiseFloorLate);
            let mut next = Some(0);
            while let Some(from) = next {
                next = self.keeping(shard, evicted_values, |shard, deferred| {
                    if from == 0 && is_on_disk && !is_late {
                        purged.earlier = shard.insert_range_tombstone(&range);
                    }
                    shard.purge_part(&range, now, (from, SLOTS), most_listed, &mut purged, deferred)
                });
                evicted_values.drop_if_many();
            }
            if is_late {
                shard.write().insert_range_tombstone(&range);
            }
        }
        purged.earlier.retain(|earlier| earlier.sequence < range.sequence);
        (range, purged)
    }

    /// Disbelieves the disk in ranges that are pending in its file. Called before the first lookup.
    pub(crate) fn insert_range_tombstones(&self, ranges: &[RangeTombstone]) {
        for shard in &self.shards {
            let mut shard = shard.write();
            for range in ranges {
                shard.insert_range_tombstone(range);
            }
        }
    }

    /// Step 4: nothing of the range is left on disk.
    pub(crate) fn remove_range_tombstone(&self, sequence: u64) {
        for shard in &self.shards {
            shard.write().remove_range_tombstone(sequence);
        }
    }
}
