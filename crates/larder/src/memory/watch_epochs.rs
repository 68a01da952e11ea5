//! The epochs of watched keys: whether a missing key was stored since it was watched.
//!
//! An entry has a sequence, and no other content of its key ever has the same one. So a watch of an entry
//! compares sequences. A missing key has none. It may be stored, and be missing again later: removed, expired
//! or evicted. So a watch of a missing key compares an epoch, which every store of the key increments.
//!
//! The keys of a shard share some thousand epochs, by hash. So a store of another key breaks a watch, too,
//! but rarely. The epochs of a shard are allocated when one of its missing keys is watched for the first
//! time. Before that, a store pays one comparison.

use crate::memory::slot_key::SlotKey;

/// Number of epochs in a shard: 32 KiB.
const EPOCHS: usize = if cfg!(shuttle) { 64 } else { 4_096 };

/// The epochs of a shard. Empty until the first watch.
#[derive(Debug, Default)]
pub(super) struct WatchEpochs(Box<[u64]>);

impl WatchEpochs {
    /// Returns the epoch of a key.
    pub(super) fn take(&mut self, key: SlotKey<'_>) -> u64 {
        if self.0.is_empty() {
            self.0 = vec![0; EPOCHS].into();
        }
        self.get(key)
    }

    pub(super) fn get(&self, key: SlotKey<'_>) -> u64 {
        self.0.get(epoch_of(key)).copied().unwrap_or_default()
    }

    /// Called when a value of a key is stored.
    pub(super) fn increment(&mut self, key: SlotKey<'_>) {
        if let Some(epoch) = self.0.get_mut(epoch_of(key)) {
            *epoch += 1;
        }
    }
}

fn epoch_of(key: SlotKey<'_>) -> usize {
    key.short_hash() as usize % EPOCHS
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
        let before: Vec<_> = (0..100).map(|at| epochs.take(key(at))).collect();
        epochs.increment(key(7));
        let changed: Vec<_> = (0..100).filter(|&at| epochs.get(key(at)) != before[at]).collect();
        assert!(changed.contains(&7) && changed.len() < 10, "{changed:?}");
    }
}
