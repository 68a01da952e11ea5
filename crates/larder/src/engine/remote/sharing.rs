//! Which callers get the value of a load: those that wait for its flight, or the leader alone.

use crate::memory::epochs::EpochToken;

/// Which callers get the value of a load.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sharing {
    /// All that wait. Of a load in this process alone, and of a load while the server does not answer.
    Always,
    /// All that wait, if the token holds when the flight is detached.
    IfUnchanged(EpochToken),
    /// The leader alone.
    Never,
}
