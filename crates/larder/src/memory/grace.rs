//! The grace of an entry: how long the entry is kept after its expiry, as a fallback for failing loads.
//!
//! A slot stores its grace in one byte, as the code of a duration. Code 0 means no grace. Any other code
//! combines a three-bit mantissa with an exponent. A nonzero grace is stored as at least 128 ms. A longer
//! grace is rounded up by at most an eighth, so the entry is kept slightly longer. The exact grace of the
//! keyspace decides whether the entry may be served.

use std::time::Duration;

use crate::units::{Timestamp, millis};

/// An eighth of the shortest nonzero grace, in milliseconds.
const UNIT_MS: u64 = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Grace(u8);

impl Grace {
    pub(crate) const NONE: Self = Self(0);

    /// Returns the shortest grace that is at least `duration` long. If no grace is that long, returns the
    /// longest grace, which is over ten years.
    pub(crate) fn at_least(duration: Duration) -> Self {
        if duration.is_zero() {
            return Self::NONE;
        }
        let code = (1..u8::MAX).find(|code| Self(*code).duration() >= duration);
        Self(code.unwrap_or(u8::MAX))
    }

    /// Returns the grace from an expiry to the time until which the entry is kept.
    pub(crate) fn between(expires_at: Timestamp, delete_after: Timestamp) -> Self {
        Self::at_least(delete_after.since(expires_at))
    }

    fn duration(self) -> Duration {
        let Some(code) = self.0.checked_sub(1) else { return Duration::ZERO };
        Duration::from_millis(((8 + u64::from(code % 8)) << (code / 8)) * UNIT_MS)
    }

    /// Returns the time until which an entry with this expiry is kept.
    pub(crate) fn after(self, expires_at: Timestamp) -> Timestamp {
        let ms = expires_at.as_millis().saturating_add(millis(self.duration()));
        Timestamp::from_millis(ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grace_is_rounded_up_by_an_eighth_at_most() {
        assert_eq!(Grace::at_least(Duration::ZERO).duration(), Duration::ZERO);
        for ms in (1..4_000).chain((12..39).map(|power| (1 << power) + 1)) {
            let wanted = Duration::from_millis(ms);
            let grace = Grace::at_least(wanted).duration();
            assert!(grace >= wanted, "{wanted:?}: {grace:?}");
            assert!(
                grace <= wanted + wanted / 8 + Duration::from_millis(8 * UNIT_MS),
                "{wanted:?}: {grace:?}"
            );
        }
        let longest = Grace(u8::MAX);
        assert_eq!(Grace::at_least(Duration::MAX), longest);
        assert!(longest.duration() > Duration::from_hours(24 * 365 * 10));
        assert_eq!(longest.after(Timestamp::from_millis(u64::MAX - 1)), Timestamp::from_millis(u64::MAX));
    }
}
