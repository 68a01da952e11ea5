//! The panics that end a load as panicked. These are the panics of its loader.
//!
//! If a thread that runs a loader or holds a lease panics, it drops the lease while it unwinds. A task that
//! drives an asynchronous loader may also unwind because of its own panic, which is not related to the load.
//! So for such a load, a panic counts only if it occurred while the loader was polled.

use crate::sys::sync::{Arc, AtomicBool, Ordering};

/// Whether the loader of a lease has panicked.
#[derive(Debug)]
pub(super) struct LoaderPanic {
    /// Whether the thread was already unwinding when it took the lease.
    was_panicking: bool,
    /// Whether a poll of the loader has panicked. None if the loader is not a future.
    pub(super) of_polls: Option<PollRecord>,
}

/// Whether a poll of a loader has panicked. The leases of one loader share it.
pub(in crate::api::keyspace) type PollRecord = Arc<AtomicBool>;

/// Records whether the thread unwinds at the end of a poll.
struct PollEnd<'a>(&'a AtomicBool);

impl Drop for PollEnd<'_> {
    fn drop(&mut self) {
        // Relaxed, because a lease whose loader has panicked is dropped by the thread that unwinds.
        self.0.store(std::thread::panicking(), Ordering::Relaxed);
    }
}

impl LoaderPanic {
    /// Begins the record when the lease is taken.
    pub(super) fn none() -> Self {
        Self { was_panicking: std::thread::panicking(), of_polls: None }
    }

    /// Returns whether the loader has panicked. Called when the lease is dropped.
    pub(super) fn has_panicked(&self) -> bool {
        match &self.of_polls {
            Some(has_panicked) => has_panicked.load(Ordering::Relaxed),
            None => std::thread::panicking() && !self.was_panicking,
        }
    }

    /// Runs the loader, or polls it.
    pub(super) fn record<R>(&self, loader: impl FnOnce() -> R) -> R {
        let _end = self.of_polls.as_deref().map(PollEnd);
        loader()
    }
}
