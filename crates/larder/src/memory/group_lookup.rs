//! The lookup of several keys at one moment.
//!
//! A caller first looks all keys up with [`get_group`](Memory::get_group). If memory has no entry for some of
//! them, the caller reads these keys from disk, with no lock held. Then it calls
//! [`confirm_group_lookup`](Memory::confirm_group_lookup). The moment of this call is the moment of the whole
//! lookup. The values in memory are looked up again. An entry that was read from disk is still the content of
//! its key, because its permission is still valid ([`super::epochs`]).
//!
//! Both calls hold the shared locks of all shards of the keys, in the order of the shards' numbers, as in
//! [`super::group_publication`]. If each lock were released before the next one is taken, a transaction could
//! make its changes in between, and the lookup would find a part of them.

use super::Memory;
use super::group_publication::LockedShards;
use super::leases::Permit;
use super::shard::Shard;
use crate::memory::lookup::Lookup;
use crate::memory::slot_key::SlotKey;
use crate::sys::sync::RwLockReadGuard;
use crate::units::Timestamp;

impl Memory {
    /// Looks several keys up at one moment, and records a use of each entry. `now` is called under the locks.
    pub(crate) fn get_group(&self, keys: &[SlotKey<'_>], now: impl FnOnce() -> Timestamp) -> Vec<Lookup> {
        let mut locked = self.read_shards(keys);
        let now = now();
        keys.iter().map(|key| locked.of(self.index_of(key.hash)).get(*key, now)).collect()
    }

    /// Looks the keys up again, and updates the results `found` of an earlier lookup. Returns the time of
    /// this lookup. Returns `None` if memory no longer has a key that it had. Also returns `None` if the
    /// content of a key that memory did not have may have changed in the meantime.
    pub(crate) fn confirm_group_lookup(
        &self,
        keys: &[SlotKey<'_>],
        found: &mut [Lookup],
        now: impl FnOnce() -> Timestamp,
    ) -> Option<Timestamp> {
        let mut locked = self.read_shards(keys);
        let now = now();
        for (key, found) in keys.iter().zip(found) {
            let shard = locked.of(self.index_of(key.hash));
            if let Lookup::Unknown(miss) = found {
                if !shard.leases.permits(*key, Permit::EpochToken(miss.epoch_token)) {
                    return None;
                }
                continue;
            }
            *found = shard.peek(*key, now);
            if matches!(found, Lookup::Unknown(_)) {
                return None;
            }
        }
        Some(now)
    }

    fn read_shards(&self, keys: &[SlotKey<'_>]) -> LockedShards<RwLockReadGuard<'_, Shard>> {
        self.lock_shards(keys.iter().copied(), |number| self.shards.get(number).map(|shard| shard.read()))
    }
}
