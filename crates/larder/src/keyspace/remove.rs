//! Removing by key: a tombstone first, then the commit that it waits for.
//!
//! The tombstone is laid under the shard's lock, with the leases of the key revoked, so the removal is visible at once and
//! nothing in flight can undo it. The commit makes it durable; one commit serves any number of tombstones.

use super::Keyspace;
use crate::disk::Acknowledge;
use crate::error::Error;
use crate::key::Key;
use crate::memory::Prior;

/// A removal that this process sees already.
struct Laid {
    was_live: bool,
    /// Whether the disk may have something to delete.
    must_commit: bool,
}

impl<K: Key, V> Keyspace<K, V> {
    /// Removes one whole key. Answers whether it had a live entry.
    pub(super) fn remove_full(&self, full: &[u8]) -> Result<bool, Error> {
        Ok(self.remove_all([full])? > 0)
    }

    /// Removes whole keys, with one commit. Answers how many had a live entry.
    pub(super) fn remove_all<'k>(&self, keys: impl IntoIterator<Item = &'k [u8]>) -> Result<u64, Error> {
        let (mut live, mut must_commit) = (0, false);
        for full in keys {
            let laid = self.lay_tombstone(full);
            live += u64::from(laid.was_live);
            must_commit |= laid.must_commit;
        }
        if must_commit {
            self.inner.tiers.commit(Acknowledge::Invalidation)?;
        }
        Ok(live)
    }

    fn lay_tombstone(&self, full: &[u8]) -> Laid {
        let tiers = &self.inner.tiers;
        let key = tiers.memory.key(full);
        let now = self.inner.tiers.time.now();
        self.space.counters.invalidations.add(key.hash);
        if self.space.id.is_memory_only() {
            return Laid { was_live: tiers.memory.forget(key, now) == Prior::Live, must_commit: false };
        }
        match tiers.bury(key, now) {
            Some(was_live) => Laid { was_live, must_commit: true },
            None => Laid { was_live: false, must_commit: false },
        }
    }
}
