//! Calls of async code that a thread makes itself, in place of a worker.
//!
//! The way to a worker and back takes two switches of threads. That is longer than a lookup of a file that is
//! in the system's memory. A thread that serves many clients, and runs nothing else, may make such calls
//! itself ([`InlineCalls`]). An executor of an application must not: its tasks expect that a call never
//! blocks.
//!
//! A call that would wait for another thread is never made so: for room in the write buffer, for a turn, for
//! a snapshot. It goes to a worker before it has changed anything. A lookup on disk waits for the disk, so it
//! is made so only while the disk is quick:
//!
//! 1. Each lookup on disk measures the time that its reads of the file take. Most lookups read pages that the
//!    store holds in memory, and take none.
//! 2. The mean of these times moves: each lookup counts for [`SHARE`] of it. While the mean is above
//!    [`MAX_MEAN`], a worker is quicker, and leaves the thread to its other clients. So one read of
//!    [`MAX_MEAN`] divided by [`SHARE`] (6.4 ms) is enough. One shorter read is not: the system may have run
//!    another thread meanwhile.
//! 3. Then workers make the lookups, for [`MIN_PAUSE`] at least, and for [`PAUSE_FACTOR`] times as long as
//!    the last lookup has read. After that, they still do until one of theirs has taken less than
//!    [`MAX_OF_WORKER`]. So a disk that does not answer delays the clients of a thread once.
//! 4. The thread tries again. Its mean begins at half of [`MAX_MEAN`], so a disk that is still slow is found
//!    sooner.
//!
//! So the reads of one try take at most 6.4 ms, one last read, and [`MAX_MEAN`] for each lookup. Two tries
//! are [`MIN_PAUSE`] apart, and at least [`PAUSE_FACTOR`] times that last read, if it takes less than
//! [`MAX_PAUSE`] divided by [`PAUSE_FACTOR`].
//!
//! Without (3), a disk of 16 ms for each read would stop a thread for a seventh of the time.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::rc::Rc;
use std::time::Duration;

use super::clock::Clock;
use super::sync::{Arc, AtomicBool, Ordering, thread_local};

/// The mean time that a lookup reads, above which workers make the lookups. It is about the cost of the way
/// to a worker and back.
const MAX_MEAN: Duration = Duration::from_micros(25);

/// The part of a lookup in the mean is one of this number.
const SHARE: u64 = 256;

/// The least time for which workers make the lookups.
const MIN_PAUSE: Duration = Duration::from_millis(100);

/// The most.
const MAX_PAUSE: Duration = Duration::from_mins(1);

/// How much longer that time is than the last read, at least.
const PAUSE_FACTOR: u32 = 100;

/// A worker's lookup that took less says that the disk answers. It includes the time in which the system ran
/// other threads.
const MAX_OF_WORKER: Duration = Duration::from_millis(2);

thread_local! {
    /// The calls that this thread makes itself. None for any other thread.
    static CALLS: RefCell<Option<Rc<ThreadCalls>>> = const { RefCell::new(None) };
}

/// Lets the thread that made this value make short calls of async code itself, in place of a worker thread.
/// Dropping the value ends that. [`Cache::inline_calls`](crate::Cache::inline_calls) makes it.
#[derive(Debug)]
#[must_use = "dropping this value ends it"]
pub struct InlineCalls {
    before: Option<Rc<ThreadCalls>>,
    /// The value belongs to its thread.
    thread: PhantomData<Rc<()>>,
}

impl InlineCalls {
    pub(crate) fn begin(clock: Arc<dyn Clock>) -> Self {
        let before = CALLS.with_borrow_mut(|calls| calls.replace(Rc::new(ThreadCalls::new(clock))));
        Self { before, thread: PhantomData }
    }
}

impl Drop for InlineCalls {
    fn drop(&mut self) {
        let before = self.before.take();
        _ = CALLS.try_with(|calls| calls.replace(before));
    }
}

/// The calls of one thread.
#[derive(Debug)]
struct ThreadCalls {
    clock: Arc<dyn Clock>,
    /// The moving mean of step 2, in nanoseconds.
    mean: Cell<u64>,
    /// What the lookup that goes on has read so far. None while there is no lookup.
    reading: Cell<Option<Duration>>,
    /// Until when workers make the lookups.
    paused_until: Cell<Option<Duration>>,
    found_quick: Arc<AtomicBool>,
}

impl ThreadCalls {
    fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            mean: Cell::new(0),
            reading: Cell::new(None),
            paused_until: Cell::new(None),
            found_quick: Arc::default(),
        }
    }

    /// Returns whether the thread looks on disk itself.
    fn may_look(&self) -> bool {
        let Some(until) = self.paused_until.get() else { return true };
        // Relaxed: the flag alone is passed on.
        if self.clock.monotonic() < until || !self.found_quick.load(Ordering::Relaxed) {
            return false;
        }
        // 4.
        self.paused_until.set(None);
        self.mean.set(nanos(MAX_MEAN) / 2);
        true
    }

    /// Step 2, and the beginning of step 3.
    fn note(&self, read: Duration) {
        let mean = self.mean.get();
        let mean = mean - mean / SHARE + nanos(read) / SHARE;
        self.mean.set(mean);
        if mean > nanos(MAX_MEAN) {
            let pause = read.saturating_mul(PAUSE_FACTOR).clamp(MIN_PAUSE, MAX_PAUSE);
            self.found_quick.store(false, Ordering::Relaxed);
            self.paused_until.set(Some(self.clock.monotonic().saturating_add(pause)));
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn with<R>(call: impl FnOnce(&ThreadCalls) -> R) -> Option<R> {
    let calls = CALLS.try_with(|calls| calls.borrow().clone()).ok()??;
    Some(call(&calls))
}

/// Returns whether the calling thread makes calls itself that wait for nothing.
pub(crate) fn are_allowed() -> bool {
    CALLS.try_with(|calls| calls.borrow().is_some()).unwrap_or(false)
}

/// Returns whether the calling thread looks on disk itself.
pub(crate) fn may_look() -> bool {
    with(ThreadCalls::may_look).unwrap_or(false)
}

/// Makes a call that may look on disk, once. Step 1.
pub(crate) fn look<R>(call: impl FnOnce() -> R) -> R {
    let began = with(|calls| calls.reading.replace(Some(Duration::ZERO)).is_none()).unwrap_or(false);
    let result = call();
    if began {
        with(|calls| calls.note(calls.reading.take().unwrap_or_default()));
    }
    result
}

/// Reads a file, as a part of a lookup or of anything else.
pub(crate) fn read<R>(read: impl FnOnce() -> R) -> R {
    let began = with(|calls| {
        let before = calls.reading.take()?;
        Some((before, calls.clock.monotonic()))
    });
    let result = read();
    if let Some(Some((before, began))) = began {
        with(|calls| {
            let took = calls.clock.monotonic().saturating_sub(began);
            calls.reading.set(Some(before.saturating_add(took)));
        });
    }
    result
}

/// A lookup that a worker makes for the calling thread. It says whether the disk is quick again.
#[derive(Debug)]
pub(crate) struct WorkerLookup(Option<(Arc<dyn Clock>, Arc<AtomicBool>)>);

impl WorkerLookup {
    /// Called by the thread that the lookup is made for.
    pub(crate) fn new() -> Self {
        Self(with(|calls| (calls.clock.clone(), calls.found_quick.clone())))
    }

    /// Called by the worker. Step 3.
    pub(crate) fn look<R>(self, call: impl FnOnce() -> R) -> R {
        let Some((clock, found_quick)) = self.0 else { return call() };
        let began = clock.monotonic();
        let result = call();
        let is_quick = clock.monotonic().saturating_sub(began) < MAX_OF_WORKER;
        found_quick.store(is_quick, Ordering::Relaxed);
        result
    }
}

#[cfg(test)]
mod tests;
