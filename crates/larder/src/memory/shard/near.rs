//! Drops near copies from their shard ([`crate::memory::near`]).

use super::Shard;
use crate::memory::deferred_drops::DeferredDrops;
use crate::memory::lookup::MissToken;
use crate::memory::slot_key::SlotKey;

impl Shard {
    /// Drops the near copy of a key, and revokes its epoch tokens. Leases and flights stay.
    pub(crate) fn drop_near(&mut self, key: SlotKey<'_>, deferred: &mut DeferredDrops) -> MissToken {
        self.leases.revoke_tokens(key);
        if let Some((id, _)) = self.find(key) {
            self.remove(id, deferred);
        }
        self.miss_token(key)
    }
}
