//! Extends the life of entries for their uses, finds their latest expiry (step (5) of
//! [`crate::memory::use_stamps`]), and requests commits of their stamps.

use std::time::Duration;

use super::stored_record::{RecordOrigin, StoredRecord};
use super::tiers::Tiers;
use super::writer::command::Command;
use crate::format::keyspace_id::KeyspaceId;
use crate::format::record;
use crate::format::record::Header;
use crate::memory::idle::{NeedsRecord, UsedEntry, UsedRecord};
use crate::memory::slot_key::SlotKey;
use crate::memory::use_stamps::Stamped;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::units::Timestamp;

/// The file could not be read, so it is not known whether it has a record of the key.
struct Unread;

impl Tiers {
    /// Returns the extended expiry of an entry whose record was found to be expired. Looks in the entry's
    /// slot, at its stamp, and in the current snapshot, in this order.
    pub(super) fn extended_expiry(&self, key: SlotKey<'_>, sequence: u64) -> Option<Timestamp> {
        self.memory.extended_expiry(key, sequence).or_else(|| {
            let (bytes, _) = self.read_bytes(key)?;
            let (header, ..) = record::read(key.bytes, &bytes).ok()?;
            (header.sequence == sequence).then_some(header.expires_at)
        })
    }

    /// Returns the header of a record, with the expiry of the entry's stamp if there is one.
    pub(super) fn stamped(&self, key: SlotKey<'_>, header: Header) -> Header {
        let stamped = self.memory.use_stamps.expiry_of(key.bytes, header.sequence);
        stamped.map_or(header, |expires_at| header.extended_to(expires_at))
    }

    /// Returns whether a record may lack the last use of its entry, because its snapshot is no longer
    /// current.
    pub(super) fn is_behind_stamps(&self, record: &StoredRecord) -> bool {
        let is_old = record.snapshot.as_ref().is_some_and(|snapshot| !self.reads_from(snapshot));
        is_old && record.extension.ends_at.is_some()
    }

    /// Extends the life of an entry so that it ends `life` from now, or at the entry's hard limit. Returns
    /// whether the record must be read first, because the entry has left memory since a lookup found it
    /// there. Then a thread that may read the file calls [`extend_evicted`](Self::extend_evicted).
    #[must_use = "an entry that was evicted meanwhile is not extended yet"]
    pub(crate) fn extend_life(&self, key: SlotKey<'_>, life: Duration, used: UsedEntry<'_>) -> bool {
        let record = if let UsedEntry::OnDisk(record) = used { Some(record) } else { None };
        let extended = self.memory.extend_life(key, life, || self.time.now(), record);
        let stamped = match (extended, used) {
            (Ok(stamped), _) => stamped,
            (Err(NeedsRecord), UsedEntry::InMemory) => return self.may_have_record(key),
            (Err(NeedsRecord), UsedEntry::OnDisk(record)) => {
                self.extend_read_again(key, |now| now.expiry_after(life), Some(record.sequence))
            }
            (Err(NeedsRecord), UsedEntry::Elsewhere) => None,
        };
        self.commit_many_stamps(stamped);
        false
    }

    fn commit_many_stamps(&self, stamped: Option<Stamped>) {
        if matches!(stamped, Some(Stamped::HalfFull | Stamped::Full)) {
            self.commit_stamps();
        }
    }

    /// Returns whether the file can be asked for the record of an entry that has left memory. If the file may
    /// have the record, but is out of service, counts the use as lost.
    #[cold]
    fn may_have_record(&self, key: SlotKey<'_>) -> bool {
        if !KeyspaceId::of(key.bytes).is_in_file() || failpoint_is_set(Failpoint::ForgetEvictedUse) {
            return false;
        }
        let is_on = self.disk.is_on();
        if !is_on && self.disk.saves() {
            self.memory.use_stamps.note_dropped();
        }
        is_on
    }

    /// Extends the life of an entry that left memory after a lookup had found it there, so that it ends at
    /// `until`. Otherwise a use beside an eviction would have no effect. Reads the file.
    ///
    /// The entry may have been replaced since. Then the use extends the new entry, which was written after
    /// the lookup began, so this changes its expiry by no more than the time of the lookup.
    #[cold]
    pub(crate) fn extend_evicted(&self, key: SlotKey<'_>, until: Timestamp) {
        let stamped = self.extend_read_again(key, |_| until, None);
        self.commit_many_stamps(stamped);
    }

    /// Extends the life of an entry that memory lacks and whose record was not read since the last commit.
    /// Reads the record until no commit comes in between. Otherwise a use at the time of a commit would have
    /// no effect. If there is a `sequence`, extends no entry with another one.
    #[cold]
    fn extend_read_again(
        &self,
        key: SlotKey<'_>,
        until: impl Fn(Timestamp) -> Timestamp,
        sequence: Option<u64>,
    ) -> Option<Stamped> {
        loop {
            let Ok(read) = self.read_used_record(key) else {
                self.memory.use_stamps.note_dropped();
                return None;
            };
            // A missing record was deleted since the lookup, and its entry has no life to extend.
            let (bytes, origin) = read?;
            let Ok((header, extension, _)) = record::read(key.bytes, &bytes) else {
                self.memory.use_stamps.note_dropped();
                return None;
            };
            let is_it = sequence.is_none_or(|sequence| sequence == header.sequence);
            let ends_at = extension.ends_at.filter(|_| is_it)?;
            let is_current = || origin.snapshot.as_ref().is_some_and(|snapshot| self.reads_from(snapshot));
            let Header { sequence, expires_at, .. } = header;
            let record = UsedRecord { sequence, expires_at, ends_at, is_current: &is_current };
            let extended = self.memory.extend_life_until(key, &until, || self.time.now(), Some(record));
            if let Ok(stamped) = extended {
                return stamped;
            }
        }
    }

    /// Returns the bytes of the record of an entry that was used, and their origin. This is no lookup, so it
    /// is not counted as one.
    ///
    /// # Errors
    /// Returns [`Unread`] if there is no snapshot, or the read fails.
    fn read_used_record(&self, key: SlotKey<'_>) -> Result<Option<(Vec<u8>, RecordOrigin)>, Unread> {
        if !self.process.is_current() {
            return Err(Unread);
        }
        let current = self.disk.snapshots.current();
        let snapshot = current.as_ref().ok_or(Unread)?;
        let record = snapshot.get(key.bytes).map_err(|fault| {
            self.report(snapshot, fault);
            Unread
        })?;
        Ok(record.map(|record| {
            let origin = RecordOrigin::new(snapshot, &record);
            (record, origin)
        }))
    }

    /// Requests that the writer thread commits the stamps, if there are any, within the flush interval.
    /// Stamps do not count for the flush lag, because they are not inserts.
    pub(super) fn commit_stamps(&self) {
        if self.disk.is_on() && !self.memory.use_stamps.is_empty() && self.writer.arm_for_stamps() {
            self.writer.send(Command::Wake);
        }
    }
}
