//! Closing the shards, so that no lookup finds a value in a cache that is closed, and nothing acknowledged is
//! lost.
//!
//! 1. Every shard is sealed, under its lock. From here on it refuses what would be stored: writes, loads,
//!    promotions, tombstones. The refused writer is told that the cache is closed, and what it had reserved
//!    is given back.
//! 2. The writer drains, commits and settles. It drains after (1): a value that was stored is either in this
//!    last commit, or in none because its writer was refused. With (2) before (1), a write between them would
//!    be acknowledged and never committed.
//! 3. Every shard is emptied, under its lock. Later than (2): until the last snapshot is gone, an older value
//!    could show on disk. Nothing comes after it, because of (1). From here on no lookup finds a value in
//!    memory.
//!
//! A cache without a writer goes from (1) to (3) at once. What (3) lets go of is the caller's to drop.

use super::Memory;
use super::evicted_values::EvictedValues;

impl Memory {
    /// Step 1.
    pub(crate) fn seal(&self) {
        for shard in &self.shards {
            shard.write().seal();
        }
    }

    /// Steps 1 and 3. Turns away who waits for room in the write buffer too.
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
