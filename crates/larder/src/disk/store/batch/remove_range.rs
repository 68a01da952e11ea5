//! Removals of every key in a scope, inside one transaction: a small one as a whole, a large one in parts.

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

/// What one transaction may do of a large removal.
pub(crate) struct PartLimits<'a> {
    /// Rows that may be looked at.
    pub(crate) rows: usize,
    /// Asked after every few deletions: whether it has taken long enough.
    pub(crate) is_over: &'a dyn Fn() -> bool,
}

/// Rows dealt with between two looks at the clock.
const ROWS_BETWEEN_LOOKS: usize = 32;

/// What a part of a removal did.
#[derive(Debug, Default)]
pub(crate) struct RemovalPart {
    /// The last key that was dealt with; none once there are no more.
    pub(crate) last: Option<Vec<u8>>,
    /// Rows that were deleted.
    pub(crate) deleted: u64,
    /// Those of them that were live.
    pub(crate) live: u64,
}

impl Entries<'_> {
    /// Deletes what a range removal covers, unless it would have to look at more than `most` rows: then it
    /// changes nothing. Answers how many live entries there were; those of `retired` keyspaces are none, nor
    /// is
    /// what a removal in `earlier` covers.
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
            let is_counted = header.expires_at > self.now
                && !memory_keys.contains(key)
                && !retired.contains_key(KeyspaceId::of(key));
            live += u64::from(is_counted && !is_gone());
        }
        for key in &covered {
            self.remove(key)?;
        }
        Ok(Some(removal.total(live)))
    }

    /// Deletes what a range covers of the next keys of its scope after a key, within limits.
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
