//! Epochs: permissions to fill a key from the disk, taken by reading a number.
//!
//! The keys of a shard share a few epochs, by hash. Whatever revokes a key's leases moves its epoch on, in the same locked step. A
//! ticket is the epoch that its taker read under the shared lock; it holds for as long as that is still the epoch. A change of another
//! key with the same epoch voids it too: that promotion is made by the next lookup.

use super::slot::SlotKey;

/// Enough that a change rarely meets another key's promotion, which takes a microsecond.
const EPOCHS: usize = 64;

/// The epochs of a shard.
#[derive(Debug)]
pub(super) struct Epochs([u32; EPOCHS]);

/// An epoch as it was. Wrapping around takes four thousand million changes, within one lookup.
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
