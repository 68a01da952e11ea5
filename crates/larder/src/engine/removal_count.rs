//! Counts the entries on disk that a range removal will delete, before the commit of the removal.
//!
//! The calling thread counts the entries in chunks, each in its own snapshot. So the writer thread does not
//! wait for the count, and no transaction is kept open for long. The count may miss entries that are
//! overwritten, removed or evicted during the count, and it ends early if the disk fails or is off. The
//! removal itself does not depend on the count.

use std::collections::{BTreeSet, HashSet};

use super::tiers::Tiers;
use crate::disk::disk_status::DiskStatus;
use crate::disk::store::batch::range_removal::RangeRemoval;
use crate::disk::store::guard::{StoreError, guarded};
use crate::disk::store::snapshot::StoreSnapshot;
use crate::disk::store::tables::after_prefix;
use crate::format::keyspace_id::KeyspaceId;
use crate::format::range_tombstone::{RangeTombstone, any_covers};
use crate::format::record;
use crate::format::record::Header;
use crate::units::Timestamp;

/// The maximum number of rows counted in one snapshot.
const CHUNK: usize = 1024;

struct CountFilter<'a> {
    /// The keys that the removal has listed in memory. The commit counts these keys.
    memory_keys: HashSet<&'a [u8]>,
    /// Earlier range removals. An entry that one of them covers is already removed.
    earlier: &'a [RangeTombstone],
    /// The keyspaces that are not retired.
    keyspaces: BTreeSet<KeyspaceId>,
    now: Timestamp,
    /// Returns the expiry of the entry with this key and sequence, as extended by uses.
    extended_expiry: &'a dyn Fn(&[u8], u64) -> Option<Timestamp>,
}

impl CountFilter<'_> {
    /// Returns whether a record has a live value, considering uses that are not on disk yet.
    fn is_live(&self, key: &[u8], header: Header, record: &[u8]) -> bool {
        let extended = || (self.extended_expiry)(key, header.sequence);
        header.has_live_value(self.now)
            || record::is_extended_by_uses(record)
                && extended()
                    .is_some_and(|expires_at| header.extended_to(expires_at).has_live_value(self.now))
    }
}

#[derive(Default)]
struct ChunkCount {
    rows: usize,
    live: u64,
    /// The key after which the next chunk begins, or `None` at the end of the scope.
    last: Option<Vec<u8>>,
}

impl Tiers {
    /// Counts the live entries on disk that a range removal will delete, without those of the keys that it
    /// has listed in memory. Also returns whether the removal is large. The commit of a large removal does
    /// not delete all of its entries.
    pub(super) fn count_on_disk(
        &self,
        removal: &RangeRemoval,
        earlier: &[RangeTombstone],
        now: Timestamp,
    ) -> (u64, bool) {
        let ids = |status: &DiskStatus| status.keyspaces.values().map(|keyspace| keyspace.id).collect();
        let keyspaces = self.disk.with_status(ids);
        let memory_keys = removal.memory_keys.iter().map(|(key, _)| &**key).collect();
        let extended_expiry = |key: &[u8], sequence| self.extended_expiry(self.memory.key(key), sequence);
        let filter = CountFilter { memory_keys, earlier, keyspaces, now, extended_expiry: &extended_expiry };
        let (mut rows, mut live, mut after) = (0, 0, None::<Vec<u8>>);
        loop {
            let Some(snapshot) = self.awaited_snapshot() else { break };
            match count_chunk(&snapshot, &removal.range, after.as_deref(), &filter) {
                Ok(chunk) => {
                    (rows, live) = (rows + chunk.rows, live + chunk.live);
                    after = chunk.last;
                }
                Err(fault) => {
                    self.report(&snapshot, fault);
                    break;
                }
            }
            if after.is_none() {
                break;
            }
        }
        (live, rows > self.disk.range_rows)
    }
}

fn count_chunk(
    snapshot: &StoreSnapshot,
    range: &RangeTombstone,
    after: Option<&[u8]>,
    filter: &CountFilter<'_>,
) -> Result<ChunkCount, StoreError> {
    use std::ops::Bound::{Excluded, Included, Unbounded};
    let start = range.scope.start();
    let from = after.map_or(Included(&**start), Excluded);
    let end = after_prefix(start);
    let to = end.as_deref().map_or(Unbounded, Excluded);
    let chunk = guarded(|| {
        let mut chunk = ChunkCount::default();
        for row in snapshot.rows((from, to))? {
            let (key, record) = row?;
            let key = key.value();
            chunk.rows += 1;
            if chunk.rows == CHUNK {
                chunk.last = Some(key.to_vec());
            }
            let Some(header) = record::peek(record.value()) else { continue };
            let is_counted = range.covers(key, header.sequence)
                && !filter.memory_keys.contains(key)
                && filter.keyspaces.contains(&KeyspaceId::of(key))
                && !any_covers(filter.earlier, key, header.sequence)
                && filter.is_live(key, header, record.value());
            chunk.live += u64::from(is_counted);
            if chunk.rows == CHUNK {
                break;
            }
        }
        Ok(chunk)
    })?;
    // On a damaged page, the keys may be in any order. Without this check, the count might never end.
    let is_forward = chunk.last.as_deref().zip(after).is_none_or(|(last, after)| last > after);
    if is_forward { Ok(chunk) } else { Err(StoreError::damage("keys are out of order")) }
}
