//! Tests that a caller who waits for a value on disk is not answered with `Ok` when no file has the value.

use super::*;
use crate::testing::volume::act::Act;

/// A length of values of which few fit into a page. So a later transaction leaves most pages of an earlier
/// one as they are.
pub(super) const MEDIUM: usize = 1_000;

/// Stores three transactions of values, and commits the first one. Returns the answer of their caller.
pub(super) fn begun(machine: &mut Machine, kind: Acknowledge) -> Answer {
    for name in 0..24 {
        machine.store(name, MEDIUM);
    }
    let (write, written) = commit(kind);
    machine.tiers.writer.note_asked();
    machine.step([write]);
    assert!(machine.writer.held.has_writes() && written.try_recv().is_err());
    written
}

/// Changes a byte of each value of a length in the file of the cache. Returns whether there are any.
pub(super) fn damage(machine: &Machine, len: usize) -> bool {
    let Some(mut file) = machine.disk.read(PATH) else { return false };
    let pattern = vec![7; len];
    let values: Vec<_> =
        (0..file.len().saturating_sub(len)).filter(|at| file[*at..].starts_with(&pattern)).collect();
    for at in &values {
        file[*at] = 8;
    }
    if !values.is_empty() {
        machine.disk.act(Act::Overwrite(PATH.into(), file));
    }
    !values.is_empty()
}

#[test]
fn values_in_a_file_that_verify_finds_damaged_are_reported_to_their_caller() {
    let mut machine = Machine::new();
    let written = begun(&mut machine, WRITE);
    assert!(damage(&machine, MEDIUM));
    let (reply, verified) = bounded(1);
    machine.step([Command::Verify(Reply::Thread(reply))]);
    assert!(verified.try_recv().unwrap().unwrap().is_some(), "it finds the damage");
    machine.tiers.writer.forget_asked();
    machine.finish();
    assert!(written.try_recv().unwrap().is_err(), "the new file lacks the first of the values");
    assert_eq!(machine.on_disk(0), None);
    let (write, written) = commit(Acknowledge::Write { after: machine.last_sequence() });
    machine.store(1, SMALL);
    machine.step([write]);
    assert!(written.try_recv().unwrap().is_ok(), "the next caller lacks nothing");
}

#[test]
fn a_flush_reports_a_lost_value_that_had_replaced_a_removal() {
    let mut machine = Machine::new();
    machine.store(1, SMALL);
    let (flush, _) = commit(Acknowledge::Flush);
    machine.step([flush]);
    machine.remove(1);
    machine.store(1, SMALL);
    let (removal, removed) = commit(Acknowledge::Invalidation);
    machine.step([removal]);
    assert!(removed.try_recv().unwrap().is_ok() && machine.on_disk(1).is_some());
    machine.disk.act(Act::Unlink(PATH.into()));
    let (flush, flushed) = commit(Acknowledge::Flush);
    machine.step([flush]);
    machine.finish();
    assert_eq!((machine.on_disk(1), flushed.try_recv().unwrap().is_err()), (None, true));
}

#[test]
fn a_step_that_gave_no_value_to_a_transaction_is_not_begun() {
    let machine = Machine::new();
    let (mut held, mut evicted_values) = (super::super::HeldWrites::default(), EvictedValues::default());
    for name in 0..9 {
        machine.store(name, SMALL);
    }
    let mut writes = machine.tiers.memory.drain(machine.tiers.time.now(), &mut evicted_values);
    let mut full = writes.split_off(1);
    held.begin(&mut Waiting::default(), None);
    held.add(&mut writes, &mut [], &[]);
    let group = held.fill(&mut full, limits());
    assert_eq!((full.len(), group), (8, None));
    held.committed(group);
    assert!(!held.groups[0].is_begun);
}

/// While the writer commits a removal that a held value hides, a group replaces the value.
#[test]
fn a_caller_of_a_held_value_waits_for_the_group_that_replaces_it_during_the_commit() {
    let mut replaced = 0;
    for reading in 0..8 {
        let manual = Arc::new(ManualClock::new());
        let watched = Arc::new(WatchedClock { manual: manual.clone(), on_reading: Mutex::default() });
        let mut machine = Machine::with_clock(RANGE_ROWS, manual, watched.clone());
        machine.fill();
        machine.remove(399);
        let first = machine.store(399, LARGE);
        let (removal, _) = commit(Acknowledge::Invalidation);
        let (write, written) = commit(WRITE);
        let (tiers, keys, mut readings) = (machine.tiers.clone(), [machine.key(399), machine.key(500)], 0);
        *watched.on_reading.lock() = Some(Box::new(move || {
            if readings == reading {
                store(&tiers, &keys[1], SMALL);
                store_group(&tiers, &keys, LARGE / 2);
            }
            readings += 1;
        }));
        machine.step([removal, write]);
        watched.on_reading.lock().take();
        for _ in 0..50 {
            if let Ok(answer) = written.try_recv() {
                assert!(answer.is_ok());
                let found = machine.on_disk(399);
                assert!(found.is_some(), "reading {reading}: neither the value nor the group is on disk");
                replaced += usize::from(found > Some(first));
                break;
            }
            machine.step([]);
        }
        machine.finish();
    }
    assert!(replaced > 0);
}
