//! Handles a load that finds a refresh of its key in progress, while the key still has a live value.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::keyspace::Keyspace;
use crate::api::keyspace::lookup::LookupOutcome;
use crate::engine::flights::Flight;
use crate::format::key::Key;
use crate::memory::entry::Value;
use crate::memory::leases::Permit;
use crate::memory::lookup::Lookup;
use crate::memory::slot_key::SlotKey;
use crate::stats::count::Count;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Returns the live value of a key if `flight` is a refresh, so that the caller need not wait for the
    /// refresh. The refresh began with a live value in memory. The value may have been evicted since, or
    /// dropped because another machine has changed it. So the function also looks on disk, or at the
    /// server. If the refresh has just ended, memory has the new value.
    pub(in crate::api::keyspace) async fn hit_beside_refresh(
        &self,
        key: SlotKey<'_>,
        flight: &Value,
        (counts, is_use): (bool, bool),
    ) -> Option<LookupOutcome<K, V>> {
        let is_refresh = flight.downcast_ref::<Flight>().is_some_and(Flight::is_refresh);
        if !is_refresh {
            return None;
        }
        let miss = match self.shared.tiers.peek_in_memory(key) {
            Lookup::Value(value, expires_at) => {
                let value = Self::typed(value)?;
                self.answered_if(counts, Count::MemoryHits, key);
                return Some(LookupOutcome::Hit { value, expires_at, is_stale: false });
            }
            Lookup::Unknown(miss) if self.has_lower_tier() => miss,
            Lookup::Unknown(_) | Lookup::Absent(_) | Lookup::Negative => return None,
        };
        let permit = Permit::EpochToken(miss.epoch_token);
        let found = if self.is_remote() {
            let found = self.shared.read_remote_entry(&self.opened, key).await?;
            self.copy_to_memory(key, permit, &found, is_use);
            found
        } else {
            self.promote_decoded(key, permit, miss.min_visible_sequence, is_use)?
        };
        let (value, expires_at) = (found.value.into_inner()?, found.expires_at);
        self.answered_if(counts, Count::DiskHits, key);
        Some(LookupOutcome::Hit { value, expires_at, is_stale: false })
    }
}
