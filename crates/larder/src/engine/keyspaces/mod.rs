//! The keyspaces that are open: what the handles of one share, and the list of all.

pub(crate) mod counter_registry;
pub(crate) mod open_keyspace;
pub(crate) mod opening_turns;
pub(crate) mod registry;
