//! Recomputes and compares the sums that the memory tier keeps across shards.
//!
//! A call whose value is refused must release its reserved weight. A leak changes no answer, but slowly
//! reduces the capacity. So the sums are compared exactly while no call is in progress. The model test
//! compares them after each step. In tests, each cache compares them when its last handle is dropped.

use super::Memory;
use super::shard::validate::ShardSums;

impl Memory {
    /// Compares every sum with the slots. No call may be in progress, and no near copy may be dropped now.
    ///
    /// # Panics
    /// Panics if a sum differs from the slots.
    pub(crate) fn validate(&self) {
        let mut all = ShardSums::default();
        let mut saving = 0;
        for shard in &self.shards {
            let sums = shard.read().validate();
            all.clean_weight += sums.clean_weight;
            all.beyond += sums.beyond;
            all.dirty += sums.dirty;
            saving += usize::from(sums.saves);
        }
        assert_eq!(
            all.clean_weight + all.beyond,
            self.budget.used(),
            "the budget is charged what the clean entries weigh, and the room of large ones"
        );
        assert!(saving == 0 || saving == self.shards.len(), "{saving} of {} shards save", self.shards.len());
    }

    /// Like [`validate`](Memory::validate), but for a closed cache. No caller or worker may hold reserved
    /// room, and only the owner of a load may still have a lease.
    ///
    /// Panics if [`validate`](Memory::validate) panics. Also panics if there is still any other lease, a
    /// fence, a barrier, a range tombstone, or room in the write buffer without a dirty value.
    pub(crate) fn validate_at_end(&self) {
        self.validate();
        let mut dirty = 0;
        for shard in &self.shards {
            let shard = shard.read();
            assert!(shard.leases.has_only_loads(), "every other lease, fence and barrier was given back");
            let sums = shard.validate();
            assert_eq!(sums.ranges, 0, "every range removal was committed, or given up");
            dirty += sums.dirty;
        }
        assert!(
            dirty > 0 || self.buffer.used() == 0,
            "{} bytes of the write buffer are lost",
            self.buffer.used()
        );
    }

    /// Returns whether entries of the disk tier must be committed.
    pub(crate) fn saves(&self) -> bool {
        self.shards.iter().all(|shard| shard.read().validate().saves)
    }
}
