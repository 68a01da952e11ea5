//! A load that finds a refresh of its key under way, while the live value is on disk alone.

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
    /// Returns the live value that is on disk alone, during a refresh of the key. The refresh began with a
    /// live value, which memory may have evicted since. It is no reason to wait.
    pub(in crate::api::keyspace) fn hit_beside_refresh(
        &self,
        key: SlotKey<'_>,
        flight: &Value,
        counts: bool,
    ) -> Option<LookupOutcome<K, V>> {
        let is_refresh = flight.downcast_ref::<Flight>().is_some_and(Flight::is_refresh);
        if !is_refresh || self.is_memory_only() {
            return None;
        }
        let Lookup::Unknown(miss) = self.shared.tiers.peek_in_memory(key) else { return None };
        let permit = Permit::EpochToken(miss.epoch_token);
        let found = self.promote_decoded(key, permit, miss.min_visible_sequence)?;
        let (value, expires_at) = (found.value?, found.expires_at);
        self.answered_if(counts, Count::DiskHits, key);
        Some(LookupOutcome::Hit { value, expires_at, is_stale: false })
    }
}
