//! The thread pool of a cache for loads in the background: a few threads, and bounded queues.
//!
//! Registered loaders use the pool for refreshes, and for loads with a timeout, which may continue after the
//! caller has stopped waiting.
//!
//! 1. A caller submits a load under the pool's lock. If a thread is idle, it takes the load. If no thread is
//!    idle and the pool may have another thread, a thread is started. Otherwise the load is queued. The
//!    caller gets the load back if the queue is full, if the pool has no threads and none can be started, or
//!    if the pool is closed.
//! 2. A thread runs one load after another, with no lock held, and catches panics. Refreshes run after the
//!    loads that callers wait for. Refreshes have a separate queue, so that they do not fill the queue of the
//!    other loads.
//! 3. A thread that has been idle for [`IDLE_TIME`] ends, if the queues are empty. It checks the queues and
//!    leaves the list of threads under the same lock. Otherwise a load that is submitted in between would
//!    be queued for this thread, and would never run.
//! 4. Closing the cache closes the pool. The idle threads end, and are joined. The caller that closes the
//!    cache drops the queued loads later, without a lock, because this may run a user's `Drop`.
//! 5. A thread that is running a load is not joined, because a load that hangs must not delay the close. The
//!    thread ends after its load.
//!
//! The threads own the pool, but not the cache, and a load holds only weak references to the cache. So a load
//! does not keep the cache or its file open, unless the user's loader holds a handle. A loader may also close
//! the cache, or drop the last handle, on a thread of the pool. The cache treats this thread like a thread of
//! the application. The thread is not idle, so it never joins itself.

use std::cell::Cell;
use std::collections::VecDeque;
use std::time::Duration;

use super::threads::spawn;
use crate::error::Error;
use crate::sys::clock::Deadline;
use crate::sys::process::Process;
use crate::sys::sync::thread::{JoinHandle, ThreadId};
use crate::sys::sync::{Arc, Condvar, Mutex, thread, thread_local};
use crate::sys::user_code::{drop_caught, run_caught};

/// A thread of the pool ends after it has been idle for this duration.
const IDLE_TIME: Duration = Duration::from_secs(10);
/// The maximum number of queued loads, for each thread that the pool may have. Also the maximum number of
/// queued refreshes per thread.
const QUEUED_PER_THREAD: usize = 16;

pub(crate) type LoadJob = Box<dyn FnOnce() + Send>;

thread_local! {
    static IS_LOAD_THREAD: Cell<bool> = const { Cell::new(false) };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoadReason {
    /// A caller waits for the value.
    Call,
    /// The value is old, or the application requested a refresh. The caller that submits the load does not
    /// wait for it.
    Refresh,
}

pub(crate) struct LoadPool {
    max_threads: usize,
    idle_time: Duration,
    process: Process,
    state: Mutex<PoolState>,
    changed: Condvar,
}

#[derive(Default)]
struct PoolState {
    loads: VecDeque<LoadJob>,
    refreshes: VecDeque<LoadJob>,
    threads: Vec<JoinHandle<()>>,
    idle: Vec<ThreadId>,
    is_closed: bool,
    /// Whether the log already has the warning that no thread can be started.
    is_logged: bool,
    /// Simulates, in a test, that the system can't start threads.
    #[cfg(test)]
    starts_none: bool,
}

/// The reason why the pool refused a load, with the load.
pub(crate) enum PoolRefusal {
    /// Every thread is busy, and the queue is full.
    Full(LoadJob),
    /// The pool has no threads, and none can be started.
    NoThread(LoadJob),
    /// The pool is closed, or belongs to the parent process.
    Closed(LoadJob),
}

impl LoadPool {
    pub(crate) fn new(max_threads: usize, process: Process) -> Arc<Self> {
        Self::with_idle_time(max_threads, process, IDLE_TIME)
    }

    fn with_idle_time(max_threads: usize, process: Process, idle_time: Duration) -> Arc<Self> {
        let (state, changed) = (Mutex::default(), Condvar::new());
        Arc::new(Self { max_threads, idle_time, process, state, changed })
    }

    /// Returns whether the calling thread belongs to a pool. Such a thread must not wait for a queued load.
    /// If all threads of a pool waited for queued loads, no thread would run these loads.
    pub(crate) fn is_load_thread() -> bool {
        // At the end of a thread, its thread-local variables may already be dropped. Then no load is running
        // on the thread.
        IS_LOAD_THREAD.try_with(Cell::get).unwrap_or(false)
    }

    /// Returns whether the pool would currently accept a refresh.
    pub(crate) fn has_room(&self) -> bool {
        self.process.is_current() && {
            let state = self.state.lock();
            !state.is_closed && self.has_place(&state, LoadReason::Refresh)
        }
    }

    /// Submits a load to the pool without waiting (step 1).
    pub(crate) fn submit(self: &Arc<Self>, reason: LoadReason, job: LoadJob) -> Result<(), PoolRefusal> {
        if !self.process.is_current() {
            return Err(PoolRefusal::Closed(job));
        }
        self.submit_locked(&mut self.state.lock(), reason, job)
    }

    /// Like [`submit`](Self::submit) with [`LoadReason::Call`], but waits for room until the deadline.
    pub(crate) fn submit_before(
        self: &Arc<Self>,
        mut job: LoadJob,
        deadline: Deadline,
    ) -> Result<(), PoolRefusal> {
        if !self.process.is_current() {
            return Err(PoolRefusal::Closed(job));
        }
        let mut state = self.state.lock();
        loop {
            match self.submit_locked(&mut state, LoadReason::Call, job) {
                Err(PoolRefusal::Full(refused)) if !deadline.is_over() => job = refused,
                answer => return answer,
            }
            self.changed.wait_for(&mut state, deadline.left());
        }
    }

    fn has_place(&self, state: &PoolState, reason: LoadReason) -> bool {
        let is_taken_at_once = state.queued() < state.idle.len() || state.threads.len() < self.max_threads;
        let queued = match reason {
            LoadReason::Call => state.loads.len(),
            LoadReason::Refresh => state.refreshes.len(),
        };
        is_taken_at_once || queued < self.max_threads.saturating_mul(QUEUED_PER_THREAD)
    }

    fn submit_locked(
        self: &Arc<Self>,
        state: &mut PoolState,
        reason: LoadReason,
        job: LoadJob,
    ) -> Result<(), PoolRefusal> {
        if state.is_closed {
            return Err(PoolRefusal::Closed(job));
        }
        if !self.has_place(state, reason) {
            return Err(PoolRefusal::Full(job));
        }
        if state.queued() >= state.idle.len() && state.threads.len() < self.max_threads {
            // The thread is started under the lock. It first takes the same lock, so its handle is on the
            // list before the thread can end.
            match self.start_thread(state) {
                Ok(thread) => state.threads.push(thread),
                // An existing thread will take the load.
                Err(_) if !state.threads.is_empty() => {}
                Err(error) => {
                    if !std::mem::replace(&mut state.is_logged, true) {
                        tracing::warn!(%error, "no thread for loads can be started: callers run their loads");
                    }
                    return Err(PoolRefusal::NoThread(job));
                }
            }
        }
        match reason {
            LoadReason::Call => state.loads.push_back(job),
            LoadReason::Refresh => state.refreshes.push_back(job),
        }
        self.changed.notify_all();
        Ok(())
    }

    #[cfg(not(test))]
    fn start_thread(self: &Arc<Self>, _: &PoolState) -> Result<JoinHandle<()>, Error> {
        let pool = self.clone();
        spawn("larder-load", move || pool.run())
    }

    #[cfg(test)]
    fn start_thread(self: &Arc<Self>, state: &PoolState) -> Result<JoinHandle<()>, Error> {
        if state.starts_none {
            let source = std::io::Error::from(std::io::ErrorKind::WouldBlock);
            return Err(Error::Thread { name: "larder-load", source });
        }
        let pool = self.clone();
        spawn("larder-load", move || pool.run())
    }

    /// Runs step 2.
    fn run(self: Arc<Self>) {
        _ = IS_LOAD_THREAD.try_with(|is| is.set(true));
        let leaving = LeavingThread(self);
        let pool = &leaving.0;
        while let Some(job) = pool.next() {
            // The job has left the queue, so callers that wait for room may continue.
            pool.changed.notify_all();
            // The lease in the load reports a panic to the waiting callers.
            run_caught(job);
            // If a loader forks, it returns in both processes. The child must not continue the loop.
            if !pool.process.is_current() {
                return;
            }
        }
    }

    /// Waits for a load. Returns `None` if the thread must end. By then the thread is no longer on the list
    /// (step 3).
    fn next(&self) -> Option<LoadJob> {
        let me = thread::current().id();
        let mut state = self.state.lock();
        let mut has_timed_out = false;
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(job) = state.loads.pop_front().or_else(|| state.refreshes.pop_front()) {
                return Some(job);
            }
            if has_timed_out {
                state.threads.retain(|thread| thread.thread().id() != me);
                return None;
            }
            state.idle.push(me);
            has_timed_out = self.changed.wait_for(&mut state, self.idle_time).timed_out();
            state.idle.retain(|idle| *idle != me);
        }
    }

    /// Closes the pool (step 4). Returns the idle threads, which the caller must join. Must not be called in
    /// a forked child.
    pub(crate) fn close(&self) -> Vec<JoinHandle<()>> {
        let mut state = self.state.lock();
        state.is_closed = true;
        let idle = std::mem::take(&mut state.idle);
        let threads = std::mem::take(&mut state.threads);
        drop(state);
        self.changed.notify_all();
        // Dropping the handle of a busy thread detaches the thread.
        threads.into_iter().filter(|thread| idle.contains(&thread.thread().id())).collect()
    }

    /// Drops the loads that were still queued when the pool was closed, and catches each panic of a user's
    /// `Drop`.
    pub(super) fn drop_left(&self) {
        let mut state = self.state.lock();
        let (loads, refreshes) = (std::mem::take(&mut state.loads), std::mem::take(&mut state.refreshes));
        drop(state);
        loads.into_iter().chain(refreshes).for_each(drop_caught);
    }
}

impl PoolState {
    fn queued(&self) -> usize {
        self.loads.len() + self.refreshes.len()
    }
}

/// A guard that removes its thread from the pool when the thread ends, even if it panics.
struct LeavingThread(Arc<LoadPool>);

impl Drop for LeavingThread {
    fn drop(&mut self) {
        if self.0.process.is_current() {
            let me = thread::current().id();
            self.0.state.lock().threads.retain(|thread| thread.thread().id() != me);
        }
    }
}

impl std::fmt::Debug for LoadPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadPool").field("max_threads", &self.max_threads).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
