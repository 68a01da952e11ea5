//! Lookups in the shards. They take the shared lock of one shard, and wait for it only in the process that
//! opened the cache.

use super::Memory;
use super::shard::Shard;
use crate::format::key::unencoded::UnencodedKey;
use crate::memory::entry::Value;
use crate::memory::epochs::EpochToken;
use crate::memory::extras::EntryExtras;
use crate::memory::leases::Permit;
use crate::memory::lookup::{Lookup, StaleLookup};
use crate::memory::slot_key::{SlotKey, short_hash};
use crate::sys::sync::{RwLock, RwLockReadGuard};
use crate::units::Timestamp;

impl Memory {
    /// Looks up a key. In a forked child, returns [`Lookup::Negative`] if the shard of the key can't be
    /// locked.
    pub(crate) fn get(&self, key: SlotKey<'_>, now: Timestamp) -> Lookup {
        self.read(key.hash).map_or(Lookup::Negative, |shard| shard.get(key, now))
    }

    /// Returns the live value of a key, and its expiry. Records a use of the entry.
    ///
    /// Returns `None` in every other case. [`get`](Memory::get) distinguishes the other cases.
    #[expect(clippy::inline_always, reason = "of the path of a hit")]
    #[inline(always)]
    pub(crate) fn hit(&self, key: impl UnencodedKey, now: Timestamp) -> Option<(Value, Timestamp)> {
        let hash = key.hash();
        let shard = self.read(hash)?;
        let Some(hit) = shard.hit(key, short_hash(hash), now) else {
            unlock_without_hit(shard);
            return None;
        };
        Some(hit)
    }

    #[inline]
    pub(crate) fn hit_with_extras(
        &self,
        key: impl UnencodedKey,
        now: Timestamp,
    ) -> Option<(Value, Timestamp, Option<EntryExtras>)> {
        let hash = key.hash();
        self.read(hash)?.hit_with_extras(key, short_hash(hash), now)
    }

    pub(crate) fn peek(&self, key: SlotKey<'_>, now: Timestamp) -> Lookup {
        self.read(key.hash).map_or(Lookup::Negative, |shard| shard.peek(key, now))
    }

    /// Returns the expiry of the live value of a key. Clones no handle of the value.
    pub(crate) fn peek_expiry(&self, key: SlotKey<'_>, now: Timestamp) -> Result<Timestamp, Lookup> {
        self.read(key.hash).map_or(Err(Lookup::Negative), |shard| shard.peek_expiry(key, now))
    }

    /// Returns the value of a key, live or expired. Does not count a use.
    pub(crate) fn stale(&self, key: SlotKey<'_>) -> StaleLookup {
        self.read(key.hash).map_or(StaleLookup::NoValue, |shard| shard.stale(key))
    }

    pub(crate) fn frequency(&self, key: SlotKey<'_>) -> u64 {
        self.read(key.hash).map_or(0, |shard| shard.frequency(key))
    }

    /// Returns whether a permit is still valid. If so, the content that was read under it is still current.
    pub(crate) fn permits(&self, key: SlotKey<'_>, permit: Permit) -> bool {
        self.read(key.hash).is_some_and(|shard| shard.leases.permits(key, permit))
    }

    /// Returns whether what was read under this token may be answered. See [`Leases::is_current`].
    pub(crate) fn is_current(&self, key: SlotKey<'_>, epoch_token: EpochToken) -> bool {
        self.read(key.hash).is_some_and(|shard| shard.leases.is_current(key, epoch_token))
    }

    /// Locks the shard of a key for reading. Returns `None` in a forked child, if a thread of the parent
    /// held or awaited the exclusive lock at the time of the fork.
    ///
    /// The process is checked only if the lock is not free, so the check costs a hit nothing. A child that
    /// gets the lock can release it without waiting, because no other thread of the child waits for it.
    #[inline]
    pub(super) fn read(&self, hash: u64) -> Option<RwLockReadGuard<'_, Shard>> {
        let shard = self.shard_of(hash);
        shard.try_read().or_else(|| self.wait_to_read(shard))
    }

    #[cold]
    fn wait_to_read<'a>(&self, shard: &'a RwLock<Shard>) -> Option<RwLockReadGuard<'a, Shard>> {
        self.process.is_current().then(|| shard.read())
    }
}

/// Unlocks a shard outside the path of a hit. If both paths shared the unlocking, a hit would check the
/// result again after it.
#[cold]
#[inline(never)]
fn unlock_without_hit(shard: RwLockReadGuard<'_, Shard>) {
    drop(shard);
}
