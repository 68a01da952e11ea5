//! Epochs: permissions to fill a key from the disk, taken by reading a number.
//!
//! The keys of a shard share a few epochs, by hash. A step that revokes a key's leases also increments its
//! epoch, under the same lock. An [`EpochToken`] is the epoch that a lookup read under the shared lock. The
//! token holds while the epoch is unchanged. A change of another key with the same epoch revokes it too: then
//! the next lookup makes the promotion.

use crate::memory::slot_key::SlotKey;

/// Enough that a change of another key rarely revokes a promotion. A promotion takes a microsecond.
const EPOCHS: usize = 64;

/// The epochs of a shard.
#[derive(Debug)]
pub(super) struct Epochs([u32; EPOCHS]);

/// An epoch as a lookup read it. The number would wrap around only after four thousand million changes within
/// one lookup.
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

fn epoch_of(key: SlotKey<'_>) -> usize {
    key.short_hash() as usize % EPOCHS
}
