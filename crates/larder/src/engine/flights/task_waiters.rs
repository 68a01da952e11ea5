//! The tasks that wait for a flight, and the loader in the flight. The lock of the flight's state guards this
//! data. [`super::tasks`] describes how tasks use it.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::task::Waker;

use super::outcome::FlightOutcome;
use crate::sys::sync::completion::wake_task;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};

/// A loader that a flight owns. The loader's lease lands the flight, and the output is `None`. In a forked
/// child, the output is the outcome, because the flight belongs to the parent.
pub(super) type SharedLoader = Pin<Box<dyn Future<Output = Option<FlightOutcome>> + Send>>;

#[derive(Default)]
pub(super) struct TaskWaiters {
    pub(super) last_ticket: u64,
    /// The number of tasks that wait, or will wait at their next poll.
    pub(super) count: usize,
    /// The wakers of the sleeping tasks, by ticket.
    pub(super) wakers: HashMap<u64, Waker>,
    pub(super) loader: LoaderPlace,
    /// Whether the loader was woken since it was last polled.
    pub(super) is_woken: bool,
}

#[derive(Default)]
pub(super) enum LoaderPlace {
    /// There is no loader, or the loader has ended.
    #[default]
    None,
    Here(SharedLoader),
    /// A task is polling the loader.
    Polled,
}

impl std::fmt::Debug for TaskWaiters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskWaiters").field("count", &self.count).finish_non_exhaustive()
    }
}

impl TaskWaiters {
    /// Takes the wakers of all tasks. The caller must call them without the lock.
    pub(super) fn take_wakers(&mut self) -> HashMap<u64, Waker> {
        std::mem::take(&mut self.wakers)
    }

    /// Takes the wakers to call after the loader has been woken.
    pub(super) fn take_to_poll(&mut self) -> HashMap<u64, Waker> {
        let mut wakers = self.take_wakers();
        if failpoint_is_set(Failpoint::WakeOneTask)
            && let Some(first) = wakers.keys().min().copied()
        {
            let successor = wakers.remove(&first);
            self.wakers = std::mem::take(&mut wakers);
            wakers.extend(successor.map(|waker| (first, waker)));
        }
        wakers
    }
}

/// Wakes tasks. The caller must hold no lock.
pub(super) fn wake_all(wakers: HashMap<u64, Waker>) {
    wakers.into_values().for_each(wake_task);
}
