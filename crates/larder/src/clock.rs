//! Time: the only place that asks the operating system for it, or waits for it.
//!
//! The cache's time never runs backwards and never falls behind the wall clock. It is the monotonic
//! clock plus an offset, and the offset only grows: each reading raises it to `wall - monotonic` where
//! that is larger. A wall clock that is set back therefore changes nothing (no entry lives longer than its
//! TTL), one that is set forward expires entries early, and the time a suspended machine slept counts.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::sync::{Arc, AtomicI64, AtomicU64, Mutex, Ordering};
use crate::units::{Timestamp, millis};

/// A source of time. [`SystemClock`] unless a test sets another.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// Time since some fixed point; never goes back.
    fn monotonic(&self) -> Duration;

    /// The time of day; may jump either way.
    fn wall(&self) -> Timestamp;

    /// Registers a function to call when time was moved by hand, so that a sleeping sweeper looks again.
    ///
    /// Clocks that only run need not call it.
    fn on_jump(&self, wake: Box<dyn Fn() + Send + Sync>) {
        drop(wake);
    }
}

/// The operating system's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    origin: std::time::Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn new() -> Self {
        Self { origin: std::time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn wall(&self) -> Timestamp {
        // A wall clock before 1970 reads as 1970: the mark of the file and the monotonic clock carry on.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp::from_millis(millis(since))
    }
}

/// A clock that stands still until it is moved: for tests of an application's own caching.
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
/// assert!(sessions.contains(&7));
/// clock.advance(Duration::from_secs(1));
/// assert!(!sessions.contains(&7));
/// # Ok::<(), larder::Error>(())
/// ```
pub struct ManualClock {
    monotonic_ms: AtomicU64,
    wall_ms: AtomicU64,
    wakers: Mutex<Vec<Box<dyn Fn() + Send + Sync>>>,
}

impl ManualClock {
    /// A clock that shows 2030-01-01T00:00:00Z.
    #[must_use]
    pub fn new() -> Self {
        Self::starting_at(Timestamp::from_millis(1_893_456_000_000))
    }

    /// A clock that shows `wall`.
    #[must_use]
    pub fn starting_at(wall: Timestamp) -> Self {
        Self {
            monotonic_ms: AtomicU64::new(0),
            wall_ms: AtomicU64::new(wall.as_millis()),
            wakers: Mutex::new(Vec::new()),
        }
    }

    /// Lets `by` pass, on both clocks, to the millisecond.
    pub fn advance(&self, by: Duration) {
        // In the order opposite to that of reading, so that no reading sees the wall clock ahead.
        self.monotonic_ms.fetch_add(millis(by), Ordering::SeqCst);
        self.wall_ms.fetch_add(millis(by), Ordering::SeqCst);
        self.wake();
    }

    /// Sets the time of day, forwards or backwards, while no time passes.
    pub fn set_wall(&self, wall: Timestamp) {
        self.wall_ms.store(wall.as_millis(), Ordering::SeqCst);
        self.wake();
    }

    fn wake(&self) {
        for waker in &*self.wakers.lock() {
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
        self.wakers.lock().push(wake);
    }
}

/// The cache's time, made of a clock and the latest time known from the file.
#[derive(Debug)]
pub(crate) struct CacheTime {
    clock: Arc<dyn Clock>,
    /// Milliseconds to add to the monotonic clock. Only ever grows.
    offset_ms: AtomicI64,
}

impl CacheTime {
    /// Time that starts at the wall clock, or at `mark` where that is later.
    pub(crate) fn new(clock: Arc<dyn Clock>, mark: Timestamp) -> Self {
        // The wall clock first, as in `now`.
        let start = signed(clock.wall().max(mark).as_millis());
        let monotonic = signed(millis(clock.monotonic()));
        Self { clock, offset_ms: AtomicI64::new(start.saturating_sub(monotonic)) }
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        // The wall clock first: what passes between the two readings then makes the difference smaller. The other way round it would
        // make it larger, and stay: a thread held up in between would move time forward for good.
        let wall = signed(self.clock.wall().as_millis());
        let monotonic = signed(millis(self.clock.monotonic()));
        let by_wall = wall.saturating_sub(monotonic);
        let mut offset = self.offset_ms.load(Ordering::Relaxed);
        if by_wall > offset {
            // Relaxed: the offset guards no other memory, and fetch_max keeps the latest of all threads.
            offset = self.offset_ms.fetch_max(by_wall, Ordering::Relaxed).max(by_wall);
        }
        Timestamp::from_millis(u64::try_from(monotonic.saturating_add(offset)).unwrap_or(0))
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// When a wait is to end, by the real monotonic clock: what a thread promises others does not stand still with a clock set by hand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    #[cfg(not(shuttle))]
    at: std::time::Instant,
    /// Under the model checker no time passes: the channel decides when a wait is over.
    #[cfg(shuttle)]
    wait: Duration,
}

#[cfg(not(shuttle))]
impl Deadline {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) fn after(wait: Duration) -> Self {
        Self { at: std::time::Instant::now() + wait }
    }

    /// How long it is until then.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) fn left(self) -> Duration {
        self.at.saturating_duration_since(std::time::Instant::now())
    }
}

#[cfg(shuttle)]
impl Deadline {
    pub(crate) fn after(wait: Duration) -> Self {
        Self { wait }
    }

    pub(crate) fn left(self) -> Duration {
        self.wait
    }
}

/// Lets real time pass while a file is in another process's hands. Never called with a lock held.
#[expect(clippy::disallowed_methods, reason = "the one wait that nothing can wake: another process's lock")]
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time_at(wall: u64, mark: u64) -> (Arc<ManualClock>, CacheTime) {
        let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(wall)));
        let time = CacheTime::new(clock.clone(), Timestamp::from_millis(mark));
        (clock, time)
    }

    #[test]
    fn a_wall_clock_set_back_does_not_move_time_back() {
        let (clock, time) = time_at(10_000, 0);
        clock.set_wall(Timestamp::from_millis(1));
        assert_eq!(time.now().as_millis(), 10_000);
        clock.advance(Duration::from_millis(5));
        assert_eq!(time.now().as_millis(), 10_005);
    }

    #[test]
    fn a_wall_clock_set_forward_is_followed_and_kept() {
        let (clock, time) = time_at(10_000, 0);
        clock.set_wall(Timestamp::from_millis(90_000));
        assert_eq!(time.now().as_millis(), 90_000);
        clock.set_wall(Timestamp::from_millis(10_000));
        clock.advance(Duration::from_millis(5));
        assert_eq!(time.now().as_millis(), 90_005);
    }

    #[test]
    fn time_starts_at_the_mark_of_the_file_when_the_wall_is_behind_it() {
        let (_clock, time) = time_at(10_000, 70_000);
        assert_eq!(time.now().as_millis(), 70_000);
    }

    /// A second passes between any two readings.
    #[derive(Debug, Default)]
    struct Slow(AtomicU64);

    impl Clock for Slow {
        fn monotonic(&self) -> Duration {
            Duration::from_secs(self.0.fetch_add(1, Ordering::SeqCst))
        }

        fn wall(&self) -> Timestamp {
            Timestamp::from_millis(1_000_000 + 1_000 * self.0.fetch_add(1, Ordering::SeqCst))
        }
    }

    #[test]
    fn a_thread_held_up_between_two_readings_does_not_move_time_forward() {
        let clock = Arc::new(Slow::default());
        let time = CacheTime::new(clock.clone(), Timestamp::ZERO);
        for _ in 0..10 {
            let now = time.now();
            assert!(now <= clock.wall(), "{now:?}");
        }
    }

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
}
