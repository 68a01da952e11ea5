//! The messages that other threads send to the sweeper.

use crate::event::Event;
use crate::memory::evicted_values::EvictedValues;

/// A message that wakes the sweeper.
#[derive(Debug)]
pub(crate) enum SweeperMessage {
    /// The time, or the next expiry, has changed.
    Wake,
    /// Calls the application's listener with an event.
    Tell(Event),
    /// Drops values that the writer must not drop, because a user's `Drop` may wait for the writer.
    DropValues(EvictedValues),
}
