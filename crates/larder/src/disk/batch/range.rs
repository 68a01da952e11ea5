//! Removals of every key in a scope, inside one transaction.

use std::collections::HashSet;
use std::ops::Bound;

use redb::{ReadableTable, ReadableTableMetadata, StorageError};

use super::Entries;
use crate::disk::draft::RetiredDraft;
use crate::disk::expiry;
use crate::disk::tables::after_prefix;
use crate::id::KeyspaceId;
use crate::memory::{Mutation, Range, StoredKey};
use crate::record;

/// A removal of every key in a scope.
#[derive(Debug)]
pub(crate) struct RangeRemoval {
    pub(crate) range: Range,
    /// Keys that memory knew, and whether they were live: what the disk has of these does not count.
    pub(crate) known: Vec<(StoredKey, bool)>,
}

impl RangeRemoval {
    /// Whether it comes after a change of a key in its scope.
    pub(in crate::disk) fn covers(&self, mutation: &Mutation) -> bool {
        self.range.sequence > mutation.sequence && self.range.scope.covers(&mutation.key)
    }

    /// How many live entries memory knew.
    pub(in crate::disk) fn live_in_memory(&self) -> u64 {
        self.known.iter().filter(|(_, is_live)| *is_live).count() as u64
    }
}

impl Entries<'_> {
    /// Deletes what a range removal covers. Answers how many live entries that and the keys it took from
    /// memory were; those of
    /// `retired` keyspaces are none.
    pub(in crate::disk) fn remove_range(
        &mut self,
        removal: &RangeRemoval,
        retired: &RetiredDraft<'_>,
    ) -> Result<u64, StorageError> {
        let Range { scope, sequence } = &removal.range;
        let start: &[u8] = scope.start();
        let known: HashSet<&[u8]> = removal.known.iter().map(|(key, _)| &**key).collect();
        let mut live = removal.live_in_memory();
        let mut removed: Vec<(Vec<u8>, usize)> = Vec::new();
        let now = self.now;
        let keep = |key: &[u8], record: &[u8]| {
            let header = record::peek(record);
            if header.is_some_and(|header| header.sequence > *sequence) || !scope.covers(key) {
                return true;
            }
            let is_live = header.is_some_and(|header| header.expires_at > now);
            let is_counted = is_live && !known.contains(key) && !retired.contains_key(&KeyspaceId::of(key));
            live += u64::from(is_counted);
            let row = header.map_or_else(|| expiry::orphaned_row(key), |header| expiry::row(&header, key));
            removed.push((row, record.len()));
            false
        };
        match after_prefix(start) {
            Some(end) => self.rows.retain_in::<&[u8], _>(start..end.as_slice(), keep)?,
            None => self.rows.retain_in::<&[u8], _>(start.., keep)?,
        }
        self.remove_rows(&removed)?;
        Ok(live)
    }

    /// Deletes what a range covers of the next `most` keys of its scope after a key. Answers the last of
    /// these; none if there are no more.
    pub(in crate::disk) fn remove_covered(
        &mut self,
        range: &Range,
        after: &[u8],
        most: usize,
    ) -> Result<Option<Vec<u8>>, StorageError> {
        let start = range.scope.start();
        let end = after_prefix(start);
        let from = if after.is_empty() { Bound::Included(&**start) } else { Bound::Excluded(after) };
        let to = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let (mut covered, mut last, mut seen) = (Vec::new(), None, 0);
        for row in self.rows.range::<&[u8]>((from, to))?.take(most) {
            let (key, record) = row?;
            seen += 1;
            if seen == most {
                last = Some(key.value().to_vec());
            }
            let is_later =
                record::peek(record.value()).is_some_and(|header| header.sequence > range.sequence);
            if !is_later && range.scope.covers(key.value()) {
                covered.push(key.value().to_vec());
            }
        }
        for key in &covered {
            self.remove(key)?;
        }
        Ok(last)
    }

    fn remove_rows(&mut self, removed: &[(Vec<u8>, usize)]) -> Result<(), StorageError> {
        for (row, len) in removed {
            if let Some((_, key)) = expiry::split(row) {
                self.uncount(key, *len);
            }
        }
        // One pass over the table is cheaper than many single deletions once they are a good part of it.
        if removed.len() as u64 * 8 > self.expiry.len()? {
            // Also what a version without classes has written.
            let rows: HashSet<&[u8]> = removed.iter().map(|(row, _)| expiry::without_class(row)).collect();
            return self.expiry.retain(|row, ()| !rows.contains(expiry::without_class(row)));
        }
        for (row, _) in removed {
            self.remove_row(row)?;
        }
        Ok(())
    }
}
