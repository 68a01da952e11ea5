//! Re-derives what the memory tier counts across shards.
//!
//! What is reserved is given back on every path, also where a value is refused: a leak shows in no answer,
//! and takes the capacity away bit by bit. Hence the sums are exact, and compared while no call is under way:
//! by the model after each step, and by every cache of a test when its last handle goes.

use super::Memory;
use super::shard::validate::ShardSums;

impl Memory {
    /// Compares every sum with the slots, between two calls.
    ///
    /// # Panics
    /// When one disagrees.
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

    /// The same once the cache has ended: no caller holds anything, and no worker.
    ///
    /// # Panics
    /// As [`validate`](Memory::validate); and when a lease, a fence, a barrier, the floor of a range removal
    /// or room in the write buffer was not given back.
    pub(crate) fn validate_at_end(&self) {
        self.validate();
        let mut dirty = 0;
        for shard in &self.shards {
            let shard = shard.read();
            assert!(shard.leases.is_empty(), "every lease, fence and barrier was given back");
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

    /// Whether the shards take only what is to be committed.
    pub(crate) fn saves(&self) -> bool {
        self.shards.iter().all(|shard| shard.read().validate().saves)
    }
}
