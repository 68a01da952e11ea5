//! Tests of the wait of the writer for its next command.

use super::*;
use crate::engine::writer::gather::MAX_LOOKING;
use crate::sys::clock::Deadline;
use crate::sys::sync::channel::RecvTimeoutError;

/// After a step that has answered callers, the writer looks for their next commands for a moment. The test
/// measures this moment, so a single call that ends earlier is enough.
#[test]
fn a_flush_that_is_due_does_not_wait_for_the_commands_of_other_callers() {
    let mut machine = Machine::new();
    machine.writer.companions = 1;
    let (_commands, inbox) = unbounded::<Command>();
    let ends_early = |flush| {
        let look = Deadline::after(MAX_LOOKING);
        let next = machine.writer.next(&inbox, Some(flush));
        assert!(matches!(next, Err(RecvTimeoutError::Timeout)), "{next:?}");
        !look.is_over()
    };
    let due = Deadline::after(Duration::ZERO);
    assert!((0..1_000).any(|_| ends_early(due)), "each call has looked for commands before the flush");
    assert!(!ends_early(Deadline::after(100 * MAX_LOOKING)), "this flush is not due yet");
}
