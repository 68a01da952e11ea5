//! The slots of a shard, ordered by expiry. So the cost of expiring depends on the number of expired
//! entries, not on the number of live entries.
//!
//! Each second has a list of slots. The lists are in a map ordered by second. Adding or removing a slot
//! takes O(log n) for n distinct seconds. The index uses eight bytes for each slot. The caller passes the
//! expiry of a slot, so the index does not store it. This expiry includes the grace of the entry.

use std::collections::BTreeMap;

use super::segments::Segments;
use crate::memory::policy::slot_id::SlotId;
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
}

fn bucket(expires_at: Timestamp) -> u64 {
    expires_at.as_millis() / BUCKET_MS
}

impl ExpiryIndex {
    #[cfg(test)]
    pub(super) const NODE_LEN: usize = size_of::<ExpiryNode>();

    pub(super) const fn new() -> Self {
        Self { nodes: Segments::new(), newest: BTreeMap::new() }
    }

    /// Adds a slot that is in no list.
    pub(super) fn add(&mut self, id: SlotId, expires_at: Timestamp) {
        let at = id as usize;
        self.nodes.fill_up(at + 1, &ExpiryNode { newer: NONE, older: NONE });
        let older = self.newest.insert(bucket(expires_at), id).unwrap_or(NONE);
        if let Some(node) = self.nodes.get_mut(older as usize) {
            node.newer = id;
        }
        if let Some(node) = self.nodes.get_mut(at) {
            *node = ExpiryNode { newer: NONE, older };
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
        } else if older == NONE {
            self.newest.remove(&bucket(expires_at));
        } else {
            self.newest.insert(bucket(expires_at), older);
        }
    }

    /// Returns up to `most` slots whose second has begun at `now`. Slots of the current second may not have
    /// expired yet.
    pub(super) fn due(&self, now: Timestamp, most: usize) -> Vec<SlotId> {
        let mut due = Vec::new();
        for &newest in self.newest.range(..=bucket(now)).map(|(_, newest)| newest) {
            let mut id = newest;
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
