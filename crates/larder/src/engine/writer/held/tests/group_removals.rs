//! Tests of groups with values and removals, as a transaction creates them: a group is committed as a
//! whole, and its caller gets the right answer.

use super::{Answer, LARGE, Machine, PATH, SMALL, WRITE, commit};
use crate::disk::file::cache_file::ServiceState;
use crate::engine::writer::command::Acknowledge;
use crate::error::Error;
use crate::memory::buffer::BufferRoom;
use crate::memory::entry::{IncomingEntry, Unsaved};
use crate::memory::evicted_values::EvictedValues;
use crate::memory::grace::Grace;
use crate::memory::group::Group;
use crate::memory::group_publication::{GroupChange, GroupConditions};
use crate::memory::weight::Weight;
use crate::sys::sync::Arc;
use crate::testing::volume::act::Act;
use crate::testing::volume::operation::Failure;
use crate::units::Timestamp;
use std::time::Duration;

impl Machine {
    pub(super) fn change_group(&self, stored: &[u16], len: usize, removed: &[u16]) {
        self.clock.advance(Duration::from_millis(1));
        let (memory, now) = (&self.tiers.memory, self.tiers.time.now());
        let keys: Vec<_> = stored.iter().chain(removed).map(|name| self.key(*name)).collect();
        let bytes = (stored.len() * len + keys.len()) as u64;
        let mut room = memory.buffer().reserve(bytes, || ()).unwrap();
        let group = Arc::new(Group::new(keys.clone(), room.split_off(keys.len() as u64)));
        let put = |room: BufferRoom| {
            let unsaved = Unsaved::uncompressed(vec![7; len], Weight::of(len as u64), now, room);
            let unsaved = Some(Arc::new(Unsaved { group: Some(group.clone()), ..unsaved }));
            let (value, weight) = (Some(Arc::new(0_u16) as _), Weight::of(len as u64));
            let expires_at = now.after(Duration::from_hours(1));
            GroupChange::Put(IncomingEntry {
                value,
                expires_at,
                grace: Grace::NONE,
                weight,
                unsaved,
                extras: None,
            })
        };
        let mut changes: Vec<_> = keys
            .iter()
            .enumerate()
            .map(|(at, key)| {
                let change = if at < stored.len() {
                    put(room.split_off(len as u64))
                } else {
                    GroupChange::Remove { group: Some(group.clone()), is_saved: true }
                };
                (memory.key(key), change)
            })
            .collect();
        let conditions = GroupConditions { now: &|| Timestamp::ZERO, is_current: &|| false };
        memory.publish_group(&[], &mut changes, conditions, &mut EvictedValues::default()).unwrap();
    }

    fn commits(&self) -> u64 {
        self.tiers.disk.status().commits
    }

    fn is_on_disk(&self, names: &[u16]) -> Vec<bool> {
        names.iter().map(|name| self.on_disk(*name).is_some()).collect()
    }
}

fn machine_with(names: &[u16]) -> Machine {
    let mut machine = Machine::new();
    for name in names {
        machine.store(*name, SMALL);
    }
    machine.step([]);
    machine
}

#[test]
fn the_removals_of_a_group_are_committed_with_its_values() {
    let mut machine = machine_with(&[1, 2, 3]);
    machine.change_group(&[4, 5], SMALL, &[1, 2]);
    machine.remove(3);
    let (wait, answer) = commit(Acknowledge::Group);
    let before = machine.commits();
    machine.step([wait]);
    assert_eq!(machine.commits(), before + 1, "all of these changes fit into one transaction");
    assert!(answer.try_recv().unwrap().is_ok());
    assert_eq!(machine.is_on_disk(&[1, 2, 3, 4, 5]), [false, false, false, true, true]);
    assert_eq!(machine.tiers.memory.buffer().used(), 0);
    machine.tiers.memory.validate();
}

/// Checks that the removals of other calls are committed before a group that exceeds the limits of a
/// transaction.
#[test]
fn a_large_group_with_removals_has_a_transaction_of_its_own() {
    let old: Vec<u16> = (1..=8).collect();
    let mut machine = machine_with(&old);
    machine.change_group(&[20, 21, 22, 23], SMALL, &old[..6]);
    machine.remove(8);
    let before = machine.commits();
    machine.step([]);
    assert_eq!(machine.commits(), before + 2, "the removal, and then the group");
    assert!(machine.is_on_disk(&old[..6]).iter().all(|is_there| !is_there));
    assert_eq!(machine.is_on_disk(&[7, 8, 20, 23]), [true, false, true, true]);
}

/// Checks that a removal that another caller waits for is made immediately, even while the group waits for
/// room.
#[test]
fn a_removal_that_a_removal_of_a_group_has_replaced_is_made_before_it() {
    let mut machine = Machine::new();
    machine.fill();
    machine.remove(398);
    machine.change_group(&[1, 2], LARGE, &[398, 399]);
    let (wait, removed) = commit(Acknowledge::Invalidation);
    let (wait_for_group, changed) = commit(Acknowledge::Group);
    machine.step([wait, wait_for_group]);
    assert!(removed.try_recv().unwrap().is_ok() && changed.try_recv().is_err());
    assert_eq!(machine.is_on_disk(&[1, 2, 398, 399]), [false, false, false, true], "the group is held");
    machine.finish();
    assert!(changed.try_recv().unwrap().is_ok());
    assert_eq!(machine.is_on_disk(&[1, 2, 398, 399]), [true, true, false, false]);
}

/// Checks that a group that must wait for evictions is committed as a whole. Meanwhile one of its removals is
/// overwritten, and one of its values is removed.
#[test]
fn a_group_with_removals_waits_for_room_as_a_whole() {
    let mut machine = Machine::new();
    machine.fill();
    let wait_for = |machine: &mut Machine| -> Answer {
        let (wait, answer) = commit(Acknowledge::Group);
        machine.step([wait]);
        answer
    };
    machine.change_group(&[1, 2, 3], LARGE, &[397, 398, 399]);
    let answer = wait_for(&mut machine);
    assert!(answer.try_recv().is_err() && machine.writer.held.has_writes(), "it is held");
    assert_eq!(machine.is_on_disk(&[1, 2, 3, 397, 398, 399]), [false, false, false, true, true, true]);
    machine.store(398, SMALL);
    machine.remove(2);
    let mut steps = 0;
    while machine.writer.held.is_pending() {
        let found = machine.is_on_disk(&[1, 3, 397, 399]);
        let is_whole = found == [true, true, false, false] || found == [false, false, true, true];
        assert!(is_whole, "after {steps} steps: {found:?}");
        machine.step([]);
        steps += 1;
    }
    assert!(steps > 1 && answer.try_recv().unwrap().is_ok());
    assert_eq!(machine.is_on_disk(&[1, 2, 3, 397, 398, 399]), [true, false, true, false, true, false]);
    machine.tiers.memory.validate();
}

/// Checks that the whole group is on disk when its caller is answered, whichever of the disk's operations
/// fails.
#[test]
fn a_group_with_removals_whose_commit_failed_is_committed_as_a_whole() {
    let old: Vec<u16> = (1..=6).collect();
    for at in 0..60 {
        let mut machine = machine_with(&old);
        let disk = machine.disk.clone();
        disk.fail_once(disk.operations().len() as u64 + at, Failure::Io);
        machine.change_group(&[11, 12], SMALL, &old[..4]);
        let (wait, answer) = commit(Acknowledge::Group);
        machine.step([wait]);
        let removed = machine.is_on_disk(&old[..4]);
        let stored = machine.is_on_disk(&[11, 12]);
        assert!(answer.try_recv().unwrap().is_ok(), "operation {at}: it cannot wait for the disk");
        assert_eq!((removed, stored), (vec![false; 4], vec![true; 2]), "operation {at}");
        machine.tiers.memory.validate();
    }
}

/// Checks that a group of removals succeeds if and only if a restart would find nothing, and that a write
/// fails.
#[test]
fn a_group_with_removals_is_answered_while_the_disk_is_gone() {
    let mut machine = machine_with(&[1, 2]);
    machine.disk.fail_from(0, Failure::Io);
    machine.change_group(&[3], SMALL, &[1, 2]);
    let (wait, answer) = commit(Acknowledge::Group);
    let (wait_for_write, written) = commit(WRITE);
    machine.step([wait, wait_for_write]);
    let answered = answer.try_recv().unwrap();
    assert_eq!(answered.is_ok(), machine.writer.file.leaves_nothing());
    assert!(written.try_recv().unwrap().is_err(), "a write is not durable then");
    machine.disk.heal();
}

/// Another program removes the file at one of the disk's operations. Checks for each operation that a
/// restart finds the values if the caller got `Ok`. The step has several parts, so some parts may already
/// be committed.
#[test]
fn the_values_of_a_group_with_removals_are_on_disk_or_reported_as_lost() {
    let old: Vec<u16> = (1..=6).collect();
    let mut lost = 0;
    for at in 0..100 {
        let mut machine = machine_with(&old);
        let number = machine.disk.operations().len() as u64 + at;
        machine.disk.act_at(number, Act::Unlink(PATH.into()));
        let (wait, answer) = commit(Acknowledge::GroupWithValues { after: machine.last_sequence() });
        machine.change_group(&[11, 12], SMALL, &old[..4]);
        for name in 20..50 {
            machine.store(name, SMALL);
        }
        let (wait_for_removals, removed) = commit(Acknowledge::Group);
        machine.step([wait, wait_for_removals]);
        assert_eq!(machine.is_on_disk(&old[..4]), [false; 4], "operation {at}");
        assert!(removed.try_recv().unwrap().is_ok(), "operation {at}: a restart finds no removed entry");
        let is_stored = machine.is_on_disk(&[11, 12]) == [true; 2];
        match answer.try_recv().unwrap() {
            Ok(()) => assert!(is_stored, "operation {at}"),
            Err(Error::NotDurable { .. }) => {
                assert!(!is_stored, "operation {at}");
                lost += 1;
            }
            Err(error) => panic!("operation {at}: {error}"),
        }
        machine.tiers.memory.validate();
    }
    assert!(lost > 0, "the file went away after the part of the group");
}

/// Checks that a group with values does not wait for the disk to work again, and is not durable while there
/// is no file.
#[test]
fn a_group_with_values_is_not_durable_while_the_disk_is_gone() {
    let mut machine = machine_with(&[1, 2]);
    machine.disk.fail_from(0, Failure::Io);
    machine.change_group(&[3], SMALL, &[1, 2]);
    let (wait, answer) = commit(Acknowledge::GroupWithValues { after: 0 });
    machine.step([wait]);
    assert!(matches!(answer.try_recv().unwrap(), Err(Error::NotDurable { .. })));
    assert!(!matches!(machine.writer.file.state(), ServiceState::Suspended), "the removals cannot wait");
    machine.disk.heal();
}
