//! Epochs: permissions to copy a key from disk or from a server into memory. A lookup takes the permission by
//! reading a number.
//!
//! The keys of a shard share a few epochs, by hash. A change of a key, a fence and a barrier increment the
//! key's epoch, and revoke its leases under the same lock. An [`EpochToken`] is the epoch that a lookup
//! read under the shared lock. The token is valid while the epoch is unchanged. A change of another key
//! with the same epoch also invalidates the token, and the promotion is left to the next lookup of the key.

use crate::memory::slot_key::SlotKey;

/// Number of epochs in a shard. A promotion from disk lasts a microsecond, so with 64 epochs another key's
/// change rarely prevents it.
const EPOCHS: usize = 64;

#[derive(Debug)]
pub(super) struct Epochs([u32; EPOCHS]);

/// The value of an epoch at the time of a lookup. The counter could only wrap around to this value after 2³²
/// changes during one lookup.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EpochToken(u32);

impl Default for Epochs {
    fn default() -> Self {
        Self([0; EPOCHS])
    }
}

impl Epochs {
    pub(super) fn take(&self, key: SlotKey<'_>) -> EpochToken {
        EpochToken(self.0.get(epoch_of(key)).copied().unwrap_or_default())
    }

    pub(super) fn holds(&self, key: SlotKey<'_>, epoch_token: EpochToken) -> bool {
        self.take(key).0 == epoch_token.0
    }

    pub(super) fn revoke(&mut self, key: SlotKey<'_>) {
        if let Some(epoch) = self.0.get_mut(epoch_of(key)) {
            *epoch = epoch.wrapping_add(1);
        }
    }

    pub(super) fn revoke_all(&mut self) {
        for epoch in &mut self.0 {
            *epoch = epoch.wrapping_add(1);
        }
    }
}

pub(super) fn epoch_of(key: SlotKey<'_>) -> usize {
    key.short_hash() as usize % EPOCHS
}
