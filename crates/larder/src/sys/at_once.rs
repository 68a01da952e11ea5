//! Runs the same requests to a server on a thread that may block, and in a task that must not.
//!
//! A protocol that waits for a server is an async function, so the order of its steps is written once. There
//! are two ways to run it:
//!
//! - A thread calls [`at_once`]. Each wait in the function then blocks the thread, so the first poll
//!   completes the function.
//! - A task polls it inside [`suspending`] ([`crate::sys::offload::worker_task`]). Then a wait suspends the
//!   function, and the thread is free for other work.
//!
//! A wait asks [`may_suspend`] which of the two applies. Code of a user that runs inside such a function,
//! such as a `Deserialize`, may call the cache. That call uses `at_once` again, and blocks its thread.

#[cfg(feature = "async")]
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

#[cfg(feature = "async")]
use crate::sys::sync::thread_local;

#[cfg(feature = "async")]
thread_local! {
    static MAY_SUSPEND: Cell<bool> = const { Cell::new(false) };
}

/// Returns whether a wait on this thread suspends the function that waits. Otherwise the wait must block.
#[cfg(feature = "async")]
pub(crate) fn may_suspend() -> bool {
    MAY_SUSPEND.try_with(Cell::get).unwrap_or(false)
}

/// Sets whether waits suspend, until this value is dropped.
#[cfg(feature = "async")]
struct WaitsUntilDrop(bool);

#[cfg(feature = "async")]
impl WaitsUntilDrop {
    fn begin(suspend: bool) -> Self {
        Self(MAY_SUSPEND.try_with(|present| present.replace(suspend)).unwrap_or(false))
    }
}

#[cfg(feature = "async")]
impl Drop for WaitsUntilDrop {
    fn drop(&mut self) {
        _ = MAY_SUSPEND.try_with(|present| present.set(self.0));
    }
}

/// Runs a poll in which a wait suspends.
#[cfg(feature = "async")]
pub(crate) fn suspending<R>(poll: impl FnOnce() -> R) -> R {
    let _waits = WaitsUntilDrop::begin(true);
    poll()
}

/// Runs a function to its end on the calling thread. Its waits block the thread.
///
/// # Panics
/// Panics if the function waits for anything other than a server.
pub(crate) fn at_once<F: Future>(function: F) -> F::Output {
    #[cfg(feature = "async")]
    let _waits = WaitsUntilDrop::begin(false);
    match pin!(function).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("every wait of the function blocks"),
    }
}
