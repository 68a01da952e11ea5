//! The engine that all handles of a cache share: both tiers, and the threads that serve them.
//!
//! - A lookup searches memory, then the snapshot of the disk ([`lookup`]). It copies a value found on disk
//!   into memory ([`promotion`]).
//! - A removal inserts a tombstone in memory ([`tombstone`], [`removal`]) and waits for the writer's commit.
//! - A change of an entry by a closure is published only if no other change came first. Callers that lose too
//!   many rounds take [`turns`].
//! - Concurrent loads of one key share a flight ([`flights`]).
//! - Several machines share a cache over a server ([`remote`]).
//! - The [`writer`] commits. The [`sweeper`] deletes expired entries.

mod capacity;
mod closing;
pub(crate) mod closure_keys;
pub(crate) mod disk_tier;
pub(crate) mod flights;
pub(crate) mod group;
mod idle;
pub(crate) mod keyspaces;
pub(crate) mod load_pool;
#[cfg(feature = "async")]
pub(crate) mod load_tasks;
pub(crate) mod lookup;
#[cfg(feature = "async")]
pub(crate) mod pending_changes;
pub(crate) mod promotion;
pub(crate) mod remote;
pub(crate) mod removal;
mod removal_count;
mod room;
pub(crate) mod service_thread;
pub(crate) mod shared;
mod statistics;
mod store_opening;
pub(crate) mod sweeper;
pub(crate) mod threads;
pub(crate) mod tiers;
mod tombstone;
mod totals;
pub(crate) mod turns;
pub(crate) mod verify;
pub(crate) mod writer;
mod writer_metrics;
