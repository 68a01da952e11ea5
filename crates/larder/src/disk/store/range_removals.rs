//! Pending range removals: rows of the file that are valid at once, and whose entries are deleted later.
//!
//! If a range removal would have to examine more than [`RANGE_ROWS`](crate::config::ranges::RANGE_ROWS) rows,
//! it is acknowledged by the commit of one row: its scope under its sequence. From then on, readers ignore
//! the entries of the scope whose sequence is not higher (contract 3). The entries are deleted after the
//! answer, in parts:
//!
//! 1. Memory purges the scope and inserts a range tombstone ([`crate::memory`]). Its own lookups then ignore
//!    everything that the range covers.
//! 2. The caller counts the covered entries on disk, over short snapshots.
//! 3. The row is committed, the snapshot that shows it is installed, and the caller is answered. The range
//!    tombstones in memory stay.
//! 4. Between the steps that callers wait for, the writer deletes the next rows of the first range, up to
//!    [`RANGE_ROWS`](crate::config::ranges::RANGE_ROWS) and for up to [`PART_TIME`]. It does this in a
//!    transaction of its own, and installs its snapshot. So no caller waits longer than that for a commit. An
//!    eviction begins with such a part, so that dead entries do not displace live ones.
//! 5. The last part also deletes the row, in the same transaction. If the row were deleted earlier, a crash
//!    in between would bring the remaining entries back.
//! 6. When a snapshot without the row is installed, the range tombstones in memory are removed. If they were
//!    removed earlier, an older snapshot would show the covered entries.
//!
//! After a crash the range starts from the beginning, and finds less to do. Before its first lookup, an owner
//! inserts range tombstones for the rows that it finds, and continues with (4). A reader beside an owner
//! reads the rows and the entries in the same transaction. A tool that changes a closed file first deletes
//! the entries of all pending ranges.
//!
//! If the scope of a range lies within that of a later one, the commit of the later one deletes its row. When
//! [`MAX_PENDING`] rows exist, a caller of another large removal performs parts of the earliest one until
//! there are fewer. A lookup on disk compares its key with the scope of each pending row. A lookup in memory
//! compares it with none.
//!
//! A suspended file keeps its rows. The rows of a discarded file are void with it. An illegible row is damage
//! to the file, because it is unknown what the row covers.

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

/// Maximum duration of a part, without its commit.
pub(crate) const PART_TIME: Duration = Duration::from_millis(2);
/// Maximum number of rows in a file before a caller of another large removal must wait.
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

/// Writes the rows that differ.
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
    /// Returns whether a range removal covers the entry of a whole key, so that readers must ignore it.
    pub(crate) fn is_removed(&self, key: &[u8], sequence: u64) -> bool {
        any_covers(&self.ranges, key, sequence)
    }
}

impl Draft<'_> {
    /// Adds a range removal, and drops those that lie within it.
    pub(crate) fn add_range(&mut self, range: &RangeTombstone) {
        let is_in_it = |earlier: &RangeTombstone| {
            earlier.sequence <= range.sequence && range.scope.contains(&earlier.scope)
        };
        self.ranges.retain(|earlier| !is_in_it(earlier));
        let at = self.ranges.partition_point(|earlier| earlier.sequence < range.sequence);
        self.ranges.insert(at, range.clone());
    }
}

/// How far the entries of the earliest pending range have been deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RangeCursor {
    /// The sequence of that range.
    sequence: u64,
    /// The last key that was handled.
    after: Vec<u8>,
}

impl RangeCursor {
    /// Deletes the next part of the earliest pending range, and its row with the last part.
    pub(crate) fn advance(
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
