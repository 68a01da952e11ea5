//! Locks, atomics, threads, the channel and the seeds of hashing. They come from nowhere else.
//!
//! Every other module imports them from here, so that a model checker can replace them and drive the real
//! protocol instead of a copy. The model checker is [shuttle](https://docs.rs/shuttle). `RUSTFLAGS="--cfg
//! shuttle"` chooses it, which no normal build does. `native` and `model` offer the same names. Every
//! operation whose result depends on the order of two threads goes through one of them. See
//! `tests/interleavings`.

pub(crate) mod failpoint;
#[cfg(shuttle)]
mod model;
#[cfg(not(shuttle))]
mod native;

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

/// A number for people. Nothing depends on it, so the model checker need not try the orders around it.
pub(crate) use std::sync::atomic::AtomicU64 as StatisticU64;

/// A lock that no thread waits for, because only a forked child takes it exclusively. So the model checker
/// need not try the orders around it.
pub(crate) use parking_lot::RwLock as UncontendedRwLock;
