//! The engine that all handles of a cache share: the tiers, and the threads of the cache.
//!
//! - A lookup searches memory, and then the snapshot of the disk ([`lookup`]) or the server ([`remote`]). A
//!   value found there can be copied into memory ([`promotion`]).
//! - A removal from the file inserts a tombstone for its key or its range in memory ([`tombstone`],
//!   [`removal`]), and is then committed.
//! - An atomic change is published only if no other change of its keys came first. Callers that lose too many
//!   rounds take [`turns`].
//! - Concurrent loads of the same key share a flight ([`flights`]).
//! - Several machines can share a cache through a server ([`remote`]).
//! - The [`writer`] thread commits changes. The [`sweeper`] thread deletes expired entries.

pub(crate) mod absent_keys;
mod capacity;
mod closing;
pub(crate) mod closure_keys;
mod disk_tier;
pub(crate) mod flights;
pub(crate) mod group;
mod idle;
pub(crate) mod keyspaces;
pub(crate) mod load_pool;
#[cfg(feature = "async")]
pub(crate) mod load_tasks;
pub(crate) mod lookup;
#[cfg(feature = "async")]
mod pending_changes;
pub(crate) mod promotion;
pub(crate) mod remote;
pub(crate) mod removal;
mod removal_count;
mod room;
pub(crate) mod service_thread;
pub(crate) mod shared;
mod statistics;
mod store_opening;
pub(crate) mod stored_record;
pub(crate) mod sweeper;
pub(crate) mod threads;
pub(crate) mod tiers;
mod tombstone;
mod totals;
pub(crate) mod turns;
pub(crate) mod verify;
pub(crate) mod writer;
mod writer_metrics;
