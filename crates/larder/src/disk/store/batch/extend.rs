//! Extends the expiry of entries that were used since their records were written.

use redb::{ReadableTable, StorageError};

use super::entries::Entries;
use crate::disk::store::entry_change::ExpiryExtension;
use crate::disk::store::expiry;
use crate::format::record;

impl Entries<'_> {
    /// Applies extensions until they have rewritten `max_bytes` of records. Returns the number of processed
    /// extensions: at least one, if there are any.
    pub(crate) fn extend(
        &mut self,
        extensions: &[ExpiryExtension<'_>],
        max_bytes: usize,
    ) -> Result<usize, StorageError> {
        let (mut done, mut bytes) = (0, 0);
        for extension in extensions {
            if done > 0 && bytes >= max_bytes {
                break;
            }
            bytes += self.extend_entry(extension)?;
            done += 1;
        }
        Ok(done)
    }

    /// Extends the expiry of one entry, if the file has an undamaged record with this sequence and an
    /// earlier expiry. Returns the number of bytes written.
    fn extend_entry(&mut self, extension: &ExpiryExtension<'_>) -> Result<usize, StorageError> {
        let &ExpiryExtension { key, sequence, expires_at } = extension;
        self.record.clear();
        if let Some(found) = self.rows.get(key)? {
            self.record.extend_from_slice(found.value());
        }
        let is_earlier = |old: &record::Header| old.sequence == sequence && old.expires_at < expires_at;
        let Some(old) = record::peek(&self.record).filter(is_earlier) else { return Ok(0) };
        let Ok(new) = record::extend(&mut self.record, key, expires_at) else { return Ok(0) };
        self.rows.insert(key, self.record.as_slice())?;
        // The record keeps its length, so the charges do not change.
        self.remove_row(&old, key)?;
        self.expiry.insert(expiry::row(&new, key).as_slice(), ())?;
        Ok(self.record.len())
    }
}
