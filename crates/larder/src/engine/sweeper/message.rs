//! The messages that other threads send to the sweeper thread.

use crate::event::Event;
use crate::memory::evicted_values::EvictedValues;

#[derive(Debug)]
pub(crate) enum SweeperMessage {
    /// The clock has jumped, an earlier sweep was planned, a fence was raised, or the thread must end.
    Wake,
    Tell(Event),
    DropValues(EvictedValues),
}
