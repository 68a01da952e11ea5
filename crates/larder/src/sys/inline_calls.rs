//! Inline calls: a thread makes async calls itself, without a worker.
//!
//! A round trip to a worker takes two thread switches. They take longer than a lookup in a file that is in
//! the page cache. A thread that only serves many clients may make these calls itself ([`InlineCalls`]). An
//! application's executor must not, because its tasks expect that a call never blocks.
//!
//! A call that would have to wait for another thread is never made inline. It may have to wait for room in
//! the write buffer, for its turn to change a key, or for a snapshot. The call moves to a worker before it
//! changes anything. A lookup on disk waits for the disk, so it is inline only while the disk is quick:
//!
//! 1. Each lookup on disk measures how long its reads of the file take. Most lookups read pages that the
//!    store has in memory, so their time is zero.
//! 2. The thread computes a moving mean of these times. Each lookup contributes a fraction of `1 / SHARE`.
//!    While the mean is above [`MAX_MEAN`], a worker is quicker, and the thread can serve its other clients.
//!    If the mean is zero, one read of up to [`MAX_MEAN`] times [`SHARE`] (6.4 ms) stays within this limit:
//!    the system may have run another thread during the read.
//! 3. When the mean exceeds the limit, workers make the lookups, for at least [`MIN_PAUSE`] and for at least
//!    [`PAUSE_FACTOR`] times the read time of the last lookup, but at most [`MAX_PAUSE`]. Afterwards, workers
//!    continue until one of their lookups reads for less than [`MAX_OF_WORKER`]. So a disk that does not
//!    respond delays the clients of a thread only once. Changes that workers make for the thread are measured
//!    like lookups, because they have looked on disk, or have waited for room that a commit has freed.
//! 4. The thread tries again. Its mean starts at half of [`MAX_MEAN`], so a disk that is still slow is
//!    detected sooner.
//!
//! So the reads of one try take at most 6.4 ms, one last read, and [`MAX_MEAN`] for each lookup. The time
//! between two tries is at least [`MIN_PAUSE`]. It is also at least [`PAUSE_FACTOR`] times that last read,
//! if the read takes less than [`MAX_PAUSE`] divided by [`PAUSE_FACTOR`].
//!
//! Without the factor, a disk that takes 16 ms for each read would block a thread for a seventh of the time.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::rc::Rc;
use std::time::Duration;

use super::clock::Clock;
use super::sync::{Arc, AtomicBool, Ordering, thread_local};

/// Maximum mean read time of a lookup. Above it, workers make the lookups. The limit is about the cost of a
/// round trip to a worker.
const MAX_MEAN: Duration = Duration::from_micros(25);

/// One lookup has a weight of `1 / SHARE` in the mean.
const SHARE: u64 = 256;

const MIN_PAUSE: Duration = Duration::from_millis(100);

const MAX_PAUSE: Duration = Duration::from_mins(1);

/// Minimum ratio of the time for which workers make the lookups to the time of the last read, as far as
/// [`MAX_PAUSE`] allows.
const PAUSE_FACTOR: u32 = 20;

/// If a worker's lookup reads for less than this, the disk is responsive. The time includes time in which
/// the system ran other threads.
const MAX_OF_WORKER: Duration = Duration::from_millis(2);

thread_local! {
    /// The inline calls of this thread, or `None` if the thread makes none.
    static CALLS: RefCell<Option<Rc<ThreadCalls>>> = const { RefCell::new(None) };
}

/// Permits its thread to make short async calls itself, without a worker thread, until it is dropped.
/// [`Cache::inline_calls`](crate::Cache::inline_calls) returns it.
#[derive(Debug)]
#[must_use = "dropping this value ends it"]
pub struct InlineCalls {
    before: Option<Rc<ThreadCalls>>,
    /// Makes this type `!Send`, because the value must stay on its thread.
    thread: PhantomData<Rc<()>>,
}

impl InlineCalls {
    pub(crate) fn begin(clock: Arc<dyn Clock>) -> Self {
        Self::of(Rc::new(ThreadCalls::new(clock)))
    }

    fn of(calls: Rc<ThreadCalls>) -> Self {
        let before = CALLS.with(|present| present.borrow_mut().replace(calls));
        Self { before, thread: PhantomData }
    }
}

impl Drop for InlineCalls {
    fn drop(&mut self) {
        let before = self.before.take();
        _ = CALLS.try_with(|calls| calls.replace(before));
    }
}

#[derive(Debug)]
struct ThreadCalls {
    clock: Arc<dyn Clock>,
    /// The moving mean of step 2, in nanoseconds.
    mean: Cell<u64>,
    /// How long the current lookup has read so far. `None` outside of a lookup, and during a read.
    reading: Cell<Option<Duration>>,
    /// The earliest time at which workers may stop making the lookups. `None` while this thread makes them.
    paused_until: Cell<Option<Duration>>,
    found_quick: Arc<AtomicBool>,
    /// Whether this thread is a worker. Its reads are measured, and it makes no inline calls.
    is_worker: bool,
}

impl ThreadCalls {
    fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            mean: Cell::new(0),
            reading: Cell::new(None),
            paused_until: Cell::new(None),
            found_quick: Arc::default(),
            is_worker: false,
        }
    }

    fn may_look(&self) -> bool {
        if self.is_worker {
            return false;
        }
        let Some(until) = self.paused_until.get() else { return true };
        // Relaxed: the flag publishes no other data.
        if self.clock.monotonic() < until || !self.found_quick.load(Ordering::Relaxed) {
            return false;
        }
        // 4.
        self.paused_until.set(None);
        self.mean.set(nanos(MAX_MEAN) / 2);
        true
    }

    /// Runs step 2, and begins step 3.
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

/// Returns whether the calling thread makes calls itself if they need no wait.
pub(crate) fn are_allowed() -> bool {
    CALLS.try_with(|calls| calls.borrow().as_ref().is_some_and(|calls| !calls.is_worker)).unwrap_or(false)
}

/// Returns whether the calling thread may look on disk itself.
pub(crate) fn may_look() -> bool {
    with(ThreadCalls::may_look).unwrap_or(false)
}

/// Runs step 1: makes a call that may include one lookup on disk.
pub(crate) fn look<R>(call: impl FnOnce() -> R) -> R {
    with(|calls| calls.reading.set(Some(Duration::ZERO)));
    let result = call();
    with(|calls| calls.note(calls.reading.take().unwrap_or_default()));
    result
}

/// Reads a file, as a part of a lookup or of another operation.
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

/// A call that a worker makes for the calling thread. Its reads show whether the disk is quick again.
#[derive(Debug)]
pub(crate) struct WorkerLookup(Option<(Arc<dyn Clock>, Arc<AtomicBool>)>);

impl WorkerLookup {
    /// The thread for which the worker makes the call must call this. `looks` says whether the call looks on
    /// disk or waits for room.
    pub(crate) fn new(looks: bool) -> Self {
        let calls = |calls: &ThreadCalls| (calls.clock.clone(), calls.found_quick.clone());
        Self(if looks { with(calls) } else { None })
    }

    /// Runs step 3, on the worker.
    pub(crate) fn look<R>(self, call: impl FnOnce() -> R) -> R {
        let Some((clock, found_quick)) = self.0 else { return call() };
        let reading = Cell::new(Some(Duration::ZERO));
        let calls = Rc::new(ThreadCalls { is_worker: true, reading, ..ThreadCalls::new(clock) });
        let measured = InlineCalls::of(calls.clone());
        let result = call();
        drop(measured);
        let is_quick = calls.reading.get().unwrap_or_default() < MAX_OF_WORKER;
        found_quick.store(is_quick, Ordering::Relaxed);
        result
    }
}

#[cfg(test)]
mod tests;
