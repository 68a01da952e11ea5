//! The boot clock of the system. It never goes back, and it also counts while the process is stopped or the
//! machine is suspended.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

// On macOS, the monotonic clock also counts while the machine is suspended. On other systems, it may stop
// meanwhile.
#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOCK: ClockId = ClockId::Monotonic;

const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// A window has 2²² ns, which are 4.2 ms: the length of a usual tick of a Linux kernel.
const WINDOW_BITS: u32 = 22;
/// The length of a window in milliseconds, rounded up.
pub(super) const WINDOW_MS: u64 = (1_u64 << WINDOW_BITS).div_ceil(1_000_000);

/// A reading of the boot clock, in nanoseconds. They last for 584 years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BootTime(u64);

impl BootTime {
    /// Reads the system's clock.
    #[inline]
    pub(crate) fn now() -> Self {
        let time = clock_gettime(CLOCK);
        // The clock starts at zero, so both numbers are nonnegative.
        Self(time.tv_sec.cast_unsigned() * NANOS_PER_SECOND + time.tv_nsec.cast_unsigned())
    }

    #[inline]
    pub(crate) const fn nanos(self) -> u64 {
        self.0
    }

    /// Returns the number of the window that contains this time.
    #[inline]
    pub(super) const fn window(self) -> u64 {
        self.0 >> WINDOW_BITS
    }
}

/// A duration of more than 584 years becomes the last time.
impl From<Duration> for BootTime {
    fn from(since_boot: Duration) -> Self {
        Self(u64::try_from(since_boot.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<BootTime> for Duration {
    fn from(BootTime(nanos): BootTime) -> Self {
        Self::from_nanos(nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_the_system_goes_on() {
        let first = BootTime::now();
        assert!(first.nanos() > 0);
        while BootTime::now() == first {
            std::hint::spin_loop();
        }
        assert!(BootTime::now() > first);
    }
}
