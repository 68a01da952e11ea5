//! Near copies: entries in memory of keys that a remote tier holds.
//!
//! A push says that the slot of a key has changed at the server. It drops the copy and voids the epoch tokens
//! of the key, so that no answer from before the push is filled into memory. It leaves leases and flights:
//! the server also pushes the change that a load of this cache makes when it takes its lease there. The
//! server decides whether such a load may still fill.

use super::Memory;
use super::evicted_values::EvictedValues;
use crate::memory::lookup::MissToken;
use crate::memory::slot_key::SlotKey;

impl Memory {
    /// Drops the near copy of a key, and voids its epoch tokens. Returns a new token.
    pub(crate) fn drop_near(&self, key: SlotKey<'_>, evicted_values: &mut EvictedValues) -> MissToken {
        let mut locked = self.lock(key, evicted_values);
        locked.shard.drop_near(key, &mut locked.released.deferred)
    }

    /// Returns a token for a key, whether or not memory has an entry of it. None in a forked child, if its
    /// shard can't be locked.
    pub(crate) fn near_token(&self, key: SlotKey<'_>) -> Option<MissToken> {
        self.read(key.hash).map(|shard| shard.miss_token(key))
    }
}
