//! Locks, atomics, threads, the channel and hash seeds.
//!
//! Every other module imports these items from here, so that a model checker can replace them. Then it runs
//! the real protocol instead of a copy. The model checker is [shuttle](https://docs.rs/shuttle), used in a
//! build with `RUSTFLAGS="--cfg shuttle"`. `native` and `model` export the same names. Every operation whose
//! result depends on the order of two threads must use these names. See `tests/interleavings`.

#[cfg(feature = "async")]
pub(crate) mod completion;
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
#[cfg(shuttle)]
pub(crate) use model::channel::passed_times;
pub(crate) use primitives::{
    AtomicBool, AtomicSnapshot, AtomicU8, AtomicU64, AtomicUsize, Condvar, Mutex, RwLock, RwLockReadGuard,
    RwLockWriteGuard, channel, hash_seeds, key_seeds, process_static, thread, thread_local,
};
pub(crate) use std::sync::Arc;
pub(crate) use std::sync::atomic::Ordering;

/// A number that is only displayed. No decision depends on it, so the model checker need not try the orders
/// around it.
pub(crate) use std::sync::atomic::AtomicU64 as StatisticU64;

/// A lock that no thread waits for, because only a forked child locks it exclusively. So the model checker
/// need not try the orders around it.
pub(crate) use parking_lot::RwLock as UncontendedRwLock;
