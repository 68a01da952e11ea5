//! The time that an entry has left.

use std::cmp::Ordering;
use std::time::Duration;

use super::timestamp::Timestamp;

/// The time that a live entry has left. [`Never`](Remaining::Never) is more than any duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remaining {
    /// The entry expires after this time.
    For(Duration),
    /// The entry never expires.
    Never,
}

impl From<Duration> for Remaining {
    fn from(left: Duration) -> Self {
        Self::For(left)
    }
}

impl PartialEq<Duration> for Remaining {
    fn eq(&self, duration: &Duration) -> bool {
        *self == Self::For(*duration)
    }
}

impl PartialOrd<Duration> for Remaining {
    fn partial_cmp(&self, duration: &Duration) -> Option<Ordering> {
        self.partial_cmp(&Self::For(*duration))
    }
}

impl Remaining {
    /// Returns the time between now and an expiry.
    pub(crate) const fn until(expires_at: Timestamp, now: Timestamp) -> Self {
        if expires_at.is_never() { Self::Never } else { Self::For(expires_at.since(now)) }
    }

    /// Returns the time that is left, or `None` if the entry never expires.
    #[must_use]
    pub const fn duration(self) -> Option<Duration> {
        match self {
            Self::For(left) => Some(left),
            Self::Never => None,
        }
    }
}
