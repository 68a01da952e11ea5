//! Changes the table of entries and the expiry table in one transaction.
//!
//! Each change of an entry also changes its expiry row and the counts of its keyspace, in the same
//! transaction. A range removal never deletes an entry with a higher sequence, in the tables or in the batch.
//!
//! An entry that never expires keeps its expiry row for [`ROW_STAYS`] while it is overwritten. Otherwise each
//! write of a few bytes would replace two more pages, one with the old row and one with the new row. The
//! record of such an entry has the time of its row in its header, and the time of writing in a field
//! ([`crate::format::record`]). So every version finds the row by the header.

use std::time::Duration;

use redb::{ReadableTable, StorageError, Table, WriteTransaction};

use super::range_removal::RangeRemoval;
use crate::disk::store::charging::Charging;
use crate::disk::store::entry_change::{EntryChange, NewValue};
use crate::disk::store::expiry;
use crate::disk::store::guard::{Guarded, read_out};
use crate::disk::store::keyspace_rows::UsageDeltas;
use crate::disk::store::tables::{ENTRIES, EXPIRY, after_prefix};
use crate::format::keyspace_id::KeyspaceId;
use crate::format::record;
use crate::format::record::{Extension, Header};
use crate::units::Timestamp;

/// How long an entry that never expires keeps its expiry row while it is overwritten. So the order of
/// eviction differs by at most this time from the order of writing.
pub(crate) const ROW_STAYS: Duration = Duration::from_hours(1);
/// Maximum length of a record whose expiry row stays. Writing a larger record costs so much that keeping the
/// row saves little.
const MAX_LEN_OF_STAYING: usize = 1024;

/// The table of entries and the expiry table, open in a transaction.
pub(crate) struct Entries<'txn> {
    pub(super) rows: Guarded<Table<'txn, &'static [u8], &'static [u8]>>,
    pub(super) expiry: Guarded<Table<'txn, &'static [u8], ()>>,
    pub(super) now: Timestamp,
    charging: Charging,
    pub(crate) deltas: UsageDeltas,
    pub(super) record: Vec<u8>,
}

impl<'txn> Entries<'txn> {
    pub(crate) fn open(
        txn: &'txn WriteTransaction,
        now: Timestamp,
        charging: Charging,
    ) -> Result<Self, redb::Error> {
        Ok(Self {
            rows: Guarded::new(txn.open_table(ENTRIES)?),
            expiry: Guarded::new(txn.open_table(EXPIRY)?),
            now,
            charging,
            deltas: UsageDeltas::new(),
            record: Vec::new(),
        })
    }

    /// Returns whether a change writes its value. Otherwise the change is a deletion. A value is not written
    /// if its grace has ended, if a later range removal covers it, or if it is too large for the file.
    pub(crate) fn is_value(&self, change: &EntryChange<'_>, ranges: &[RangeRemoval]) -> bool {
        let is_removed = |removal: &RangeRemoval| removal.covers(&change.key, change.sequence);
        change.value.as_ref().is_some_and(|value| {
            value.fits_file && value.delete_after > self.now && !ranges.iter().any(is_removed)
        })
    }

    /// Writes the value of a change. Calls `note_use` if the value replaces another one and the expiry row
    /// stays.
    pub(crate) fn write(
        &mut self,
        change: &EntryChange<'_>,
        note_use: &dyn Fn(&[u8]),
    ) -> Result<(), StorageError> {
        let Some(value) = &change.value else { return Ok(()) };
        let header = Header {
            format: record::FORMAT,
            kind: value.kind,
            compression: value.compression,
            version: value.version,
            sequence: change.sequence,
            written_at: value.written_at,
            expires_at: value.expires_at,
            delete_after: value.delete_after,
        };
        let since_row = self.since_row(&change.key, &header, value)?;
        let extension = Extension { since_row, ..value.extension };
        if since_row.is_some() {
            note_use(&change.key);
        }
        self.put(&change.key, &header, &extension, &value.payload)
    }

    /// Returns the age of the entry's expiry row when this value was written, in ms. Returns `None` if the
    /// entry is new or its row moves.
    fn since_row(
        &self,
        key: &[u8],
        header: &Header,
        value: &NewValue<'_>,
    ) -> Result<Option<u32>, StorageError> {
        if !may_stay(value) {
            return Ok(None);
        }
        let old = self.rows.get(key)?.and_then(|record| record::peek(record.value()));
        let row_at = old.filter(|old| old.delete_after.is_never()).map(|old| old.written_at);
        let since = row_at.and_then(|at| header.written_at.as_millis().checked_sub(at.as_millis()));
        let stays = |since: &u64| *since > 0 && Duration::from_millis(*since) < ROW_STAYS;
        Ok(since.filter(stays).and_then(|since| u32::try_from(since).ok()))
    }

    /// Returns the growth of the total charge in bytes if these values are written. The growth is negative if
    /// the charge shrinks.
    pub(crate) fn growth(&self, values: &[&EntryChange<'_>]) -> Result<i64, StorageError> {
        let mut growth = 0;
        for change in values {
            let old = self.rows.get(&*change.key)?.map(|record| record.value().len());
            let replaced = old.map_or(0, |len| self.signed_charge(change.key.len(), len));
            growth += i64::try_from(self.charge_of(change)).unwrap_or(i64::MAX) - replaced;
        }
        Ok(growth)
    }

    fn put(
        &mut self,
        key: &[u8],
        header: &Header,
        extension: &Extension,
        payload: &[u8],
    ) -> Result<(), StorageError> {
        self.record.clear();
        self.record.resize(record::record_len(extension, payload.len()), 0);
        record::write(&mut self.record, key, header, extension, payload);
        let old = self.rows.insert(key, self.record.as_slice())?;
        let old = old.map(|record| (record.value().len(), record::peek(record.value())));
        if let Some((len, _)) = old {
            self.uncount(key, len);
        }
        self.count(key, self.record.len());
        if extension.since_row.is_some() {
            return Ok(());
        }
        let row = expiry::row(header, key);
        if let Some(old) = old.and_then(|(_, old)| old) {
            if expiry::row(&old, key) != row {
                self.remove_row(&old, key)?;
            } else if self.expiry.get(row.as_slice())?.is_none() {
                self.expiry.remove(expiry::unclassed(&old, key).as_slice())?;
            }
        }
        self.expiry.insert(row.as_slice(), ())?;
        Ok(())
    }

    /// Deletes an entry and its expiry row. Returns whether the entry was a live value.
    pub(crate) fn remove(&mut self, key: &[u8]) -> Result<bool, StorageError> {
        let removed = self.rows.remove(key)?;
        let old = removed
            .map(|record| read_out(record, |record| (record.value().len(), record::peek(record.value()))));
        let Some((len, header)) = old else {
            return Ok(false);
        };
        self.uncount(key, len);
        // Without a readable header the expiry row cannot be found. The sweeper deletes the row when it is
        // due.
        let Some(header) = header else { return Ok(false) };
        self.remove_row(&header, key)?;
        Ok(header.has_live_value(self.now))
    }

    /// Deletes the expiry row of an entry. If there is no row with a class, deletes the row that an earlier
    /// version wrote without a class.
    pub(super) fn remove_row(&mut self, header: &Header, key: &[u8]) -> Result<(), StorageError> {
        if self.expiry.remove(expiry::row(header, key).as_slice())?.is_none() {
            self.expiry.remove(expiry::unclassed(header, key).as_slice())?;
        }
        Ok(())
    }

    /// Examines up to `limit` expiry rows whose time has passed. Deletes the entries that are due, and their
    /// rows. Rows of entries for which `spares` returns true are skipped and not counted. Otherwise they
    /// could use up the limit of every sweep. Returns the number of deleted rows and the number of deleted
    /// entries.
    pub(crate) fn sweep(
        &mut self,
        limit: usize,
        spares: &dyn Fn(&[u8]) -> bool,
    ) -> Result<(usize, u64), StorageError> {
        let mut rows = Vec::new();
        for (class, head) in expiry::heads(&*self.expiry)? {
            let (end, left) = (expiry::end_of_due(class, self.now), limit - rows.len());
            if head < end {
                rows.extend(self.due(head.as_slice()..end.as_slice(), left, spares)?);
            }
        }
        let (mut dealt_with, mut deleted) = (0, 0);
        for row in &rows {
            if self.is_due(row)? {
                dealt_with += 1;
                deleted += u64::from(self.delete_row(row)?);
            }
        }
        Ok((dealt_with, deleted))
    }

    pub(crate) fn sweep_retired(&mut self, id: KeyspaceId, limit: usize) -> Result<usize, StorageError> {
        let start = id.to_bytes();
        let end = after_prefix(&start).unwrap_or_default();
        let keys: Vec<Vec<u8>> = {
            let rows = self.rows.range::<&[u8]>(start.as_slice()..end.as_slice())?;
            rows.take(limit).map(|row| Ok(row?.0.value().to_vec())).collect::<Result<_, StorageError>>()?
        };
        for key in &keys {
            self.remove(key)?;
        }
        Ok(keys.len())
    }

    pub(crate) fn next_expiry(&self) -> Result<Option<Timestamp>, StorageError> {
        expiry::next(&*self.expiry)
    }

    fn due<'a>(
        &self,
        range: impl std::ops::RangeBounds<&'a [u8]> + 'a,
        limit: usize,
        spares: &dyn Fn(&[u8]) -> bool,
    ) -> Result<Vec<Vec<u8>>, StorageError> {
        let mut due = Vec::new();
        for row in self.expiry.range::<&[u8]>(range)? {
            if due.len() >= limit {
                break;
            }
            let row = row?.0;
            if !expiry::split(row.value()).is_some_and(|(_, key)| spares(key)) {
                due.push(row.value().to_vec());
            }
        }
        Ok(due)
    }

    /// Returns whether the entry of a row is due. The caller has checked that the time in the row has passed.
    /// If that time is rounded, the time of the entry decides.
    fn is_due(&self, row: &[u8]) -> Result<bool, StorageError> {
        let Some((_, key)) = expiry::split(row).filter(|_| expiry::is_rounded(row)) else { return Ok(true) };
        let record = self.rows.get(key)?;
        let header = record.and_then(|record| record::peek(record.value()));
        Ok(header.is_none_or(|header| header.delete_after <= self.now))
    }

    /// Deletes an expiry row, and the entry with the row's key if the row belongs to that entry. Returns
    /// whether the entry was deleted.
    pub(super) fn delete_row(&mut self, row: &[u8]) -> Result<bool, StorageError> {
        let Some((_, key)) = expiry::split(row) else {
            return self.expiry.remove(row).map(|_| false);
        };
        let is_own = match self.rows.get(key)? {
            // No row can match an unreadable header. A lookup cannot return this entry, so it is deleted.
            Some(record) => {
                record::peek(record.value()).is_none_or(|header| expiry::is_own(row, &header, key))
            }
            None => false,
        };
        if is_own {
            self.remove(key)?;
        }
        self.expiry.remove(row)?;
        Ok(is_own)
    }

    fn count(&mut self, key: &[u8], record_len: usize) {
        let charge = self.signed_charge(key.len(), record_len);
        let delta = self.deltas.entry(KeyspaceId::of(key)).or_default();
        *delta = (delta.0 + 1, delta.1 + charge);
    }

    fn uncount(&mut self, key: &[u8], record_len: usize) {
        let charge = self.signed_charge(key.len(), record_len);
        let delta = self.deltas.entry(KeyspaceId::of(key)).or_default();
        *delta = (delta.0 - 1, delta.1 - charge);
    }

    /// Returns the maximum charge of a change's value in bytes, or 0 for a deletion.
    pub(crate) fn charge_of(&self, change: &EntryChange<'_>) -> u64 {
        let value = change.value.as_ref();
        let len = |value: &NewValue<'_>| {
            value.record_len() + if may_stay(value) { record::SINCE_ROW_LEN } else { 0 }
        };
        value.map_or(0, |value| self.charging.charge(change.key.len(), len(value)))
    }

    fn signed_charge(&self, key_len: usize, record_len: usize) -> i64 {
        i64::try_from(self.charging.charge(key_len, record_len)).unwrap_or(i64::MAX)
    }
}

/// Returns whether the expiry row of an entry may stay if it is overwritten with this value.
fn may_stay(value: &NewValue<'_>) -> bool {
    value.delete_after.is_never() && value.record_len() <= MAX_LEN_OF_STAYING
}
