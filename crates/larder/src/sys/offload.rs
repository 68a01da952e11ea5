//! Worker threads for calls that may block, such as a lookup on disk, an insert that waits for room, or the
//! closing of a cache. So a task of an async runtime need not run these calls itself.
//!
//! A process has one set of workers, for all caches. A worker starts when a job finds no idle worker, up to
//! [`MAX_WORKERS`]. Further jobs wait in the queue, in order of arrival. A worker ends after [`IDLE_TIME`]
//! without a job. A worker is started and counted under the lock of the queue. So the count never exceeds
//! the maximum, and never includes a thread that the system refuses to start.
//!
//! A running job never waits for a job that is still in the queue. So if all workers are busy, jobs are
//! delayed but never blocked forever. A job may wait for a writer thread, for the disk, for the answers of a
//! server, or for a user's code. If that code submits a job on a worker, the worker runs the new job
//! immediately. A job never waits for another machine's load, because the fill that ends the load may still
//! be queued there.
//!
//! A function that only waits for answers of a server is no job, but a task ([`worker_task`]). It occupies a
//! worker only while it is polled, so any number of tasks may wait. While a task is suspended, at least one
//! worker exists: the last one does not end.
//!
//! A submitted job runs even if no task waits for its result. Only a job of [`offload_unless_dropped`]
//! leaves the queue when its future is dropped. If there is no worker and the system cannot start a thread,
//! the calling thread runs the jobs.
//!
//! Workers belong to the process that started them. A forked child starts its own workers, and leaves the
//! jobs in its copy of the queue to its parent.

pub(crate) mod worker_task;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::process::Process;
use super::sync::completion::{Completion, completion};
use super::sync::{Arc, AtomicSnapshot, Condvar, Mutex, process_static, thread, thread_local};
use super::user_code::{drop_caught, run_caught};
use super::waker_thread::before_blocking;

/// Maximum number of workers of a process.
pub(crate) const MAX_WORKERS: usize = 16;

/// How long an idle worker waits for a job. Under the model checker it does not wait.
const IDLE_TIME: Duration = if cfg!(shuttle) { Duration::ZERO } else { Duration::from_secs(10) };

type Job = Box<dyn FnOnce() + Send>;

/// The workers of one process.
#[derive(Debug)]
struct Workers {
    process: Process,
    queue: Mutex<JobQueue>,
    added: Condvar,
}

/// Counts a task as suspended. While this value exists, a worker exists, too.
struct SuspendedMark(Arc<Workers>);

impl Drop for SuspendedMark {
    fn drop(&mut self) {
        self.0.end_suspended();
    }
}

#[derive(Default)]
struct JobQueue {
    last_number: u64,
    jobs: BTreeMap<u64, Job>,
    workers: usize,
    idle: usize,
    suspended: usize,
}

impl JobQueue {
    /// Returns whether the worker that asks must not end.
    fn needs_this_worker(&self) -> bool {
        self.suspended > 0 && self.workers == 1
    }
}

impl std::fmt::Debug for JobQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobQueue")
            .field("jobs", &self.jobs.len())
            .field("workers", &self.workers)
            .finish_non_exhaustive()
    }
}

process_static! {
    /// The workers of the process that last submitted a job.
    static WORKERS: AtomicSnapshot<Workers> = AtomicSnapshot::empty();
}

thread_local! {
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
    /// Whether [`run_here`] runs a job on this thread.
    static RUNS_HERE: Cell<bool> = const { Cell::new(false) };
}

pub(crate) fn is_worker() -> bool {
    IS_WORKER.try_with(Cell::get).unwrap_or(false)
}

/// Returns whether this thread runs a job or a task of the workers. A close on this thread must not wait for
/// the pending changes, because the thread may be making one of them.
pub(crate) fn is_running_job() -> bool {
    is_worker() || RUNS_HERE.try_with(Cell::get).unwrap_or(false)
}

/// Runs a job, or a task, on a thread that is no worker.
pub(crate) fn run_here<R>(job: impl FnOnce() -> R) -> R {
    let _running = RunsHere(RUNS_HERE.try_with(|runs| runs.replace(true)).unwrap_or(false));
    job()
}

/// Restores the earlier state of [`run_here`] when it is dropped.
struct RunsHere(bool);

impl Drop for RunsHere {
    fn drop(&mut self) {
        _ = RUNS_HERE.try_with(|runs| runs.set(self.0));
    }
}

/// Runs a job on a worker. The output is the job's result, or the payload of its panic.
pub(crate) fn submit<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> JobResult<T> {
    let (sender, result) = completion();
    let job: Job = Box::new(move || {
        let result = catch_unwind(AssertUnwindSafe(job));
        // Sending wakes the task, or drops the result if the task is gone. The wake and the drop may run the
        // user's code.
        run_caught(|| sender.send(result));
    });
    if is_worker() {
        job();
        return result;
    }
    before_blocking();
    Workers::current().add(job);
    result
}

pub(crate) type JobResult<T> = Completion<std::thread::Result<T>>;

/// A job that leaves the queue when this value is dropped.
struct QueuedJob<T> {
    /// `None` while this value is being dropped.
    result: Option<JobResult<T>>,
    /// The queue and the number of the job in it.
    place: Option<(Arc<Workers>, u64)>,
}

impl<T> Future for QueuedJob<T> {
    type Output = Option<std::thread::Result<T>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(result) = &mut self.result else { return Poll::Ready(None) };
        Pin::new(result).poll(context)
    }
}

impl<T> Drop for QueuedJob<T> {
    fn drop(&mut self) {
        // The result is dropped first. Otherwise dropping the job would wake this task.
        self.result = None;
        if let Some((workers, number)) = self.place.take()
            && workers.process.is_current()
        {
            let job = workers.queue.lock().jobs.remove(&number);
            // The job may own values of the user.
            drop_caught(job);
        }
    }
}

/// Runs a job on a worker, and returns its result. After the first poll, the job runs to its end even if the
/// future is dropped.
///
/// # Panics
/// Panics if the job panics, or if the process has forked since the first poll.
pub(crate) async fn offload<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> T {
    returned(submit(job).await)
}

/// Runs a job on a worker, and returns its result. If the future is dropped before a worker has begun the
/// job, the job leaves the queue and is dropped.
///
/// # Panics
/// Panics if the job panics, or if the process has forked since the first poll.
pub(crate) async fn offload_unless_dropped<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> T {
    if is_worker() {
        return job();
    }
    before_blocking();
    let (sender, result) = completion();
    let workers = Workers::current();
    let number = workers.add(Box::new(move || {
        let result = catch_unwind(AssertUnwindSafe(job));
        // Sending wakes the task, or drops the result if the task is gone. The wake and the drop may run the
        // user's code.
        run_caught(|| sender.send(result));
    }));
    returned(QueuedJob { result: Some(result), place: Some((workers, number)) }.await)
}

fn returned<T>(result: Option<std::thread::Result<T>>) -> T {
    match result {
        Some(Ok(result)) => result,
        Some(Err(panic)) => resume_unwind(panic),
        None => panic!("this call was begun before the process forked, and a worker of the parent ends it"),
    }
}

impl Workers {
    fn current() -> Arc<Self> {
        loop {
            let present = WORKERS.load().clone();
            if let Some(workers) = present {
                if workers.process.is_current() {
                    return workers;
                }
                // The parent's jobs must not be dropped here, because their values belong to the parent.
                std::mem::forget(workers);
            }
            WORKERS.update(|workers| match workers {
                Some(workers) if workers.process.is_current() => Some(workers.clone()),
                _ => Some(Arc::new(Self {
                    process: Process::current(),
                    queue: Mutex::default(),
                    added: Condvar::new(),
                })),
            });
        }
    }

    fn add(self: &Arc<Self>, job: Job) -> u64 {
        let mut queue = self.queue.lock();
        queue.last_number += 1;
        let number = queue.last_number;
        queue.jobs.insert(number, job);
        let wants_worker = queue.jobs.len() > queue.idle && queue.workers < MAX_WORKERS;
        let is_refused = wants_worker && !self.start(&mut queue);
        drop(queue);
        self.added.notify_one();
        if is_refused {
            self.run_without_worker();
        }
        number
    }

    /// Runs the queued jobs if there is no worker, because the system has refused to start one.
    fn run_without_worker(&self) {
        let mut queue = self.queue.lock();
        while queue.workers == 0
            && let Some((_, job)) = queue.jobs.pop_first()
        {
            drop(queue);
            run_here(job);
            queue = self.queue.lock();
        }
    }

    /// Counts a task as suspended. Must be called on a worker.
    fn begin_suspended(self: &Arc<Self>) -> SuspendedMark {
        self.queue.lock().suspended += 1;
        SuspendedMark(self.clone())
    }

    /// Counts a task as suspended, and starts a worker if none runs. Returns `None` if the system cannot
    /// start a worker.
    fn begin_suspended_with_worker(self: &Arc<Self>) -> Option<SuspendedMark> {
        let mut queue = self.queue.lock();
        if queue.workers == 0 && !self.start(&mut queue) {
            return None;
        }
        queue.suspended += 1;
        drop(queue);
        Some(SuspendedMark(self.clone()))
    }

    fn end_suspended(&self) {
        self.queue.lock().suspended -= 1;
        // Under the model checker, no time passes that would end the wait of the last worker.
        if cfg!(shuttle) {
            self.added.notify_all();
        }
    }

    /// Starts a worker and counts it. Returns whether the system could start it.
    fn start(self: &Arc<Self>, queue: &mut JobQueue) -> bool {
        let (workers, builder) = (self.clone(), thread::Builder::new().name("larder-worker".to_owned()));
        let is_started = builder.spawn(move || workers.run()).is_ok();
        queue.workers += usize::from(is_started);
        is_started
    }

    fn run(&self) {
        _ = IS_WORKER.try_with(|is_worker| is_worker.set(true));
        let mut queue = self.queue.lock();
        loop {
            if let Some((_, job)) = queue.jobs.pop_first() {
                drop(queue);
                job();
                queue = self.queue.lock();
                continue;
            }
            let is_over = if IDLE_TIME.is_zero() {
                if queue.needs_this_worker() {
                    self.added.wait(&mut queue);
                }
                true
            } else {
                queue.idle += 1;
                let wait = self.added.wait_for(&mut queue, IDLE_TIME);
                queue.idle -= 1;
                wait.timed_out()
            };
            if is_over && queue.jobs.is_empty() && !queue.needs_this_worker() {
                queue.workers -= 1;
                return;
            }
        }
    }
}

// The model's channels have only one receiver.
#[cfg(test)]
#[cfg(not(shuttle))]
mod tests;
