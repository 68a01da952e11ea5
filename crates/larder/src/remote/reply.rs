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
//! The sender is often the thread that reads the connection, and a waker runs code of an executor. That code
//! may wait for an answer, which only this thread reads. So the sender passes the waker of a task to the
//! waker thread. Only the waker of a [worker task](crate::sys::offload::worker_task) is called directly,
//! because it is the library's own, and only adds a job to a queue. If the system can start no waker thread,
//! the sender calls the waker of a task itself. A receiver that is dropped takes its waker with it, so the
//! sender neither calls nor drops it later.
//!
//! A sender that is dropped without an answer sends an error. Otherwise the caller would wait forever.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::error::remote_error::{RemoteError, RemoteErrorKind};
use crate::sys::process::Process;
use crate::sys::sync::{Arc, Condvar, Mutex};
use crate::sys::user_code::{drop_caught, run_caught};
#[cfg(feature = "async")]
use crate::sys::waker_thread::wake_elsewhere;

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
    /// Called by the sender with the waker of the waiting task.
    wake: fn(Waker),
}

#[derive(Debug)]
struct AnswerPlace<T> {
    state: Mutex<AnswerState<T>>,
    answered: Condvar,
}

#[derive(Debug)]
struct AnswerState<T> {
    answer: Option<RemoteResult<T>>,
    waker: Option<(Waker, fn(Waker))>,
}

/// Creates the sender and the receiver of the answer to one request.
pub fn reply<T>() -> (RemoteReply<T>, RemoteAnswer<T>) {
    let state = Mutex::new(AnswerState { answer: None, waker: None });
    let place = Arc::new(AnswerPlace { state, answered: Condvar::new() });
    (
        RemoteReply { place: place.clone(), is_sent: false },
        RemoteAnswer { place, process: Process::current(), wake: WAKE_TASK },
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
        if let Some((waker, wake)) = waker {
            wake(waker);
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

/// Wakes a task. Catches a panic of the waker, which must not end the thread that reads the connection.
fn wake_here(waker: Waker) {
    run_caught(|| waker.wake());
}

/// Without the feature `async`, there is no waker thread, and the library awaits no answer in a task.
#[cfg(feature = "async")]
const WAKE_TASK: fn(Waker) = wake_elsewhere;
#[cfg(not(feature = "async"))]
const WAKE_TASK: fn(Waker) = wake_here;

fn forked<T>() -> RemoteResult<T> {
    Err(RemoteError::new(RemoteErrorKind::Unavailable, "this process was forked during the request"))
}

impl<T> RemoteAnswer<T> {
    /// Lets the sender call the waker itself. For a waker that runs no code of a user.
    pub(crate) fn woken_by_sender(mut self) -> Self {
        self.wake = wake_here;
        self
    }

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
        let earlier = state.waker.replace((waker, self.wake));
        drop(state);
        drop_caught(earlier);
        Poll::Pending
    }
}

impl<T> Drop for RemoteAnswer<T> {
    fn drop(&mut self) {
        if !self.process.is_current() {
            return;
        }
        let mut state = self.place.state.lock();
        let left = (state.answer.take(), state.waker.take());
        drop(state);
        drop_caught(left);
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

    /// Notes the threads on which it is called and dropped.
    #[cfg(feature = "async")]
    struct NotesThreads(std::sync::mpsc::Sender<std::thread::ThreadId>);

    #[cfg(feature = "async")]
    impl Wake for NotesThreads {
        fn wake(self: Arc<Self>) {
            self.0.send(std::thread::current().id()).unwrap();
        }
    }

    #[test]
    #[cfg(feature = "async")]
    fn the_sender_of_an_answer_does_not_call_the_waker_of_a_task() {
        let (sender, mut answer) = reply::<u32>();
        let (told, threads) = std::sync::mpsc::channel();
        let waker = Arc::new(NotesThreads(told)).into();
        assert!(Pin::new(&mut answer).poll(&mut Context::from_waker(&waker)).is_pending());
        sender.send(Ok(7));
        assert_ne!(threads.recv().unwrap(), std::thread::current().id());
        assert!(Pin::new(&mut answer).poll(&mut Context::from_waker(&waker)).is_ready());
    }

    #[test]
    fn a_task_that_leaves_takes_its_waker_with_it() {
        let (sender, mut answer) = reply::<u32>();
        let wakes = Arc::new(AnswerWakes::default());
        let counted = wakes.clone().into();
        assert!(Pin::new(&mut answer).poll(&mut Context::from_waker(&counted)).is_pending());
        drop((answer, counted));
        assert_eq!(Arc::strong_count(&wakes), 1);
        sender.send(Ok(7));
        assert_eq!(wakes.0.load(Ordering::SeqCst), 0);
    }

    /// A waker whose drop panics.
    struct PanicsOnDrop;

    impl Wake for PanicsOnDrop {
        fn wake(self: Arc<Self>) {}
    }

    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("planted"));
        }
    }

    #[test]
    fn a_waker_whose_drop_panics_ends_no_wait_of_the_next_task() {
        let (sender, mut answer) = reply::<u32>();
        for _ in 0..2 {
            let waker = Arc::new(PanicsOnDrop).into();
            assert!(Pin::new(&mut answer).poll(&mut Context::from_waker(&waker)).is_pending());
        }
        drop(answer);
        drop(sender);
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
        let (sender, answer) = reply::<u32>();
        let mut answer = answer.woken_by_sender();
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
