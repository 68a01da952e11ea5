//! The messages that other threads send to the sweeper thread.

use crate::event::Event;
use crate::memory::evicted_values::EvictedValues;

#[derive(Debug)]
pub(crate) enum SweeperMessage {
    /// The clock has jumped, an earlier sweep was planned, or the thread must end.
    Wake,
    /// Call the application's listener with this event.
    Tell(Event),
    /// Drop these values.
    DropValues(EvictedValues),
}
