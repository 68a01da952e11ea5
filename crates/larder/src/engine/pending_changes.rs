//! Tracks the changes that async code has begun.
//!
//! These changes complete even if their futures are dropped. So closing the cache waits for the changes that
//! were begun before the close ([`PendingChanges::wait`]). The close does not wait for later changes.
//! Otherwise an application that continues to make changes could delay the close forever.
//!
//! The close of async code waits as a task ([`PendingChanges::ended`]). A pending change needs a worker
//! thread to go on, and may not have got one yet. So a close must not occupy a worker thread while it waits:
//!
//! 1. The close notes the last change. If that change or an earlier one is pending, the close stores its
//!    waker under the same lock.
//! 2. A change that ends leaves the pending changes and takes the wakers of the closes that wait for no other
//!    change, both under the lock. It wakes these closes after it has released the lock.
//!
//! A change is pending only while it waits for a worker thread, runs as a job of the workers, or waits in a
//! task of the workers for a turn or for a server. A caller that
//! makes its change itself begins none: the change drops the removed values, and a user's `Drop` may close
//! the cache. That close would wait for the change of its own thread. On a thread that runs a job, the close
//! does not wait (step 0 of [`Shared::close`](crate::engine::shared::Shared::close)).

use std::collections::BTreeSet;
#[cfg(feature = "async")]
use std::future::poll_fn;
#[cfg(feature = "async")]
use std::task::{Poll, Waker};

#[cfg(feature = "async")]
use crate::sys::at_once::may_suspend;
#[cfg(feature = "async")]
use crate::sys::sync::completion::wake_task;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::sync::{Arc, Condvar, Mutex};
#[cfg(feature = "async")]
use crate::sys::waker_thread::before_blocking;

#[derive(Debug, Default)]
pub(crate) struct PendingChanges {
    state: Mutex<ChangeNumbers>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct ChangeNumbers {
    last: u64,
    pending: BTreeSet<u64>,
    /// The closes that wait as tasks, each with the last change that it waits for.
    #[cfg(feature = "async")]
    closes: Vec<(u64, Waker)>,
}

impl ChangeNumbers {
    /// Returns whether `last` or an earlier change is pending.
    fn has_pending_until(&self, last: u64) -> bool {
        self.pending.first().is_some_and(|first| *first <= last)
    }
}

/// A guard for a pending change. Dropping it marks the change as completed.
#[derive(Debug)]
pub(crate) struct PendingChange {
    changes: Arc<PendingChanges>,
    number: u64,
}

impl PendingChanges {
    pub(crate) fn begin(self: &Arc<Self>) -> PendingChange {
        let mut state = self.state.lock();
        state.last += 1;
        let number = state.last;
        state.pending.insert(number);
        drop(state);
        PendingChange { changes: self.clone(), number }
    }

    /// Waits for the changes that were begun before this call.
    pub(crate) fn wait(&self) {
        if failpoint_is_set(Failpoint::CloseBeforeChanges) {
            return;
        }
        // A pending change in a task may need an alarm of the thread that calls wakers, and this may be that
        // thread.
        #[cfg(feature = "async")]
        before_blocking();
        let mut state = self.state.lock();
        let last = state.last;
        while state.has_pending_until(last) {
            self.ended.wait(&mut state);
        }
    }

    /// Like [`wait`](Self::wait), for a task of the workers. It waits for the changes that were begun before
    /// its first poll.
    #[cfg(feature = "async")]
    pub(crate) async fn ended(&self) {
        if !may_suspend() || failpoint_is_set(Failpoint::CloseBeforeChanges) {
            return self.wait();
        }
        let mut last = None;
        poll_fn(|context| {
            // Cloned before the lock is taken, because cloning a waker runs code of the executor.
            let waker = context.waker().clone();
            // 1.
            let mut state = self.state.lock();
            let last = *last.get_or_insert(state.last);
            if !state.has_pending_until(last) {
                return Poll::Ready(());
            }
            if failpoint_is_set(Failpoint::RegisterLate) {
                drop(state);
                state = self.state.lock();
            }
            state.closes.push((last, waker));
            Poll::Pending
        })
        .await;
    }
}

impl Drop for PendingChange {
    fn drop(&mut self) {
        let mut state = self.changes.state.lock();
        state.pending.remove(&self.number);
        // 2.
        #[cfg(feature = "async")]
        let wakers: Vec<_> = {
            let first = state.pending.first().copied().unwrap_or(u64::MAX);
            state.closes.extract_if(.., |(last, _)| *last < first).collect()
        };
        drop(state);
        self.changes.ended.notify_all();
        #[cfg(feature = "async")]
        for (_, waker) in wakers {
            wake_task(waker);
        }
    }
}

#[cfg(test)]
#[cfg(not(shuttle))]
mod tests {
    use super::*;
    use crate::sys::sync::thread;
    #[cfg(feature = "async")]
    use crate::sys::waker_thread::wake_elsewhere;

    #[test]
    fn a_wait_ends_with_the_changes_before_it_and_not_with_later_ones() {
        let changes: Arc<PendingChanges> = Arc::default();
        changes.wait();
        let (first, second) = (changes.begin(), changes.begin());
        thread::scope(|scope| {
            let waiting = scope.spawn(|| changes.wait());
            // `notify_one` returns true only if the thread waits.
            let waits = || {
                while !changes.ended.notify_one() {
                    assert!(!waiting.is_finished(), "a change before the wait has not ended");
                    thread::yield_now();
                }
            };
            waits();
            let later = changes.begin();
            drop(second);
            waits();
            drop(first);
            waiting.join().unwrap();
            assert_eq!(changes.state.lock().pending.len(), 1, "the later change goes on");
            drop(later);
        });
        changes.wait();
    }

    /// A task whose wake-up ends a change.
    #[cfg(feature = "async")]
    struct EndOnWake<F>(F);

    #[cfg(feature = "async")]
    impl<F: Fn() + Send + Sync> std::task::Wake for EndOnWake<F> {
        fn wake(self: Arc<Self>) {
            (self.0)();
        }
    }

    #[cfg(feature = "async")]
    #[test]
    fn a_wait_on_the_waker_thread_ends_with_a_change_that_the_waker_thread_must_wake() {
        let changes: Arc<PendingChanges> = Arc::default();
        let change = Mutex::new(Some(changes.begin()));
        let (done, is_done) = crate::sys::sync::channel::unbounded();
        let wait = EndOnWake(move || {
            changes.wait();
            done.send(()).unwrap();
        });
        wake_elsewhere(Arc::new(wait).into());
        wake_elsewhere(Arc::new(EndOnWake(move || drop(change.lock().take()))).into());
        let waited = is_done.recv_timeout(std::time::Duration::from_secs(20));
        assert!(waited.is_ok(), "the waker thread waits for a wake-up that only it can make");
    }
}
