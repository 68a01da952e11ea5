//! Extends the life of entries for their uses, finds their latest expiry (step (5) of
//! [`crate::memory::use_stamps`]), and requests commits of their stamps.

use std::sync::Weak;
use std::time::Duration;

use super::lookup::StoredRecord;
use super::tiers::Tiers;
use super::writer::command::Command;
use crate::disk::store::snapshot::StoreSnapshot;
use crate::format::record;
use crate::format::record::Header;
use crate::memory::idle::{RecordIsOld, UsedRecord};
use crate::memory::slot_key::SlotKey;
use crate::memory::use_stamps::Stamped;
use crate::sys::sync::Arc;
use crate::units::Timestamp;

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

    /// Extends the life of an entry so that it ends `life` from now, or at the entry's hard limit. `record`
    /// is the record of the entry, if the entry was found on disk.
    pub(crate) fn extend_life(&self, key: SlotKey<'_>, life: Duration, record: Option<UsedRecord<'_>>) {
        let extended = self.memory.extend_life(key, life, || self.time.now(), record);
        let stamped = match (extended, record) {
            (Ok(stamped), _) => stamped,
            (Err(RecordIsOld), Some(record)) => self.extend_read_again(key, life, record.sequence),
            (Err(RecordIsOld), None) => None,
        };
        if matches!(stamped, Some(Stamped::HalfFull | Stamped::Full)) {
            self.commit_stamps();
        }
    }

    /// Extends the life of an entry whose record was read before the last commit. Reads the record again
    /// until no commit comes in between. Otherwise a use at the time of a commit would have no effect.
    #[cold]
    fn extend_read_again(&self, key: SlotKey<'_>, life: Duration, sequence: u64) -> Option<Stamped> {
        loop {
            let Some((bytes, token)) = self.read_bytes(key) else {
                // The record was deleted or can't be read, or there is no snapshot.
                self.memory.use_stamps.note_dropped();
                return None;
            };
            let (header, extension, _) = record::read(key.bytes, &bytes).ok()?;
            let ends_at = extension.ends_at.filter(|_| header.sequence == sequence)?;
            let is_current = || token.as_ref().is_some_and(|snapshot| self.reads_from(snapshot));
            let expires_at = header.expires_at;
            let record = UsedRecord { sequence, expires_at, ends_at, is_current: &is_current };
            if let Ok(stamped) = self.memory.extend_life(key, life, || self.time.now(), Some(record)) {
                return stamped;
            }
        }
    }

    /// Requests that the writer thread commits the stamps, if there are any, within the flush interval.
    /// Stamps do not count for the flush lag, because they are not inserts.
    pub(super) fn commit_stamps(&self) {
        if self.disk.is_on() && !self.memory.use_stamps.is_empty() && self.writer.arm_for_stamps() {
            self.writer.send(Command::Wake);
        }
    }

    /// Returns a token of the snapshot that a record was read from, if uses extend the life of its entry.
    /// Lookups of other records need no token, and should not pay for one.
    pub(super) fn token(snapshot: &Arc<StoreSnapshot>, record: &[u8]) -> Option<Weak<StoreSnapshot>> {
        record::is_extended_by_uses(record).then(|| Arc::downgrade(snapshot))
    }
}
