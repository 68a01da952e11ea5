//! Arranges the changes of a drain: in the order of their keys, and by units.
//!
//! The writer divides a large drain into several transactions, in the order of the changes. A transaction
//! replaces the page of each of its keys, and neighbouring keys share a page. So the changes are sorted by
//! their keys, and each transaction gets a range of keys. With a full write buffer of small values and a
//! million random keys, a transaction then replaces a fifth fewer pages.
//!
//! The order of the keys decides little about how long a change waits. The writes of a drain are committed
//! before those of later drains, unless these were all held when the first of them was due
//! ([`super::held`]). So no stream of later writes delays the last keys.
//!
//! A *unit* consists of changes that the writer must commit in one transaction, because they belong to a
//! group of values (`memory::store_group`). A drain returns the newest change of every key of a group. For
//! each drain:
//!
//! 1. A change of a group may have replaced a removal that a caller waits for. Removals are committed before
//!    the groups, in any number of transactions. So the removal becomes a separate change, and the change of
//!    the group stays with its group.
//! 2. The writes of all keys of a group form a unit, even if a later call made some of these writes. The
//!    removals of a group also belong to its unit, and are not committed first. Groups that share a key form
//!    a single unit. Otherwise one of these groups would be split at that key.
//! 3. The changes of a unit get the unit's number, and are moved to the place of the first of them.
//!
//! A unit may exceed the limits of a transaction. The limits of a group ensure that its transaction still
//! fits into the file ([`crate::engine::capacity`]).

use std::collections::{HashMap, VecDeque};

use crate::memory::mutation::{Mutation, SlotChange};
use crate::sys::sync::Arc;

#[derive(Debug, Default)]
pub(super) struct Units {
    /// The last assigned number. Before an overflow, the numbers start again. Only the units in the writer's
    /// queue must differ.
    last: u32,
}

impl Units {
    /// Divides the changes of a drain into removals and writes, each in the order of the keys. Moves the
    /// removals to the end of `removals`, and leaves the writes in `drained`, arranged by units. Without
    /// groups, allocates no list.
    pub(super) fn arrange(&mut self, drained: &mut Vec<Mutation>, removals: &mut VecDeque<Mutation>) {
        // An unstable sort needs no second list. No two changes have the same key.
        drained.sort_unstable_by(|one, next| (*one.key).cmp(&next.key));
        if drained.iter().all(|mutation| mutation.group().is_none()) {
            removals.extend(drained.extract_if(.., |mutation| mutation.removes()));
            return;
        }
        let mut writes = Vec::new();
        for mut mutation in drained.drain(..) {
            if mutation.hides_removal && mutation.group().is_some() {
                // 1. This deletion does not mark a slot clean, because no slot has its sequence. When it is
                // committed, the slot no longer hides a removal.
                let sequence = mutation.sequence.saturating_sub(1);
                removals.push_back(Mutation { change: SlotChange::Delete, sequence, ..mutation.clone() });
                mutation.hides_removal = false;
            }
            if mutation.removes() && mutation.group().is_none() {
                removals.push_back(mutation);
            } else {
                writes.push(mutation);
            }
        }
        drained.extend(self.number(writes));
    }

    /// Runs steps 2 and 3.
    fn number(&mut self, mut writes: Vec<Mutation>) -> Vec<Mutation> {
        let mut joined = Joined::new(writes.len());
        let places: HashMap<&[u8], usize> =
            writes.iter().enumerate().map(|(at, write)| (&*write.key, at)).collect();
        let mut seen = HashMap::new();
        for (at, write) in writes.iter().enumerate() {
            let Some(group) = write.group() else { continue };
            if let Some(&first) = seen.get(&Arc::as_ptr(group)) {
                joined.join(first, at);
                continue;
            }
            seen.insert(Arc::as_ptr(group), at);
            for key in &group.keys {
                if let Some(&other) = places.get(&**key) {
                    joined.join(other, at);
                }
            }
        }
        let firsts: Vec<usize> = (0..writes.len()).map(|at| joined.first(at)).collect();
        let count = u32::try_from(writes.len()).unwrap_or(u32::MAX - 1);
        let base = if self.last.checked_add(count).is_some() { self.last } else { 0 };
        for (write, first) in writes.iter_mut().zip(&firsts) {
            write.unit = base + 1 + u32::try_from(*first).unwrap_or(count - 1);
        }
        self.last = base + count;
        let mut writes: Vec<_> = firsts.into_iter().zip(writes).collect();
        writes.sort_by_key(|(first, _)| *first);
        writes.into_iter().map(|(_, write)| write).collect()
    }
}

/// A disjoint-set forest over the indices of a list. The first index of each set is its root.
struct Joined(Vec<usize>);

impl Joined {
    fn new(len: usize) -> Self {
        Self((0..len).collect())
    }

    /// Returns the first index in the set of an index.
    fn first(&mut self, mut at: usize) -> usize {
        while let Some(&up) = self.0.get(at)
            && up != at
        {
            // Halves the path, so that the next search is shorter.
            let above = self.0.get(up).copied().unwrap_or(up);
            if let Some(place) = self.0.get_mut(at) {
                *place = above;
            }
            at = above;
        }
        at
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.first(one), self.first(other));
        if let Some(place) = self.0.get_mut(one.max(other)) {
            *place = one.min(other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_are_joined_have_the_first_of_them() {
        let mut joined = Joined::new(7);
        for (one, other) in [(5, 3), (6, 5), (1, 1), (4, 0), (3, 6)] {
            joined.join(one, other);
        }
        let firsts: Vec<_> = (0..7).map(|at| joined.first(at)).collect();
        assert_eq!(firsts, [0, 1, 2, 3, 0, 3, 3]);
        joined.join(4, 6);
        assert_eq!((joined.first(5), joined.first(1)), (0, 1));
    }
}
