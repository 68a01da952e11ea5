//! The clocks of the operating system.

use std::time::{Duration, SystemTime};

use super::Clock;
use crate::units::Timestamp;
pub(crate) use monotonic::CoarseClock;

/// The clocks of the operating system.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    origin: monotonic::Origin,
}

impl SystemClock {
    /// Creates a clock whose monotonic time starts now.
    #[must_use]
    pub fn new() -> Self {
        Self { origin: monotonic::Origin::now() }
    }
}

impl SystemClock {
    /// Returns the system's coarse clock, or `None` if the system has none.
    pub(super) fn coarse(&self) -> Option<CoarseClock> {
        self.origin.coarse()
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
        // The conversion reads a wall clock before 1970 as 1970. The cache's time then depends on the file's
        // clock watermark and the monotonic clock.
        SystemTime::now().into()
    }

    fn coarse_monotonic(&self) -> Option<Duration> {
        self.coarse().map(CoarseClock::time)
    }
}

/// The clocks of Linux. `CLOCK_MONOTONIC_COARSE` of `clock_gettime(2)` cheaply returns the time of the last
/// tick.
#[cfg(target_os = "linux")]
mod monotonic {
    use std::time::Duration;

    use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};

    use crate::sys::clock::MAX_COARSE_LAG;
    use crate::sys::clock::tick::Tick;

    /// The common zero point of both clocks, so that the coarse clock is never ahead of the other one.
    #[derive(Debug, Clone, Copy)]
    pub(super) struct Origin {
        at: Duration,
        ticks_often: bool,
    }

    impl Origin {
        pub(super) fn now() -> Self {
            let tick = duration(clock_getres(ClockId::MonotonicCoarse));
            Self { at: duration(clock_gettime(ClockId::Monotonic)), ticks_often: tick < MAX_COARSE_LAG }
        }

        pub(super) fn elapsed(&self) -> Duration {
            duration(clock_gettime(ClockId::Monotonic)).saturating_sub(self.at)
        }

        pub(super) fn coarse(&self) -> Option<CoarseClock> {
            self.ticks_often.then_some(CoarseClock { origin: self.at })
        }
    }

    /// The coarse clock, with the zero point of a [`SystemClock`](super::SystemClock).
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct CoarseClock {
        origin: Duration,
    }

    impl CoarseClock {
        /// Returns the reading as a number. Two readings within one tick of the kernel are equal.
        #[inline]
        #[expect(clippy::unused_self, reason = "a coarse clock exists only where it may be read")]
        pub(crate) fn tick(self) -> Tick {
            let time = clock_gettime(ClockId::MonotonicCoarse);
            // The kernel's monotonic clock starts at zero, so both numbers are nonnegative.
            Tick::new(time.tv_sec.cast_unsigned(), time.tv_nsec.cast_unsigned())
        }

        pub(super) fn time(self) -> Duration {
            duration(clock_gettime(ClockId::MonotonicCoarse)).saturating_sub(self.origin)
        }
    }

    fn duration(time: Timespec) -> Duration {
        Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
    }
}

#[cfg(not(target_os = "linux"))]
mod monotonic {
    use std::time::{Duration, Instant};

    use crate::sys::clock::tick::Tick;

    #[derive(Debug, Clone, Copy)]
    pub(super) struct Origin(Instant);

    impl Origin {
        #[expect(clippy::disallowed_methods, reason = "this is the clock")]
        pub(super) fn now() -> Self {
            Self(Instant::now())
        }

        pub(super) fn elapsed(&self) -> Duration {
            self.0.elapsed()
        }

        #[expect(clippy::unused_self, reason = "as on Linux")]
        pub(super) fn coarse(&self) -> Option<CoarseClock> {
            None
        }
    }

    /// This system has no coarse clock.
    #[derive(Debug, Clone, Copy)]
    pub(crate) enum CoarseClock {}

    impl CoarseClock {
        pub(crate) fn tick(self) -> Tick {
            match self {}
        }

        pub(super) fn time(self) -> Duration {
            match self {}
        }
    }
}
