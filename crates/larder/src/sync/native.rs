//! What the cache runs on: `parking_lot`, the standard library and crossbeam's channel.

pub(crate) use parking_lot::{Condvar, Mutex, RwLock};
pub(crate) use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, AtomicUsize};
pub(crate) use std::thread;

/// The part of crossbeam's channel that `model` has too.
pub(crate) mod channel {
    pub(crate) use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
}

/// Seeds that nobody outside can know, so that nobody can aim keys at one shard.
pub(crate) fn hash_seeds() -> ahash::RandomState {
    ahash::RandomState::new()
}
