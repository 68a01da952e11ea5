//! The waker thread, which only wakes tasks.
//!
//! It wakes a task at the deadline of an [`Alarm`] that the task has set, because larder has no other timer
//! for tasks. It also wakes the tasks for which the writer, or the thread that reads a connection to a
//! server, has an answer. A waker runs an executor's code, and may drop a user's future, so these threads
//! must not call it.
//!
//! A process has one waker thread, for all caches. It starts with the first alarm or waker, and ends after
//! [`IDLE_TIME`] without either. The thread never waits for a lock of a cache, for the disk or for a
//! listener. So none of these can make it miss a deadline.
//!
//! 1. Under the lock, a caller adds an alarm or a waker, and takes the place of the thread if that is free.
//!    After it has released the lock, the caller starts the thread, or notifies it.
//! 2. The thread takes a due waker under the lock, and wakes its task without the lock. A panic is caught,
//!    so that the other tasks are still woken.
//! 3. If no waker is due, the thread waits until the next deadline. When it ends, it frees its place under
//!    the same lock. So a caller in (1) finds either a thread that will check again, or a free place.
//! 4. Code that runs inside a wake may still block. For example, the `Drop` of a future may send a command to
//!    the writer, and wait for a task that this thread must wake. Calls that may block announce this
//!    ([`before_blocking`]). The thread then gives up its place, to a new thread if there is more to do, and
//!    ends after its wake.
//!
//! If the system cannot start a thread, the calling thread wakes the tasks. A task whose alarm rings early
//! polls again, and sets another alarm.
//!
//! The thread belongs to the process that started it. A forked child starts its own thread, and leaves the
//! alarms in its copy of the state to its parent.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::task::Waker;
use std::time::Duration;

use super::clock::Deadline;
use super::process::Process;
use super::sync::completion::wake_task;
use super::sync::{Arc, AtomicSnapshot, Condvar, Mutex, process_static, thread, thread_local};

/// How long an idle thread waits for an alarm or a waker. Under the model checker it does not wait.
const IDLE_TIME: Duration = if cfg!(shuttle) { Duration::ZERO } else { Duration::from_secs(10) };

/// The waker thread of one process.
#[derive(Debug)]
struct WakerThread {
    process: Process,
    idle_time: Duration,
    state: Mutex<WakerState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct WakerState {
    /// Whether a thread has the place, or is about to start.
    has_thread: bool,
    /// The wakers of the tasks to wake now.
    due: VecDeque<Waker>,
    last_id: u64,
    /// The earliest deadline. It may belong to a cancelled alarm until the thread checks again.
    next: Option<Deadline>,
    alarms: HashMap<u64, (Deadline, Waker)>,
    /// If true, the caller behaves as if the system could not start a thread.
    #[cfg(test)]
    starts_none: bool,
}

/// A set alarm. Dropping it cancels the alarm.
#[derive(Debug)]
pub(crate) struct Alarm {
    thread: Arc<WakerThread>,
    id: u64,
}

process_static! {
    /// The waker thread of the process that last used one.
    static WAKER_THREAD: AtomicSnapshot<WakerThread> = AtomicSnapshot::empty();
}

thread_local! {
    /// Whether this thread has the place of the waker thread.
    static HAS_PLACE: Cell<bool> = const { Cell::new(false) };
}

pub(crate) fn wake_elsewhere(waker: Waker) {
    WakerThread::current().wake(waker);
}

/// Wakes a task at a deadline, unless the alarm is dropped first.
pub(crate) fn set_alarm(deadline: Deadline, waker: Waker) -> Alarm {
    WakerThread::current().set_alarm(deadline, waker)
}

/// Runs step 4: announces that the calling thread may wait for another thread.
pub(crate) fn before_blocking() {
    if HAS_PLACE.try_with(|has_place| has_place.replace(false)).unwrap_or(false) {
        WakerThread::current().give_up_place();
    }
}

impl WakerThread {
    fn new(process: Process, idle_time: Duration) -> Arc<Self> {
        Arc::new(Self { process, idle_time, state: Mutex::default(), changed: Condvar::new() })
    }

    /// Runs step 1 for a waker.
    fn wake(self: &Arc<Self>, waker: Waker) {
        let mut state = self.state.lock();
        state.due.push_back(waker);
        let is_first = !std::mem::replace(&mut state.has_thread, true);
        drop(state);
        self.call(is_first);
    }

    /// Runs step 1 for an alarm.
    fn set_alarm(self: Arc<Self>, deadline: Deadline, waker: Waker) -> Alarm {
        let mut state = self.state.lock();
        state.last_id += 1;
        let id = state.last_id;
        state.alarms.insert(id, (deadline, waker));
        let is_next = state.next.is_none_or(|next| deadline.left() < next.left());
        if is_next {
            state.next = Some(deadline);
        }
        let is_first = !std::mem::replace(&mut state.has_thread, true);
        drop(state);
        if is_first || is_next {
            self.call(is_first);
        }
        Alarm { thread: self, id }
    }

    fn current() -> Arc<Self> {
        loop {
            let present = WAKER_THREAD.load().clone();
            if let Some(thread) = present {
                if thread.process.is_current() {
                    return thread;
                }
                // The parent's wakers must not be dropped here, because they belong to tasks of the parent.
                std::mem::forget(thread);
            }
            WAKER_THREAD.update(|thread| match thread {
                Some(thread) if thread.process.is_current() => Some(thread.clone()),
                _ => Some(Self::new(Process::current(), IDLE_TIME)),
            });
        }
    }

    /// Starts the thread, or notifies it of a change. If the system cannot start the thread, wakes every
    /// task.
    fn call(self: &Arc<Self>, is_first: bool) {
        if !is_first {
            self.changed.notify_one();
            return;
        }
        if !self.start() {
            let mut state = self.state.lock();
            state.has_thread = false;
            state.next = None;
            let due = std::mem::take(&mut state.due);
            let alarms = std::mem::take(&mut state.alarms);
            drop(state);
            due.into_iter().chain(alarms.into_values().map(|(_, waker)| waker)).for_each(wake_task);
        }
    }

    /// Starts the thread. Returns whether the system could start it.
    fn start(self: &Arc<Self>) -> bool {
        #[cfg(test)]
        if self.state.lock().starts_none {
            return false;
        }
        let thread = self.clone();
        thread::Builder::new().name("larder-waker".to_owned()).spawn(move || thread.run()).is_ok()
    }

    fn give_up_place(self: &Arc<Self>) {
        let mut state = self.state.lock();
        let has_work = !state.due.is_empty() || !state.alarms.is_empty();
        state.has_thread = has_work;
        drop(state);
        if has_work {
            self.call(true);
        }
    }

    /// Runs steps 2 and 3.
    fn run(&self) {
        _ = HAS_PLACE.try_with(|has_place| has_place.set(true));
        let mut has_idled = false;
        let mut state = self.state.lock();
        loop {
            state.ring();
            if let Some(waker) = state.due.pop_front() {
                drop(state);
                wake_task(waker);
                // A waker may fork, and return in the child.
                let has_place = HAS_PLACE.try_with(Cell::get).unwrap_or(false);
                if !has_place || !self.process.is_current() {
                    return;
                }
                has_idled = false;
                state = self.state.lock();
                continue;
            }
            let Some(next) = state.next else {
                if has_idled || self.idle_time.is_zero() {
                    state.has_thread = false;
                    return;
                }
                has_idled = self.changed.wait_for(&mut state, self.idle_time).timed_out();
                continue;
            };
            self.changed.wait_for(&mut state, next.left());
            has_idled = false;
        }
    }
}

impl WakerState {
    /// Moves the wakers of alarms whose deadlines have passed to the due wakers.
    fn ring(&mut self) {
        if self.alarms.is_empty() {
            self.next = None;
        }
        if self.next.is_some_and(Deadline::is_over) {
            let due = self.alarms.extract_if(|_, (deadline, _)| deadline.is_over());
            self.due.extend(due.map(|(_, (_, waker))| waker));
            self.next = self.alarms.values().map(|(deadline, _)| *deadline).min_by_key(|at| at.left());
        }
    }
}

impl Alarm {
    /// Replaces the alarm's waker with the waker of its task's latest poll. Returns whether the alarm is
    /// still set.
    pub(crate) fn renew(&self, waker: Waker) -> bool {
        let mut state = self.thread.state.lock();
        // The unused waker is dropped after the lock is released.
        let (is_set, _unused) = match state.alarms.get_mut(&self.id) {
            Some((_, present)) => (true, std::mem::replace(present, waker)),
            None => (false, waker),
        };
        drop(state);
        is_set
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        // In a forked child, the lock may be held forever.
        if !self.thread.process.is_current() {
            return;
        }
        let mut state = self.thread.state.lock();
        let left = state.alarms.remove(&self.id);
        let is_last = state.alarms.is_empty();
        drop(state);
        drop(left);
        // Under the model checker, no time passes that would end the thread's wait.
        if cfg!(shuttle) && is_last {
            self.thread.changed.notify_one();
        }
    }
}

#[cfg(test)]
#[cfg(not(shuttle))]
mod tests;
