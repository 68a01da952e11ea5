//! The lookup of several keys at one moment.
//!
//! Some keys may be in memory, and others only on disk. No lock covers both tiers, and the disk is read
//! with no lock held. So the keys are looked up in this order:
//!
//! 1. Lock the shards of all keys, and look the keys up ([`get_group`](Memory::get_group)). If memory knows
//!    all keys, this is the moment of the lookup. Otherwise each unknown key gets an epoch token
//!    ([`super::epochs`]). Unlock the shards.
//! 2. Remember the current snapshot of the disk.
//! 3. Read the unknown keys from disk.
//! 4. Lock the shards of all keys again ([`confirm_group_lookup`](Memory::confirm_group_lookup)). The
//!    lookup takes place at the moment when the clock is read under these locks. At this moment:
//!    - (a) The snapshot of (2) is still the current one. A replaced snapshot never becomes current again, so
//!      every key was read from this snapshot. Other lookups still find its entries: none is evicted from
//!      disk, and the file is not discarded.
//!    - (b) Memory still does not have the unknown keys, so only the snapshot can contain their entries.
//!      Their tokens are valid, so no range removal has hidden an entry of the snapshot.
//!    - (c) The other keys are looked up again, and the new results count. If memory has evicted one of them,
//!      its content is only on disk.
//!    - (d) The entries that were read from disk are live. The caller checks this by the time under the
//!      locks.
//! 5. If a condition does not hold, begin again at (1).
//!
//! Without (a), an entry that the disk has evicted could appear beside a value that was stored after the
//! eviction. Without the second lookup of (c), a value could appear beside a key that expired after the value
//! was replaced.
//!
//! Both calls lock the shards in the order of their numbers, as in [`super::group_publication`], and release
//! them together. If each lock were released before the next one is taken, a transaction could make its
//! changes in between, and the lookup would find a part of them.

use super::Memory;
use super::evicted_values::EvictedValues;
use super::group_publication::{GroupConditions, LockedShards};
use super::shard::Shard;
use crate::memory::lookup::Lookup;
use crate::memory::slot_key::SlotKey;
use crate::sys::sync::RwLockReadGuard;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::units::Timestamp;

impl Memory {
    /// Does step 1, and records a use of each entry. `now` is called under the locks.
    pub(crate) fn get_group(&self, keys: &[SlotKey<'_>], now: impl FnOnce() -> Timestamp) -> Vec<Lookup> {
        let mut locked = self.read_shards(keys);
        let now = now();
        keys.iter().map(|key| locked.of(self.index_of(key.hash)).get(*key, now)).collect()
    }

    /// Does step 4, and updates the results `found` of step 1. Returns the time of the lookup, or `None` if
    /// (a), (b) or (c) does not hold.
    pub(crate) fn confirm_group_lookup(
        &self,
        keys: &[SlotKey<'_>],
        found: &mut [Lookup],
        conditions: GroupConditions<'_>,
    ) -> Option<Timestamp> {
        // Declared before the locks, so that the values are dropped after the locks are released.
        let mut replaced = EvictedValues::default();
        let mut locked = self.read_shards(keys);
        let now = (conditions.now)();
        // (a)
        let confirms_nothing = failpoint_is_set(Failpoint::ConfirmNothing);
        if !(conditions.is_current)() && !confirms_nothing {
            return None;
        }
        for (key, found) in keys.iter().zip(found) {
            let shard = locked.of(self.index_of(key.hash));
            let again = shard.peek(*key, now);
            match (&*found, again) {
                // (b)
                (Lookup::Unknown(_), _) if confirms_nothing => {}
                (Lookup::Unknown(miss), Lookup::Unknown(_)) => {
                    if !shard.leases.is_current(*key, miss.epoch_token) {
                        return None;
                    }
                }
                // (c)
                (Lookup::Unknown(_), _) | (_, Lookup::Unknown(_)) => return None,
                (_, _) if failpoint_is_set(Failpoint::LookOnce) => {}
                (_, again) => {
                    if let Lookup::Value(value, _) = std::mem::replace(found, again) {
                        replaced.push(value);
                    }
                }
            }
        }
        Some(now)
    }

    fn read_shards(&self, keys: &[SlotKey<'_>]) -> LockedShards<RwLockReadGuard<'_, Shard>> {
        self.lock_shards(keys.iter().copied(), |number| self.shards.get(number).map(|shard| shard.read()))
    }
}
