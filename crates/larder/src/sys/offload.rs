//! Worker threads for calls that may block, so that a task of an async runtime does not run them itself: a
//! lookup on disk, an insert that waits for room, the end of a cache.
//!
//! A process has one set of workers, for all caches. A worker starts when a job finds no idle worker, up to
//! [`MAX_WORKERS`]. It ends when it has had no job for [`IDLE_TIME`]. Further jobs wait in the queue, in the
//! order of their arrival.
//!
//! A job never waits for another job, so a full set of workers delays jobs and blocks none for ever. It may
//! wait for a writer thread, for the disk, or for a user's code.
//!
//! A job that was submitted runs, also if no task waits for its result any more. If the system starts no
//! thread, and there is no worker, the calling thread runs the job.
//!
//! Workers belong to the process that started them. A forked child starts its own, and leaves the jobs in its
//! copy of the queue to its parent.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use super::process::Process;
use super::sync::completion::{Completion, completion};
use super::sync::{Arc, AtomicSnapshot, Condvar, Mutex, process_static, thread};

/// Maximum number of workers of a process.
pub(crate) const MAX_WORKERS: usize = 16;

/// The time for which an idle worker waits for a job. Under the model checker it does not wait.
const IDLE_TIME: Duration = if cfg!(shuttle) { Duration::ZERO } else { Duration::from_secs(10) };

type Job = Box<dyn FnOnce() + Send>;

/// The workers of one process.
#[derive(Debug)]
struct Workers {
    process: Process,
    queue: Mutex<JobQueue>,
    added: Condvar,
}

#[derive(Default)]
struct JobQueue {
    jobs: VecDeque<Job>,
    workers: usize,
    idle: usize,
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

/// Runs a job on a worker. The output is the job's result, or the payload of its panic.
pub(crate) fn submit<T: Send + 'static>(
    job: impl FnOnce() -> T + Send + 'static,
) -> Completion<std::thread::Result<T>> {
    let (sender, result) = completion();
    Workers::current().add(Box::new(move || {
        let result = catch_unwind(AssertUnwindSafe(job));
        // Wakes a task, or drops the result of a task that has left. Both run code of the user.
        drop(catch_unwind(AssertUnwindSafe(|| sender.send(result))));
    }));
    result
}

/// Runs a job on a worker, and returns its result. The job runs to its end, even if the future is dropped.
///
/// # Panics
/// If the job panics.
pub(crate) async fn offload<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> T {
    match submit(job).await {
        Some(Ok(result)) => result,
        Some(Err(panic)) => resume_unwind(panic),
        None => unreachable!("each job sends its result or its panic"),
    }
}

impl Workers {
    /// Returns the workers of the calling process.
    fn current() -> Arc<Self> {
        let process = Process::current();
        loop {
            let present = WORKERS.load().clone();
            if let Some(workers) = present {
                if workers.process == process {
                    return workers;
                }
                // The jobs of the parent are never dropped here: their values belong to the parent.
                std::mem::forget(workers);
            }
            WORKERS.update(|workers| match workers {
                Some(workers) if workers.process == process => Some(workers.clone()),
                _ => Some(Arc::new(Self { process, queue: Mutex::default(), added: Condvar::new() })),
            });
        }
    }

    fn add(self: &Arc<Self>, job: Job) {
        let mut queue = self.queue.lock();
        queue.jobs.push_back(job);
        let starts = queue.jobs.len() > queue.idle && queue.workers < MAX_WORKERS;
        queue.workers += usize::from(starts);
        drop(queue);
        self.added.notify_one();
        if !starts {
            return;
        }
        let workers = self.clone();
        if thread::Builder::new().name("larder-worker".to_owned()).spawn(move || workers.run()).is_err() {
            let mut queue = self.queue.lock();
            queue.workers -= 1;
            let job = if queue.workers == 0 { queue.jobs.pop_front() } else { None };
            drop(queue);
            if let Some(job) = job {
                job();
            }
        }
    }

    fn run(&self) {
        let mut queue = self.queue.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                drop(queue);
                job();
                queue = self.queue.lock();
                continue;
            }
            let is_over = IDLE_TIME.is_zero() || {
                queue.idle += 1;
                let wait = self.added.wait_for(&mut queue, IDLE_TIME);
                queue.idle -= 1;
                wait.timed_out()
            };
            if is_over && queue.jobs.is_empty() {
                queue.workers -= 1;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::sync::channel::{Receiver, bounded, unbounded};
    use pollster::block_on;

    #[test]
    fn a_job_runs_on_another_thread_and_its_panic_comes_back() {
        let me = thread::current().id();
        assert_ne!(block_on(offload(move || thread::current().id())), me);
        let panic = catch_unwind(|| block_on(offload(|| resume_unwind(Box::new(7)))));
        assert_eq!(panic.unwrap_err().downcast_ref(), Some(&7));
    }

    #[test]
    fn more_jobs_than_workers_wait_and_all_of_them_run() {
        let workers =
            Arc::new(Workers { process: Process::current(), queue: Mutex::default(), added: Condvar::new() });
        let (release, held): (_, Receiver<()>) = bounded(0);
        let (done, is_done) = unbounded();
        for number in 0..3 * MAX_WORKERS {
            let (held, done) = (held.clone(), done.clone());
            workers.add(Box::new(move || {
                held.recv().unwrap_err();
                done.send(number).unwrap();
            }));
        }
        assert_eq!(workers.queue.lock().workers, MAX_WORKERS);
        drop(release);
        let mut numbers: Vec<_> = (0..3 * MAX_WORKERS).map(|_| is_done.recv().unwrap()).collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..3 * MAX_WORKERS));
    }

    #[test]
    fn a_job_whose_task_has_left_runs_nevertheless() {
        let (done, is_done) = bounded(1);
        drop(submit(move || done.send(()).unwrap()));
        is_done.recv().unwrap();
    }
}
