//! The open keyspaces: the state that the handles of one keyspace share, and the list of all open keyspaces.

pub(crate) mod counter_registry;
pub(crate) mod open_keyspace;
pub(crate) mod opening_turns;
pub(crate) mod registry;
