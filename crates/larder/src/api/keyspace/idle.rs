//! Extends the life of entries that are used, in a keyspace with a time to idle.
//!
//! A write gives an entry a life of 9/8 of the time to idle, but not past its hard limit. A hit gives the
//! entry such a life again, if less than the time to idle is left. So an entry is extended at most once in
//! each eighth of the time to idle. It expires between 1 and 9/8 of the time to idle after its last use.
//!
//! Over a remote tier, only the server extends the life of an entry: see `engine::remote::uses`.

use std::time::Duration;

use super::Keyspace;
use super::fixed_life::PRECISE_BELOW;
use crate::engine::promotion::DecodedEntry;
use crate::format::key::Key;
#[cfg(feature = "async")]
use crate::format::stored_key::StoredKey;
use crate::memory::extras::EntryExtras;
use crate::memory::idle::{UsedEntry, UsedRecord};
use crate::memory::lookup::ReadEntry;
use crate::memory::slot_key::SlotKey;
#[cfg(feature = "async")]
use crate::sys::offload::submit;
#[cfg(feature = "async")]
use crate::sys::sync::Arc;
use crate::units::Timestamp;

/// The thread that reads the file for a use of an entry that has left memory since the hit.
#[derive(Debug, Clone, Copy)]
pub(super) enum RecordReader {
    Caller,
    /// A worker thread, for a caller that must not wait for the disk. The use takes effect after the call, or
    /// has no effect if the cache is closed first.
    #[cfg(feature = "async")]
    Worker,
}

fn life(time_to_idle: Duration) -> Duration {
    time_to_idle.saturating_add(time_to_idle / 8)
}

impl<K: Key, V> Keyspace<K, V> {
    /// Returns the expiry and the extras of an entry that is written now and has the hard limit `ends_at`.
    pub(super) fn first_expiry(
        &self,
        now: Timestamp,
        ends_at: Timestamp,
        load_time: Option<Duration>,
    ) -> (Timestamp, Option<EntryExtras>) {
        let Some(time_to_idle) = self.definition.idle_limit() else {
            let extras = || EntryExtras::new(now, load_time, Timestamp::ZERO);
            return (ends_at, self.opened.keeps_extras().then(extras));
        };
        // For a short time to idle, the error of the coarse clock would be too large.
        let from = if time_to_idle < PRECISE_BELOW { self.now() } else { now };
        let expires_at = from.expiry_after(life(time_to_idle)).min(ends_at);
        (expires_at, Some(EntryExtras::new(now, load_time, ends_at)))
    }

    /// Returns the expiry and the extras of an entry whose life is shortened to the time `until`. An earlier
    /// limit of the entry that was read stays.
    pub(super) fn shortened_expiry(
        &self,
        now: Timestamp,
        until: Timestamp,
        read: ReadEntry,
    ) -> (Timestamp, Option<EntryExtras>) {
        let is_extended_by_uses = read.ends_at > read.expires_at;
        let ends_at = if is_extended_by_uses { until.min(read.ends_at) } else { Timestamp::ZERO };
        let extras = || EntryExtras::new(now, read.load_time, ends_at);
        (until.min(read.expires_at), self.opened.keeps_extras().then(extras))
    }

    /// Returns whether a hit now extends the life of an entry, unless the entry has reached its hard limit.
    pub(super) fn is_extension_due(&self, expires_at: Timestamp) -> bool {
        self.definition.idle_limit().is_some_and(|time_to_idle| self.is_within(expires_at, time_to_idle))
    }

    /// Returns whether less than the time to idle is left until an expiry.
    fn is_within(&self, expires_at: Timestamp, time_to_idle: Duration) -> bool {
        expires_at.since(self.shared.tiers.time.latest()) < time_to_idle
    }

    /// Records a hit in memory. In a keyspace without a time to idle, this is one comparison.
    #[inline]
    pub(super) fn note_use(&self, key: SlotKey<'_>, expires_at: Timestamp, reader: RecordReader) {
        if let Some(time_to_idle) = self.definition.idle_limit() {
            self.extend_if_due(key, expires_at, time_to_idle, (UsedEntry::InMemory, reader));
        }
    }

    /// Records a hit in memory of a keyspace in any tier, for an entry whose extras were taken with it.
    pub(super) fn note_use_with_extras(
        &self,
        key: SlotKey<'_>,
        (expires_at, extras): (Timestamp, Option<EntryExtras>),
        reader: RecordReader,
    ) {
        if self.is_remote() {
            self.note_near_use(key, expires_at, extras);
        } else {
            self.note_use(key, expires_at, reader);
        }
    }

    /// Records a hit of a near copy whose extras were taken with it. A copy without extras is not extended by
    /// uses.
    pub(super) fn note_near_use(&self, key: SlotKey<'_>, expires_at: Timestamp, extras: Option<EntryExtras>) {
        if let Some(time_to_idle) = self.definition.idle_limit() {
            self.send_use_if_due(key, expires_at, time_to_idle, || extras);
        }
    }

    /// Records a hit on disk or at the server, after the value was copied into memory.
    pub(super) fn note_use_on_disk(&self, key: SlotKey<'_>, decoded: &DecodedEntry<V>) {
        if let Some(time_to_idle) = self.definition.idle_limit() {
            let tiers = &self.shared.tiers;
            if self.is_remote() {
                return self.send_use_if_due(key, decoded.expires_at, time_to_idle, || Some(decoded.extras));
            }
            let is_current = || decoded.is_current(tiers);
            let record = UsedRecord {
                sequence: decoded.sequence,
                expires_at: decoded.expires_at,
                ends_at: decoded.extras.ends_at,
                is_current: &is_current,
            };
            let used = if decoded.has_snapshot() { UsedEntry::OnDisk(record) } else { UsedEntry::Elsewhere };
            self.extend_if_due(key, decoded.expires_at, time_to_idle, (used, RecordReader::Caller));
        }
    }

    /// Records a use of an entry that a transaction has read at the server.
    pub(super) fn note_use_at_server(&self, key: SlotKey<'_>, expires_at: Timestamp, extras: EntryExtras) {
        if let Some(time_to_idle) = self.definition.idle_limit() {
            self.send_use_if_due(key, expires_at, time_to_idle, || Some(extras));
        }
    }

    #[cold]
    #[inline(never)]
    fn extend_if_due(
        &self,
        key: SlotKey<'_>,
        expires_at: Timestamp,
        time_to_idle: Duration,
        (used, reader): (UsedEntry<'_>, RecordReader),
    ) {
        let tiers = &self.shared.tiers;
        if self.is_remote() {
            // If the copy has left memory, the server can't be told which record was used.
            let near_extras = || {
                let extras = tiers.memory.near_extras(key, expires_at);
                extras.or_else(|| tiers.note_unsent_use())
            };
            return self.send_use_if_due(key, expires_at, time_to_idle, near_extras);
        }
        if self.is_within(expires_at, time_to_idle) && tiers.extend_life(key, life(time_to_idle), used) {
            self.extend_evicted(key, life(time_to_idle), reader);
        }
    }

    #[cold]
    fn extend_evicted(&self, key: SlotKey<'_>, life: Duration, reader: RecordReader) {
        let tiers = &self.shared.tiers;
        // The life counts from the use, even if a worker reads the file much later.
        let until = tiers.time.now().expiry_after(life);
        match reader {
            RecordReader::Caller => tiers.extend_evicted(key, until),
            #[cfg(feature = "async")]
            RecordReader::Worker => {
                // The job must not keep the cache open. Otherwise the cache could be closed long after its
                // last handle was dropped. The job does not own a handle even while it runs.
                let (tiers, key) = (Arc::downgrade(tiers), StoredKey::from(key.bytes));
                let extend = move || {
                    if let Some(tiers) = tiers.upgrade() {
                        tiers.extend_evicted(tiers.memory.key(&key), until);
                    }
                };
                // No task waits for the use.
                drop(submit(extend));
            }
        }
    }

    #[cold]
    fn send_use_if_due(
        &self,
        key: SlotKey<'_>,
        expires_at: Timestamp,
        time_to_idle: Duration,
        extras: impl FnOnce() -> Option<EntryExtras>,
    ) {
        let tiers = &self.shared.tiers;
        if self.is_within(expires_at, time_to_idle)
            && let Some(extras) = extras()
        {
            tiers.send_use(key, (expires_at, extras), time_to_idle, life(time_to_idle));
        }
    }
}

#[cfg(test)]
#[cfg(not(shuttle))]
mod tests {
    use super::*;
    use crate::api::keyspace::definition::KeyspaceDefinition;
    use crate::memory::evicted_values::EvictedValues;
    use crate::testing::remote::tests::two_nodes;

    const MINUTE: Duration = Duration::from_mins(1);
    const USERS: KeyspaceDefinition<u64, u64> =
        KeyspaceDefinition::new("user").ttl(Duration::from_hours(1)).time_to_idle(Duration::from_mins(8));

    #[test]
    fn a_use_of_a_near_copy_that_has_left_memory_before_it_is_sent_is_counted() {
        let two = two_nodes();
        let users = two.caches[0].keyspace(USERS).unwrap();
        users.insert(&1, 10).unwrap();
        assert!(users.get(&1).is_some(), "a near copy");
        two.clock.advance(7 * MINUTE);
        let (full, memory) = (users.encode(&1).unwrap(), &users.shared.tiers.memory);
        let (key, expires_at) = (memory.key(full.as_slice()), users.now().after(2 * MINUTE));
        let unsent = || two.caches[0].stats().remote.unwrap().unsent_uses;
        memory.drop_near(key, &mut EvictedValues::default());
        users.note_use(key, users.now().after(9 * MINUTE), RecordReader::Caller);
        assert_eq!(unsent(), 0, "it is not due");
        users.note_use(key, expires_at, RecordReader::Caller);
        assert_eq!(unsent(), 1);
    }
}
