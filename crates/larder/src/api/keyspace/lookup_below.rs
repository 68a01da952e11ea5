//! Lookups on disk or at a server, of a key that memory lacks.
//!
//! The disk may evict an entry between the lookup in memory and the lookup on disk. Then a lookup that finds
//! no record is repeated: step 6 of [`crate::engine::promotion`].

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::idle::RecordReader;
use crate::engine::promotion::{DecodedEntry, Unfound};
use crate::format::key::Key;
use crate::memory::leases::Permit;
use crate::memory::lookup::{Lookup, MissToken};
use crate::memory::slot_key::SlotKey;
use crate::sys::sync::Arc;
use crate::sys::user_code::HeldValue;
use crate::units::Timestamp;

/// A live entry that a lookup has found.
pub(super) struct FoundEntry<V> {
    /// `None` for an absence.
    pub(super) value: HeldValue<Option<Arc<V>>>,
    pub(super) expires_at: Timestamp,
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Returns the live value of a key that memory lacks.
    pub(super) fn get_below(&self, key: SlotKey<'_>, miss: MissToken) -> Option<Arc<V>> {
        self.find_below(key, Permit::EpochToken(miss.epoch_token), miss, true)?.value.into_inner()
    }

    /// Reads the live entry of a key from disk or from a server, and copies it into memory if `permit` is
    /// still valid. Records a use of the entry if `is_use` is set.
    pub(super) fn find_below(
        &self,
        key: SlotKey<'_>,
        permit: Permit,
        miss: MissToken,
        is_use: bool,
    ) -> Option<FoundEntry<V>> {
        match self.read_below(key, permit, miss, is_use) {
            Ok(found) => Some(found),
            Err(Unfound::NoRecord) => self.look_again(key, miss, is_use),
            Err(Unfound::Settled) => None,
        }
    }

    fn read_below(
        &self,
        key: SlotKey<'_>,
        permit: Permit,
        miss: MissToken,
        is_use: bool,
    ) -> Result<FoundEntry<V>, Unfound> {
        let decoded = self.shared.read_entry(&self.opened, key, miss.min_visible_sequence)?;
        self.copy_to_memory(key, permit, &decoded, is_use);
        let DecodedEntry { value, expires_at, .. } = decoded;
        Ok(FoundEntry { value, expires_at })
    }

    /// Repeats a lookup that has found no record, as long as the disk has evicted entries since.
    pub(super) fn look_again(
        &self,
        key: SlotKey<'_>,
        mut miss: MissToken,
        is_use: bool,
    ) -> Option<FoundEntry<V>> {
        let tiers = &self.shared.tiers;
        while tiers.has_evicted_since(miss) {
            let found = if is_use { tiers.get_in_memory(key) } else { tiers.peek_in_memory(key) };
            match found {
                Lookup::Value(value, expires_at) => {
                    let value = HeldValue::new(Some(Self::typed(value)?));
                    if is_use {
                        self.note_use(key, expires_at, RecordReader::Caller);
                    }
                    return Some(FoundEntry { value, expires_at });
                }
                Lookup::Absent(expires_at) => {
                    return Some(FoundEntry { value: HeldValue::new(None), expires_at });
                }
                Lookup::Negative => return None,
                Lookup::Unknown(later) => miss = later,
            }
            match self.read_below(key, Permit::EpochToken(miss.epoch_token), miss, is_use) {
                Err(Unfound::NoRecord) => {}
                found => return found.ok(),
            }
        }
        None
    }

    /// Returns the live value of a full key, without recording a use in memory.
    pub(super) fn peek_full(&self, full: &[u8]) -> Option<Arc<V>> {
        let tiers = &self.shared.tiers;
        let key = tiers.memory.key(full);
        loop {
            let miss = match tiers.peek_in_memory(key) {
                Lookup::Value(value, _) => return Self::typed(value),
                Lookup::Unknown(miss) if self.has_lower_tier() => miss,
                Lookup::Absent(_) | Lookup::Negative | Lookup::Unknown(_) => return None,
            };
            let read = self.shared.read_entry(&self.opened, key, miss.min_visible_sequence);
            match read.map(|decoded: DecodedEntry<V>| decoded.value.into_inner()) {
                Err(Unfound::NoRecord) if tiers.has_evicted_since(miss) => {}
                read => return read.ok()?,
            }
        }
    }
}
