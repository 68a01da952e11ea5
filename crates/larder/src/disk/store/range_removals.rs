//! Stores a pending range removal as a row of the file. Readers ignore the covered entries as soon as the
//! row is committed. The covered entries are deleted later.
//!
//! If a range removal would have to examine more than [`RANGE_ROWS`](crate::config::ranges::RANGE_ROWS)
//! rows, only one row is committed before the caller is answered. The row contains the scope and the
//! sequence of the removal. From then on, readers ignore the entries of the scope whose sequence is not
//! higher than the sequence of the row (contract 3). The entries are deleted after the answer, in parts:
//!
//! 1. Memory purges the scope and inserts a range tombstone ([`crate::memory`]). Lookups of this cache then
//!    ignore all entries that the range covers.
//! 2. The thread of the caller counts the covered entries on disk, with short snapshots.
//! 3. The row is committed, the snapshot with the row is installed, and the caller is answered. The range
//!    tombstones in memory stay.
//! 4. Between the steps for which callers wait, the writer deletes the next part of the first range: up to
//!    [`RANGE_ROWS`](crate::config::ranges::RANGE_ROWS) rows, for up to [`PART_TIME`]. Each part is a
//!    separate transaction, and its snapshot is installed. So a part delays a caller's commit only briefly.
//!    Before a transaction evicts entries, it deletes further parts, so that removed entries do not displace
//!    live entries.
//! 5. The last part also deletes the row of the range, in the same transaction. If the row were deleted
//!    earlier, a crash in between would bring the remaining entries back.
//! 6. When a snapshot without the row is installed, the range tombstones in memory are removed. If they were
//!    removed earlier, an older snapshot would show the covered entries.
//!
//! After a crash the deletion starts again at the beginning of the range. Before its first lookup, an owner
//! inserts range tombstones for the rows in the file, and continues with (4). A reader beside an owner reads
//! the rows and the entries in the same transaction. A tool that changes a closed file first deletes the
//! entries of all pending ranges.
//!
//! If the scope of a range lies within the scope of a later range, the commit of the later range deletes the
//! earlier row. When [`MAX_PENDING`] rows exist, another large removal must wait: first, parts of the
//! earliest range are deleted until there are fewer rows. A lookup on disk compares its key with the scope
//! of each pending row. A lookup in memory needs no comparison.
//!
//! A suspended file keeps its rows. The rows of a discarded file are discarded too. A row that cannot be
//! decoded is damage to the file, because its scope is unknown.

use std::time::Duration;

use redb::{ReadTransaction, ReadableTable, TableError, WriteTransaction};

use super::batch::entries::Entries;
use super::batch::remove_range::{PartLimits, RemovalPart};
use super::catalog::Catalog;
use super::draft::Draft;
use super::guard::{Guarded, StoreError, guarded};
use super::tables::RANGES;
use crate::format::key::scope::Scope;
use crate::format::range_tombstone::{RangeTombstone, any_covers};

/// Maximum duration of a part, not counting its commit.
pub(crate) const PART_TIME: Duration = Duration::from_millis(2);
/// If a file has this many rows, the caller of another large removal must wait.
pub(crate) const MAX_PENDING: usize = 16;

/// Returns the pending range removals of a file, earliest first.
pub(crate) fn pending(txn: &ReadTransaction) -> Result<Vec<RangeTombstone>, StoreError> {
    let rows = guarded(|| {
        let table = match txn.open_table(RANGES) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut rows = Vec::new();
        for row in table.iter()? {
            let (sequence, scope) = row?;
            rows.push(read(sequence.value(), scope.value()));
        }
        Ok(rows)
    })?;
    let legible: Option<Vec<RangeTombstone>> = rows.into_iter().collect();
    legible.ok_or_else(|| StoreError::damage("a range removal is illegible"))
}

fn read(sequence: &[u8], scope: &[u8]) -> Option<RangeTombstone> {
    Some(RangeTombstone {
        scope: Scope::read(scope)?,
        sequence: u64::from_be_bytes(sequence.try_into().ok()?),
    })
}

/// Deletes and inserts the rows that differ between `old` and `new`.
pub(crate) fn write(
    txn: &WriteTransaction,
    old: &[RangeTombstone],
    new: &[RangeTombstone],
) -> Result<(), redb::Error> {
    if old == new {
        return Ok(());
    }
    let mut table = Guarded::new(txn.open_table(RANGES)?);
    for range in old.iter().filter(|range| !new.contains(range)) {
        table.remove(range.sequence.to_be_bytes().as_slice())?;
    }
    for range in new.iter().filter(|range| !old.contains(range)) {
        table.insert(range.sequence.to_be_bytes().as_slice(), range.scope.to_bytes().as_slice())?;
    }
    Ok(())
}

impl Catalog {
    /// Returns whether a pending range removal covers the entry with this key and sequence, so that readers
    /// must ignore it. The key includes the number of its keyspace.
    pub(crate) fn is_removed(&self, key: &[u8], sequence: u64) -> bool {
        any_covers(&self.ranges, key, sequence)
    }
}

impl Draft<'_> {
    /// Adds a range removal. Drops each earlier range removal whose scope lies within the new scope.
    pub(super) fn add_range(&mut self, range: &RangeTombstone) {
        let is_in_it = |earlier: &RangeTombstone| {
            earlier.sequence <= range.sequence && range.scope.contains(&earlier.scope)
        };
        self.ranges.retain(|earlier| !is_in_it(earlier));
        let at = self.ranges.partition_point(|earlier| earlier.sequence < range.sequence);
        self.ranges.insert(at, range.clone());
    }
}

/// The progress of deleting the entries of the earliest pending range.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RangeCursor {
    sequence: u64,
    /// The last key that was handled.
    after: Vec<u8>,
}

impl RangeCursor {
    /// Deletes the next part of the earliest pending range. The last part also removes the range from the
    /// draft.
    pub(super) fn advance(
        &mut self,
        entries: &mut Entries<'_>,
        catalog: &mut Draft<'_>,
        limits: &PartLimits<'_>,
    ) -> Result<RemovalPart, redb::Error> {
        let Some(range) = catalog.ranges.first() else { return Ok(RemovalPart::default()) };
        if self.sequence != range.sequence {
            *self = Self { sequence: range.sequence, after: Vec::new() };
        }
        let part = entries.remove_covered(range, &self.after, limits, &catalog.retired)?;
        match &part.last {
            Some(last) => self.after.clone_from(last),
            None => drop(catalog.ranges.remove(0)),
        }
        Ok(part)
    }
}
