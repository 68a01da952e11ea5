//! A channel for the answer to one request: a sender for the remote tier, and a receiver for a thread or a
//! task.
//!
//! The answer and the waker are changed under one lock, so no wake-up is lost:
//!
//! 1. The caller takes the answer, if it has arrived. Otherwise, under the same lock, it stores its waker or
//!    waits on the condition variable.
//! 2. The sender stores the answer and takes the waker under the lock. It wakes the caller after it has
//!    released the lock.
//!
//! A sender that is dropped without an answer sends an error. Otherwise the caller would wait forever.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::error::remote_error::{RemoteError, RemoteErrorKind};
use crate::sys::process::Process;
use crate::sys::sync::{Arc, Condvar, Mutex};

/// The answer to a request, or the reason why there is none.
pub type RemoteResult<T> = Result<T, RemoteError>;

/// The sender of an answer, for the remote tier. Dropping it without an answer sends an error.
#[derive(Debug)]
pub struct RemoteReply<T> {
    place: Arc<AnswerPlace<T>>,
    is_sent: bool,
}

/// The receiver of an answer. A task awaits it. A thread calls [`wait`](RemoteAnswer::wait). Dropping it does
/// not cancel the request, but discards the answer.
#[derive(Debug)]
#[must_use = "the answer is lost if no caller waits for it"]
pub struct RemoteAnswer<T> {
    place: Arc<AnswerPlace<T>>,
    process: Process,
}

#[derive(Debug)]
struct AnswerPlace<T> {
    state: Mutex<AnswerState<T>>,
    answered: Condvar,
}

#[derive(Debug)]
struct AnswerState<T> {
    answer: Option<RemoteResult<T>>,
    waker: Option<Waker>,
}

/// Creates the sender and the receiver of the answer to one request.
pub fn reply<T>() -> (RemoteReply<T>, RemoteAnswer<T>) {
    let state = Mutex::new(AnswerState { answer: None, waker: None });
    let place = Arc::new(AnswerPlace { state, answered: Condvar::new() });
    (
        RemoteReply { place: place.clone(), is_sent: false },
        RemoteAnswer { place, process: Process::current() },
    )
}

impl<T> RemoteReply<T> {
    /// Sends the answer, and wakes the caller.
    pub fn send(mut self, answer: RemoteResult<T>) {
        self.answer(answer);
    }

    fn answer(&mut self, answer: RemoteResult<T>) {
        self.is_sent = true;
        // Step 2.
        let mut state = self.place.state.lock();
        state.answer = Some(answer);
        let waker = state.waker.take();
        drop(state);
        self.place.answered.notify_all();
        if let Some(waker) = waker
            && let Err(panic) = catch_unwind(AssertUnwindSafe(|| waker.wake()))
        {
            // Waking runs code of an executor. A panic of that code must not end the thread that reads the
            // connection.
            drop(catch_unwind(AssertUnwindSafe(|| drop(panic))));
        }
    }
}

impl<T> Drop for RemoteReply<T> {
    fn drop(&mut self) {
        if !self.is_sent {
            let kind = RemoteErrorKind::Unavailable;
            self.answer(
                Err(RemoteError::new(kind, "the connection ended before the answer").maybe_applied()),
            );
        }
    }
}

fn forked<T>() -> RemoteResult<T> {
    Err(RemoteError::new(RemoteErrorKind::Unavailable, "this process was forked during the request"))
}

impl<T> RemoteAnswer<T> {
    /// Waits for the answer on the calling thread. The tier sends it within its own time limit.
    ///
    /// # Errors
    /// Returns the error that the tier sent, or an error if the tier has dropped the sender. In a child that
    /// was forked after the request, returns an error.
    pub fn wait(self) -> RemoteResult<T> {
        // In a forked child, the lock may stay locked forever, and only the parent gets the answer.
        if !self.process.is_current() {
            return forked();
        }
        // Step 1.
        let mut state = self.place.state.lock();
        loop {
            if let Some(answer) = state.answer.take() {
                return answer;
            }
            self.place.answered.wait(&mut state);
        }
    }
}

impl<T> Future for RemoteAnswer<T> {
    type Output = RemoteResult<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<RemoteResult<T>> {
        if !self.process.is_current() {
            return Poll::Ready(forked());
        }
        // Cloned before the lock is taken, because cloning a waker runs code of the executor.
        let waker = context.waker().clone();
        // Step 1.
        let mut state = self.place.state.lock();
        if let Some(answer) = state.answer.take() {
            return Poll::Ready(answer);
        }
        let earlier = state.waker.replace(waker);
        drop(state);
        drop(earlier);
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct AnswerWakes(AtomicUsize);

    impl Wake for AnswerWakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_thread_gets_the_answer_that_was_sent_before_or_while_it_waits() {
        let (sender, answer) = reply();
        sender.send(Ok(7));
        assert_eq!(answer.wait().ok(), Some(7));
        let (sender, answer) = reply();
        let waits = std::thread::spawn(move || answer.wait().ok());
        sender.send(Ok(8));
        assert_eq!(waits.join().unwrap(), Some(8));
    }

    #[test]
    fn a_reply_that_is_dropped_is_an_error_after_which_the_change_may_have_been_made() {
        let (sender, mut answer) = reply::<u32>();
        let wakes = Arc::new(AnswerWakes::default());
        let counted = wakes.clone().into();
        let mut context = Context::from_waker(&counted);
        assert!(Pin::new(&mut answer).poll(&mut context).is_pending());
        drop(sender);
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
        let Poll::Ready(Err(error)) = Pin::new(&mut answer).poll(&mut context) else {
            panic!("the answer is there")
        };
        assert!(error.may_be_applied());
    }
}
