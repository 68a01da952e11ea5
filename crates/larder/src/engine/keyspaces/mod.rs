//! The open keyspaces: the state that all handles of a keyspace share, and the list of all open keyspaces.

pub(super) mod counter_registry;
pub(crate) mod open_keyspace;
mod opening_turns;
pub(crate) mod registry;
pub(crate) mod typed_changes;
