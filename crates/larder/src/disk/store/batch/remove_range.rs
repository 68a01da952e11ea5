//! Deletes the entries of a range removal: of a small removal in one transaction, and of a large one in
//! parts.

use std::collections::HashSet;
use std::ops::Bound;

use redb::{ReadableTable, StorageError};

use super::entries::Entries;
use super::range_removal::RangeRemoval;
use crate::disk::store::draft::RetiredDraft;
use crate::disk::store::tables::after_prefix;
use crate::format::key::scope::Scope;
use crate::format::keyspace_id::KeyspaceId;
use crate::format::range_tombstone::{RangeTombstone, any_covers};
use crate::format::record;

pub(crate) struct PartLimits<'a> {
    /// Maximum number of rows to examine.
    pub(crate) rows: usize,
    /// Returns whether the part must end now. Called after every [`ROWS_BETWEEN_LOOKS`] rows.
    pub(crate) is_over: &'a dyn Fn() -> bool,
}

const ROWS_BETWEEN_LOOKS: usize = 32;

#[derive(Debug, Default)]
pub(crate) struct RemovalPart {
    /// The last key that was handled, or `None` if no keys are left.
    pub(crate) last: Option<Vec<u8>>,
    pub(crate) deleted: u64,
    /// Number of deleted rows that were live and did not belong to a retired keyspace.
    pub(crate) live: u64,
}

impl Entries<'_> {
    /// Deletes the entries that a range removal covers, and returns the number of removed live entries
    /// ([`RangeRemoval::total`]). Entries of `retired` keyspaces, and entries that a removal in `earlier`
    /// covers, are deleted but not counted. If the scope has more than `max_rows` rows, changes nothing and
    /// returns `None`.
    pub(crate) fn remove_range(
        &mut self,
        removal: &RangeRemoval,
        retired: &RetiredDraft<'_>,
        earlier: &[RangeTombstone],
        max_rows: usize,
    ) -> Result<Option<u64>, StorageError> {
        let memory_keys: HashSet<&[u8]> = removal.memory_keys.iter().map(|(key, _)| &**key).collect();
        let (mut live, mut covered) = (0, Vec::new());
        for (row_count, row) in self.rows_of(&removal.range.scope, &[])?.enumerate() {
            if row_count == max_rows {
                return Ok(None);
            }
            let (key, record) = row?;
            let (key, header) = (key.value(), record::peek(record.value()));
            if !removal.range.deletes(key, header.as_ref()) {
                continue;
            }
            covered.push(key.to_vec());
            let Some(header) = header else { continue };
            let is_gone = || any_covers(earlier, key, header.sequence);
            let is_counted = header.has_live_value(self.now)
                && !memory_keys.contains(key)
                && !retired.contains_key(KeyspaceId::of(key));
            live += u64::from(is_counted && !is_gone());
        }
        for key in &covered {
            self.remove(key)?;
        }
        Ok(Some(removal.total(live)))
    }

    /// Deletes the entries that a range removal covers and whose keys follow `after`, within limits.
    pub(crate) fn remove_covered(
        &mut self,
        range: &RangeTombstone,
        after: &[u8],
        limits: &PartLimits<'_>,
        retired: &RetiredDraft<'_>,
    ) -> Result<RemovalPart, StorageError> {
        let (mut part, mut covered) = (RemovalPart::default(), Vec::new());
        for (row_count, row) in (1..).zip(self.rows_of(&range.scope, after)?) {
            let (key, record) = row?;
            if range.deletes(key.value(), record::peek(record.value()).as_ref()) {
                covered.push(key.value().to_vec());
            }
            if row_count >= limits.rows || (row_count % ROWS_BETWEEN_LOOKS == 0 && (limits.is_over)()) {
                part.last = Some(key.value().to_vec());
                break;
            }
        }
        for (done, key) in (1..).zip(&covered) {
            let was_live = self.remove(key)?;
            part.live += u64::from(was_live && !retired.contains_key(KeyspaceId::of(key)));
            part.deleted += 1;
            if done % ROWS_BETWEEN_LOOKS == 0 && done < covered.len() && (limits.is_over)() {
                part.last = Some(key.clone());
                break;
            }
        }
        Ok(part)
    }

    fn rows_of(
        &self,
        scope: &Scope,
        after: &[u8],
    ) -> Result<redb::Range<'_, &'static [u8], &'static [u8]>, StorageError> {
        let start = scope.start();
        let end = after_prefix(start);
        let from = if after.is_empty() { Bound::Included(&**start) } else { Bound::Excluded(after) };
        let to = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        self.rows.range::<&[u8]>((from, to))
    }
}
