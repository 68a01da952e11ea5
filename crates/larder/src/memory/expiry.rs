//! The slots of a shard, ordered by expiry. So the cost of expiring depends on the number of expired
//! entries, not on the number of live entries.
//!
//! Each second has a list of slots. The lists are in a map ordered by second. Adding or removing a slot
//! takes O(log n) for n distinct seconds. The index uses eight bytes for each slot. The caller passes the
//! expiry of a slot, so the index does not store it. This expiry includes the grace of the entry.

use std::collections::BTreeMap;

use super::segments::Segments;
use crate::memory::policy::slot_id::SlotId;
use crate::sys::prefetch::prefetch;
use crate::units::Timestamp;

const BUCKET_MS: u64 = 1000;
const NONE: SlotId = SlotId::MAX;

#[derive(Debug, Clone, Copy)]
struct ExpiryNode {
    newer: SlotId,
    older: SlotId,
}

#[derive(Debug)]
pub(super) struct ExpiryIndex {
    nodes: Segments<ExpiryNode>,
    newest: BTreeMap<u64, SlotId>,
    /// The second to which a slot was last added, and the newest slot of its list. While `last` is set, the
    /// map has this second, but possibly with another slot, which may have left the list.
    ///
    /// Entries that are stored one after another often expire in the same second. So most additions do not
    /// search the map.
    last: Option<LastBucket>,
}

#[derive(Debug, Clone, Copy)]
struct LastBucket {
    bucket: u64,
    newest: SlotId,
    /// Whether the map has another slot for this second.
    is_ahead: bool,
}

fn bucket(expires_at: Timestamp) -> u64 {
    expires_at.as_millis() / BUCKET_MS
}

impl ExpiryIndex {
    #[cfg(test)]
    pub(super) const NODE_LEN: usize = size_of::<ExpiryNode>();

    pub(super) const fn new() -> Self {
        Self { nodes: Segments::new(), newest: BTreeMap::new(), last: None }
    }

    /// Adds a slot that is in no list.
    #[inline]
    pub(super) fn add(&mut self, id: SlotId, expires_at: Timestamp) {
        let at = id as usize;
        self.nodes.cover(at, || ExpiryNode { newer: NONE, older: NONE });
        let older = self.replace_newest(bucket(expires_at), id);
        if let Some(node) = self.nodes.get_mut(older as usize) {
            node.newer = id;
        }
        if let Some(node) = self.nodes.get_mut(at) {
            *node = ExpiryNode { newer: NONE, older };
        }
    }

    /// Makes a slot the newest of a list. Returns the previous newest slot, or [`NONE`].
    #[inline]
    fn replace_newest(&mut self, bucket: u64, id: SlotId) -> SlotId {
        if let Some(last) = self.last.as_mut().filter(|last| last.bucket == bucket) {
            last.is_ahead = true;
            return std::mem::replace(&mut last.newest, id);
        }
        self.replace_newest_in_map(bucket, id)
    }

    #[inline(never)]
    fn replace_newest_in_map(&mut self, bucket: u64, id: SlotId) -> SlotId {
        if let Some(last) = self.last.filter(|last| last.is_ahead) {
            self.newest.insert(last.bucket, last.newest);
        }
        self.last = Some(LastBucket { bucket, newest: id, is_ahead: false });
        self.newest.insert(bucket, id).unwrap_or(NONE)
    }

    /// Makes `older` the newest slot of a list whose newest slot is removed. With [`NONE`], the list is
    /// empty.
    #[inline(never)]
    fn remove_newest(&mut self, bucket: u64, older: SlotId) {
        let last = self.last.as_mut().filter(|last| last.bucket == bucket);
        if older == NONE {
            if last.is_some() {
                self.last = None;
            }
            self.newest.remove(&bucket);
        } else if let Some(last) = last {
            (last.newest, last.is_ahead) = (older, true);
        } else {
            self.newest.insert(bucket, older);
        }
    }

    #[inline]
    pub(super) fn prefetch(&self, id: SlotId) {
        if let Some(node) = self.nodes.get(id as usize) {
            prefetch(node);
        }
    }

    /// Removes a slot that was added with the same expiry.
    pub(super) fn remove(&mut self, id: SlotId, expires_at: Timestamp) {
        let Some(&ExpiryNode { newer, older }) = self.nodes.get(id as usize) else {
            return;
        };
        if let Some(node) = self.nodes.get_mut(older as usize) {
            node.newer = newer;
        }
        if let Some(node) = self.nodes.get_mut(newer as usize) {
            node.older = older;
        } else {
            self.remove_newest(bucket(expires_at), older);
        }
    }

    /// Returns up to `most` slots whose second has begun at `now`. Slots of the current second may not have
    /// expired yet.
    pub(super) fn due(&self, now: Timestamp, most: usize) -> Vec<SlotId> {
        let mut due = Vec::new();
        for (&bucket, &newest) in self.newest.range(..=bucket(now)) {
            let last = self.last.filter(|last| last.bucket == bucket);
            let mut id = last.map_or(newest, |last| last.newest);
            while let Some(node) = self.nodes.get(id as usize) {
                if due.len() == most {
                    return due;
                }
                due.push(id);
                id = node.older;
            }
        }
        due
    }

    /// Returns the end of the earliest second in the map. By then at least one more slot has expired.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let (bucket, _) = self.newest.first_key_value()?;
        Some(Timestamp::from_millis(bucket.saturating_add(1).saturating_mul(BUCKET_MS)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn slots_come_due_in_order_of_their_second() {
        let mut index = ExpiryIndex::new();
        for (id, at) in [(0, 5_500), (1, 1_200), (2, 1_900), (3, 9_000)] {
            index.add(id, Timestamp::from_millis(at));
        }
        assert_eq!(index.next(), Some(Timestamp::from_millis(2_000)));
        assert!(index.due(Timestamp::from_millis(999), 9).is_empty());
        assert_eq!(index.due(Timestamp::from_millis(6_000), 9), [2, 1, 0]);
        assert_eq!(index.due(Timestamp::from_millis(6_000), 2), [2, 1]);
    }

    proptest! {
        #[test]
        fn the_index_lists_exactly_what_was_added(
            steps in proptest::collection::vec((any::<bool>(), 0_u32..12, 0_u64..6), 0..200)
        ) {
            let mut index = ExpiryIndex::new();
            let mut model = BTreeSet::new();
            for (add, id, second) in steps {
                if let Some(&(listed, _)) = model.iter().find(|&&(_, listed)| listed == id) {
                    index.remove(id, Timestamp::from_millis(listed * BUCKET_MS));
                    model.remove(&(listed, id));
                }
                if add {
                    index.add(id, Timestamp::from_millis(second * BUCKET_MS));
                    model.insert((second, id));
                }
                let due: BTreeSet<_> = index.due(Timestamp::from_millis(u64::MAX), usize::MAX).into_iter().collect();
                prop_assert_eq!(&due, &model.iter().map(|&(_, id)| id).collect());
                let next = model.first().map(|&(second, _)| Timestamp::from_millis((second + 1) * BUCKET_MS));
                prop_assert_eq!(index.next(), next);
            }
        }
    }
}
