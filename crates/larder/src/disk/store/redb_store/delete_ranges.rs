//! Deletes the entries of pending range removals in separate transactions, for a file without a writer
//! thread.

use super::Store;
use crate::config::ranges::RANGE_ROWS;
use crate::disk::store::batch::entries::Entries;
use crate::disk::store::batch::remove_range::{PartLimits, RemovalPart};
use crate::disk::store::draft::Draft;
use crate::disk::store::guard::{StoreError, begin_write, commit, guarded};
use crate::disk::store::metadata::write_draft;

impl Store {
    /// Deletes the entries of all pending range removals. Returns the number of deleted live entries.
    pub(crate) fn delete_pending_ranges(&mut self) -> Result<u64, StoreError> {
        let mut live = 0;
        while !self.catalog.ranges.is_empty() {
            live += self.delete_next_part(RANGE_ROWS)?.live;
        }
        Ok(live)
    }

    /// Deletes the next part of the earliest pending range, up to `rows` rows, in a separate transaction.
    pub(super) fn delete_next_part(&mut self, rows: usize) -> Result<RemovalPart, StoreError> {
        let (mut catalog, mut cursor) = (Draft::of(&self.catalog), self.cursor.clone());
        let (part, next_expiry) = guarded(|| {
            let txn = begin_write(&self.db)?;
            let (part, next_expiry) = {
                let mut entries = Entries::open(&txn, catalog.state.clock_watermark, catalog.charging())?;
                let limits = PartLimits { rows, is_over: &|| false };
                let part = cursor.advance(&mut entries, &mut catalog, &limits)?;
                catalog.apply(&entries.deltas);
                (part, entries.next_expiry()?)
            };
            catalog.upgrade(catalog.state.clock_watermark, self.identities);
            write_draft(&txn, &catalog)?;
            commit(txn)?;
            Ok((part, next_expiry))
        })?;
        let changes = catalog.into_changes();
        self.apply(changes);
        (self.cursor, self.next_expiry) = (cursor, next_expiry);
        Ok(part)
    }
}
