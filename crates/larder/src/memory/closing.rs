//! Closing the shards: no lookup finds a value in a closed cache, and no acknowledged value is lost.
//!
//! 1. Every shard is sealed, under its lock. From then on it refuses writes, loads, promotions and
//!    tombstones. The refused caller gets the answer that the cache is closed, and what it had reserved is
//!    given back.
//! 2. The writer drains, commits, and marks the committed keys clean. It drains after (1), so a stored value
//!    is in this last commit, or its writer was refused. With (2) before (1), a write between them would be
//!    acknowledged and never committed.
//! 3. Every shard is emptied, under its lock. This comes after (2), because an older value could show on disk
//!    until the last snapshot is gone. No value is stored after it, because of (1). From then on no lookup
//!    finds a value in memory.
//!
//! A cache without a writer goes from (1) to (3) at once. The caller drops the values that (3) takes out.

use super::Memory;
use super::evicted_values::EvictedValues;

impl Memory {
    /// Does step 1.
    pub(crate) fn seal(&self) {
        for shard in &self.shards {
            shard.write().seal();
        }
    }

    /// Does steps 1 and 3. Also turns away callers that wait for room in the write buffer.
    pub(crate) fn close(&self) -> EvictedValues {
        self.buffer.close();
        let mut evicted_values = EvictedValues::default();
        for shard in &self.shards {
            let mut locked = self.lock_shard(shard, &mut evicted_values);
            locked.shard.close(&mut locked.released.deferred);
        }
        evicted_values
    }
}
