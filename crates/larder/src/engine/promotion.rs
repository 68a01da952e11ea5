//! Promotions: a value or an absence that was read from disk or from a server is copied into memory, if a
//! permit is still valid.
//!
//! A promotion must not bring back an entry that was removed meanwhile. So the caller gets a permit before it
//! reads the disk or asks the server: the epoch token of its miss, or a lease. A write or a removal of the
//! key revokes the permit. Then the value is returned, but not copied into memory.
//!
//! An eviction from disk revokes no permit, because it locks no shard. But once a lookup has missed an
//! evicted entry, no later lookup may find a copy of it. The steps:
//!
//! 1. A lookup looks in memory. A miss gets the number of evictions, under the lock of the shard
//!    ([`MissToken`]).
//! 2. It reads the current snapshot, which has an [`EvictionEpoch`].
//! 3. The entry that was read is copied into memory, or a change of it is stored there. This is done under
//!    the lock of the shard, and only if the number of evictions is still that of the epoch. A commit that
//!    evicts nothing leaves the number, so it refuses no copies.
//! 4. The writer has evicted entries from disk. It increments the number.
//! 5. It installs the snapshot that lacks the entries.
//! 6. A lookup that has found no record in (2) reads the number again. If it is not that of (1), the lookup
//!    is repeated.
//!
//! A lookup may miss an entry in the snapshot of (5) although another caller has copied the entry into
//! memory since (1). Then (3) of that caller came after (1) of this lookup, under the same lock, and before
//! (4). So the number of (1) is lower than that of (6), and the repeated lookup finds the copy. If (5) came
//! before (4), or if (3) only checked that the current snapshot has the epoch, the numbers could be equal.
//! After (4) nothing is copied any more. So a lookup that is not repeated has found the entry missing in both
//! tiers, and no later lookup finds it.

use std::sync::Weak;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::keyspaces::open_keyspace::OpenKeyspace;
use super::shared::Shared;
use super::stored_record::StoredRecord;
use super::tiers::Tiers;
use crate::disk::store::snapshot::{EvictionEpoch, StoreSnapshot};
use crate::format::codec::error::CodecError;
use crate::format::record::{Header, RecordKind};
use crate::memory::Memory;
use crate::memory::entry::{IncomingEntry, PromotionSource, Refused, Value};
use crate::memory::epochs::EpochToken;
use crate::memory::evicted_values::EvictedValues;
use crate::memory::extras::EntryExtras;
use crate::memory::grace::Grace;
use crate::memory::key_leases::{LeaseId, NO_LEASE};
use crate::memory::leases::Permit;
use crate::memory::lookup::{MissToken, ReadEntry, StaleLookup};
use crate::memory::slot_key::SlotKey;
use crate::memory::weight::Weight;
use crate::stats::count::Count;
use crate::sys::at_once::at_once;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::sync::{Arc, Ordering};
use crate::sys::user_code::HeldValue;
use crate::units::Timestamp;

/// The sequence of all near copies of a remote tier. No change of this cache has a lower sequence.
const NEAR_SEQUENCE: u64 = 1;

/// A lease on a key. Dropping this value releases the lease.
#[derive(Debug)]
pub(crate) struct Lease<'a> {
    memory: &'a Memory,
    key: SlotKey<'a>,
    pub(crate) id: LeaseId,
    /// The duration of the load. `None` if the lease does not belong to a load, or if the load
    /// found no value.
    pub(crate) load_time: Option<Duration>,
}

impl<'a> Lease<'a> {
    pub(crate) fn new(memory: &'a Memory, key: SlotKey<'a>, id: LeaseId) -> Self {
        Self { memory, key, id, load_time: None }
    }

    /// Stands for the lease of a change that takes none ([`crate::memory::publication`]).
    pub(crate) fn none(memory: &'a Memory, key: SlotKey<'a>) -> Self {
        Self::new(memory, key, NO_LEASE)
    }
}

impl Lease<'_> {
    /// Returns the number of the lease, without releasing the lease. The caller must release it.
    pub(crate) fn into_id(self) -> LeaseId {
        let id = self.id;
        std::mem::forget(self);
        id
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // If a loader forks, it returns in both processes. The lease belongs to the parent, which releases
        // it.
        if self.id != NO_LEASE && self.memory.process.is_current() {
            self.memory.release(self.key, self.id);
        }
    }
}

/// An entry that was read from disk or from a server, and decoded. It is live, or expired at most the
/// reader's grace ago.
pub(crate) struct DecodedEntry<V> {
    /// `None` for an absence.
    pub(crate) value: HeldValue<Option<Arc<V>>>,
    pub(crate) encoded_len: usize,
    pub(crate) expires_at: Timestamp,
    grace: Grace,
    pub(crate) extras: EntryExtras,
    pub(crate) sequence: u64,
    /// See [`StoredRecord::snapshot`].
    snapshot: Option<Weak<StoreSnapshot>>,
    /// See [`StoredRecord::epoch`].
    epoch: Option<EvictionEpoch>,
    remote: Option<RemoteOrigin>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct RemoteOrigin {
    /// The generation of the connection that read the entry.
    pub(crate) generation: u64,
    /// Whether the server pushes later changes of the key.
    pub(crate) is_tracked: bool,
}

impl<V> DecodedEntry<V> {
    pub(crate) fn entry(&self) -> ReadEntry {
        let &Self { sequence, expires_at, extras, .. } = self;
        ReadEntry::new(sequence, expires_at, Some(extras))
    }

    /// Marks the entry as read from a remote tier. The sequence of a remote record is a random number, so it
    /// is replaced by [`NEAR_SEQUENCE`], and the extras keep a part of it. Every later range removal of this
    /// cache then covers the near copy. A near copy has no grace, because the server is asked for a stale
    /// value.
    pub(super) fn of_remote(self, origin: RemoteOrigin) -> Self {
        let extras = self.extras.of_near_copy(self.sequence);
        Self { remote: Some(origin), sequence: NEAR_SEQUENCE, grace: Grace::NONE, extras, ..self }
    }

    /// Returns whether a use may be recorded based on this record: uses extend the life of the entry, and its
    /// expiry was found in the record or at its stamp.
    pub(crate) fn has_snapshot(&self) -> bool {
        self.snapshot.is_some()
    }

    /// Returns whether the expiry was found in the record or at its stamp, and not in a slot or in a newer
    /// snapshot. That slot or snapshot may no longer exist.
    #[cfg(feature = "async")]
    pub(crate) fn has_own_expiry(&self) -> bool {
        self.has_snapshot() || !self.extras.is_extended_by_uses()
    }

    /// Returns whether the value has a token of the current snapshot, and may be copied into memory (step 3).
    fn may_be_copied(&self, tiers: &Tiers) -> bool {
        self.snapshot.as_ref().is_some_and(|snapshot| tiers.may_change_from(snapshot))
    }

    /// Returns whether the value was read from the current snapshot, and has a token of it.
    pub(crate) fn is_current(&self, tiers: &Tiers) -> bool {
        self.snapshot.as_ref().is_some_and(|snapshot| tiers.reads_from(snapshot))
    }
}

/// Why a lookup on disk or at a server has found no entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfound {
    /// The disk has no record that the lookup may show. Step 6 says whether the lookup must be repeated.
    NoRecord,
    /// There is a record without a live value, so no other caller can copy a value of it. The lookup is not
    /// repeated: while the disk evicts other entries, it could decode the record again and again. What a
    /// server answers is final, too.
    Settled,
}

impl Tiers {
    /// Returns whether a lookup that has found no record must be repeated: step 6.
    pub(crate) fn has_evicted_since(&self, miss: MissToken) -> bool {
        self.disk.snapshots.evictions().load(Ordering::SeqCst) != miss.disk_evictions
    }

    /// Runs step 4 for one entry, without step 5.
    #[cfg(test)]
    pub(crate) fn count_eviction(&self) {
        self.disk.snapshots.evictions().fetch_add(1, Ordering::SeqCst);
    }

    /// Returns whether the filter of absent keys leaves it open if a key that memory lacks is on disk. If the
    /// disk has evicted entries since the miss, the lookup must be repeated, so its answer is open, too.
    pub(crate) fn may_be_on_disk(&self, key: SlotKey<'_>, miss: MissToken) -> bool {
        !self.disk.absent_keys.lack(key) || self.has_evicted_since(miss)
    }
}

impl Shared {
    /// Reads the live entry of a key from disk or from the server.
    pub(crate) fn read_entry<V: Serialize + DeserializeOwned + 'static>(
        &self,
        keyspace: &OpenKeyspace,
        key: SlotKey<'_>,
        min_visible_sequence: u64,
    ) -> Result<DecodedEntry<V>, Unfound> {
        if keyspace.id.is_remote() {
            return at_once(self.read_remote_entry(keyspace, key)).ok_or(Unfound::Settled);
        }
        let record = self.tiers.read_record(key, min_visible_sequence, Duration::ZERO);
        let record = record.ok_or(Unfound::NoRecord)?;
        self.decode_record(keyspace, key, &record, Duration::ZERO).ok_or(Unfound::Settled)
    }

    /// Like [`read_entry`](Self::read_entry), but only from disk, and also reads an entry that expired up to
    /// `grace` ago.
    fn read_entry_in_grace<V: Serialize + DeserializeOwned + 'static>(
        &self,
        keyspace: &OpenKeyspace,
        key: SlotKey<'_>,
        min_visible_sequence: u64,
        grace: Duration,
    ) -> Option<DecodedEntry<V>> {
        let record = self.tiers.read_record(key, min_visible_sequence, grace)?;
        self.decode_record(keyspace, key, &record, grace)
    }

    /// Decodes a record that was read from disk or from a server. Returns `None` if the record can't be
    /// decoded. Such a record is counted only if `grace` is zero. Also returns `None` if the entry expired
    /// more than `grace` ago, or belongs to another version of the keyspace.
    pub(crate) fn decode_record<V: Serialize + DeserializeOwned + 'static>(
        &self,
        keyspace: &OpenKeyspace,
        key: SlotKey<'_>,
        record: &StoredRecord,
        grace: Duration,
    ) -> Option<DecodedEntry<V>> {
        let StoredRecord { header, extension, .. } = record;
        let Header { kind, version, mut expires_at, delete_after, sequence, compression, .. } = *header;
        if version != keyspace.kind.version {
            return None;
        }
        let format = keyspace.kind.format;
        let (value, encoded_len) = match kind {
            RecordKind::Absence => (None, 0),
            RecordKind::Value => {
                match keyspace.checks.read(format, compression, extension, record.payload()) {
                    Ok((value, encoded_len)) => (Some(Arc::new(value)), encoded_len),
                    Err(error) => {
                        // A read with a grace does not count the record. If the entry is live, the lookup
                        // before the same load has counted it. If the entry has expired, that lookup has not
                        // decoded it.
                        if grace.is_zero() {
                            self.note_undecodable(keyspace, key, &error);
                        }
                        return None;
                    }
                }
            }
        };
        let value = HeldValue::new(value);
        // The expiry is checked after reading and decoding, because both take time. The precise time is read
        // only if the coarse time is not sufficient.
        let time = &self.tiers.time;
        let is_live = |expires_at: Timestamp| {
            let ends_at = expires_at.after(grace);
            ends_at > time.latest() || ends_at > time.now()
        };
        let kept = Grace::between(expires_at, delete_after);
        let mut snapshot = record.snapshot.clone();
        if extension.ends_at.is_some() && !is_live(expires_at) {
            // A use may have extended the life of the entry meanwhile. The value is then returned, but not
            // promoted, because the slot or stamp with the later expiry may no longer exist.
            expires_at = self.tiers.extended_expiry(key, sequence)?;
            snapshot = None;
        }
        let is_live = is_live(expires_at);
        let extras = EntryExtras::of_record(header, extension);
        is_live.then_some(DecodedEntry {
            value,
            encoded_len,
            expires_at,
            grace: kept,
            extras,
            sequence,
            snapshot,
            epoch: record.epoch,
            remote: None,
        })
    }

    /// Returns the value of a key in memory or on disk and its expiry, if the value is live or expired at
    /// most `grace` ago. Promotes nothing, and records no use in memory.
    ///
    /// A removed value is never returned. A value in memory is read from its slot under the lock. A value
    /// that is only on disk is returned only if the key has not changed since the lookup in its shard. To
    /// ensure this, the epoch token of that lookup is checked after reading.
    pub(crate) fn stale_value<V: Serialize + DeserializeOwned + Send + Sync + 'static>(
        &self,
        keyspace: &OpenKeyspace,
        key: SlotKey<'_>,
        grace: Duration,
    ) -> Option<(HeldValue<Arc<V>>, Timestamp)> {
        match self.tiers.memory.stale(key) {
            StaleLookup::Value(value, expires_at) => {
                let value = HeldValue::new(Arc::downcast(value).ok()?);
                (expires_at.after(grace) > self.tiers.time.now()).then_some((value, expires_at))
            }
            StaleLookup::Unknown(miss) if keyspace.id.is_in_file() => {
                let sequence = miss.min_visible_sequence;
                let decoded = self.read_entry_in_grace(keyspace, key, sequence, grace)?;
                let value = HeldValue::new(decoded.value.into_inner()?);
                let is_current = self.tiers.memory.is_current(key, miss.epoch_token);
                is_current.then_some((value, decoded.expires_at))
            }
            StaleLookup::NoValue | StaleLookup::Unknown(_) => None,
        }
    }

    /// Copies into memory an entry that was read from disk or from a server, if `permit` is still valid. An
    /// entry from a server is copied only if the server pushes later changes of its key.
    pub(crate) fn promote<V: Send + Sync + 'static>(
        &self,
        keyspace: &OpenKeyspace,
        key: SlotKey<'_>,
        permit: Permit,
        decoded: &DecodedEntry<V>,
        weight: Weight,
    ) {
        let &DecodedEntry { expires_at, grace, extras, sequence, .. } = decoded;
        if decoded.remote.is_some_and(|origin| !origin.is_tracked) {
            return;
        }
        let value = decoded.value.clone().map(|value| value as Value);
        let extras = (value.is_some() && keyspace.keeps_extras()).then_some(extras);
        let entry = IncomingEntry { value, expires_at, grace, weight, unsaved: None, extras };
        // The values are dropped after the promotion is counted and its expiry is planned, because a user's
        // `Drop` may wait.
        let mut evicted_values = EvictedValues::default();
        // The record, not the keyspace, decides whether uses extend the entry, because another handle of the
        // keyspace may have a time to idle.
        let is_extended = decoded.remote.is_some() || decoded.extras.is_extended_by_uses();
        let is_current = || match decoded.remote {
            Some(origin) => self.tiers.is_generation(origin.generation),
            None if is_extended => decoded.may_be_copied(&self.tiers),
            None => decoded.epoch.is_some_and(|epoch| self.tiers.is_in_epoch(epoch)),
        };
        let source = PromotionSource { is_current: &is_current, is_extended };
        let memory = &self.tiers.memory;
        let permit = if decoded.remote.is_some() && failpoint_is_set(Failpoint::TokenAfterAnswer) {
            memory.near_token(key).map_or(permit, |late| Permit::EpochToken(late.epoch_token))
        } else {
            permit
        };
        match memory.promote_entry(key, permit, entry, sequence, source, &mut evicted_values) {
            Ok(()) => keyspace.counters.add(Count::Promotions),
            // If there is no room, the memory tier itself counts the value as bypassed.
            Err(Refused::NoRoom) => {}
            Err(_) => keyspace.counters.add(Count::VoidedFills),
        }
        self.tiers.sweeper.plan(grace.after(expires_at));
    }

    /// Copies into memory an entry that a load of this cache has stored at the server, if `token` is still
    /// valid and the server tracks the key. The token was taken before the store.
    pub(crate) fn fill_near(
        &self,
        key: SlotKey<'_>,
        token: EpochToken,
        entry: IncomingEntry,
        origin: RemoteOrigin,
    ) {
        if !origin.is_tracked {
            return;
        }
        let expires_at = entry.expires_at;
        let mut evicted_values = EvictedValues::default();
        let is_current = || self.tiers.is_generation(origin.generation);
        let source = PromotionSource { is_current: &is_current, is_extended: true };
        let (memory, permit) = (&self.tiers.memory, Permit::EpochToken(token));
        // If a push came in between, the copy is refused, and the next lookup asks the server.
        _ = memory.promote_entry(key, permit, entry, NEAR_SEQUENCE, source, &mut evicted_values);
        self.tiers.sweeper.plan(expires_at);
    }

    /// Counts a record that can't be decoded. Logs only the first one of each keyspace, because later ones
    /// probably have the same cause.
    #[cold]
    fn note_undecodable(&self, keyspace: &OpenKeyspace, key: SlotKey<'_>, error: &CodecError) {
        keyspace.counters.add(Count::Undecodable);
        keyspace.counters.undecodable_cause.note(error, true);
        if !keyspace.has_told_undecodable.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                keyspace = keyspace.name,
                key = self.key_for_log(keyspace, key.bytes),
                %error,
                "a record could not be decoded, and is a miss; later ones are counted, and not told"
            );
        }
    }
}
