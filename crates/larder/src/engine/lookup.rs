//! Looking a key up in both tiers: in memory first, then in the snapshot of the disk.
//!
//! The snapshot is loaded after the key was missed in its shard (invariant 4). An entry that has left the
//! shard before is in this snapshot or in a later one.
//!
//! Expiry is checked here and in the shard, at each lookup: an entry that has expired is not there, whether
//! it was swept or not (invariant 1).

use super::tiers::Tiers;
use super::writer::command::Command;
use crate::disk::store::snapshot::StoreSnapshot;
use crate::format::record;
use crate::format::record::{Extension, Header};
use crate::memory::lookup::Lookup;
use crate::memory::slot_key::SlotKey;
use crate::sys::sync::Arc;
use crate::units::Timestamp;

/// A record that a lookup found on disk.
#[derive(Debug)]
pub(crate) struct StoredRecord {
    pub(crate) header: Header,
    pub(crate) extension: Extension,
    record: Vec<u8>,
    payload_at: usize,
}

impl StoredRecord {
    /// Returns the encoded value.
    pub(crate) fn payload(&self) -> &[u8] {
        self.record.get(self.payload_at..).unwrap_or_default()
    }
}

impl Tiers {
    /// Looks a key up in memory, as a use of it.
    #[inline]
    pub(crate) fn get_in_memory(&self, key: SlotKey<'_>) -> Lookup {
        match self.memory.get(key, self.time.bounds().latest) {
            // The entry may still live for a few milliseconds. Only then is the precise time asked for.
            Lookup::Negative => self.get_precisely(key),
            found => found,
        }
    }

    #[cold]
    fn get_precisely(&self, key: SlotKey<'_>) -> Lookup {
        self.memory.get(key, self.time.now())
    }

    /// Looks a key up in memory, as no use of it.
    pub(crate) fn peek_in_memory(&self, key: SlotKey<'_>) -> Lookup {
        match self.memory.peek(key, self.time.bounds().latest) {
            Lookup::Negative => self.memory.peek(key, self.time.now()),
            found => found,
        }
    }

    /// Reads the record of a key from disk. None if its sequence is not above `min_visible_sequence`, or if
    /// it is known to have expired. The caller checks the expiry once more, after decoding. Damage and faults
    /// are counted misses.
    ///
    /// A forked child finds nothing on disk. Threads that it does not have may hold the locks of the store's
    /// page cache, and its parent may reuse the pages of the snapshot.
    pub(crate) fn read_record(&self, key: SlotKey<'_>, min_visible_sequence: u64) -> Option<StoredRecord> {
        let record = self.read_bytes(key)?;
        let record = self.live_record(key, record, min_visible_sequence, self.time.bounds().earliest)?;
        self.disk.uses.mark(key.hash);
        Some(record)
    }

    /// Parses a record, if it is visible and live at `now`. A damaged one is counted.
    pub(super) fn live_record(
        &self,
        key: SlotKey<'_>,
        record: Vec<u8>,
        min_visible_sequence: u64,
        now: Timestamp,
    ) -> Option<StoredRecord> {
        let Ok((header, extension, payload)) = record::read(key.bytes, &record) else {
            self.disk.count_damage();
            return None;
        };
        let payload_at = record.len() - payload.len();
        let is_live = header.sequence > min_visible_sequence && header.expires_at > now;
        is_live.then_some(StoredRecord { header, extension, record, payload_at })
    }

    fn read_bytes(&self, key: SlotKey<'_>) -> Option<Vec<u8>> {
        if !self.process.is_current() {
            return None;
        }
        let snapshot = self.disk.snapshots.current();
        let snapshot = snapshot.as_ref()?;
        snapshot.get(key.bytes).unwrap_or_else(|fault| {
            self.report(snapshot, fault);
            None
        })
    }

    /// Returns the expiry of a key's live entry in either tier, as no use of it.
    pub(crate) fn expiry_of(&self, key: SlotKey<'_>, now: Timestamp) -> Option<Timestamp> {
        match self.memory.peek(key, now) {
            Lookup::Value(_, expires_at) => Some(expires_at),
            Lookup::Negative => None,
            Lookup::Unknown(miss) => {
                let expires_at = self.read_record(key, miss.min_visible_sequence)?.header.expires_at;
                (expires_at > now).then_some(expires_at)
            }
        }
    }

    /// Returns the current snapshot, for a caller to which "not on disk" is more than a miss: a walk, a
    /// count, a removal. Waits for the writer while it has withdrawn the snapshot to make room. None while
    /// the disk tier is off.
    pub(crate) fn awaited_snapshot(&self) -> Option<Arc<StoreSnapshot>> {
        if !self.process.is_current() {
            return None;
        }
        loop {
            if let Some(snapshot) = self.disk.snapshots.current().clone() {
                return Some(snapshot);
            }
            // Each step of the writer ends with a snapshot, or with a tier that is known to be off.
            if !self.disk.is_on() || !matches!(self.writer.ask(Command::MakePart), Ok(Ok(()))) {
                return None;
            }
        }
    }

    /// Calls `look` for a caller to which "not found" is more than a miss. Calls it again only if it found
    /// nothing and there was no snapshot at some moment meanwhile.
    ///
    /// The number of withdrawals is read before the snapshot is looked at. So a later withdrawal changes the
    /// number, and an earlier one is waited for.
    pub(crate) fn look_in_both<R>(&self, look: impl Fn() -> Option<R>) -> Option<R> {
        loop {
            let withdrawals = self.disk.snapshots.withdrawals();
            let has_snapshot = self.disk.snapshots.current().is_some() || self.awaited_snapshot().is_some();
            let found = look();
            if found.is_some() || !has_snapshot || self.disk.snapshots.withdrawals() == withdrawals {
                return found;
            }
        }
    }

    /// Returns up to `max` keys on disk that have a prefix and come after a key.
    pub(crate) fn keys_on_disk(&self, prefix: &[u8], after: Option<&[u8]>, max: usize) -> Vec<Arc<[u8]>> {
        let Some(snapshot) = self.awaited_snapshot() else {
            return Vec::new();
        };
        snapshot.keys(prefix, after, max).unwrap_or_else(|fault| {
            self.report(&snapshot, fault);
            Vec::new()
        })
    }

    /// Returns the record of a key on disk to show it to a person: nothing is counted, reported or noted as a
    /// use. None while the disk tier is off.
    ///
    /// # Errors
    /// Why the record can't be read.
    #[cfg(all(unix, feature = "control"))]
    pub(crate) fn show_record(&self, key: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let Some(snapshot) = self.awaited_snapshot() else { return Ok(None) };
        snapshot.get(key).map_err(|fault| fault.cause)
    }

    /// Shows the records on disk that have a prefix and come after a key, in order, to a person, until `show`
    /// returns false. Returns whether all were shown.
    ///
    /// # Errors
    /// Why they can't be read.
    #[cfg(all(unix, feature = "control"))]
    pub(crate) fn show_records(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        show: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<bool, String> {
        let Some(snapshot) = self.awaited_snapshot() else { return Ok(true) };
        snapshot.show(prefix, after, show).map_err(|fault| fault.cause)
    }
}

#[cfg(test)]
mod tests;
