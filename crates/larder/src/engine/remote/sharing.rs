//! Which callers get the value of a load: all callers that wait for its flight, or only the leader.

use crate::memory::epochs::EpochToken;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Sharing {
    /// All waiting callers, because no other machine shares the keyspace, or because the server has
    /// confirmed that the key was not changed.
    Always,
    /// All waiting callers, if the server is still unreachable after the flight was detached: the connection
    /// still has this generation, and memory is not valid.
    IfUnheard(u64),
    /// All waiting callers, if the token and memory are valid after the flight was detached.
    IfUnchanged(EpochToken),
    Never,
}
