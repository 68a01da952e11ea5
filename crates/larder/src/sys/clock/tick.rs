//! A reading of a coarse clock, as one number, so that a lookup compares two readings with one integer
//! comparison.

use std::time::Duration;

/// Number of bits for the nanoseconds within a second.
const NANOS_BITS: u32 = 30;

/// A reading of a coarse clock: the seconds, and the nanoseconds in the lower bits. The seconds wrap around
/// after 544 years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tick(u64);

impl Tick {
    /// A number that is not a reading of a clock: its lower bits exceed the nanoseconds of a second.
    pub(super) const NEVER: Self = Self(u64::MAX);

    #[inline]
    pub(crate) const fn new(seconds: u64, nanos: u64) -> Self {
        Self(seconds << NANOS_BITS | nanos)
    }

    #[inline]
    pub(crate) const fn number(self) -> u64 {
        self.0
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
    fn different_readings_are_different_ticks_and_none_is_never() {
        let readings = [
            Duration::ZERO,
            Duration::from_nanos(1),
            Duration::from_nanos(999_999_999),
            Duration::from_secs(1),
            Duration::new((1 << 34) - 1, 999_999_999),
        ];
        for (at, reading) in readings.into_iter().enumerate() {
            assert_ne!(Tick::from(reading), Tick::NEVER);
            assert_eq!(Tick::from(reading), Tick::from(reading));
            for other in readings.into_iter().skip(at + 1) {
                assert_ne!(Tick::from(reading), Tick::from(other));
            }
        }
    }
}
