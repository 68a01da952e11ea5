//! Detects whether the loader of a load has panicked.
//!
//! If a thread that runs a loader or holds a lease panics, it drops the lease while it unwinds. A task that
//! polls an asynchronous loader may also unwind because of another panic, which is not related to the load.
//! So for an asynchronous loader, a panic counts only if it occurred while the loader was polled.

use crate::sys::sync::{Arc, AtomicBool, Ordering};

#[derive(Debug)]
pub(super) struct LoaderPanic {
    /// Whether the thread was already unwinding when the lease was taken.
    was_panicking: bool,
    /// Whether a poll of the loader has panicked. `None` if the loader is not a future.
    pub(super) of_polls: Option<PollRecord>,
}

/// Whether a poll of a loader has panicked. The leases of one loader share this record.
pub(in crate::api::keyspace) type PollRecord = Arc<AtomicBool>;

/// A guard that records whether the thread is unwinding at the end of a poll.
struct PollEnd<'a>(&'a AtomicBool);

impl Drop for PollEnd<'_> {
    fn drop(&mut self) {
        // Relaxed, because the unwinding thread itself drops the lease and reads this record.
        self.0.store(std::thread::panicking(), Ordering::Relaxed);
    }
}

impl LoaderPanic {
    /// Returns a record without a panic. Must be called when the lease is taken.
    pub(super) fn none() -> Self {
        Self { was_panicking: std::thread::panicking(), of_polls: None }
    }

    /// Returns whether the loader has panicked. Must be called when the lease is dropped.
    pub(super) fn has_panicked(&self) -> bool {
        match &self.of_polls {
            Some(has_panicked) => has_panicked.load(Ordering::Relaxed),
            None => std::thread::panicking() && !self.was_panicking,
        }
    }

    /// Runs or polls the loader, and records a panic of a poll.
    pub(super) fn record<R>(&self, loader: impl FnOnce() -> R) -> R {
        let _end = self.of_polls.as_deref().map(PollEnd);
        loader()
    }
}
