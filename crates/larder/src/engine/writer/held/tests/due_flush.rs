//! Tests of the wait of the writer for its next command.

use super::*;
use crate::sys::clock::Deadline;

/// After a step that has answered callers, the writer looks for their next commands for a moment. A command
/// that has arrived shows whether it looks.
#[test]
fn a_flush_that_is_due_does_not_wait_for_the_commands_of_other_callers() {
    let mut machine = Machine::new();
    machine.writer.companions = 1;
    let (commands, inbox) = unbounded::<Command>();
    let looks = |flush| {
        commands.send(Command::Wake).unwrap();
        let has_looked = machine.writer.next_soon(&inbox, flush).is_some();
        assert_eq!(inbox.try_recv().is_err(), has_looked, "it takes what it finds");
        has_looked
    };
    let in_time = |time| Some(Deadline::after(time));
    assert!(!looks(in_time(Duration::ZERO)), "the flush is due");
    assert!(looks(None) && looks(in_time(Duration::from_hours(1))), "no flush is due");
}
