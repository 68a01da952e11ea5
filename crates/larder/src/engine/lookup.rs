//! Lookups of a key in memory first, then in the snapshot of the disk. [`super::remote::lookup`] asks a
//! server.
//!
//! The snapshot is loaded after the lookup in the shard. So the snapshot shows the commit of every entry that
//! left the shard before that lookup.
//!
//! Each lookup checks the expiry, here and in the shard. Without a grace, no lookup finds an expired entry,
//! even if the entry is not swept yet.

use std::sync::Weak;
use std::time::Duration;

use super::stored_record::{RecordOrigin, StoredRecord};
use super::tiers::Tiers;
use super::writer::command::Command;
use crate::disk::store::snapshot::{EvictionEpoch, StoreSnapshot};
use crate::format::key::unencoded::UnencodedKey;
use crate::format::keyspace_id::KeyspaceId;
use crate::format::record;
use crate::format::record::Header;
use crate::memory::entry::Value;
use crate::memory::extras::EntryExtras;
use crate::memory::lookup::{Lookup, MissToken};
use crate::memory::slot_key::SlotKey;
use crate::sys::sync::Arc;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::user_code::HeldValue;
use crate::units::Timestamp;

impl Tiers {
    /// Looks up a key in memory, and records a use of the entry.
    pub(crate) fn get_in_memory(&self, key: SlotKey<'_>) -> Lookup {
        if KeyspaceId::of(key.bytes).is_remote() {
            return self.look_near(key, true);
        }
        match self.memory.get(key, self.time.latest()) {
            // The entry may still live for a few milliseconds. The precise time is read only in this case,
            // because reading it is slower.
            Lookup::Negative => self.memory.get(key, self.time.now()),
            found => found,
        }
    }

    /// Returns the live value of an unencoded key and its expiry, if memory has the value and it does not
    /// expire within the next milliseconds. Records a use of the entry. If the result is `None`, the caller
    /// must call [`get_in_memory`](Tiers::get_in_memory).
    #[expect(clippy::inline_always, reason = "of the path of a hit")]
    #[inline(always)]
    pub(crate) fn hit_in_memory(&self, key: impl UnencodedKey) -> Option<(Value, Timestamp)> {
        self.memory.hit(key, self.time.latest())
    }

    /// Like [`hit_in_memory`](Tiers::hit_in_memory), but also returns the extras of the entry.
    #[inline]
    pub(crate) fn hit_in_memory_with_extras(
        &self,
        key: impl UnencodedKey,
    ) -> Option<(Value, Timestamp, Option<EntryExtras>)> {
        self.memory.hit_with_extras(key, self.time.latest())
    }

    /// Looks up a key in memory, without recording a use of the entry.
    pub(crate) fn peek_in_memory(&self, key: SlotKey<'_>) -> Lookup {
        if KeyspaceId::of(key.bytes).is_remote() {
            return self.look_near(key, false);
        }
        if failpoint_is_set(Failpoint::FilterBeforeMemory) && self.disk.absent_keys.lack(key) {
            return self.memory.peek(key, self.time.now()).or_negative();
        }
        match self.memory.peek(key, self.time.latest()) {
            Lookup::Negative => self.memory.peek(key, self.time.now()),
            found => found,
        }
    }

    /// Returns whether memory has a live value of a key. Records no use of the entry.
    pub(crate) fn has_value_in_memory(&self, key: SlotKey<'_>) -> bool {
        matches!(*HeldValue::new(self.peek_in_memory(key)), Lookup::Value(..))
    }

    /// Returns the expiry of a live absence in memory. If memory has a value instead, records a use of it.
    pub(crate) fn absence_in_memory(&self, key: SlotKey<'_>) -> Option<Timestamp> {
        let found = HeldValue::new(self.get_in_memory(key));
        if let Lookup::Absent(expires_at) = *found { Some(expires_at) } else { None }
    }

    /// Reads the record of a key from disk, unless the filter shows that the disk lacks the key
    /// ([`super::absent_keys`]). The caller has found that memory lacks the key.
    ///
    /// Returns `None` if there is no record or no snapshot, if the record's sequence is not above
    /// `min_visible_sequence`, if the record expired more than `grace` before the earliest possible time, or
    /// if it can't be read. Counts read faults, and also damage if `grace` is zero. The caller must check the
    /// expiry again after decoding. Marks the key of a returned record as used on disk.
    ///
    /// Returns `None` in a forked child. Threads of the parent may have held the locks of the store's page
    /// cache at the fork. The parent may also reuse the pages of the snapshot.
    pub(super) fn read_record(
        &self,
        key: SlotKey<'_>,
        min_visible_sequence: u64,
        grace: Duration,
    ) -> Option<StoredRecord> {
        if self.disk.absent_keys.lack(key) {
            return None;
        }
        let record = self.read_bytes(key)?;
        self.note_record(key, record, min_visible_sequence, grace)
    }

    /// Parses a record that was read, and marks its key as used on disk.
    fn note_record(
        &self,
        key: SlotKey<'_>,
        (record, origin): (Vec<u8>, RecordOrigin),
        min_visible_sequence: u64,
        grace: Duration,
    ) -> Option<StoredRecord> {
        let earliest = self.time.bounds().earliest;
        let record = self.live_record(key, record, min_visible_sequence, (earliest, grace))?;
        self.disk.uses.mark(key.hash);
        Some(record.with_origin(origin))
    }

    /// Parses a record. Returns `None` if the record is damaged or not visible, or expired more than `grace`
    /// before `now`. Counts a damaged record only if `grace` is zero.
    pub(super) fn live_record(
        &self,
        key: SlotKey<'_>,
        record: Vec<u8>,
        min_visible_sequence: u64,
        (now, grace): (Timestamp, Duration),
    ) -> Option<StoredRecord> {
        let Ok((mut header, extension, payload)) = record::read(key.bytes, &record) else {
            // A call that reads with a grace has usually counted the record already, in the lookup before its
            // load.
            if grace.is_zero() {
                self.disk.count_damage();
            }
            return None;
        };
        let payload_at = record.len() - payload.len();
        if header.sequence <= min_visible_sequence {
            return None;
        }
        let is_live = |header: &Header| header.expires_at.after(grace) > now;
        let mut lives_elsewhere = false;
        if extension.ends_at.is_some() {
            header = self.stamped(key, header);
            if !is_live(&header) {
                header = header.extended_to(self.extended_expiry(key, header.sequence)?);
                lives_elsewhere = true;
            }
        }
        let mut found = StoredRecord::new(header, extension, record, payload_at);
        found.lives_elsewhere = lives_elsewhere;
        is_live(&header).then_some(found)
    }

    /// Returns the bytes of a key's record, and the snapshot that they were read from.
    pub(super) fn read_bytes(&self, key: SlotKey<'_>) -> Option<(Vec<u8>, RecordOrigin)> {
        if !self.process.is_current() {
            return None;
        }
        let snapshot = self.disk.snapshots.current();
        let snapshot = snapshot.as_ref()?;
        let record = self.copy_record(snapshot, key)?;
        let origin = RecordOrigin::new(snapshot, &record);
        Some((record, origin))
    }

    fn copy_record(&self, snapshot: &StoreSnapshot, key: SlotKey<'_>) -> Option<Vec<u8>> {
        let found = snapshot.get(key.bytes);
        if matches!(found, Ok(None)) {
            self.disk.absent_keys.note_unfound();
        }
        found.unwrap_or_else(|fault| {
            self.report(snapshot, fault);
            None
        })
    }

    /// Looks for a live record with this key and sequence in the current snapshot. Returns a token of the
    /// snapshot, for [`reads_from`](Tiers::reads_from). Returns `None` if the record was not found, or if
    /// there is no snapshot. Does not wait for a snapshot, because the caller may have reserved room.
    ///
    /// The token does not keep the snapshot alive. Otherwise the writer thread, which must make room, would
    /// wait for the caller.
    pub(crate) fn confirm(&self, key: SlotKey<'_>, sequence: u64) -> Option<Weak<StoreSnapshot>> {
        let snapshot = self.disk.snapshots.current().clone()?;
        let record = snapshot.get(key.bytes).unwrap_or_else(|fault| {
            self.report(&snapshot, fault);
            None
        });
        let record = self.live_record(key, record?, 0, (self.time.bounds().earliest, Duration::ZERO))?;
        (record.header.sequence == sequence).then(|| Arc::downgrade(&snapshot))
    }

    /// Returns whether the token's snapshot is still the current one.
    pub(crate) fn reads_from(&self, snapshot: &Weak<StoreSnapshot>) -> bool {
        let current = self.disk.snapshots.current();
        // While the token exists, no other snapshot can have its address.
        current.as_ref().is_some_and(|current| Arc::as_ptr(current) == snapshot.as_ptr())
    }

    /// Returns whether an entry that was read from a snapshot with this epoch may be stored in memory: step 3
    /// of [`super::promotion`]. Returns false while there is no snapshot.
    pub(super) fn is_in_epoch(&self, epoch: EvictionEpoch) -> bool {
        self.disk.snapshots.is_in(epoch)
    }

    /// Returns whether the token's snapshot is the current one, and a change of an entry in it may be stored
    /// in memory: step 3 of [`super::promotion`].
    pub(crate) fn may_change_from(&self, snapshot: &Weak<StoreSnapshot>) -> bool {
        let current = self.disk.snapshots.current();
        current.as_ref().is_some_and(|current| {
            Arc::as_ptr(current) == snapshot.as_ptr() && self.is_in_epoch(current.eviction_epoch())
        })
    }

    /// Like [`read_record`](Tiers::read_record), for several keys and from one snapshot, without asking the
    /// filter. Each key comes with its `min_visible_sequence`.
    ///
    /// Returns the results for the first keys, in the order of the keys. Stops once the records have
    /// `max_bytes` bytes or more, so that the snapshot is not held for long. Returns at least one result if
    /// there is a key.
    pub(crate) fn read_records<'a>(
        &self,
        keys: impl IntoIterator<Item = (SlotKey<'a>, u64)>,
        max_bytes: usize,
    ) -> Vec<Option<StoredRecord>> {
        let snapshot = if self.process.is_current() { self.disk.snapshots.current().clone() } else { None };
        let mut bytes = 0;
        let mut records = Vec::new();
        for (key, min_visible_sequence) in keys {
            let record = snapshot.as_ref().and_then(|snapshot| {
                let record = self.copy_record(snapshot, key)?;
                bytes += record.len();
                let origin = RecordOrigin::new(snapshot, &record);
                self.note_record(key, (record, origin), min_visible_sequence, Duration::ZERO)
            });
            records.push(record);
            if bytes >= max_bytes {
                break;
            }
        }
        records
    }

    /// Returns the expiry of a key's live value, from memory or from disk, without recording a use in memory.
    pub(crate) fn expiry_of(&self, key: SlotKey<'_>, now: Timestamp) -> Option<Timestamp> {
        loop {
            let miss = match self.memory.peek_expiry(key, now) {
                Ok(expires_at) => return Some(expires_at),
                Err(Lookup::Value(..) | Lookup::Absent(_) | Lookup::Negative) => return None,
                Err(Lookup::Unknown(miss)) => miss,
            };
            let found = self.expiry_on_disk(key, miss, now);
            if found.is_some() || !self.has_evicted_since(miss) {
                return found;
            }
        }
    }

    /// Returns the expiry of a key's live value on disk.
    fn expiry_on_disk(&self, key: SlotKey<'_>, miss: MissToken, now: Timestamp) -> Option<Timestamp> {
        let read = || self.read_record(key, miss.min_visible_sequence, Duration::ZERO);
        let mut record = read()?;
        // A commit between the read of the record and the read of the stamp may have removed the stamp. Then
        // the record still has the expiry from before the last use.
        while self.is_behind_stamps(&record)
            && let Some(again) = read()
        {
            record = again;
        }
        let mut header = record.header;
        if record.extension.ends_at.is_some() && !header.has_live_value(now) {
            // The record was live by the coarse time, but has expired at `now`. A use may have extended its
            // life.
            header = header.extended_to(self.extended_expiry(key, header.sequence)?);
        }
        header.has_live_value(now).then_some(header.expires_at)
    }

    /// Returns the current snapshot, for a caller that must not mistake a missing snapshot for a missing
    /// entry, such as an iteration, a count or a removal. If the writer thread has withdrawn the snapshot to
    /// make room, waits for the next snapshot. Returns `None` while the disk tier is off, after the cache was
    /// closed, and in a forked child.
    pub(super) fn awaited_snapshot(&self) -> Option<Arc<StoreSnapshot>> {
        if !self.process.is_current() {
            return None;
        }
        loop {
            if let Some(snapshot) = self.disk.snapshots.current().clone() {
                return Some(snapshot);
            }
            // After each step of the writer thread, a snapshot is installed or the disk tier is off.
            if !self.disk.is_on() || !matches!(self.writer.ask(Command::MakePart), Ok(Ok(()))) {
                return None;
            }
        }
    }

    /// Calls `look`, for a caller that must not mistake a missing snapshot for a missing entry. Calls `look`
    /// again if it found nothing and the snapshot was withdrawn during the call. Also returns whether a
    /// missing entry may still be on disk: there was no snapshot but the file may come back, or a read
    /// failed.
    ///
    /// The number of withdrawals is read before the snapshot is checked, so that a later withdrawal changes
    /// the number. After an earlier withdrawal, the function waits for the next snapshot.
    pub(crate) fn look_in_both<R>(&self, look: impl Fn() -> Option<R>) -> (Option<R>, bool) {
        loop {
            let withdrawals = self.disk.snapshots.withdrawals();
            let read_faults = self.disk.read_faults();
            let has_snapshot = self.disk.snapshots.current().is_some() || self.awaited_snapshot().is_some();
            let found = look();
            if found.is_some() || !has_snapshot || self.disk.snapshots.withdrawals() == withdrawals {
                // The state is read after the snapshot. If the file was already discarded, its entries can't
                // come back.
                let may_come_back = !has_snapshot && self.disk.saves();
                return (found, may_come_back || self.disk.read_faults() != read_faults);
            }
        }
    }

    /// Returns how often the snapshot was withdrawn, and the number of failed reads. Returns `None` if
    /// there is no snapshot. If two calls return the same numbers, lookups in between have missed no entry
    /// on disk.
    #[cfg(feature = "async")]
    pub(crate) fn read_conditions(&self) -> Option<(u64, u64)> {
        let withdrawals = self.disk.snapshots.withdrawals();
        let has_snapshot = self.disk.snapshots.current().is_some();
        has_snapshot.then(|| (withdrawals, self.disk.read_faults()))
    }

    /// Returns a token of the current snapshot, for [`reads_from`](Tiers::reads_from). Returns `None` if
    /// there is no snapshot. If the snapshot is still current later, every lookup of the disk in between has
    /// read it.
    #[cfg(feature = "async")]
    pub(crate) fn current_snapshot(&self) -> Option<Weak<StoreSnapshot>> {
        self.disk.snapshots.current().as_ref().map(Arc::downgrade)
    }

    /// Returns up to `max` keys on disk that begin with `prefix` and come after the key `after`, or from the
    /// first one if `after` is `None`. Returns `None` if the disk can't be read but may have entries.
    pub(crate) fn keys_on_disk(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        max: usize,
    ) -> Option<Vec<Arc<[u8]>>> {
        let Some(snapshot) = self.awaited_snapshot() else {
            // The state is read after the snapshot. If the file was already discarded, its entries can't come
            // back.
            return (!self.disk.saves()).then(Vec::new);
        };
        snapshot.keys(prefix, after, max).map_err(|fault| self.report(&snapshot, fault)).ok()
    }

    /// Returns the record of a key on disk, for display. Counts and reports nothing, and records no use.
    /// Returns `None` if there is no record, or while the disk tier is off.
    ///
    /// # Errors
    /// Returns the reason why the record can't be read.
    #[cfg(all(unix, feature = "control"))]
    pub(crate) fn show_record(&self, key: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let Some(snapshot) = self.awaited_snapshot() else { return Ok(None) };
        snapshot.get(key).map_err(|fault| fault.to_string())
    }

    /// Passes to `show` the records on disk whose keys begin with `prefix` and come after the key `after`, in
    /// key order, until `show` returns false. If `after` is `None`, begins with the first record. Returns
    /// whether all of these records were passed. Without a snapshot, passes no record and returns true.
    ///
    /// # Errors
    /// Returns the reason why the records can't be read.
    #[cfg(all(unix, feature = "control"))]
    pub(crate) fn show_records(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        show: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<bool, String> {
        let Some(snapshot) = self.awaited_snapshot() else { return Ok(true) };
        snapshot.show(prefix, after, show).map_err(|fault| fault.to_string())
    }
}

#[cfg(test)]
mod tests;
