//! Tests of files that are lost between steps, or between the parts of a step: a caller that waits for values
//! gets `Ok` exactly if the new file has its values.

use super::values_on_disk::{MEDIUM, begun, damage};
use super::*;
use crate::disk::file::cache_file::ServiceState;
use crate::engine::writer::gather::Registered;
use crate::testing::volume::act::Act;
use crate::testing::volume::operation::{DiskOperation, Failure};

const GROUP: Acknowledge = Acknowledge::GroupWithValues { after: 0 };

impl Machine {
    fn lose_file(&self) {
        self.disk.act(Act::Unlink(PATH.into()));
    }

    /// Runs a step with a removal of a key that is stored nowhere, whose caller can't wait.
    fn step_with_removal(&mut self, other: Option<Command>) {
        self.remove(1_000);
        let (removal, removed) = commit(Acknowledge::Invalidation);
        self.step(other.into_iter().chain([removal]));
        assert!(removed.try_recv().unwrap().is_ok());
    }

    /// Stores a value, and returns the command of its caller, which is not sent yet.
    fn store_durably(&self, name: u16, len: usize) -> (Command, Answer) {
        let asked = commit(Acknowledge::Write { after: self.last_sequence() });
        self.store(name, len);
        asked
    }

    fn discards(&self) -> u64 {
        self.tiers.disk.status().discards
    }
}

/// The step that replaces the file ends early, so that a later one answers the caller.
#[test]
fn a_caller_that_a_later_step_answers_learns_that_its_file_was_discarded() {
    for kind in [WRITE, GROUP, Acknowledge::Flush] {
        let mut machine = Machine::new();
        let written = begun(&mut machine, kind);
        machine.lose_file();
        machine.step_with_removal(None);
        assert!(machine.writer.held.has_writes() && written.try_recv().is_err(), "{kind:?}: it ends early");
        machine.tiers.writer.forget_asked();
        machine.finish();
        assert_eq!((machine.on_disk(0), machine.discards()), (None, 1));
        assert!(written.try_recv().unwrap().is_err(), "{kind:?}");
    }
}

/// The step that answers the earlier flush also begins to write the values of the later one.
#[test]
fn a_flush_reports_what_was_lost_before_an_earlier_flush_was_answered_for_other_values() {
    let mut machine = Machine::new();
    for name in 0..3 {
        machine.store_idling(100 + name, 10);
    }
    machine.step([]);
    for name in 0..12 {
        machine.store(name, SMALL);
    }
    machine.tiers.writer.note_asked();
    let (flush, earlier) = commit(Acknowledge::Flush);
    machine.step([flush]);
    assert!(earlier.try_recv().is_err());
    // The stamps keep the step from ending when the values of the earlier flush are written.
    for name in 0..3 {
        machine.use_entry(100 + name);
    }
    for name in 20..40 {
        machine.store(name, SMALL);
    }
    let (flush, flushed) = commit(Acknowledge::Flush);
    machine.step([flush]);
    assert!(earlier.try_recv().unwrap().is_ok());
    assert!(machine.on_disk(20).is_some() && flushed.try_recv().is_err(), "some of its values are written");
    machine.lose_file();
    machine.tiers.writer.forget_asked();
    machine.finish();
    assert_eq!((machine.on_disk(20), flushed.try_recv().unwrap().is_err()), (None, true));
    let (flush, flushed) = commit(Acknowledge::Flush);
    machine.step([flush]);
    assert!(flushed.try_recv().unwrap().is_ok(), "a loss is reported once");
}

#[test]
fn a_flush_does_not_report_a_loss_that_an_earlier_flush_had_answered_for() {
    let mut machine = Machine::new();
    machine.store(1, SMALL);
    let (flush, flushed) = commit(Acknowledge::Flush);
    machine.step([flush]);
    assert!(flushed.try_recv().unwrap().is_ok());
    machine.lose_file();
    let (flush, flushed) = commit(Acknowledge::Flush);
    machine.step([flush]);
    assert_eq!((machine.on_disk(1), flushed.try_recv().unwrap().is_ok()), (None, true));
}

/// The value is committed before the writer takes the command of its caller, and the file is lost then.
#[test]
fn a_caller_whose_command_comes_after_the_loss_of_its_value_learns_of_it() {
    for has_removal in [false, true] {
        let mut machine = Machine::new();
        let (write, written) = machine.store_durably(1, SMALL);
        machine.step([]);
        assert!(machine.on_disk(1).is_some());
        machine.lose_file();
        if has_removal {
            machine.step_with_removal(Some(write));
        } else {
            machine.step([write]);
        }
        assert_eq!((machine.on_disk(1), machine.discards()), (None, 1));
        assert!(written.try_recv().unwrap().is_err());
        let (write, written) = machine.store_durably(1, SMALL);
        machine.step([write]);
        assert!(written.try_recv().unwrap().is_ok(), "a value that is stored after the loss");
    }
}

/// The value is given up before the writer takes the command of its caller.
#[test]
fn a_caller_whose_value_was_given_up_during_an_outage_learns_of_it() {
    for kind in ["write", "flush"] {
        let mut machine = Machine::new();
        machine.disk.fail_every(&DiskOperation::CHANGES, Failure::Io);
        let (write, written) = machine.store_durably(1, SMALL);
        machine.remove(1_000);
        let (removal, _) = commit(Acknowledge::Invalidation);
        machine.step([removal]);
        assert!(matches!(machine.writer.file.state(), ServiceState::Discarded { .. }));
        machine.disk.heal();
        machine.clock.advance(Duration::from_mins(10));
        machine.step([]);
        assert_eq!(machine.writer.file.state(), ServiceState::InService);
        let (command, answer) = if kind == "write" { (write, written) } else { commit(Acknowledge::Flush) };
        machine.step([command]);
        assert_eq!((machine.on_disk(1), answer.try_recv().unwrap().is_err()), (None, true), "{kind}");
    }
}

/// A value that is in memory only replaces a dirty value, so that no drain has it any more.
#[test]
fn a_caller_whose_value_was_replaced_during_an_outage_learns_of_it() {
    let mut machine = Machine::new();
    machine.disk.fail_every(&DiskOperation::CHANGES, Failure::Io);
    machine.remove(1_000);
    let (removal, _) = commit(Acknowledge::Invalidation);
    machine.step([removal]);
    // The room of this value was reserved before the outage.
    machine.tiers.memory.buffer().open();
    let (write, written) = machine.store_durably(1, SMALL);
    machine.tiers.memory.buffer().close();
    machine.store(1, SMALL);
    machine.disk.heal();
    machine.clock.advance(Duration::from_mins(10));
    machine.step([]);
    assert_eq!(machine.writer.file.state(), ServiceState::InService);
    machine.step([write]);
    assert_eq!((machine.on_disk(1), written.try_recv().unwrap().is_err()), (None, true));
}

#[test]
fn a_caller_whose_value_is_dirty_when_the_file_is_lost_finds_it_in_the_new_file() {
    let mut machine = Machine::new();
    machine.store(2, SMALL);
    machine.step([]);
    let (write, written) = machine.store_durably(1, SMALL);
    machine.lose_file();
    machine.step([write]);
    assert_eq!((machine.on_disk(2), machine.discards()), (None, 1));
    assert!(machine.on_disk(1).is_some() && written.try_recv().unwrap().is_ok());
}

/// Only some of the values of an earlier step were in the lost file. The later step is answered together with
/// it.
#[test]
fn the_caller_of_a_later_step_does_not_learn_of_the_losses_of_an_earlier_one() {
    let mut machine = Machine::new();
    let earlier = begun(&mut machine, WRITE);
    let (write, written) = machine.store_durably(50, SMALL);
    machine.lose_file();
    machine.step_with_removal(Some(write));
    machine.tiers.writer.forget_asked();
    machine.finish();
    assert_eq!((machine.on_disk(0), earlier.try_recv().unwrap().is_err()), (None, true));
    assert_eq!((machine.on_disk(50).is_some(), written.try_recv().unwrap().is_ok()), (true, true));
}

/// The file is lost at each operation of a step whose first part has only removals.
#[test]
fn removals_in_a_lost_file_are_no_loss_for_the_caller_of_a_value() {
    let mut renewed = 0;
    for at in 0..60 {
        let mut machine = Machine::new();
        for name in 0..9 {
            machine.store(name, SMALL);
        }
        machine.step([]);
        for name in 0..9 {
            machine.remove(name);
        }
        let number = machine.disk.operations().len() as u64 + at;
        machine.disk.act_at(number, Act::Unlink(PATH.into()));
        let (write, written) = machine.store_durably(50, SMALL);
        machine.step([write]);
        assert!(written.try_recv().unwrap().is_ok(), "operation {at}");
        assert!(machine.on_disk(50).is_some(), "operation {at}");
        renewed += machine.discards();
    }
    assert!(renewed > 0);
}

#[test]
fn closing_reports_the_values_that_a_verification_of_the_same_step_finds_lost() {
    for was_flushed in [false, true] {
        let mut machine = Machine::new();
        for name in 0..8 {
            machine.store(name, MEDIUM);
        }
        let (flush, _) = commit(Acknowledge::Flush);
        machine.step(was_flushed.then_some(flush));
        assert!(damage(&machine, MEDIUM));
        let (verify, verified) = bounded(1);
        let (close, closed) = bounded(1);
        machine.step([Command::Verify(Reply::Thread(verify)), Command::ShutDown(Reply::Thread(close))]);
        assert!(verified.try_recv().unwrap().unwrap().is_some(), "it finds the damage");
        assert_eq!(closed.try_recv().unwrap().is_ok(), was_flushed);
        drop(machine.writer);
        let again = crate::api::cache::Cache::builder().path(PATH).volume(&machine.disk);
        let again = again.clock(machine.clock).open().unwrap();
        let status = again.shared().tiers.disk.status();
        assert_eq!((status.entries, status.was_closed_cleanly), (0, true));
    }
}

#[test]
fn a_flush_commits_a_new_keyspace_although_a_sweep_shares_its_step() {
    for with_flush in [false, true] {
        let mut machine = Machine::new();
        let (reply, _registered) = bounded(1);
        let registration = Registration {
            name: "other".to_owned(),
            version: 0,
            shape: "u8".to_owned(),
            format: 0,
            fingerprint: 0,
            schema: None,
        };
        let register = Command::Register(registration, Reply::Thread(reply));
        let registered = machine.writer.register_at_once(register);
        assert!(matches!(registered, Registered::Answered { is_new: true }));
        let ((sweep, _swept), (flush, flushed)) = (bounded(1), commit(Acknowledge::Flush));
        let sweep = Command::Sweep(8, Reply::Thread(sweep));
        machine.step([sweep].into_iter().chain(with_flush.then_some(flush)));
        assert_eq!(flushed.try_recv().is_ok(), with_flush);
        assert_eq!(machine.writer.file.has_pending_registrations(), !with_flush);
    }
}
