//! The clock for the validity of memory. It also counts while the process is stopped or the machine is
//! suspended.

use std::fmt::Debug;
use std::time::Duration;

/// A clock that never goes back and never stops. Its start is before the start of the process.
///
/// A value in memory may be returned until a deadline on this clock. If the clock stopped while the machine
/// is suspended, the cache could return a value from before the suspension.
pub(crate) trait BootClock: Debug + Send + Sync {
    /// Returns the time since the start of the clock.
    fn now(&self) -> Duration;
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemBootClock;

impl BootClock for SystemBootClock {
    fn now(&self) -> Duration {
        // On macOS, the monotonic clock also counts while the machine is suspended. On other systems, it may
        // stop meanwhile.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let clock = rustix::time::ClockId::Boottime;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let clock = rustix::time::ClockId::Monotonic;
        let time = rustix::time::clock_gettime(clock);
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or_default(),
            u32::try_from(time.tv_nsec).unwrap_or_default(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_the_system_goes_on() {
        let first = SystemBootClock.now();
        assert!(first > Duration::ZERO);
        while SystemBootClock.now() == first {
            std::hint::spin_loop();
        }
        assert!(SystemBootClock.now() > first);
    }
}
