//! The pool of a cache for loads in the background: a few threads, and a bounded queue.
//!
//! Registered loaders need the pool for refreshes, and for loads whose caller stops waiting before the load
//! ends.
//!
//! 1. A load is passed on under the pool's lock. If a thread is idle, it takes the load. If no thread is idle
//!    and the pool may have one more, a thread is started. Otherwise the load queues. If the queue is full,
//!    the caller gets the load back. It also gets the load back if the pool has no thread and none can be
//!    started.
//! 2. A thread runs one load after another, with no lock held. Loads that a caller has asked for come before
//!    refreshes, whose callers have been answered already. Refreshes have a queue of their own, so they do
//!    not fill the queue of the loads. The thread catches the panic of a load.
//! 3. A thread that was idle for [`IDLE_TIME`] ends. It decides to end, and leaves the list of threads, under
//!    one lock, and only while the queues are empty. Otherwise a load that is passed on in between would find
//!    a thread on the list, queue for it, and never run.
//! 4. Closing the cache closes the pool. The idle threads end, and are joined. The loads in the queues are
//!    left to the caller that closes the cache, because dropping them may run a user's `Drop`.
//! 5. A thread that runs a load is not joined: the load may hang, and must not delay the close. The thread
//!    ends after its load.
//!
//! The threads hold the pool, and not the cache. A load holds weak references to the cache. So a load keeps
//! neither the cache nor its file open, unless the user's loader itself holds a handle. The last handle may
//! then be dropped on a thread of the pool, and a loader may close the cache. The cache treats this thread
//! like a thread of the application. The thread is not idle, so it never joins itself.

use std::any::Any;
use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::threads::spawn;
use crate::error::Error;
use crate::sys::clock::Deadline;
use crate::sys::process::Process;
use crate::sys::sync::thread::{JoinHandle, ThreadId};
use crate::sys::sync::{Arc, Condvar, Mutex, thread, thread_local};

/// A thread of the pool ends after it was idle for this time.
const IDLE_TIME: Duration = Duration::from_secs(10);
/// Maximum number of queued loads for each thread that the pool may have. The same maximum applies to
/// refreshes.
const QUEUED_PER_THREAD: usize = 16;

/// A load to run.
pub(crate) type LoadJob = Box<dyn FnOnce() + Send>;

thread_local! {
    /// Whether this is a thread of a pool.
    static IS_LOAD_THREAD: Cell<bool> = const { Cell::new(false) };
}

/// The reason for a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoadReason {
    /// A caller has asked for the value.
    Call,
    /// The value is old, or an explicit refresh asks for it. No caller waits for it.
    Refresh,
}

/// The threads for loads in the background, and their queues.
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
    /// The threads that wait for a load.
    idle: Vec<ThreadId>,
    is_closed: bool,
    /// Whether it was logged that no thread can be started.
    is_logged: bool,
    /// Whether the pool behaves as if the system started no thread, for tests.
    #[cfg(test)]
    starts_none: bool,
}

/// The reason why the pool runs no load, with the load.
pub(crate) enum PoolRefusal {
    /// Every thread is busy, and the queue is full.
    Full(LoadJob),
    /// The pool has no thread, and the system starts none.
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

    /// Returns whether the calling thread is a thread of a pool. Such a thread must not wait for a load that
    /// queues: the load may queue behind the thread's own load.
    pub(crate) fn is_load_thread() -> bool {
        // When a thread ends, its thread-local variables may be dropped already. Then no load runs on it.
        IS_LOAD_THREAD.try_with(Cell::get).unwrap_or(false)
    }

    /// Returns whether the pool would accept a refresh now.
    pub(crate) fn has_room(&self) -> bool {
        self.process.is_current() && {
            let state = self.state.lock();
            !state.is_closed && self.has_place(&state, LoadReason::Refresh)
        }
    }

    /// Passes a load on to the pool, without waiting. Step 1.
    pub(crate) fn submit(self: &Arc<Self>, reason: LoadReason, job: LoadJob) -> Result<(), PoolRefusal> {
        if !self.process.is_current() {
            return Err(PoolRefusal::Closed(job));
        }
        self.submit_locked(&mut self.state.lock(), reason, job)
    }

    /// Like [`submit`](Self::submit), for a load that a caller has asked for. Waits for room until the
    /// deadline.
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
            // Started under the lock. The new thread first takes this lock, so its handle is on the list
            // before the thread can end.
            match self.start_thread(state) {
                Ok(thread) => state.threads.push(thread),
                // An existing thread takes the load.
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

    /// Step 2.
    fn run(self: Arc<Self>) {
        _ = IS_LOAD_THREAD.try_with(|is| is.set(true));
        let leaving = LeavingThread(self);
        let pool = &leaving.0;
        while let Some(job) = pool.next() {
            // A queue that was full has room again.
            pool.changed.notify_all();
            // The lease inside the load reports the panic to the waiting callers.
            drop(catch_unwind(AssertUnwindSafe(job)));
            // A loader may fork, and return in the child.
            if !pool.process.is_current() {
                return;
            }
        }
    }

    /// Waits for a load. Returns `None` if the thread must end. The thread is then no longer on the list
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

    /// Closes the pool: step 4. Returns the idle threads, for joining. Not called in a forked child.
    pub(crate) fn close(&self) -> Vec<JoinHandle<()>> {
        let mut state = self.state.lock();
        state.is_closed = true;
        let idle = std::mem::take(&mut state.idle);
        let threads = std::mem::take(&mut state.threads);
        drop(state);
        self.changed.notify_all();
        // A busy thread is detached by dropping its handle.
        threads.into_iter().filter(|thread| idle.contains(&thread.thread().id())).collect()
    }

    /// Drops the loads that were still in the queues when the pool was closed. Keeps the first panic of a
    /// user's `Drop` in `panic`. Each load is dropped on its own: a second panic during the unwinding of the
    /// first would abort the process.
    pub(crate) fn drop_left(&self, panic: &mut Option<Box<dyn Any + Send>>) {
        let mut state = self.state.lock();
        let (loads, refreshes) = (std::mem::take(&mut state.loads), std::mem::take(&mut state.refreshes));
        drop(state);
        for job in loads.into_iter().chain(refreshes) {
            if let Err(caught) = catch_unwind(AssertUnwindSafe(|| drop(job))) {
                panic.get_or_insert(caught);
            }
        }
    }
}

impl PoolState {
    fn queued(&self) -> usize {
        self.loads.len() + self.refreshes.len()
    }
}

/// Removes its thread from the pool when the thread ends by a panic.
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
