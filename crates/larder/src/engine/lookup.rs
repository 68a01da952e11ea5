//! Looking a key up in both tiers: in memory first, then in the snapshot of the disk.

use super::tiers::Tiers;
use super::writer::command::Command;
use crate::disk::store::snapshot::Snapshot;
use crate::error::Error;
use crate::format::record;
use crate::format::record::{Extension, Header};
use crate::memory::evicted_values::EvictedValues;
use crate::memory::lookup::{Lookup, PreviousState};
use crate::memory::slot_key::SlotKey;
use crate::sys::sync::{Arc, Ordering};
use crate::units::Timestamp;

/// A record as a lookup found it.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) header: Header,
    pub(crate) extension: Extension,
    record: Vec<u8>,
    payload_at: usize,
}

impl Stored {
    /// The encoded value.
    pub(crate) fn payload(&self) -> &[u8] {
        self.record.get(self.payload_at..).unwrap_or_default()
    }
}

impl Tiers {
    /// What memory has of a key, as a use of it.
    #[inline]
    pub(crate) fn look_in_memory(&self, key: SlotKey<'_>) -> Lookup {
        match self.memory.get(key, self.time.bounds().latest) {
            // It may live for a few milliseconds yet: only for these is the precise time asked for.
            Lookup::Negative => self.look_precisely(key),
            found => found,
        }
    }

    #[cold]
    fn look_precisely(&self, key: SlotKey<'_>) -> Lookup {
        self.memory.get(key, self.time.now())
    }

    /// As [`look_in_memory`](Tiers::look_in_memory), as no use of the key.
    pub(crate) fn peek(&self, key: SlotKey<'_>) -> Lookup {
        match self.memory.peek(key, self.time.bounds().latest) {
            Lookup::Negative => self.memory.peek(key, self.time.now()),
            found => found,
        }
    }

    /// The record of a key on disk, if its sequence is above `min_visible_sequence` and it is not known to have expired:
    /// whoever serves it looks at its expiry after that. Damage and faults are counted misses.
    ///
    /// The snapshot is loaded here, after the caller missed in the shard (invariant 4): whatever left the
    /// shard before that is in this snapshot or a later one.
    ///
    /// A forked child finds nothing on disk: the locks of the store's cache of pages may be held by threads
    /// that it does not have, and its parent may use the pages of the snapshot for something else.
    pub(crate) fn read(&self, key: SlotKey<'_>, min_visible_sequence: u64) -> Option<Stored> {
        let record = self.raw(key)?;
        let stored = self.live(key, record, min_visible_sequence, self.time.bounds().earliest)?;
        self.uses.mark(key.hash);
        Some(stored)
    }

    fn live(
        &self,
        key: SlotKey<'_>,
        record: Vec<u8>,
        min_visible_sequence: u64,
        now: Timestamp,
    ) -> Option<Stored> {
        match record::read(key.bytes, &record) {
            Ok((header, extension, payload))
                if header.sequence > min_visible_sequence && header.expires_at > now =>
            {
                let payload_at = record.len() - payload.len();
                Some(Stored { header, extension, record, payload_at })
            }
            Ok(_) => None,
            Err(_) => {
                self.count_damage();
                None
            }
        }
    }

    /// Lays a tombstone. Whether that removed a live entry; `None` if neither tier had any, so that there is
    /// nothing to commit.
    ///
    /// # Errors
    /// When the cache is closed: nobody would commit it.
    pub(crate) fn insert_tombstone(
        &self,
        key: SlotKey<'_>,
        now: Timestamp,
        evicted_values: &mut EvictedValues,
    ) -> Result<Option<bool>, Error> {
        // A removal waits for its commit all the same. Without a snapshot it would not know what it removed.
        drop(self.awaited_snapshot());
        // The snapshot is loaded under the lock that the tombstone is laid under. Nothing of the key being on
        // its way to the disk, it shows what the disk has; a later one may show instead what came after this
        // removal.
        let (prior, sequence, min_visible_sequence, snapshot) = self
            .memory
            .insert_tombstone(key, now, evicted_values, || self.snapshots.current().clone())
            .map_err(|_| Error::Closed)?;
        Ok(match prior {
            PreviousState::Live => Some(true),
            PreviousState::Dead => Some(false),
            PreviousState::Nothing => {
                // Nothing is known of the disk, so the tombstone is committed.
                let Some(snapshot) = snapshot else { return Ok(Some(false)) };
                match snapshot.get(key.bytes) {
                    // With a range removal pending (`min_visible_sequence`), only that range's commit is sure to find
                    // nothing.
                    Ok(None) if min_visible_sequence == 0 => {
                        self.memory.cancel_tombstone(key, sequence);
                        None
                    }
                    Ok(None) => Some(false),
                    Ok(Some(record)) => Some(self.live(key, record, min_visible_sequence, now).is_some()),
                    Err(fault) => {
                        self.report(&snapshot, fault);
                        Some(false)
                    }
                }
            }
        })
    }

    pub(crate) fn raw(&self, key: SlotKey<'_>) -> Option<Vec<u8>> {
        if !self.process.is_current() {
            return None;
        }
        let snapshot = self.snapshots.current();
        let snapshot = snapshot.as_ref()?;
        snapshot.get(key.bytes).unwrap_or_else(|fault| {
            self.report(snapshot, fault);
            None
        })
    }

    pub(crate) fn count_damage(&self) {
        self.damaged_records.fetch_add(1, Ordering::Relaxed);
    }

    /// A live entry as either tier has it, without promotion or use: its expiry.
    pub(crate) fn expiry_of(&self, key: SlotKey<'_>, now: Timestamp) -> Option<Timestamp> {
        match self.memory.peek(key, now) {
            Lookup::Value(_, expires_at) => Some(expires_at),
            Lookup::Negative => None,
            Lookup::Unknown(absent) => {
                let expires_at = self.read(key, absent.min_visible_sequence)?.header.expires_at;
                (expires_at > now).then_some(expires_at)
            }
        }
    }

    /// The current snapshot, for a caller to whom "not on disk" is more than a miss: a walk, a count, a
    /// removal. Waits for the writer while it has withdrawn the snapshot to make room. None while the disk
    /// tier is off.
    pub(crate) fn awaited_snapshot(&self) -> Option<Arc<Snapshot>> {
        if !self.process.is_current() {
            return None;
        }
        loop {
            if let Some(snapshot) = self.snapshots.current().clone() {
                return Some(snapshot);
            }
            // A step of the writer ends with a snapshot, or with a tier that is known to be off.
            if !self.disk_is_on() || !matches!(self.ask(Command::MakePart), Ok(Ok(()))) {
                return None;
            }
        }
    }

    /// Looks something up for such a caller: once, and again only if it was not found and there was no
    /// snapshot meanwhile.
    ///
    /// In this order: the number is read before a snapshot is seen, so that one that is withdrawn after that
    /// changes the number, and one that was withdrawn before is waited for.
    pub(crate) fn look_in_both<R>(&self, look: impl Fn() -> Option<R>) -> Option<R> {
        loop {
            let withdrawals = self.snapshots.withdrawals();
            let has_snapshot = self.snapshots.current().is_some() || self.awaited_snapshot().is_some();
            let found = look();
            if found.is_some() || !has_snapshot || self.snapshots.withdrawals() == withdrawals {
                return found;
            }
        }
    }

    /// The record of a key on disk, for a person: nothing is counted, reported or noted as a use. None while
    /// the disk tier is off.
    ///
    /// # Errors
    /// Why it can't be read.
    #[cfg(all(unix, feature = "control"))]
    pub(crate) fn show_record(&self, key: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let Some(snapshot) = self.awaited_snapshot() else { return Ok(None) };
        snapshot.get(key).map_err(|fault| fault.cause)
    }

    /// Shows records on disk with a prefix, after a key, in order, for a person, until `show` wants no more.
    /// Answers whether all were shown.
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

    /// Up to `most` keys on disk with a prefix, after a key.
    pub(crate) fn keys_on_disk(&self, prefix: &[u8], after: Option<&[u8]>, most: usize) -> Vec<Arc<[u8]>> {
        let Some(snapshot) = self.awaited_snapshot() else {
            return Vec::new();
        };
        snapshot.keys(prefix, after, most).unwrap_or_else(|fault| {
            self.report(&snapshot, fault);
            Vec::new()
        })
    }
}

#[cfg(test)]
mod tests;
