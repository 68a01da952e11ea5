//! The messages that other threads send to the sweeper thread.

use crate::event::Event;
use crate::memory::evicted_values::EvictedValues;

#[derive(Debug)]
pub(crate) enum SweeperMessage {
    /// The clock has jumped, a sweep was planned for an earlier time, a fence or a lease at the server must
    /// be renewed, or the thread must end.
    Wake,
    Tell(Event),
    DropValues(EvictedValues),
}
