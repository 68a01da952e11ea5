//! Tests of steps that end before all values are written, because a caller waits who needs none of them.

use super::*;
use crate::testing::volume::act::Act;

/// Stores three transactions of values.
fn store_three_parts(machine: &Machine) {
    for name in 0..24 {
        machine.store(name, SMALL);
    }
}

/// Returns the numbers of those of the first 60 keys that are on disk.
fn on_disk(machine: &Machine) -> Vec<u16> {
    (0..60).filter(|name| machine.on_disk(*name).is_some()).collect()
}

#[test]
fn an_invalidation_is_answered_after_one_transaction_of_the_values() {
    let mut machine = Machine::new();
    store_three_parts(&machine);
    machine.remove(30);
    let (removal, removed) = commit(Acknowledge::Invalidation);
    let (flush, flushed) = commit(Acknowledge::Flush);
    machine.step([flush, removal]);
    assert!(removed.try_recv().unwrap().is_ok(), "its removal is committed");
    assert!(machine.writer.held.has_writes() && flushed.try_recv().is_err(), "values are left");
    assert_eq!(machine.finish(), 1, "no caller waits for the next step, so it writes all of them");
    assert!(flushed.try_recv().unwrap().is_ok());
}

#[test]
fn a_step_ends_early_for_a_caller_that_it_has_not_taken() {
    let mut machine = Machine::new();
    store_three_parts(&machine);
    machine.tiers.writer.note_asked();
    machine.step([]);
    assert!(machine.writer.held.has_writes());
    machine.tiers.writer.forget_asked();
    assert_eq!(machine.finish(), 1);
}

/// Each step has a whole transaction of removals.
#[test]
fn invalidations_without_end_do_not_keep_values_from_the_file() {
    let mut machine = Machine::new();
    store_three_parts(&machine);
    let mut steps = 0;
    while steps == 0 || machine.writer.held.has_writes() {
        for name in 100..108 {
            machine.remove(name);
        }
        let (removal, removed) = commit(Acknowledge::Invalidation);
        machine.step([removal]);
        assert!(removed.try_recv().unwrap().is_ok());
        steps += 1;
        assert!(steps <= 4, "each step writes a transaction of values");
    }
}

#[test]
fn steps_that_wait_are_joined_in_the_order_of_the_keys_and_the_newest_value_of_a_key_stays() {
    let mut machine = Machine::new();
    store_three_parts(&machine);
    machine.tiers.writer.note_asked();
    let (first, first_done) = commit(WRITE);
    machine.step([first]);
    // Two steps wait while the first one is written. A transaction has room for eight values.
    let mut newest = 0;
    for names in [[57, 55, 53, 51, 59, 40], [58, 50, 54, 52, 56, 40]] {
        for name in names {
            newest = machine.store(name, SMALL);
        }
        machine.step([]);
    }
    assert!(first_done.try_recv().unwrap().is_ok());
    assert_eq!(on_disk(&machine), (0..24).collect::<Vec<_>>());
    machine.step([]);
    assert_eq!(on_disk(&machine)[24..], [40, 50, 51, 52, 53, 54, 55, 56], "of both steps");
    assert_eq!(machine.on_disk(40), Some(newest));
    machine.store(1, SMALL);
    machine.tiers.writer.forget_asked();
    machine.step([]);
    assert_eq!(on_disk(&machine)[32..], [57, 58, 59]);
    assert!(!machine.writer.held.has_writes());
}

#[test]
fn a_step_with_a_group_is_joined_with_no_other() {
    let mut machine = Machine::new();
    store_three_parts(&machine);
    machine.tiers.writer.note_asked();
    machine.step([]);
    machine.store(58, SMALL);
    machine.step([]);
    machine.store_group(&[59, 50], SMALL);
    machine.step([]);
    assert_eq!(on_disk(&machine), (0..24).collect::<Vec<_>>());
    machine.store(51, SMALL);
    machine.step([]);
    assert_eq!(on_disk(&machine)[24..], [58], "the group comes after it");
    machine.step([]);
    assert_eq!(on_disk(&machine)[24..], [50, 58, 59], "and before what was stored later");
}

#[test]
fn a_caller_learns_of_the_loss_of_a_value_that_was_written_with_the_removals() {
    let mut machine = Machine::new();
    machine.store(30, SMALL);
    machine.step([]);
    for name in 0..12 {
        machine.store(name, SMALL);
    }
    machine.tiers.writer.note_asked();
    machine.step([]);
    machine.remove(30);
    let newer = machine.store(30, SMALL);
    for name in 40..50 {
        machine.store(name, SMALL);
    }
    let (write, written) = commit(Acknowledge::Write { after: newer - 1 });
    machine.step([write]);
    assert_eq!((machine.on_disk(30), written.try_recv().is_err()), (Some(newer), true));
    machine.disk.act(Act::Unlink(PATH.into()));
    machine.finish();
    assert_eq!((machine.on_disk(30), written.try_recv().unwrap().is_err()), (None, true));
}
