//! Eviction from disk: which entries a transaction deletes so that the others have room.

use redb::StorageError;

use super::Entries;
use crate::disk::tables::split_expiry_key;

/// Rows looked at together while evicting.
const EVICT_ROWS: usize = 256;

/// What is to be known of a key before it is evicted.
type IsKey<'a> = &'a dyn Fn(&[u8]) -> bool;

/// What an eviction did.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::disk) struct Evicted {
    pub(in crate::disk) entries: u64,
    /// What these were charged for.
    pub(in crate::disk) bytes: u64,
    /// Whether it ended because one transaction may evict no more.
    pub(in crate::disk) has_more: bool,
}

impl Entries<'_> {
    /// Deletes up to `most` entries, soonest to expire first, until `bytes` are freed. Those that memory holds
    /// are spared as long as others are found. Those that the batch is about to write are spared always: what
    /// it replaces is not there to be evicted, and is counted as replaced.
    pub(in crate::disk) fn evict(
        &mut self,
        bytes: u64,
        most: usize,
        is_resident: IsKey<'_>,
        is_written: IsKey<'_>,
    ) -> Result<Evicted, StorageError> {
        let is_known = |key: &[u8]| is_written(key) || is_resident(key);
        // A memory tier that holds nearly everything would make the first a walk over the whole table.
        let passes: [(IsKey<'_>, usize); 2] = [(&is_known, 16 * EVICT_ROWS), (is_written, usize::MAX)];
        let goal = self.freed().saturating_add(i64::try_from(bytes).unwrap_or(i64::MAX));
        let before = self.freed();
        let mut evicted = Evicted::default();
        for (is_spared, most_spared) in passes {
            let mut after: Vec<u8> = Vec::new();
            let mut spared = 0;
            while self.freed() < goal && !evicted.has_more {
                let rows = self.due(after.as_slice().., EVICT_ROWS)?;
                let Some(last) = rows.last() else { break };
                after.clone_from(last);
                after.push(0);
                for row in &rows {
                    evicted.has_more = evicted.entries >= most as u64;
                    if self.freed() >= goal || evicted.has_more {
                        break;
                    }
                    if split_expiry_key(row).is_some_and(|(_, key)| is_spared(key)) {
                        spared += 1;
                        continue;
                    }
                    evicted.entries += u64::from(self.delete_row(row)?);
                }
                if spared > most_spared {
                    break;
                }
            }
        }
        evicted.bytes = u64::try_from(self.freed() - before).unwrap_or(0);
        Ok(evicted)
    }

    fn freed(&self) -> i64 {
        -self.deltas.values().map(|(_, bytes)| bytes).sum::<i64>()
    }
}
