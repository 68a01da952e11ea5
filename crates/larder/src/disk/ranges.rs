//! Range removals that stand in a file as rows of their own, to be made later.
//!
//! This version makes a range removal in the commit that acknowledges it, and writes no such row. One that is
//! found was acknowledged all the same, so nobody may see what it covers (contract 3):
//!
//! 1. An owner makes them when it opens the file, before the first lookup or commit of its own: in
//!    transactions of a bounded size, the last of which deletes the row as well. A crash in between begins
//!    the row anew, which finds less to do.
//! 2. Whoever reads beside an owner takes the rows from the transaction that it takes the entries from, and
//!    believes no entry that one covers.
//!
//! A range covers an entry of its scope whose sequence is not above its own. A row that is illegible is
//! damage to the file: what it covers can't be told.

use redb::{ReadTransaction, ReadableTable, TableError};

use super::batch::Entries;
use super::draft::Draft;
use super::fault::{Fault, guarded};
use super::known::Known;
use super::store::{Store, write_draft};
use super::tables::RANGES;
use crate::key::Scope;
use crate::memory::Range;

/// Entries looked at in one transaction.
pub(super) const ROWS: usize = 1000;

/// The range removals that a file has still to make, earliest first.
pub(super) fn pending(txn: &ReadTransaction) -> Result<Vec<Range>, Fault> {
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
    let legible: Option<Vec<Range>> = rows.into_iter().collect();
    legible.ok_or_else(|| Fault::damage("a range removal is illegible"))
}

fn read(sequence: &[u8], scope: &[u8]) -> Option<Range> {
    Some(Range { scope: Scope::read(scope)?, sequence: u64::from_be_bytes(sequence.try_into().ok()?) })
}

impl Known {
    /// Whether a range removal covers what stands under a whole key, so that it is not to be shown.
    pub(crate) fn is_removed(&self, key: &[u8], sequence: u64) -> bool {
        self.ranges.iter().any(|range| range.sequence >= sequence && range.scope.covers(key))
    }
}

impl Store {
    /// Makes the range removals that the file has still to make.
    pub(crate) fn make_ranges(&mut self) -> Result<(), Fault> {
        while let Some(range) = self.known.ranges.first().cloned() {
            let mut after = Vec::new();
            while let Some(last) = self.make_part(&range, &after)? {
                after = last;
            }
        }
        Ok(())
    }

    /// Deletes what the first range covers of the next [`ROWS`] keys after `after`. Answers the last of
    /// these, or none once the range is done.
    pub(super) fn make_part(&mut self, range: &Range, after: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let mut known = Draft::of(&self.known);
        let (last, next_expiry) = guarded(|| {
            let mut txn = self.db.begin_write()?;
            txn.set_quick_repair(true);
            let (last, next_expiry) = {
                let mut entries = Entries::open(&txn, known.state.mark)?;
                let last = entries.remove_covered(range, after, ROWS)?;
                known.apply(&entries.deltas);
                (last, entries.next_expiry()?)
            };
            if last.is_none() {
                txn.open_table(RANGES)?.remove(range.sequence.to_be_bytes().as_slice())?;
            }
            known.upgrade(known.state.mark, self.identities);
            write_draft(&txn, &known)?;
            txn.commit()?;
            Ok((last, next_expiry))
        })?;
        let changes = known.into_changes();
        self.accept(changes);
        if last.is_none() {
            self.known.ranges.remove(0);
        }
        self.next_expiry = next_expiry;
        Ok(last)
    }
}
