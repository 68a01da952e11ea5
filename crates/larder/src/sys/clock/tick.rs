//! A reading of a coarse clock, as one number. A lookup compares two readings by one comparison of integers.

use std::time::Duration;

/// Number of bits for the nanoseconds of a second.
const NANOS_BITS: u32 = 30;

/// A reading of a coarse clock: its seconds, and in the lower bits its nanoseconds. The seconds wrap around
/// after 544 years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tick(u64);

impl Tick {
    /// No reading of a clock. A second has fewer nanoseconds than the lower bits of this number.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    #[inline]
    pub(crate) const fn new(seconds: u64, nanos: u64) -> Self {
        Self(seconds << NANOS_BITS | nanos)
    }

    #[inline]
    pub(crate) const fn number(self) -> u64 {
        self.0
    }

    /// Returns the reading, without the multiples of 544 years.
    pub(crate) fn time(self) -> Duration {
        Duration::from_secs(self.0 >> NANOS_BITS) + Duration::from_nanos(self.0 & ((1 << NANOS_BITS) - 1))
    }
}

impl From<Duration> for Tick {
    fn from(reading: Duration) -> Self {
        Self::new(reading.as_secs(), reading.subsec_nanos().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_has_the_time_of_its_reading_and_is_never_none() {
        for reading in [
            Duration::ZERO,
            Duration::from_nanos(1),
            Duration::new(7, 999_999_999),
            Duration::new((1 << 34) - 1, 999_999_999),
        ] {
            let tick = Tick::from(reading);
            assert_eq!(tick.time(), reading);
            assert_ne!(tick, Tick::NEVER);
        }
    }
}
