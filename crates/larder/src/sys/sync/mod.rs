//! Locks, atomics, threads, the channel and the seeds of hashing: the only place they come from.
//!
//! Every other module imports them from here, so that a model checker takes their place and drives the real
//! protocol instead of a copy of it. That is [shuttle](https://docs.rs/shuttle), chosen by `RUSTFLAGS="--cfg
//! shuttle"` and never in a normal build:
//! `native` and `model` offer the same names, and whatever may come out one way or another between two
//! threads goes through one of them. See `tests/interleavings`.

#[cfg(shuttle)]
mod model;
#[cfg(not(shuttle))]
mod native;
pub(crate) mod planted;

#[cfg(shuttle)]
use model as primitives;
#[cfg(not(shuttle))]
use native as primitives;

#[cfg(shuttle)]
pub use model::channel::pass_time;
pub(crate) use primitives::{
    AtomicBool, AtomicSnapshot, AtomicU8, AtomicU64, AtomicUsize, Condvar, Mutex, RwLock, RwLockReadGuard,
    RwLockWriteGuard, channel, hash_seeds, process_static, thread,
};
pub(crate) use std::sync::Arc;
pub(crate) use std::sync::atomic::Ordering;

/// A number for people: nothing is decided by it, so the model checker need not try what happens around it.
pub(crate) use std::sync::atomic::AtomicU64 as StatisticU64;

/// A lock that no thread waits for, because only a forked child takes it exclusively: the model checker need
/// not try what happens around it.
pub(crate) use parking_lot::RwLock as UncontendedRwLock;
