//! The reads of a transaction in memory and on disk: step 1 of [`super`]. For remote keys, see
//! [`super::remote`].

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{KeyChange, KeyContent, KeyRead, RoundWaits, Transaction};
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::read::{LeasedRead, ReadValue};
use crate::engine::group::LeasedEntry;
use crate::engine::tiers::Tiers;
use crate::error::Error;
use crate::format::key::Key;
use crate::memory::entry::Value;
use crate::memory::leases::Permit;
use crate::memory::lookup::ReadEntry;
use crate::memory::slot_key::SlotKey;

impl Transaction<'_> {
    /// Returns the value of a key as this transaction sees it, with its own changes applied.
    pub(super) fn value<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        at: usize,
    ) -> Option<Value> {
        match self.keys.get(at)?.change.as_ref() {
            Some(KeyChange::Put(put)) => return Some(put.value()),
            Some(KeyChange::Remove) => return None,
            None => {}
        }
        match &self.read(keyspace, at)?.value {
            KeyContent::Value(value) => Some(value.clone()),
            KeyContent::None | KeyContent::OnDisk => None,
        }
    }

    /// Reads local keys that the transaction has not changed, in a round that must not wait.
    ///
    /// # Errors
    /// Returns an error if a read would have to wait. It ends the closure, which must not see a miss for a
    /// key that was not read. The round is discarded with its error.
    pub(super) fn read_at_once<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        places: &[usize],
    ) -> Result<(), Error> {
        if self.waits == RoundWaits::Allowed {
            return Ok(());
        }
        for at in places {
            if self.keys.get(*at).is_some_and(|key| key.change.is_none()) {
                self.read(keyspace, *at);
            }
            if self.waits == RoundWaits::Needed {
                return Err(Error::Changed);
            }
        }
        Ok(())
    }

    /// Reads a key with its value, unless it was already read. A remote key must have been
    /// [fetched](Self::fetch).
    pub(super) fn read<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        at: usize,
    ) -> Option<&KeyRead> {
        let tiers = &self.shared.tiers;
        let key = self.keys.get_mut(at)?;
        if matches!(&key.read, Some(KeyRead { value: KeyContent::Value(_) | KeyContent::None, .. })) {
            return key.read.as_ref();
        }
        let slot_key = SlotKey { hash: key.hash, bytes: &key.full };
        // A lease that is taken during a range removal of the key is never valid.
        let may_wait = self.waits == RoundWaits::Allowed;
        if !keyspace.is_remote() && tiers.memory.wait_for_barrier(slot_key, may_wait).is_err() {
            self.waits = RoundWaits::Needed;
            return None;
        }
        let leased = match self.waits {
            RoundWaits::Allowed => keyspace.lease_and_read(slot_key).ok(),
            RoundWaits::Refused => keyspace.lease_and_read_at_once(slot_key),
            RoundWaits::Needed => None,
        };
        let Some(LeasedRead { lease, read, is_unread, .. }) = leased else {
            self.waits = RoundWaits::Needed;
            return None;
        };
        if let Some(ReadValue { decoded: Some(decoded), .. }) = &read {
            // The user's weigher may panic here. Then the drop of `lease` releases the lease, so `into_id` is
            // called only after this.
            keyspace.copy_to_memory(slot_key, Permit::Lease(lease.id), decoded, true);
        }
        let (value, entry, is_in_memory) = match read {
            Some(ReadValue { value, entry, is_in_memory, .. }) => {
                (KeyContent::Value(value.into_inner()), Some(entry), is_in_memory)
            }
            None => (KeyContent::None, None, true),
        };
        match &mut key.read {
            None => {
                let lease = Some(lease.into_id());
                key.read = Some(KeyRead { lease, entry, value, extras: None, is_in_memory, is_unread });
            }
            // The key was watched, but its value was not read. The first lease is kept.
            Some(read) => {
                drop(lease);
                // A record that does not decode still counts as an entry. Otherwise the record would make
                // every round lose, forever.
                let entry = entry.or_else(|| entry_now(tiers, slot_key));
                self.is_lost |= read.entry.map(|entry| entry.sequence) != entry.map(|entry| entry.sequence);
                read.value = value;
            }
        }
        key.read.as_ref()
    }
}

/// Returns the entry of a key, even if its record does not decode.
pub(super) fn entry_now(tiers: &Tiers, key: SlotKey<'_>) -> Option<ReadEntry> {
    let LeasedEntry { lease, entry, .. } = tiers.lease_entry(key);
    tiers.memory.release(key, lease);
    entry
}
