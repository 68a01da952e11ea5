//! Near copies: entries in memory for keys of a remote tier.
//!
//! A push of the server says that a key has changed there. The cache then drops the near copy and revokes
//! the epoch tokens of the key, so that no older answer is filled into memory. Leases and flights stay: the
//! server also sends a push when a load of this cache takes its lease there. The server decides whether the
//! load in flight may still fill.

use super::Memory;
use super::evicted_values::EvictedValues;
use crate::memory::extras::EntryExtras;
use crate::memory::lookup::MissToken;
use crate::memory::slot_key::SlotKey;
use crate::units::Timestamp;

impl Memory {
    /// Drops the near copy of a key, and revokes its epoch tokens. Returns a new token.
    pub(crate) fn drop_near(&self, key: SlotKey<'_>, evicted_values: &mut EvictedValues) -> MissToken {
        let mut locked = self.lock(key, evicted_values);
        locked.shard.drop_near(key, &mut locked.released.deferred)
    }

    /// Returns a token for a key, whether or not memory has an entry of it. Returns `None` in a forked child
    /// that cannot lock the shard.
    pub(crate) fn near_token(&self, key: SlotKey<'_>) -> Option<MissToken> {
        self.read(key.hash).map(|shard| shard.miss_token(key))
    }

    /// Returns the extras of the near copy of a key, if the copy still has this expiry. A copy with another
    /// expiry comes from another answer of the server.
    pub(crate) fn near_extras(&self, key: SlotKey<'_>, expires_at: Timestamp) -> Option<EntryExtras> {
        self.read(key.hash)?.extras_expiring_at(key, expires_at)
    }
}
