//! Tests that the writer uses the lists of a step again, and that a burst does not occupy memory forever.

use std::collections::VecDeque;

use super::*;
use crate::engine::writer::ReusedLists;
use crate::engine::writer::held::HeldWrites;
use crate::engine::writer::limits::MAX_KEPT_CHANGES;
use crate::memory::mutation::{Mutation, SlotChange};

/// Returns the place and the capacity of each list, in the order of the places. `drained` and `spare` take
/// turns: the list of a drain becomes the list of the held writes.
fn lists(machine: &Machine) -> [(usize, usize); 4] {
    let (lists, held) = (&machine.writer.lists, &machine.writer.held);
    let queue = |queue: &VecDeque<Mutation>| (queue.as_slices().0.as_ptr().addr(), queue.capacity());
    let mut all = [
        (lists.drained.as_ptr().addr(), lists.drained.capacity()),
        (lists.batch.as_ptr().addr(), lists.batch.capacity()),
        queue(&lists.removals),
        queue(&held.spare),
    ];
    all.sort_unstable();
    all
}

#[test]
fn a_step_uses_the_lists_of_the_last_step_again() {
    let mut machine = Machine::new();
    let change = |machine: &mut Machine| {
        for name in 0..20 {
            machine.store(name, SMALL);
        }
        for name in 20..30 {
            machine.remove(name);
        }
        machine.step([]);
        lists(machine)
    };
    change(&mut machine);
    let first = change(&mut machine);
    assert!(first.iter().all(|(_, capacity)| *capacity > 0), "{first:?}");
    for _ in 0..4 {
        assert_eq!(change(&mut machine), first, "no list is allocated anew");
    }
}

#[test]
fn the_lists_of_a_burst_give_memory_back() {
    let mut lists = ReusedLists::default();
    let change = Mutation {
        key: key(KeyspaceId::on_disk(1), 1),
        sequence: 1,
        change: SlotChange::Delete,
        hides_removal: false,
        unit: 0,
    };
    let burst = || std::iter::repeat_n(change.clone(), 3 * MAX_KEPT_CHANGES);
    lists.drained.extend(burst());
    lists.batch.extend(burst());
    lists.removals.extend(burst());
    lists.clear();
    let capacities = [lists.drained.capacity(), lists.batch.capacity(), lists.removals.capacity()];
    assert!(capacities.iter().all(|kept| (1..=MAX_KEPT_CHANGES).contains(kept)), "{capacities:?}");
    let mut held = HeldWrites::default();
    held.begin(&mut Waiting::default(), None);
    held.add(&mut burst().collect(), &mut [], &[]);
    let limits = WriterLimits { max_changes: usize::MAX, ..limits() };
    held.fill(&mut Vec::new(), limits);
    assert!(held.take_done().is_empty());
    assert!((1..=MAX_KEPT_CHANGES).contains(&held.spare.capacity()), "{}", held.spare.capacity());
}
