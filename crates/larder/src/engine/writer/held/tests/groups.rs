//! Tests that a group of values is committed in one transaction, even if its keys change before the commit.

use super::{LARGE, Machine, SMALL, commit};
use crate::engine::writer::command::Acknowledge;
use crate::testing::volume::operation::Failure;

/// Returns the keys of a group that exceeds the limits of a transaction.
fn names() -> Vec<u16> {
    (1..=12).collect()
}

fn commits(machine: &Machine) -> u64 {
    machine.tiers.disk.status().commits
}

fn found(machine: &Machine, names: &[u16]) -> Vec<Option<u64>> {
    names.iter().map(|name| machine.on_disk(*name)).collect()
}

#[test]
fn a_group_that_is_larger_than_a_transaction_has_one_of_its_own() {
    let mut machine = Machine::new();
    for name in 20..25 {
        machine.store(name, SMALL);
    }
    let sequences = machine.store_group(&names(), SMALL);
    for name in 30..35 {
        machine.store(name, SMALL);
    }
    let before = commits(&machine);
    machine.step([]);
    assert_eq!(commits(&machine), before + 3, "the group, eight values, and two values");
    assert_eq!(found(&machine, &names()), sequences.into_iter().map(Some).collect::<Vec<_>>());
}

#[test]
fn a_newer_value_of_a_key_is_committed_with_the_group() {
    let mut machine = Machine::new();
    let sequences = machine.store_group(&names(), SMALL);
    let newer = machine.store(12, SMALL);
    let before = commits(&machine);
    machine.step([]);
    assert_eq!(commits(&machine), before + 1);
    let newest = sequences[..11].iter().copied().chain([newer]).map(Some);
    assert_eq!(found(&machine, &names()), newest.collect::<Vec<_>>());
}

#[test]
fn groups_that_share_a_key_are_committed_together() {
    let mut machine = Machine::new();
    machine.store_group(&[1, 2, 3, 4], SMALL);
    machine.store_group(&[9, 10, 11, 12], SMALL);
    machine.store_group(&[4, 5, 9], SMALL);
    machine.store_group(&[20, 21, 22, 23], SMALL);
    let before = commits(&machine);
    machine.step([]);
    assert_eq!(commits(&machine), before + 2, "nine values of three groups, and one group");
}

#[test]
fn a_removal_that_a_group_has_replaced_is_made_before_it() {
    let mut machine = Machine::new();
    for name in names() {
        machine.store(name, SMALL);
    }
    machine.step([]);
    machine.remove(3);
    machine.remove(5);
    let sequences = machine.store_group(&names(), SMALL);
    let (wait, removed) = commit(Acknowledge::Invalidation);
    let before = commits(&machine);
    machine.step([wait]);
    assert!(removed.try_recv().unwrap().is_ok());
    assert_eq!(commits(&machine), before + 2, "both removals, and then the group");
    assert_eq!(found(&machine, &names()), sequences.into_iter().map(Some).collect::<Vec<_>>());
    assert_eq!(machine.tiers.memory.buffer().used(), 0, "all are clean");
}

#[test]
fn a_removed_key_leaves_its_group_and_the_others_stay_together() {
    let mut machine = Machine::new();
    let sequences = machine.store_group(&names(), SMALL);
    machine.remove(1);
    let before = commits(&machine);
    machine.step([]);
    assert_eq!(commits(&machine), before + 2, "the removal, and then the group");
    let rest = [None].into_iter().chain(sequences[1..].iter().copied().map(Some));
    assert_eq!(found(&machine, &names()), rest.collect::<Vec<_>>());
}

/// Checks that a group that must wait for evictions is committed as a whole. Meanwhile one of its keys is
/// overwritten, and another one is removed.
#[test]
fn a_group_that_waits_for_room_waits_as_a_whole() {
    let mut machine = Machine::new();
    machine.fill();
    let names = [1, 2, 3, 4];
    machine.store_group(&names, LARGE);
    machine.step([]);
    assert!(machine.writer.held.has_writes(), "it is held");
    machine.remove(2);
    machine.store(4, SMALL);
    let mut steps = 0;
    while machine.writer.held.is_pending() {
        let others = found(&machine, &[1, 3, 4]).into_iter().flatten().count();
        assert!(others == 0 || others == 3, "after {steps} steps: {:?}", found(&machine, &names));
        machine.step([]);
        steps += 1;
    }
    assert!(steps > 1, "it waited");
    assert_eq!(found(&machine, &names).into_iter().flatten().count(), 3);
    assert!(machine.on_disk(2).is_none());
}

/// Checks that the group is committed as a whole, whichever of the disk's operations fails once.
#[test]
fn a_group_whose_commit_failed_is_committed_as_a_whole() {
    for at in 0..60 {
        let mut machine = Machine::new();
        for name in names() {
            machine.store(name, SMALL);
        }
        machine.step([]);
        let disk = machine.disk.clone();
        disk.fail_once(disk.operations().len() as u64 + at, Failure::Io);
        machine.store(20, SMALL);
        let sequences = machine.store_group(&names(), SMALL);
        machine.remove(12);
        let newer = machine.store(12, SMALL);
        for _ in 0..3 {
            let (wait, _answer) = commit(Acknowledge::Invalidation);
            machine.step([wait]);
            let found = found(&machine, &names());
            let is_whole =
                found[..11].iter().zip(&sequences).all(|(found, sequence)| *found == Some(*sequence));
            let has_none =
                found[..11].iter().zip(&sequences).all(|(found, sequence)| *found != Some(*sequence));
            assert!(is_whole || has_none, "operation {at}: {found:?}");
            assert!(!is_whole || found[11] == Some(newer), "operation {at}: {found:?}");
            disk.heal();
        }
    }
}
