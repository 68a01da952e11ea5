//! The primitives of a normal build: `parking_lot`, the standard library and crossbeam's channel.

use std::ops::Deref;
use std::sync::Arc;

pub(crate) use parking_lot::{Condvar, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize};
pub(crate) use std::{thread, thread_local};

/// A value that is replaced as a whole, from `arc_swap`. Readers take no lock and change no shared counter.
#[derive(Debug)]
pub(crate) struct AtomicSnapshot<T>(arc_swap::ArcSwapOption<T>);

impl<T> AtomicSnapshot<T> {
    pub(crate) fn new(value: Option<Arc<T>>) -> Self {
        Self(arc_swap::ArcSwapOption::new(value))
    }

    /// Returns the current value. The caller must hold the result only briefly.
    #[inline]
    pub(crate) fn load(&self) -> impl Deref<Target = Option<Arc<T>>> {
        self.0.load()
    }

    pub(crate) const fn empty() -> Self {
        Self(arc_swap::ArcSwapOption::const_empty())
    }

    /// Replaces the value with the result of `change`. `change` may be called more than once.
    pub(crate) fn update(&self, change: impl Fn(&Option<Arc<T>>) -> Option<Arc<T>>) {
        self.0.rcu(change);
    }

    /// Replaces the value and returns the old value, which readers may still share.
    pub(crate) fn swap(&self, value: Option<Arc<T>>) -> Option<Arc<T>> {
        self.0.swap(value)
    }
}

/// Declares a static that exists once in the process.
macro_rules! process_static {
    ($(#[$attribute:meta])* static $name:ident: $type:ty = $value:expr;) => {
        $(#[$attribute])*
        static $name: $type = $value;
    };
}
pub(crate) use process_static;

/// The part of crossbeam's channel that `model` also provides.
pub(crate) mod channel {
    pub(crate) use crossbeam_channel::{Receiver, RecvTimeoutError, SendError, Sender, bounded, unbounded};
}

pub(crate) fn hash_seeds() -> ahash::RandomState {
    ahash::RandomState::new()
}

/// Returns random seeds for the hashes of keys, so that an attacker cannot choose keys of one shard. The
/// standard library's hasher takes its secret keys from the system, and no two hashers have the same keys.
pub(crate) fn key_seeds() -> [u64; 3] {
    use std::hash::{BuildHasher, RandomState};
    std::array::from_fn(|number| RandomState::new().hash_one(number))
}
