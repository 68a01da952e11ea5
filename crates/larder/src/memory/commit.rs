//! What leads to a commit and follows from it: range removals, what the writer drains, and what it settles.

use super::slot::{Change, Mutation, Purged, Range};
use super::{Memory, Remains};
use crate::key::Scope;
use crate::sync::Ordering;
use crate::sync::planted::{Fault, is_planted};
use crate::units::Timestamp;

impl Memory {
    /// Removes every key in a scope, at one sequence. On disk the range is pending from here on, until
    /// [`Memory::range_committed`].
    ///
    /// 1. In every shard, leases are revoked and barred: from here on no load, promotion or touch that began earlier can publish.
    /// 2. The sequence is taken.
    /// 3. In every shard, what is older is removed, and the barrier with it.
    ///
    /// With (2) before (1) a load could publish, in a shard that (3) has not reached, an old value with a newer sequence.
    ///
    /// What is removed is the caller's to drop. A user's `Drop` that panics before (3) is done would leave barriers for good.
    pub(crate) fn purge(
        &self,
        scope: Scope,
        is_on_disk: bool,
        now: Timestamp,
        remains: &mut Remains,
    ) -> (Range, Purged) {
        for shard in self.shards.iter().filter(|_| !is_planted(Fault::SkipBarrier)) {
            shard.write().leases.raise_barrier(&scope);
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
        for shard in &self.shards {
            self.keeping(shard, remains, |shard, trash| {
                shard.drain(now, &mut mutations, trash);
            });
        }
        mutations
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

    /// There is no file any more: values need not be saved, and pending range removals have nothing left to remove.
    pub(crate) fn stop_saving(&self) {
        for shard in &self.shards {
            shard.write().stop_saving();
        }
    }

    /// Makes a committed key clean (invariant 2: after its snapshot was installed).
    pub(crate) fn settle(&self, mutation: &Mutation, remains: &mut Remains) {
        let key = self.key(&mutation.key);
        let weight = match mutation.change {
            Change::Put { weight, .. } => weight.bytes(),
            Change::Delete => 0,
        };
        let keep = self.reserve_keeping(key, weight, remains);
        if !keep {
            self.bypassed.fetch_add(1, Ordering::Relaxed);
        }
        let shard = self.shard(key);
        let kept =
            self.keeping(shard, remains, |shard, trash| shard.settle(key, mutation.sequence, keep, trash));
        if keep && !kept {
            self.budget.release(weight);
        }
    }
}
