//! Time. Only this module reads the operating system's clocks, or sleeps.

pub(crate) mod boot;
pub(crate) mod cache_time;
pub(crate) mod system;
mod tick;

use std::any::Any;
use std::fmt;
use std::time::Duration;

use super::sync::{Arc, AtomicU64, Mutex, Ordering};
use crate::units::{Timestamp, millis};

/// Maximum lag of [`Clock::coarse_monotonic`]: 14 ms, the sum of the slowest (10 ms) and the usual (4 ms)
/// tick of a Linux kernel.
pub const MAX_COARSE_LAG: Duration = Duration::from_millis(14);

/// A source of time. The default is [`SystemClock`](system::SystemClock). The cache reads it under its locks,
/// so a clock must not call the cache.
pub trait Clock: Any + Send + Sync + fmt::Debug {
    /// Returns the time since a fixed point. The result never decreases. Only differences between readings
    /// are used.
    fn monotonic(&self) -> Duration;

    /// Returns the time of day, which may jump in either direction. Time ends at 2⁶⁴ − 1 ms, where every
    /// entry has expired.
    fn wall(&self) -> Timestamp;

    /// Returns a cheaper reading of the monotonic clock, or `None` if the clock has none. The reading is at
    /// most [`MAX_COARSE_LAG`] behind the monotonic clock, and never ahead of it. A lookup uses it to decide
    /// whether an entry is certainly live.
    fn coarse_monotonic(&self) -> Option<Duration> {
        None
    }

    /// Registers a function to call when the time is changed manually. The function makes sleeping threads
    /// of the cache check the time again.
    ///
    /// A clock whose time is never changed manually need not call the function.
    fn on_jump(&self, wake: Box<dyn Fn() + Send + Sync>) {
        drop(wake);
    }
}

/// A clock whose time changes only when a test changes it. Use it to test an application's own caching.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use larder::{Cache, KeyspaceDefinition, clock::ManualClock};
///
/// const SESSION: KeyspaceDefinition<u64, String> =
///     KeyspaceDefinition::new("session").ttl(Duration::from_secs(300));
///
/// let clock = Arc::new(ManualClock::new());
/// let cache = Cache::builder().clock(clock.clone()).open()?;
/// let sessions = cache.keyspace(SESSION)?;
/// sessions.insert(&7, "Ada".to_owned())?;
/// clock.advance(Duration::from_secs(299));
/// assert!(sessions.contains_key(&7));
/// clock.advance(Duration::from_secs(1));
/// assert!(!sessions.contains_key(&7));
/// # Ok::<(), larder::Error>(())
/// ```
pub struct ManualClock {
    monotonic_ms: AtomicU64,
    wall_ms: AtomicU64,
    /// The registered functions. They are called without the lock, because a function may change the clock
    /// itself. It may also drop the last reference to a closed cache, with the user's values.
    wakers: Mutex<Vec<Arc<dyn Fn() + Send + Sync>>>,
}

impl ManualClock {
    /// Creates a clock that shows 2030-01-01T00:00:00Z.
    #[must_use]
    pub fn new() -> Self {
        Self::starting_at(Timestamp::from_millis(1_893_456_000_000))
    }

    /// Creates a clock that shows `wall`.
    #[must_use]
    pub fn starting_at(wall: Timestamp) -> Self {
        Self {
            monotonic_ms: AtomicU64::new(0),
            wall_ms: AtomicU64::new(wall.as_millis()),
            wakers: Mutex::new(Vec::new()),
        }
    }

    /// Advances both clocks by `by`, truncated to whole milliseconds. Each clock stops at the end of its
    /// scale, 2⁶⁴ − 1 ms.
    pub fn advance(&self, by: Duration) {
        // The clocks advance in the reverse order of reading, so no reading sees the wall clock ahead of the
        // monotonic clock.
        for clock in [&self.monotonic_ms, &self.wall_ms] {
            let advanced = |ms: u64| Some(ms.saturating_add(millis(by)));
            // The update never fails, because the closure always returns `Some`.
            _ = clock.fetch_update(Ordering::SeqCst, Ordering::SeqCst, advanced);
        }
        self.wake();
    }

    /// Sets the time of day, forward or back. The monotonic clock does not change.
    pub fn set_wall(&self, wall: Timestamp) {
        self.wall_ms.store(wall.as_millis(), Ordering::SeqCst);
        self.wake();
    }

    fn wake(&self) {
        let wakers = self.wakers.lock().clone();
        for waker in wakers {
            waker();
        }
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualClock").field("wall", &self.wall()).finish_non_exhaustive()
    }
}

impl Clock for ManualClock {
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.monotonic_ms.load(Ordering::SeqCst))
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(self.wall_ms.load(Ordering::SeqCst))
    }

    fn on_jump(&self, wake: Box<dyn Fn() + Send + Sync>) {
        self.wakers.lock().push(wake.into());
    }
}

/// The end of a wait, in real monotonic time. So a wait for another thread ends even if a manual clock does
/// not advance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    #[cfg(not(shuttle))]
    at: std::time::Instant,
    /// The length of the wait. Under the model checker no time passes, so the model's channel decides when a
    /// wait ends.
    #[cfg(shuttle)]
    wait: Duration,
    /// The number of calls of `pass_time` before this deadline was created. Under the model checker, the
    /// next call ends the wait.
    #[cfg(shuttle)]
    made_at: u64,
}

#[cfg(not(shuttle))]
impl Deadline {
    /// Returns the deadline at the end of a wait. A wait longer than a century is cut to a century, because
    /// the sum could overflow.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) fn after(wait: Duration) -> Self {
        const CENTURY: Duration = Duration::from_hours(876_600);
        Self { at: std::time::Instant::now() + wait.min(CENTURY) }
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) fn left(self) -> Duration {
        self.at.saturating_duration_since(std::time::Instant::now())
    }

    pub(crate) fn is_over(self) -> bool {
        self.left().is_zero()
    }
}

#[cfg(shuttle)]
impl Deadline {
    pub(crate) fn after(wait: Duration) -> Self {
        Self { wait, made_at: crate::sys::sync::passed_times() }
    }

    pub(crate) fn left(self) -> Duration {
        if self.is_over() { Duration::ZERO } else { self.wait }
    }

    pub(crate) fn is_over(self) -> bool {
        self.made_at < crate::sys::sync::passed_times()
    }
}

/// Sleeps in real time, to wait for another process that owns a file, or for lookups that hold a snapshot.
/// The caller must not hold a lock.
#[expect(clippy::disallowed_methods, reason = "the one wait that nothing can wake: another process's lock")]
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::sync::Arc;

    #[test]
    fn moving_a_manual_clock_calls_its_wakers() {
        let clock = ManualClock::new();
        let calls = Arc::new(AtomicU64::new(0));
        let counted = calls.clone();
        clock.on_jump(Box::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        }));
        clock.advance(Duration::from_secs(1));
        clock.set_wall(Timestamp::ZERO);
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_waker_may_move_the_clock_itself() {
        let clock = Arc::new(ManualClock::new());
        let (moved, calls) = (Arc::downgrade(&clock), AtomicU64::new(0));
        clock.on_jump(Box::new(move || {
            if calls.fetch_add(1, Ordering::SeqCst) == 0
                && let Some(clock) = moved.upgrade()
            {
                clock.advance(Duration::from_millis(1));
            }
        }));
        let (done, is_done) = crate::sys::sync::channel::bounded(1);
        let advanced = clock.clone();
        std::thread::spawn(move || {
            advanced.advance(Duration::from_millis(1));
            done.send(()).unwrap();
        });
        is_done.recv_timeout(Duration::from_mins(1)).expect("the clock's lock is held while it calls");
        assert_eq!(clock.monotonic(), Duration::from_millis(2));
    }

    #[test]
    fn a_manual_clock_stops_at_the_end_of_its_scale() {
        let clock = ManualClock::starting_at(Timestamp::from_millis(u64::MAX - 1));
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.wall().as_millis(), u64::MAX);
        clock.advance(Duration::MAX);
        assert_eq!(clock.monotonic(), Duration::from_millis(u64::MAX));
    }
}
