//! Eviction from disk: which entries a transaction deletes so that the others have room.

use redb::StorageError;

use super::Entries;
use crate::disk::tables::split_expiry_key;

/// Rows looked at together while evicting.
const EVICT_ROWS: usize = 256;

/// What is to be known of a key before it is evicted.
type IsKey<'a> = &'a dyn Fn(&[u8]) -> bool;

impl Entries<'_> {
    /// Deletes entries, soonest to expire first, until `bytes` are freed; how many. Those that memory holds
    /// are spared as long as others are found, and those that this very batch has written as long as any
    /// other is.
    pub(in crate::disk) fn evict(
        &mut self,
        bytes: u64,
        is_resident: IsKey<'_>,
        is_written: IsKey<'_>,
    ) -> Result<u64, StorageError> {
        let is_known = |key: &[u8]| is_written(key) || is_resident(key);
        // A memory tier that holds nearly everything would make the first a walk over the whole table.
        let passes: [(IsKey<'_>, usize); 3] =
            [(&is_known, 16 * EVICT_ROWS), (is_written, usize::MAX), (&|_| false, usize::MAX)];
        let goal = self.freed() + i64::try_from(bytes).unwrap_or(i64::MAX);
        let mut evicted = 0;
        for (is_spared, most_spared) in passes {
            let mut after: Vec<u8> = Vec::new();
            let mut spared = 0;
            while self.freed() < goal {
                let rows = self.due(after.as_slice().., EVICT_ROWS)?;
                let Some(last) = rows.last() else { break };
                after.clone_from(last);
                after.push(0);
                for row in &rows {
                    if self.freed() >= goal {
                        break;
                    }
                    if split_expiry_key(row).is_some_and(|(_, key)| is_spared(key)) {
                        spared += 1;
                        continue;
                    }
                    evicted += u64::from(self.delete_row(row)?);
                }
                if spared > most_spared {
                    break;
                }
            }
        }
        Ok(evicted)
    }

    fn freed(&self) -> i64 {
        -self.deltas.values().map(|(_, bytes)| bytes).sum::<i64>()
    }
}
