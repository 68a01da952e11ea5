//! Tests of the writer's work between two steps, while values are held.

use super::values_on_disk::begun;
use super::*;
use crate::disk::file::cache_file::ServiceState;
use crate::testing::volume::act::Act;
use crate::testing::volume::operation::Failure;

impl Machine {
    /// Makes a removal of many entries, most of which are still in the file.
    fn with_pending_range() -> Self {
        let mut machine = Self::with_range_rows(1);
        for name in 100..200 {
            machine.store(name, SMALL);
        }
        machine.step([]);
        let (_, clear, cleared) = machine.clear();
        machine.step([clear]);
        assert!(cleared.try_recv().unwrap().is_ok());
        assert!(!machine.writer.file.ranges().is_empty());
        machine
    }

    /// Lets the writer do what it does between two steps, until it takes the next command.
    pub(super) fn work_between_steps(&mut self) {
        let (sender, commands) = unbounded();
        sender.send(Command::Wake).unwrap();
        assert!(matches!(self.writer.next_or_part(&commands, None), Ok(Command::Wake)));
    }
}

#[test]
fn a_held_value_waits_for_a_part_of_a_large_removal_at_the_most() {
    let mut machine = Machine::with_pending_range();
    for name in 200..209 {
        machine.store(name, LARGE);
    }
    machine.step([]);
    assert!(machine.writer.held.is_pending() && !machine.writer.file.ranges().is_empty());
    let entries = |machine: &Machine| machine.writer.file.store().unwrap().catalog.entries();
    let (_unused_sender, commands) = unbounded();
    let before = entries(&machine);
    assert!(matches!(machine.writer.next_or_part(&commands, None), Ok(Command::Hurry)));
    assert_eq!(entries(&machine), before - 1);
}

/// The next step ends early. Without its values, no caller of the failed step may be answered.
#[test]
fn callers_wait_for_their_values_after_a_failure_between_two_steps() {
    for kind in [WRITE, Acknowledge::GroupWithValues { after: 0 }, Acknowledge::Flush] {
        for is_lost in [false, true] {
            let mut machine = Machine::with_pending_range();
            let written = begun(&mut machine, kind);
            if is_lost {
                machine.disk.act(Act::Unlink(PATH.into()));
            } else {
                machine.disk.fail_once(machine.disk.operations().len() as u64, Failure::Io);
            }
            machine.work_between_steps();
            assert_ne!(machine.writer.file.state(), ServiceState::InService, "{kind:?} {is_lost}");
            machine.remove(1_000);
            let (removal, removed) = commit(Acknowledge::Invalidation);
            machine.step([removal]);
            assert!(removed.try_recv().unwrap().is_ok());
            assert!(machine.writer.held.has_writes(), "{kind:?} {is_lost}: it ends early");
            assert!(written.try_recv().is_err(), "{kind:?} {is_lost}: its caller waits");
            machine.tiers.writer.forget_asked();
            machine.finish();
            let answer = written.try_recv().unwrap();
            assert_eq!(answer.is_err(), is_lost, "{kind:?}");
            assert!(is_lost || (0..24).all(|name| machine.on_disk(name).is_some()), "{kind:?}");
        }
    }
}
