//! What all handles of a cache share: both tiers together, and the threads that serve them.

pub(crate) mod flights;
pub(crate) mod lookup;
pub(crate) mod open_keyspace;
pub(crate) mod removal;
mod removal_count;
pub(crate) mod service_thread;
pub(crate) mod shared;
mod statistics;
pub(crate) mod sweeper;
pub(crate) mod tiers;
pub(crate) mod verify;
pub(crate) mod writer;
mod writer_metrics;
