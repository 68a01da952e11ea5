//! The epochs of watched keys. An epoch shows whether a missing key was stored since its watch began.
//!
//! An entry has a sequence that no other content of its key ever has, so a watch of an entry compares
//! sequences. A missing key has no sequence. The key may be stored, and later be missing again after a
//! removal, expiry or eviction. So a watch of a missing key compares an epoch, which every store of the key
//! increments.
//!
//! The keys of a shard share its epochs, by hash. A shard has up to 4,096 epochs, or fewer if there are
//! many shards. So a store of another key may, in rare cases, break a watch. The epochs of a shard are
//! allocated when one of its missing keys is first watched. Before that, a store makes only one comparison
//! for the epochs.

use crate::memory::slot_key::SlotKey;

/// Maximum number of epochs in a shard. They take 32 KiB.
const MAX_SHARD_EPOCHS: usize = if cfg!(shuttle) { 64 } else { 4_096 };
/// Maximum number of epochs in all shards together. They take 1 MiB.
const MAX_EPOCHS: usize = 131_072;

/// The epochs of a shard. Empty until the first watch.
#[derive(Debug, Default)]
pub(super) struct WatchEpochs(Box<[u64]>);

impl WatchEpochs {
    /// Returns the epoch of a key. Allocates the epochs if necessary, for a memory tier with `shards`
    /// shards.
    pub(super) fn take(&mut self, key: SlotKey<'_>, shards: usize) -> u64 {
        if self.0.is_empty() {
            self.0 = vec![0; (MAX_EPOCHS / shards.max(1)).clamp(1, MAX_SHARD_EPOCHS)].into();
        }
        self.get(key)
    }

    pub(super) fn get(&self, key: SlotKey<'_>) -> u64 {
        self.0.get(self.epoch_of(key)).copied().unwrap_or_default()
    }

    pub(super) fn increment(&mut self, key: SlotKey<'_>) {
        let at = self.epoch_of(key);
        if let Some(epoch) = self.0.get_mut(at) {
            *epoch += 1;
        }
    }

    fn epoch_of(&self, key: SlotKey<'_>) -> usize {
        (key.short_hash() as usize).checked_rem(self.0.len()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_of_a_watched_key_is_noticed_and_one_of_most_others_is_not() {
        let keys: Vec<_> =
            (0_u64..100).map(|key| (key.wrapping_mul(0x9E37_79B9_7F4A_7C15), key.to_be_bytes())).collect();
        let key = |at: usize| SlotKey { hash: keys[at].0, bytes: &keys[at].1 };
        let mut epochs = WatchEpochs::default();
        epochs.increment(key(7));
        let before: Vec<_> = (0..100).map(|at| epochs.take(key(at), 8)).collect();
        epochs.increment(key(7));
        let changed: Vec<_> = (0..100).filter(|&at| epochs.get(key(at)) != before[at]).collect();
        assert!(changed.contains(&7) && changed.len() < 10, "{changed:?}");
    }

    #[test]
    fn the_epochs_of_all_shards_have_a_bound() {
        let key = SlotKey { hash: 7, bytes: b"key" };
        for shards in [1, 32, 64, 1 << 12, 1 << 16] {
            let mut epochs = WatchEpochs::default();
            let before = epochs.take(key, shards);
            assert!(size_of_val(&*epochs.0) * shards <= 1 << 20, "{shards} shards");
            epochs.increment(key);
            assert_ne!(epochs.get(key), before);
        }
    }
}
