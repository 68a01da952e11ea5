//! Closes the shards. Afterwards no lookup finds a value. Acknowledged values of the disk tier leave memory
//! only after the writer's last commit.
//!
//! 1. Every shard is sealed, under its lock. From then on the shard refuses writes, loads, promotions and
//!    tombstones. A refused write returns the error that the cache is closed. A refused call releases its
//!    reserved room.
//! 2. The writer drains, commits, and marks the committed keys clean. The drain comes after (1), so this
//!    last commit includes every stored value, and any later write is refused. With (2) before (1), a write
//!    between the two steps would be acknowledged and never committed.
//! 3. Every shard is emptied, under its lock. This step comes after (2). Otherwise a lookup could find an
//!    older value on disk until the last snapshot is dropped. Because of (1), no value is stored after (3),
//!    so no lookup finds a value in memory.
//!
//! A cache without a writer does step 3 immediately after step 1. The caller drops the values that step 3
//! removes.

use super::Memory;
use super::evicted_values::EvictedValues;

impl Memory {
    /// Runs step 1.
    pub(crate) fn seal(&self) {
        // The gate is closed first. Otherwise one part of a group could be stored, and the rest refused:
        // see [`super::store_group`].
        let _gate = self.close_group_gate();
        for shard in &self.shards {
            shard.write().seal();
        }
    }

    /// Runs steps 1 and 3. Also refuses the callers that wait for room in the write buffer.
    pub(crate) fn close(&self) -> EvictedValues {
        self.buffer.close();
        let _gate = self.close_group_gate();
        let mut evicted_values = EvictedValues::default();
        for shard in &self.shards {
            let mut locked = self.lock_shard(shard, &mut evicted_values);
            locked.shard.close(&mut locked.released.deferred);
        }
        evicted_values
    }
}
