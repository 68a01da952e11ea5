//! Tests of callers that wait for room in the write buffer.

use super::*;
use crate::disk::file::cache_file::ServiceState;
use crate::sys::sync::thread;
use crate::testing::volume::operation::Failure;

/// The step that holds a value back takes the request for room. The disk fails in a later step, for which no
/// caller has asked.
#[test]
fn a_caller_that_waits_for_room_ends_an_outage_that_begins_in_a_later_step() {
    let mut machine = Machine::new();
    machine.fill();
    machine.store(1, LARGE);
    let buffer = machine.tiers.memory.buffer().clone();
    let _rest = buffer.reserve(buffer.capacity() - buffer.used(), || ()).unwrap();
    let state = thread::scope(|scope| {
        let waiter = scope.spawn(|| buffer.reserve(1, || ()).is_none());
        while !buffer.has_waiters() {
            thread::yield_now();
        }
        machine.step([Command::Full]);
        assert!(machine.writer.held.is_pending(), "the value is held");
        machine.disk.fail_from(machine.disk.operations().len() as u64, Failure::Io);
        machine.step([]);
        let state = machine.writer.file.state();
        buffer.close();
        assert!(waiter.join().unwrap());
        state
    });
    assert!(matches!(state, ServiceState::Discarded { .. }), "{state:?}");
}
