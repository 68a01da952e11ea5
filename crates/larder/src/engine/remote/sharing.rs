//! Which callers get the value of a load: all callers that wait for its flight, or the leader alone.

use crate::memory::epochs::EpochToken;

/// Which callers get the value of a load.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sharing {
    /// All waiting callers. Used for a load of this process alone, and for a load while the server does not
    /// answer.
    Always,
    /// All waiting callers, if the token still holds when the flight is detached.
    IfUnchanged(EpochToken),
    /// The leader alone.
    Never,
}
