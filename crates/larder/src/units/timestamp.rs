//! Points in time, in milliseconds.

use std::time::{Duration, SystemTime};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
///
/// It converts from and to [`SystemTime`]. Both conversions always succeed:
///
/// - From `SystemTime`, the time is rounded down to the millisecond. A time before 1970 becomes
///   [`ZERO`](Self::ZERO).
/// - To `SystemTime`, a point after the year 9999 becomes the last millisecond of that year. Otherwise the
///   result would depend on the platform, because Windows ends its range earlier than Unix. Apart from
///   [`NEVER`](Self::NEVER), no expiry of an entry comes near that year.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use larder::Timestamp;
///
/// let at = Timestamp::from(SystemTime::UNIX_EPOCH + Duration::from_micros(1_500));
/// assert_eq!(at, Timestamp::from_millis(1));
/// assert_eq!(SystemTime::from(at), SystemTime::UNIX_EPOCH + Duration::from_millis(1));
/// assert_eq!(at.since(Timestamp::ZERO), Duration::from_millis(1));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The earliest timestamp, before every entry.
    pub const ZERO: Self = Self(0);

    /// The latest timestamp, 2⁶⁴ − 1 ms. As an expiry, it means that the entry never expires.
    pub const NEVER: Self = Self(u64::MAX);

    /// Makes a timestamp of this number of milliseconds since 1970.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Returns the number of milliseconds since 1970.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns this point plus a duration. The duration is rounded down to the millisecond, and the result
    /// saturates.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// Returns the expiry of an entry whose TTL begins at this point. An entry with a TTL always expires, so
    /// the result saturates one millisecond before [`NEVER`](Timestamp::NEVER).
    pub(crate) fn expiry_after(self, ttl: Duration) -> Self {
        self.expiry_after_millis(millis(ttl))
    }

    /// Does the same as [`expiry_after`](Self::expiry_after), for a TTL in milliseconds.
    pub(crate) fn expiry_after_millis(self, ttl: u64) -> Self {
        Self(self.0.saturating_add(ttl).min(u64::MAX - 1))
    }

    /// Returns whether this is [`NEVER`](Timestamp::NEVER).
    #[must_use]
    pub const fn is_never(self) -> bool {
        self.0 == u64::MAX
    }

    /// Returns the time from `earlier` to this point. Returns zero if this point is not later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// The last millisecond of the year 9999.
const LAST_SYSTEM_TIME: Timestamp = Timestamp(253_402_300_799_999);

/// Rounds down to the millisecond. A time before 1970 becomes [`Timestamp::ZERO`].
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self(time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, millis))
    }
}

/// A point after the year 9999 becomes the last millisecond of that year.
impl From<Timestamp> for SystemTime {
    fn from(at: Timestamp) -> Self {
        Self::UNIX_EPOCH + Duration::from_millis(at.min(LAST_SYSTEM_TIME).0)
    }
}

/// Returns the whole milliseconds of a duration. Saturates at `u64::MAX`.
#[inline]
pub(crate) fn millis(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1000).saturating_add(u64::from(duration.subsec_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_arithmetic_saturates() {
        let late = Timestamp::from_millis(u64::MAX);
        assert_eq!(late.after(Duration::MAX), late);
        assert_eq!(Timestamp::ZERO.since(late), Duration::ZERO);
        let longest = Duration::from_millis(u64::MAX);
        assert_eq!(
            [longest, Duration::MAX, longest.saturating_sub(Duration::from_nanos(1))].map(millis),
            [u64::MAX, u64::MAX, u64::MAX - 1]
        );
    }

    #[test]
    fn a_point_comes_back_from_the_system_time() {
        for millis in [0, 1, 1_780_000_000_123, LAST_SYSTEM_TIME.0] {
            let at = Timestamp::from_millis(millis);
            assert_eq!(Timestamp::from(SystemTime::from(at)), at);
        }
        let last = SystemTime::from(LAST_SYSTEM_TIME);
        assert_eq!(SystemTime::from(LAST_SYSTEM_TIME.after(Duration::from_millis(1))), last);
        assert_eq!(SystemTime::from(Timestamp::from_millis(u64::MAX)), last);
    }

    #[test]
    fn a_system_time_is_rounded_down_and_begins_in_1970() {
        let epoch = SystemTime::UNIX_EPOCH;
        for (time, millis) in [
            (epoch, 0),
            (epoch + Duration::from_nanos(999_999), 0),
            (epoch + Duration::from_millis(1), 1),
            (epoch - Duration::from_nanos(1), 0),
            (epoch - Duration::from_secs(1 << 30), 0),
        ] {
            assert_eq!(Timestamp::from(time), Timestamp::from_millis(millis), "{time:?}");
        }
    }
}
