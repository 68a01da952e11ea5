//! A completion: one answer that a thread sends to a waiting task.
//!
//! The answer and the waker are changed under one lock, so no wake-up is lost:
//!
//! 1. The task takes the answer, if it has arrived. Otherwise it stores its waker, under the same lock.
//! 2. The sender stores the answer and then takes the waker, both under the same lock. After releasing the
//!    lock, the sender wakes the task.
//!
//! Dropping the sender without an answer also ends the wait. A task may drop its end at any time. Then the
//! sender drops the answer after it has released the lock, because a user's `Drop` may wait.
//!
//! A waker is an executor's code. It may panic, and it may drop a user's future. So its panic is caught. A
//! sender that must not run an executor's code passes the waker to another thread ([`completion_woken_by`]).
//!
//! In a forked child, the lock may be held forever, and the sender exists only in the parent. So the child
//! takes no lock, and gets no answer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::failpoint::{Failpoint, failpoint_is_set};
use super::{Arc, Mutex};
use crate::sys::process::Process;
use crate::sys::user_code::{drop_caught, run_caught};

#[derive(Debug)]
pub(crate) struct Completer<T> {
    state: Arc<Mutex<CompletionState<T>>>,
    wake: fn(Waker),
}

/// The waiting end of a completion. Its output is `None` in a forked child, and if the sender was dropped
/// without an answer.
#[derive(Debug)]
#[must_use = "the answer is lost if no task waits for it"]
pub(crate) struct Completion<T> {
    state: Arc<Mutex<CompletionState<T>>>,
    process: Process,
}

#[derive(Debug)]
struct CompletionState<T> {
    answer: Option<T>,
    waker: Option<Waker>,
    has_sender: bool,
    has_receiver: bool,
}

/// Returns both ends of a completion. The sender wakes the task.
pub(crate) fn completion<T>() -> (Completer<T>, Completion<T>) {
    completion_woken_by(wake_task)
}

/// Returns both ends of a completion. The sender passes the waker of the task to `wake`.
pub(crate) fn completion_woken_by<T>(wake: fn(Waker)) -> (Completer<T>, Completion<T>) {
    let state = CompletionState { answer: None, waker: None, has_sender: true, has_receiver: true };
    let state = Arc::new(Mutex::new(state));
    (Completer { state: state.clone(), wake }, Completion { state, process: Process::current() })
}

/// Wakes a task. Catches a panic of the waker.
pub(crate) fn wake_task(waker: Waker) {
    run_caught(|| waker.wake());
}

impl<T> Completer<T> {
    /// Sends the answer, or drops it if no task is waiting.
    pub(crate) fn send(self, answer: T) {
        let mut left = Some(answer);
        let mut state = self.state.lock();
        if state.has_receiver {
            state.answer = left.take();
        }
        drop(state);
        // Dropping this end wakes the task.
    }
}

impl<T> Drop for Completer<T> {
    fn drop(&mut self) {
        // Step 2.
        let mut state = self.state.lock();
        state.has_sender = false;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            (self.wake)(waker);
        }
    }
}

impl<T> Future for Completion<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        if !self.process.is_current() {
            return Poll::Ready(None);
        }
        // The waker is cloned before the lock is taken, because cloning runs the executor's code.
        let waker = context.waker().clone();
        if failpoint_is_set(Failpoint::RegisterLate) {
            let mut state = self.state.lock();
            if state.answer.is_some() || !state.has_sender {
                return Poll::Ready(state.answer.take());
            }
        }
        // Step 1.
        let mut state = self.state.lock();
        if !failpoint_is_set(Failpoint::RegisterLate) && (state.answer.is_some() || !state.has_sender) {
            return Poll::Ready(state.answer.take());
        }
        let earlier = state.waker.replace(waker);
        drop(state);
        drop_caught(earlier);
        Poll::Pending
    }
}

impl<T> Drop for Completion<T> {
    fn drop(&mut self) {
        if !self.process.is_current() {
            return;
        }
        let mut state = self.state.lock();
        state.has_receiver = false;
        let (answer, waker) = (state.answer.take(), state.waker.take());
        drop(state);
        drop_caught(answer);
        drop_caught(waker);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn poll<T>(completion: &mut Completion<T>, wakes: &Arc<Wakes>) -> Poll<Option<T>> {
        Pin::new(completion).poll(&mut Context::from_waker(&wakes.clone().into()))
    }

    #[test]
    fn the_answer_wakes_the_task_that_polled_last() {
        let (first, second) = (Arc::new(Wakes::default()), Arc::new(Wakes::default()));
        let (sender, mut answer) = completion();
        assert!(poll(&mut answer, &first).is_pending());
        assert!(poll(&mut answer, &second).is_pending());
        sender.send(7);
        assert_eq!((first.0.load(Ordering::SeqCst), second.0.load(Ordering::SeqCst)), (0, 1));
        assert_eq!(poll(&mut answer, &first), Poll::Ready(Some(7)));
    }

    #[test]
    fn a_task_whose_waker_panics_gets_its_answer_and_the_sender_goes_on() {
        struct Panics;
        impl Wake for Panics {
            fn wake(self: Arc<Self>) {
                std::panic::resume_unwind(Box::new("planted"));
            }
        }
        let waker = Arc::new(Panics).into();
        let (sender, mut answer) = completion();
        assert!(Pin::new(&mut answer).poll(&mut Context::from_waker(&waker)).is_pending());
        sender.send(7);
        assert_eq!(poll(&mut answer, &Arc::default()), Poll::Ready(Some(7)));
    }

    #[test]
    fn a_forked_child_takes_no_lock_and_gets_no_answer() {
        let (sender, mut answer) = completion::<u32>();
        answer.process = Process::other();
        let held = sender.state.lock();
        assert_eq!(poll(&mut answer, &Arc::default()), Poll::Ready(None));
        drop(answer);
        drop(held);
    }

    #[test]
    fn a_sender_that_is_dropped_ends_the_wait() {
        let wakes = Arc::new(Wakes::default());
        let (sender, mut answer) = completion::<u32>();
        assert!(poll(&mut answer, &wakes).is_pending());
        drop(sender);
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
        assert_eq!(poll(&mut answer, &wakes), Poll::Ready(None));
    }

    #[test]
    fn an_answer_without_a_task_is_dropped_and_so_is_the_waker_of_a_task_that_left() {
        let (wakes, value) = (Arc::new(Wakes::default()), Arc::new(()));
        let (sender, mut answer) = completion();
        assert!(poll(&mut answer, &wakes).is_pending());
        drop(answer);
        assert_eq!(Arc::strong_count(&wakes), 1);
        sender.send(value.clone());
        assert_eq!((Arc::strong_count(&value), wakes.0.load(Ordering::SeqCst)), (1, 0));
    }
}
