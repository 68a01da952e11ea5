//! Handles a load that finds a refresh of its key in progress, while the key still has a live value.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::keyspace::Keyspace;
use crate::api::keyspace::idle::RecordReader;
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
                if is_use {
                    self.note_use(key, expires_at, RecordReader::Caller);
                }
                self.answered_if(counts, Count::MemoryHits, key);
                return Some(LookupOutcome::Hit { value, expires_at, is_stale: false });
            }
            Lookup::Unknown(miss) if self.has_lower_tier() => miss,
            Lookup::Unknown(_) | Lookup::Absent(_) | Lookup::Negative => return None,
        };
        let permit = Permit::EpochToken(miss.epoch_token);
        let (value, expires_at) = if self.is_remote() {
            let found = self.shared.read_remote_entry(&self.opened, key).await?;
            self.copy_to_memory(key, permit, &found, is_use);
            (found.value.into_inner()?, found.expires_at)
        } else {
            let found = self.find_below(key, permit, miss, is_use)?;
            (found.value.into_inner()?, found.expires_at)
        };
        self.answered_if(counts, Count::DiskHits, key);
        Some(LookupOutcome::Hit { value, expires_at, is_stale: false })
    }
}

#[cfg(test)]
#[cfg(not(shuttle))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::api::cache::Cache;
    use crate::api::keyspace::definition::KeyspaceDefinition;
    use crate::sys::at_once::at_once;
    use crate::sys::clock::{Deadline, ManualClock};
    use crate::sys::sync::Arc;
    use crate::units::Remaining;

    const MINUTE: Duration = Duration::from_mins(1);
    const USERS: KeyspaceDefinition<u64, u64> =
        KeyspaceDefinition::new("user").ttl(Duration::from_hours(1)).time_to_idle(Duration::from_mins(8));

    /// The value comes into memory after the caller has looked there.
    #[test]
    fn a_value_that_answers_a_caller_beside_a_refresh_or_after_a_timeout_is_used() {
        type Look = fn(&Keyspace<u64, u64>, SlotKey<'_>, bool);
        let beside_refresh: Look = |users, key, is_use| {
            let flight: Value = Flight::of_refresh(Deadline::after(MINUTE));
            let hit = at_once(users.hit_beside_refresh(key, &flight, (true, is_use)));
            assert!(matches!(hit, Some(LookupOutcome::Hit { is_stale: false, .. })));
        };
        let after_timeout: Look = |users, key, _| {
            assert!(at_once(users.answer_in_time::<()>(key, MINUTE)).is_ok_and(|loaded| !loaded.is_stale));
        };
        for (look, is_use) in [(beside_refresh, true), (beside_refresh, false), (after_timeout, true)] {
            let clock = Arc::new(ManualClock::new());
            let users = Cache::builder().clock(clock.clone()).open().unwrap().keyspace(USERS).unwrap();
            users.insert(&1, 10).unwrap();
            clock.advance(7 * MINUTE);
            let full = users.encode(&1).unwrap();
            look(&users, users.shared.tiers.memory.key(full.as_slice()), is_use);
            let left = if is_use { 9 * MINUTE } else { 2 * MINUTE };
            assert_eq!(users.ttl(&1), Some(Remaining::For(left)));
        }
    }
}
