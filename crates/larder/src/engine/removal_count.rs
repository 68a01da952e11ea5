//! Counting what a range removal takes from disk, before it is committed.
//!
//! The caller counts on its own thread, over short snapshots, so that neither the writer nor an old
//! transaction
//! waits for it. What another call overwrites or removes meanwhile, and what is evicted, may be missing from
//! the count. It is cut short where the disk fails or is off: the removal holds all the same.

use std::collections::{BTreeSet, HashSet};

use super::tiers::Tiers;
use crate::disk::store::batch::range_removal::RangeRemoval;
use crate::disk::store::guard::{StoreError, guarded};
use crate::disk::store::snapshot::Snapshot;
use crate::disk::store::tables::after_prefix;
use crate::format::keyspace_id::KeyspaceId;
use crate::format::range_tombstone::{RangeTombstone, any_covers};
use crate::format::record;
use crate::units::Timestamp;

/// Rows counted in one snapshot.
const CHUNK: usize = 1024;

/// What does not count.
struct Uncounted<'a> {
    /// Keys that memory knew.
    memory_keys: HashSet<&'a [u8]>,
    /// Removals that were made before.
    earlier: &'a [RangeTombstone],
    /// Keyspaces that are not retired.
    keyspaces: BTreeSet<KeyspaceId>,
    now: Timestamp,
}

/// A chunk of a count.
#[derive(Default)]
struct RemovalCount {
    seen: usize,
    live: u64,
    /// Where to go on; none at the end of the scope.
    last: Option<Vec<u8>>,
}

impl Snapshot {
    fn count(
        &self,
        range: &RangeTombstone,
        after: Option<&[u8]>,
        most: usize,
        uncounted: &Uncounted<'_>,
    ) -> Result<RemovalCount, StoreError> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let start = range.scope.start();
        let from = after.map_or(Included(&**start), Excluded);
        let end = after_prefix(start);
        let to = end.as_deref().map_or(Unbounded, Excluded);
        let counted = guarded(|| {
            let mut counted = RemovalCount::default();
            for row in self.rows((from, to))? {
                let (key, record) = row?;
                let key = key.value();
                counted.seen += 1;
                if counted.seen == most {
                    counted.last = Some(key.to_vec());
                }
                let Some(header) = record::peek(record.value()) else { continue };
                let is_counted = range.covers(key, header.sequence)
                    && header.expires_at > uncounted.now
                    && !uncounted.memory_keys.contains(key)
                    && uncounted.keyspaces.contains(&KeyspaceId::of(key))
                    && !any_covers(uncounted.earlier, key, header.sequence);
                counted.live += u64::from(is_counted);
                if counted.seen == most {
                    break;
                }
            }
            Ok(counted)
        })?;
        // On a damaged page they may be in any order, and a count that goes on after the last never ends.
        let is_forward = counted.last.as_deref().zip(after).is_none_or(|(last, after)| last > after);
        if is_forward { Ok(counted) } else { Err(StoreError::damage("keys are out of order")) }
    }
}

impl Tiers {
    /// Counts the live entries that a range removal takes from disk and memory did not know; and whether it
    /// is
    /// a large one, which the commit will not make at once.
    pub(crate) fn count_on_disk(
        &self,
        removal: &RangeRemoval,
        earlier: &[RangeTombstone],
        now: Timestamp,
    ) -> (u64, bool) {
        let view = self.view();
        let uncounted = Uncounted {
            memory_keys: removal.memory_keys.iter().map(|(key, _)| &**key).collect(),
            earlier,
            keyspaces: view.keyspaces.values().map(|keyspace| keyspace.id).collect(),
            now,
        };
        let (mut seen, mut live, mut after) = (0, 0, None::<Vec<u8>>);
        loop {
            let Some(snapshot) = self.awaited_snapshot() else { break };
            match snapshot.count(&removal.range, after.as_deref(), CHUNK, &uncounted) {
                Ok(counted) => {
                    (seen, live) = (seen + counted.seen, live + counted.live);
                    after = counted.last;
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
        (live, seen > self.range_rows)
    }
}
