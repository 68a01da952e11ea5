//! Locks, atomics, threads, the channel and hash seeds.
//!
//! The other modules import these items from here, so that a model checker can replace them, and run the
//! real protocol instead of a copy. The exceptions are the thread-locals of `format/codec/checks.rs` and
//! `stats/counters.rs`, the values that are set once (`OnceLock`, `LazyLock`), and the locks of the disks
//! in `testing`. The model checker is [shuttle](https://docs.rs/shuttle), used in a build with
//! `RUSTFLAGS="--cfg shuttle"`. `native` and `model` export the same names. Every operation whose result
//! depends on the order of two threads must use these names. See `tests/interleavings`.

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

/// A number on which no promise of the cache depends, such as a statistic. So the model checker need not try
/// the orders around it.
pub(crate) use std::sync::atomic::{AtomicU32 as StatisticU32, AtomicU64 as StatisticU64};

/// A lock around open files. Threads rarely wait for it, because it is locked exclusively only to open a
/// file, to write to it, to use an owner's lock, or to close files in a forked child. So the model checker
/// need not try the orders around it.
pub(crate) use parking_lot::RwLock as UncontendedRwLock;
