//! The cache's time. It never decreases, and an exact reading is never behind the wall clock.
//!
//! The time is the monotonic time since the cache was opened, plus an offset. The offset only grows: an exact
//! reading raises it to the wall clock minus that monotonic time, if the difference is larger. So setting the
//! wall clock back changes nothing, and no entry lives longer than its TTL. Setting the wall clock forward
//! expires entries early. The time for which a machine is suspended is included.
//!
//! Time ends at `u64::MAX` milliseconds, and every sum saturates there. An entry has expired once the time
//! has reached its expiry. So at the end of time every entry has expired, for any readings of the clocks.
//! The monotonic count starts at zero and the offset is never negative. So no reading of either clock is out
//! of range, and no sum saturates before the end of time.
//!
//! Reading two clocks takes 45 ns, a large part of a hit. So a cheaper reading uses a coarse clock, which
//! changes only at each tick of the kernel. The result is [`TimeBounds`]: the time is between the two
//! bounds. If an entry expires after both bounds, the lookup does not need the exact time. Any other lookup
//! reads the exact time. Lookups that use the coarse clock read the wall clock once per tick. So they notice
//! a jump forward up to one tick late.
//!
//! The upper bound is constant during a tick. So it is computed once per tick and stored as the *limit*. A
//! hit reads the coarse clock, compares two integers, and loads the limit. The order of steps:
//!
//! 1. A thread reads a tick that is not the stored tick.
//! 2. It reads the wall clock, and raises the offset if necessary.
//! 3. It raises the limit to the upper bound of its tick. The limit only grows.
//! 4. It stores the tick.
//!
//! A thread whose tick equals the stored tick reads at least the limit of step 3, because that step comes
//! before step 4. If a slow thread has stored an earlier tick in between, the limit still belongs to the
//! later tick. A limit that is too high only makes a lookup read the exact time.
//!
//! A reading of the exact time raises the limit to at least the time that it returns. So a thread that has
//! read an exact time never finds an entry that had expired by then.

mod boot_windows;

use std::any::Any;
use std::time::Duration;

use super::system::{CoarseClock, SystemClock};
use super::tick::Tick;
use super::{Clock, MAX_COARSE_LAG};
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::sync::{Arc, AtomicU64, Ordering};
use crate::units::{Timestamp, millis};

/// What the upper bound adds to the coarse time, in milliseconds: its largest lag, and one for the truncated
/// fraction.
fn added_ms() -> u64 {
    millis(MAX_COARSE_LAG) + 1
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeBounds {
    pub(crate) earliest: Timestamp,
    pub(crate) latest: Timestamp,
}

/// The cache's time, computed from a clock and the clock watermark of the file.
#[derive(Debug)]
pub(crate) struct CacheTime {
    clock: Arc<dyn Clock>,
    /// A copy of the coarse clock, if `clock` is the system's clock and has one. A hit reads this copy
    /// without a virtual call.
    system: Option<CoarseClock>,
    /// The monotonic time at which the cache was opened.
    origin: Duration,
    /// The offset to add to the time since `origin`, in milliseconds. It only grows.
    offset_ms: AtomicU64,
    /// The tick for which the limit was last computed.
    tick: AtomicU64,
    /// The window of the boot clock for which the limit was last computed ([`boot_windows`]).
    boot_window: AtomicU64,
    /// The limit, in milliseconds. No reading has returned a later time. During `tick`, the time passes the
    /// limit only if the wall clock jumps.
    limit_ms: AtomicU64,
}

impl CacheTime {
    /// Starts at the wall clock, or at `clock_watermark` if that is later.
    pub(crate) fn new(clock: Arc<dyn Clock>, clock_watermark: Timestamp) -> Self {
        // The wall clock is read first, for the same reason as in `now`.
        let start = clock.wall().max(clock_watermark).as_millis();
        let origin = clock.monotonic();
        Self {
            system: (&*clock as &dyn Any).downcast_ref().and_then(SystemClock::coarse),
            clock,
            origin,
            offset_ms: AtomicU64::new(start),
            tick: AtomicU64::new(Tick::NEVER.number()),
            boot_window: AtomicU64::new(u64::MAX),
            limit_ms: AtomicU64::new(start),
        }
    }

    /// Returns the exact time.
    pub(crate) fn now(&self) -> Timestamp {
        // The wall clock is read first, so a delay between the two readings only makes the difference
        // smaller. In the other order, a delayed thread would make the offset larger and permanently move
        // the time forward.
        let wall = self.clock.wall().as_millis();
        let counted = self.counted(self.clock.monotonic());
        let by_wall = wall.saturating_sub(counted);
        let mut offset = self.offset_ms.load(Ordering::Relaxed);
        if by_wall > offset {
            // Relaxed is enough: no other memory depends on the offset, and `fetch_max` keeps the largest
            // offset of all threads.
            offset = self.offset_ms.fetch_max(by_wall, Ordering::Relaxed).max(by_wall);
        }
        let now = counted.saturating_add(offset);
        // Within a tick, the limit is above the time unless the wall clock has jumped.
        if self.limit_ms.load(Ordering::Relaxed) < now {
            self.raise_limit(now);
        }
        Timestamp::from_millis(now)
    }

    /// Returns the upper bound of the time. An entry that expires later is live.
    #[inline]
    pub(crate) fn latest(&self) -> Timestamp {
        match self.read_tick() {
            // Acquire: pairs with the Release in `begin_tick`. A thread that finds its own tick here also
            // sees the limit of that tick.
            Some(tick) if self.tick.load(Ordering::Acquire) == tick.number() => {
                Timestamp::from_millis(self.limit_ms.load(Ordering::Relaxed))
            }
            tick => self.begin_tick(tick),
        }
    }

    /// Runs steps 2 to 4. Returns the upper bound of the time. Without a coarse clock, this is the exact
    /// time.
    #[cold]
    fn begin_tick(&self, tick: Option<Tick>) -> Timestamp {
        let now = self.now();
        // The coarse clock is read after the tick, so the upper bound belongs to this tick or to a later
        // one.
        let (Some(tick), Some(coarse)) = (tick, self.clock.coarse_monotonic()) else { return now };
        let store_tick = || self.tick.store(tick.number(), Ordering::Release);
        if failpoint_is_set(Failpoint::StoreTickBeforeLimit) {
            store_tick();
        }
        let latest = self.latest_at(coarse);
        self.raise_limit(latest);
        store_tick();
        Timestamp::from_millis(latest)
    }

    fn raise_limit(&self, to: u64) {
        self.limit_ms.fetch_max(to, Ordering::Relaxed);
    }

    #[inline]
    fn read_tick(&self) -> Option<Tick> {
        match &self.system {
            Some(system) => Some(system.tick()),
            None => self.clock.coarse_monotonic().map(Tick::from),
        }
    }

    /// Returns bounds of the time. If the current tick is already stored, reads only the coarse clock.
    pub(crate) fn bounds(&self) -> TimeBounds {
        if self.system.is_some() {
            // The limit is either the upper bound of a tick that has begun, or an exact time. So the time
            // is at least the limit minus what the upper bound adds to the coarse time.
            let latest = self.latest();
            let earliest = latest.as_millis().saturating_sub(added_ms());
            return TimeBounds { earliest: Timestamp::from_millis(earliest), latest };
        }
        let Some(coarse) = self.clock.coarse_monotonic() else {
            let now = self.now();
            return TimeBounds { earliest: now, latest: now };
        };
        // `latest` is called after the coarse clock has been read, so it returns the upper bound of this
        // tick or of a later one. The call may raise the offset, so it comes before the offset is loaded
        // for the lower bound.
        let latest = self.latest();
        let earliest = self.counted(coarse).saturating_add(self.offset_ms.load(Ordering::Relaxed));
        TimeBounds { earliest: Timestamp::from_millis(earliest), latest }
    }

    /// Returns the latest possible time, in milliseconds, while the coarse clock shows `coarse`.
    fn latest_at(&self, coarse: Duration) -> u64 {
        let earliest = self.counted(coarse).saturating_add(self.offset_ms.load(Ordering::Relaxed));
        earliest.saturating_add(added_ms())
    }

    /// Returns the milliseconds since the cache was opened, or 0 for a coarse reading from before the
    /// opening.
    fn counted(&self, monotonic: Duration) -> u64 {
        millis(monotonic.saturating_sub(self.origin))
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Returns the clock, or `None` if it is the system's.
    pub(crate) fn manual_clock(&self) -> Option<&Arc<dyn Clock>> {
        let is_of_system = (&*self.clock as &dyn Any).is::<SystemClock>();
        (!is_of_system).then_some(&self.clock)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sys::clock::ManualClock;
    use crate::sys::clock::system::SystemClock;
    use crate::sys::sync::Mutex;

    fn time_at(wall: u64, clock_watermark: u64) -> (Arc<ManualClock>, CacheTime) {
        let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(wall)));
        let time = CacheTime::new(clock.clone(), Timestamp::from_millis(clock_watermark));
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

    /// A clock that advances by a second with each reading.
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
    fn the_time_lies_within_its_bounds() {
        let time = CacheTime::new(Arc::new(SystemClock::new()), Timestamp::ZERO);
        for _ in 0..10_000 {
            let before = time.now();
            let bounds = time.bounds();
            assert!(bounds.earliest <= time.now() && before <= bounds.latest, "{before:?} {bounds:?}");
        }
    }

    /// A clock whose coarse reading changes every 10 ms.
    #[derive(Debug)]
    struct Ticking(ManualClock);

    impl Clock for Ticking {
        fn monotonic(&self) -> Duration {
            self.0.monotonic()
        }

        fn wall(&self) -> Timestamp {
            self.0.wall()
        }

        fn coarse_monotonic(&self) -> Option<Duration> {
            Some(Duration::from_millis(millis(self.0.monotonic()) / 10 * 10))
        }
    }

    #[test]
    fn a_jump_of_the_wall_clock_shows_at_the_next_tick_or_when_a_caller_asks_for_the_time() {
        let clock = Arc::new(Ticking(ManualClock::starting_at(Timestamp::from_millis(10_000))));
        let time = CacheTime::new(clock.clone(), Timestamp::ZERO);
        let at_start = time.bounds();
        clock.0.set_wall(Timestamp::from_millis(90_000));
        assert_eq!(time.bounds(), at_start, "within a tick");
        clock.0.advance(Duration::from_millis(10));
        assert_eq!(time.bounds().earliest, time.now());
        clock.0.set_wall(Timestamp::from_millis(200_000));
        time.now();
        assert_eq!(time.bounds().earliest.as_millis(), 200_000, "all readings share the offset");
    }

    /// A clock that shows any times, up to the ends of both scales.
    #[derive(Debug)]
    struct Extreme {
        monotonic: Mutex<Duration>,
        wall_ms: AtomicU64,
        is_coarse: bool,
    }

    impl Extreme {
        fn advance(&self, by: Duration) {
            let mut monotonic = self.monotonic.lock();
            *monotonic = monotonic.saturating_add(by);
        }
    }

    impl Clock for Extreme {
        fn monotonic(&self) -> Duration {
            *self.monotonic.lock()
        }

        fn wall(&self) -> Timestamp {
            Timestamp::from_millis(self.wall_ms.load(Ordering::SeqCst))
        }

        fn coarse_monotonic(&self) -> Option<Duration> {
            self.is_coarse.then(|| self.monotonic())
        }
    }

    fn any_ms() -> impl Strategy<Value = u64> {
        let near = |at: u64| (0_u64..100_000).prop_map(move |by| at.saturating_add(by).max(by));
        let before = |at: u64| (0_u64..100_000).prop_map(move |by| at - by);
        let signed_end = i64::MAX.unsigned_abs();
        prop_oneof![
            near(0),
            near(1_893_456_000_000),
            before(signed_end),
            near(signed_end),
            before(u64::MAX),
            any::<u64>()
        ]
    }

    fn any_reading() -> impl Strategy<Value = Duration> {
        let before_the_end =
            (0_u64..100_000).prop_map(|ms| Duration::MAX.saturating_sub(Duration::from_millis(ms)));
        prop_oneof![any_ms().prop_map(Duration::from_millis), before_the_end]
    }

    proptest! {
        /// Checks for any readings that the time starts at the wall clock or the watermark, advances with the
        /// monotonic clock, stays within its bounds, never decreases, and is never behind the wall clock.
        #[test]
        fn an_entry_has_expired_once_the_clock_has_advanced_by_its_lifetime(
            monotonic in any_reading(),
            wall in any_ms(),
            clock_watermark in any_ms(),
            is_coarse in any::<bool>(),
            ttl in (1_u64..100_000).prop_map(Duration::from_millis),
            jumps in proptest::collection::vec(any_ms(), 0..4),
        ) {
            let monotonic = Mutex::new(monotonic);
            let clock = Arc::new(Extreme { monotonic, wall_ms: AtomicU64::new(wall), is_coarse });
            let time = CacheTime::new(clock.clone(), Timestamp::from_millis(clock_watermark));
            let start = time.now();
            prop_assert_eq!(start.as_millis(), wall.max(clock_watermark));
            let expires_at = start.after(ttl);
            let half = ttl / 2;
            let may_advance = clock.monotonic().checked_add(ttl).is_some();
            clock.advance(half);
            if start.as_millis() < u64::MAX - 200_000 {
                prop_assert!(expires_at > time.now(), "it lives for its lifetime");
            }
            clock.advance(ttl.checked_sub(half).unwrap());
            if may_advance || start.as_millis() == u64::MAX {
                let bounds = time.bounds();
                prop_assert!(expires_at <= time.now(), "{expires_at:?} {:?}", time.now());
                prop_assert!(bounds.earliest <= time.now() && time.now() <= bounds.latest);
            }
            let mut last = time.now();
            for wall in jumps {
                clock.wall_ms.store(wall, Ordering::SeqCst);
                let now = time.now();
                prop_assert!(now >= last && now.as_millis() >= wall);
                last = now;
            }
        }
    }
}
