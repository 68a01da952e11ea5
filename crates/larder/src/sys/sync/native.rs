//! What the cache runs on: `parking_lot`, the standard library and crossbeam's channel.

use std::ops::Deref;
use std::sync::Arc;

pub(crate) use parking_lot::{Condvar, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize};
pub(crate) use std::thread;

/// A value that is replaced as a whole, and looked at without a lock and without a count that threads would
/// share: `arc_swap`'s.
#[derive(Debug)]
pub(crate) struct AtomicSnapshot<T>(arc_swap::ArcSwapOption<T>);

impl<T> AtomicSnapshot<T> {
    pub(crate) fn new(value: Option<Arc<T>>) -> Self {
        Self(arc_swap::ArcSwapOption::new(value))
    }

    /// To be held for a short while.
    #[inline]
    pub(crate) fn load(&self) -> impl Deref<Target = Option<Arc<T>>> {
        self.0.load()
    }

    /// Without a value.
    pub(crate) const fn empty() -> Self {
        Self(arc_swap::ArcSwapOption::const_empty())
    }

    /// Replaces the value by what is made of it, which may be made more than once.
    pub(crate) fn update(&self, change: impl Fn(&Option<Arc<T>>) -> Option<Arc<T>>) {
        self.0.rcu(change);
    }

    /// Replaces the value. Whoever still looks at the old one is counted as a holder of it from here on.
    pub(crate) fn swap(&self, value: Option<Arc<T>>) -> Option<Arc<T>> {
        self.0.swap(value)
    }
}

/// Declares a static of the process.
macro_rules! process_static {
    ($(#[$attribute:meta])* static $name:ident: $type:ty = $value:expr;) => {
        $(#[$attribute])*
        static $name: $type = $value;
    };
}
pub(crate) use process_static;

/// The part of crossbeam's channel that `model` has too.
pub(crate) mod channel {
    pub(crate) use crossbeam_channel::{Receiver, RecvTimeoutError, SendError, Sender, bounded, unbounded};
}

/// Seeds that nobody outside can know, so that nobody can aim keys at one shard.
pub(crate) fn hash_seeds() -> ahash::RandomState {
    ahash::RandomState::new()
}
