//! Range removals that stand in a file as rows of their own: made for everybody who reads it, and deleted
//! behind that.
//!
//! A removal that would have to look at more than [`RANGE_ROWS`](crate::config::ranges::RANGE_ROWS) rows is acknowledged by the commit of a row,
//! its
//! scope under its sequence. From then on nobody believes an entry of the scope whose sequence is not above
//! it
//! (contract 3). The entries are deleted behind the answer, in parts:
//!
//! 1. Memory lets go of the scope and raises the *floors* ([`crate::memory`]): its own lookups believe
//!    nothing
//!    that the range covers.
//! 2. The caller counts what the disk has of it, over short snapshots.
//! 3. The row is committed, the snapshot that shows it installed, the caller answered. The floors stay.
//! 4. Between the steps that others wait for, the writer deletes the next rows of the first range, up to
//!    [`RANGE_ROWS`](crate::config::ranges::RANGE_ROWS) and for up to [`PART_TIME`], in a transaction of its own, and installs its snapshot. So
//!    nobody waits longer than that for a commit. An eviction begins with a part, so that dead entries
//!    push out no live ones.
//! 5. The last part deletes the row too, in the same transaction. Earlier, a crash between the two would
//!    bring
//!    back what is left.
//! 6. When a snapshot without it is installed, the floors are lifted. Earlier, an older snapshot would show
//!    what it covers.
//!
//! A crash begins the range anew, which finds less to do. An owner raises the floors of the rows that it
//! finds
//! before its first lookup, and goes on with (4). Who reads beside an owner takes the rows from the
//! transaction that it takes the entries from. What changes a closed file by hand makes its ranges first.
//!
//! A range whose scope is in that of a later one gives up its row to it, in the commit of the later one. At
//! [`MAX_PENDING`] rows, a caller that has another large removal makes parts of the earliest until there are
//! fewer. A lookup on disk compares its key with the scope of each pending row; one in memory with none.
//!
//! A suspended file keeps its rows; those of a discarded one are void with it. A row that is illegible is
//! damage
//! to the file: what it covers can't be told.

use std::time::Duration;

use redb::{ReadTransaction, ReadableTable, TableError, WriteTransaction};

use super::batch::entries::Entries;
use super::batch::remove_range::{PartLimits, RemovalPart};
use super::catalog::Catalog;
use super::draft::Draft;
use super::guard::{StoreError, guarded};
use super::tables::RANGES;
use crate::format::key::scope::Scope;
use crate::format::range_tombstone::{RangeTombstone, any_covers};

/// How long a part may take, without its commit.
pub(crate) const PART_TIME: Duration = Duration::from_millis(2);
/// Rows that may stand in a file before a caller with another large removal waits.
pub(crate) const MAX_PENDING: usize = 16;

/// The range removals that a file has still to make, earliest first.
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
    let mut table = txn.open_table(RANGES)?;
    for range in old.iter().filter(|range| !new.contains(range)) {
        table.remove(range.sequence.to_be_bytes().as_slice())?;
    }
    for range in new.iter().filter(|range| !old.contains(range)) {
        table.insert(range.sequence.to_be_bytes().as_slice(), range.scope.to_bytes().as_slice())?;
    }
    Ok(())
}

impl Catalog {
    /// Whether a range removal covers what stands under a whole key, so that it is not to be shown.
    pub(crate) fn is_removed(&self, key: &[u8], sequence: u64) -> bool {
        any_covers(&self.ranges, key, sequence)
    }
}

impl Draft<'_> {
    /// Adds a range removal, in the place of those that it contains.
    pub(crate) fn add_range(&mut self, range: &RangeTombstone) {
        let is_in_it = |earlier: &RangeTombstone| {
            earlier.sequence <= range.sequence && range.scope.contains(&earlier.scope)
        };
        self.ranges.retain(|earlier| !is_in_it(earlier));
        let at = self.ranges.partition_point(|earlier| earlier.sequence < range.sequence);
        self.ranges.insert(at, range.clone());
    }
}

/// How far the earliest pending range has been deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Of which range.
    sequence: u64,
    /// The last key that was dealt with.
    after: Vec<u8>,
}

impl Cursor {
    /// Deletes the next part of the earliest pending range; with the last part, its row.
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
