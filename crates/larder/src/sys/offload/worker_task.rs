//! A function that waits for a server without occupying a worker thread meanwhile.
//!
//! Such a function is an async function of the library. It suspends only while it waits for an answer
//! ([`crate::sys::at_once`]), so any number of them may wait at the same time. Code of a user that it runs,
//! such as a `Serialize`, occupies the worker that polls it.
//!
//! 1. A worker polls the function. [`begin_here`] makes the first poll on the calling thread. If the
//!    function waits, the polling thread puts it back into its task.
//! 2. The thread that has the answer wakes the task. This adds a job to the queue of the workers, which
//!    polls the function again. The waking thread runs no other code: it may be the only thread that reads
//!    from the server, so it must not wait for an answer.
//! 3. A wake-up during a poll is recorded, and the job is added after the poll. So no wake-up is lost, and
//!    only one thread polls the function at a time.
//! 4. The task counts as suspended from its first poll until it has ended. Meanwhile at least one worker
//!    exists ([`super`]). Otherwise the thread in (2) would have to start a worker, and the system might
//!    refuse.
//!
//! A function that has begun runs to its end, even if the future that waits for its result is dropped.
//! Otherwise a lease whose answer arrives after the drop would stay at the server. Each request ends within
//! the time limit of the server's connection, or when the connection is lost.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Wake, Waker};

use super::{JobResult, SuspendedMark, Workers, is_worker, returned, run_here, submit};
use crate::sys::at_once::{at_once, may_suspend, suspending};
use crate::sys::sync::completion::{Completer, completion};
use crate::sys::sync::{Arc, Mutex};
use crate::sys::user_code::{drop_caught, run_caught};
use crate::sys::waker_thread::before_blocking;

type TaskFunction = Pin<Box<dyn Future<Output = ()> + Send>>;

struct WorkerTask {
    workers: Arc<Workers>,
    progress: Mutex<TaskProgress>,
}

enum TaskProgress {
    /// Waits for its first poll or for a wake-up. Holds the mark of step 4 after the first poll.
    Waiting(TaskFunction, Option<SuspendedMark>),
    /// A job in the queue will poll it.
    Queued(TaskFunction, Option<SuspendedMark>),
    Polled {
        is_woken: bool,
    },
    Ended,
}

impl WorkerTask {
    fn new<T: Send + 'static>(
        workers: Arc<Workers>,
        function: impl Future<Output = T> + Send + 'static,
        sender: Completer<std::thread::Result<T>>,
    ) -> Arc<Self> {
        let function = answering(function, sender);
        Arc::new(Self { workers, progress: Mutex::new(TaskProgress::Waiting(function, None)) })
    }

    /// Polls the function, on a worker. A thread that is no worker runs this job only if the system can start
    /// no worker. Then the waits of the function block this thread.
    fn run(self: &Arc<Self>) {
        let mut progress = self.progress.lock();
        let (function, mark) =
            match std::mem::replace(&mut *progress, TaskProgress::Polled { is_woken: false }) {
                TaskProgress::Waiting(function, mark) | TaskProgress::Queued(function, mark) => {
                    (function, mark)
                }
                other => {
                    *progress = other;
                    return;
                }
            };
        drop(progress);
        if is_worker() {
            let mark = mark.unwrap_or_else(|| self.workers.begin_suspended());
            self.poll(function, mark);
        } else {
            run_here(|| at_once(function));
            self.end();
        }
    }

    /// Makes the first poll, on the calling thread.
    fn begin(self: &Arc<Self>) {
        let Some(mark) = self.workers.begin_suspended_with_worker() else { return self.run() };
        let progress =
            std::mem::replace(&mut *self.progress.lock(), TaskProgress::Polled { is_woken: false });
        if let TaskProgress::Waiting(function, _) = progress {
            self.poll(function, mark);
        }
    }

    /// Runs step 1.
    fn poll(self: &Arc<Self>, mut function: TaskFunction, mark: SuspendedMark) {
        let waker = Waker::from(self.clone());
        let polled = suspending(|| function.as_mut().poll(&mut Context::from_waker(&waker)));
        if polled.is_ready() {
            self.end();
            drop(mark);
            return;
        }
        let mut progress = self.progress.lock();
        // 3.
        let is_woken = matches!(*progress, TaskProgress::Polled { is_woken: true });
        let (function, mark) = (function, Some(mark));
        *progress = if is_woken {
            TaskProgress::Queued(function, mark)
        } else {
            TaskProgress::Waiting(function, mark)
        };
        drop(progress);
        if is_woken {
            self.queue();
        }
    }

    fn end(&self) {
        *self.progress.lock() = TaskProgress::Ended;
    }

    fn queue(self: &Arc<Self>) -> u64 {
        let task = self.clone();
        self.workers.add(Box::new(move || task.run()))
    }
}

impl Wake for WorkerTask {
    /// Runs step 2.
    fn wake(self: Arc<Self>) {
        let mut progress = self.progress.lock();
        match std::mem::replace(&mut *progress, TaskProgress::Ended) {
            TaskProgress::Waiting(function, mark) => *progress = TaskProgress::Queued(function, mark),
            TaskProgress::Polled { .. } => {
                *progress = TaskProgress::Polled { is_woken: true };
                return;
            }
            other => {
                *progress = other;
                return;
            }
        }
        drop(progress);
        self.queue();
    }
}

/// Returns a function that sends the result of `function`, or the payload of its panic. Everything that
/// `function` owns is dropped before that.
fn answering<T: Send + 'static>(
    function: impl Future<Output = T> + Send + 'static,
    sender: Completer<std::thread::Result<T>>,
) -> TaskFunction {
    let (mut function, mut sender) = (Some(Box::pin(function)), Some(sender));
    Box::pin(poll_fn(move |context| {
        let Some(polled) = &mut function else { return Poll::Ready(()) };
        let result = match catch_unwind(AssertUnwindSafe(|| polled.as_mut().poll(context))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(result)) => Ok(result),
            Err(panic) => Err(panic),
        };
        let function = function.take();
        drop_caught(function);
        if let Some(sender) = sender.take() {
            // Sending wakes the task, or drops the result if the task is gone. The wake and the drop may run
            // the user's code.
            run_caught(|| sender.send(result));
        }
        Poll::Ready(())
    }))
}

/// Begins a function on the calling thread, and returns its result. The calling thread polls it once, so that
/// its first request is sent without a change of threads. The function must call [`on_worker`] before it runs
/// code that the calling thread must not run.
///
/// # Panics
/// Panics if the function panics, or if the process has forked since the first poll.
pub(crate) async fn begin_here<T: Send + 'static>(function: impl Future<Output = T> + Send + 'static) -> T {
    if is_worker() {
        return at_once(function);
    }
    returned(begin_task(function).await)
}

/// Like [`begin_here`]. The output is the function's result, or the payload of its panic. The first poll is
/// made by this call.
pub(crate) fn begin_task<T: Send + 'static>(
    function: impl Future<Output = T> + Send + 'static,
) -> JobResult<T> {
    if is_worker() {
        return submit(move || at_once(function));
    }
    before_blocking();
    let (sender, result) = completion();
    WorkerTask::new(Workers::current(), function, sender).begin();
    result
}

/// Runs a function on the workers, and returns its result. The function runs to its end, even if this future
/// is dropped after its first poll.
///
/// # Panics
/// Panics if the function panics, or if the process has forked since the first poll.
pub(crate) async fn run_to_end<T: Send + 'static>(function: impl Future<Output = T> + Send + 'static) -> T {
    if is_worker() {
        return at_once(function);
    }
    returned(queued(function).await)
}

/// Runs a function to its end on the workers. No task waits for it, and its panic is dropped.
pub(crate) fn run_detached(function: impl Future<Output = ()> + Send + 'static) {
    if is_worker() {
        run_caught(|| at_once(function));
    } else {
        drop(queued(function));
    }
}

/// Runs a function on the workers, like [`submit`]. The function runs to its end, even if the result is
/// dropped.
pub(crate) fn submit_task<T: Send + 'static>(
    function: impl Future<Output = T> + Send + 'static,
) -> JobResult<T> {
    if is_worker() { submit(move || at_once(function)) } else { queued(function) }
}

fn queued<T: Send + 'static>(function: impl Future<Output = T> + Send + 'static) -> JobResult<T> {
    before_blocking();
    let (sender, result) = completion();
    WorkerTask::new(Workers::current(), function, sender).queue();
    result
}

/// Waits until a worker polls the function. On a thread that blocks in [`at_once`], returns immediately.
pub(crate) async fn on_worker() {
    poll_fn(|context| {
        if !may_suspend() || is_worker() {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
#[cfg(not(shuttle))]
mod tests;
