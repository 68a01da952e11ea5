//! The upper bound of the cache's time, from a reading of the boot clock that the caller needs anyway.
//!
//! A hit in front of a remote tier reads the boot clock after the value, to check the validity of memory. A
//! reading of the coarse clock for the expiry would be its second reading. So the time is divided into
//! *windows* of the boot clock, and the limit of [`CacheTime`] is raised once per window, as it is once per
//! tick:
//!
//! 1. A lookup reads the boot clock in a window that is not the stored window. It looks the key up again with
//!    the exact time, and runs the other steps.
//! 2. It reads the exact time. The window ends at most [`WINDOW_MS`] later: the boot clock advances at least
//!    as fast as the monotonic clock.
//! 3. It raises the limit to the exact time plus [`WINDOW_MS`].
//! 4. It stores the window.
//!
//! A lookup loads the stored window and then the limit, before it looks in memory. After it has read the
//! value and the clock, it uses the limit if the clock is still in that window. It reads at least the limit
//! of step 3, because that step comes before step 4. The limit only grows, so a later limit is too high at
//! most, and the lookup then reads the exact time. Like the readings of the coarse clock, these notice a
//! jump of the wall clock up to one window late.

use super::CacheTime;
use crate::sys::clock::boot::{BootTime, WINDOW_MS};
use crate::sys::sync::Ordering;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::units::Timestamp;

/// A window of the boot clock, and an upper bound of the cache's time in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BootWindow {
    number: u64,
    latest: Timestamp,
}

impl BootWindow {
    /// Returns whether the cache's time at a reading of the boot clock is certainly before `expires_at`.
    #[inline]
    pub(crate) fn is_before(self, expires_at: Timestamp, now: BootTime) -> bool {
        self.number == now.window() && self.latest < expires_at
    }
}

impl CacheTime {
    /// Returns the stored window. The boot clock must have the same source as the cache's clock.
    #[inline]
    pub(crate) fn boot_window(&self) -> BootWindow {
        // Acquire: pairs with the Release in `begin_boot_window`. A thread that finds its own window here
        // also sees the limit of that window.
        let number = self.boot_window.load(Ordering::Acquire);
        BootWindow { number, latest: Timestamp::from_millis(self.limit_ms.load(Ordering::Relaxed)) }
    }

    /// Runs steps 2 to 4, for a reading of the boot clock. Does nothing if it is in the stored window.
    pub(crate) fn begin_boot_window(&self, now: BootTime) {
        if self.boot_window.load(Ordering::Relaxed) == now.window() {
            return;
        }
        let store_window = || self.boot_window.store(now.window(), Ordering::Release);
        if failpoint_is_set(Failpoint::StoreTickBeforeLimit) {
            store_window();
        }
        self.raise_limit(self.now().as_millis().saturating_add(WINDOW_MS));
        store_window();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sys::clock::system::SystemClock;
    use crate::sys::clock::{Clock, ManualClock};
    use crate::sys::sync::Arc;

    /// Returns the bound at a reading of the boot clock.
    fn latest(time: &CacheTime, now: BootTime) -> Timestamp {
        time.begin_boot_window(now);
        let window = time.boot_window();
        assert!(window.is_before(window.latest.after(Duration::from_millis(1)), now));
        assert!(!window.is_before(window.latest, now), "an entry has expired at its expiry");
        window.latest
    }

    #[test]
    fn the_time_is_never_after_its_bound_at_any_point_of_a_window() {
        for start in 0..20 {
            let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(1_000_000)));
            clock.advance(Duration::from_millis(start));
            let time = CacheTime::new(clock.clone(), Timestamp::ZERO);
            for _ in 0..20 {
                let before = time.now();
                let latest = latest(&time, clock.monotonic().into());
                assert!(before <= latest && latest <= before.after(Duration::from_millis(WINDOW_MS)));
                clock.advance(Duration::from_millis(1));
            }
        }
    }

    #[test]
    fn a_window_says_nothing_about_a_time_in_another_one() {
        let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(1_000_000)));
        let time = CacheTime::new(clock.clone(), Timestamp::ZERO);
        assert!(!time.boot_window().is_before(Timestamp::NEVER, clock.monotonic().into()));
        time.begin_boot_window(clock.monotonic().into());
        let window = time.boot_window();
        assert!(window.is_before(Timestamp::NEVER, clock.monotonic().into()));
        clock.advance(Duration::from_millis(WINDOW_MS));
        assert!(!window.is_before(Timestamp::NEVER, clock.monotonic().into()));
    }

    #[test]
    fn the_bound_follows_the_clocks_of_the_system() {
        let time = CacheTime::new(Arc::new(SystemClock::new()), Timestamp::ZERO);
        for _ in 0..10_000 {
            let (before, now) = (time.now(), BootTime::now());
            time.begin_boot_window(now);
            let window = time.boot_window();
            assert!(before <= window.latest, "{before:?} {window:?}");
        }
    }

    #[test]
    fn a_jump_of_the_wall_clock_shows_in_the_next_window() {
        let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(10_000)));
        let time = CacheTime::new(clock.clone(), Timestamp::ZERO);
        let at_start = latest(&time, clock.monotonic().into());
        clock.set_wall(Timestamp::from_millis(90_000));
        assert_eq!(latest(&time, clock.monotonic().into()), at_start, "within a window");
        clock.advance(Duration::from_millis(WINDOW_MS));
        assert!(latest(&time, clock.monotonic().into()) > Timestamp::from_millis(90_000));
    }
}
