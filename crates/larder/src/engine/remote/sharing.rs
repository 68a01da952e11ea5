//! Which callers get the value of a load: all callers that wait for its flight, or the leader alone.

use crate::memory::epochs::EpochToken;

/// Which callers get the value of a load.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sharing {
    /// All that wait. Of a load in this process alone.
    Always,
    /// All that wait, if the server has not been heard since: its connection has this generation, as before
    /// the question that had no answer, and memory is not valid.
    IfUnheard(u64),
    /// All that wait, if the token holds when the flight is detached.
    IfUnchanged(EpochToken),
    /// The leader alone.
    Never,
}
