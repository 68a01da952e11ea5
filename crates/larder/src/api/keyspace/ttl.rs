//! The TTL of a write.

use std::time::{Duration, SystemTime};

use crate::config::MAX_TTL;
use crate::config::validate::check_ttl;
use crate::error::Error;
use crate::units::{Remaining, Timestamp};

/// How long a written entry lives.
///
/// A [`Duration`], a [`SystemTime`], a [`Timestamp`] and a [`Remaining`] convert into a `Ttl`.
///
/// ```
/// # use std::time::Duration;
/// # use larder::{Cache, InsertOptions, KeyspaceDefinition, Remaining, Ttl};
/// # const TOKEN: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("token");
/// # let cache = Cache::builder().open()?;
/// let tokens = cache.keyspace(TOKEN)?;
/// tokens.insert_with(&7, "secret".to_owned(), InsertOptions::new().ttl(Duration::from_secs(30)))?;
/// // A new value for the rest of the 30 seconds.
/// tokens.insert_with(&7, "changed".to_owned(), InsertOptions::new().ttl(Ttl::Keep))?;
/// tokens.touch_with(&7, Ttl::Never)?;
/// assert_eq!(tokens.ttl(&7), Some(Remaining::Never));
/// # Ok::<(), larder::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Ttl {
    /// The TTL of the keyspace ([`KeyspaceDefinition::ttl`](crate::KeyspaceDefinition::ttl)).
    #[default]
    Default,
    /// A duration from 1 ms to ten years, counted from the write.
    For(Duration),
    /// The entry expires at this time, at most ten years ahead. If the time has come, the write removes the
    /// entry instead, as `EXPIREAT` does in Redis. Like any removal, this removal is durable when the call
    /// returns.
    Until(Timestamp),
    /// The entry never expires, unless the keyspace has a [`max_age`](crate::KeyspaceDefinition::max_age) or
    /// a [`time_to_idle`](crate::KeyspaceDefinition::time_to_idle). It stays until it is removed, replaced or
    /// evicted.
    Never,
    /// The remaining TTL of the replaced entry, or [`Default`](Ttl::Default) if the key has no live entry.
    Keep,
}

impl From<Duration> for Ttl {
    fn from(ttl: Duration) -> Self {
        Self::For(ttl)
    }
}

impl From<Timestamp> for Ttl {
    fn from(until: Timestamp) -> Self {
        Self::Until(until)
    }
}

impl From<SystemTime> for Ttl {
    fn from(until: SystemTime) -> Self {
        Self::Until(until.into())
    }
}

impl From<Remaining> for Ttl {
    fn from(remaining: Remaining) -> Self {
        match remaining {
            Remaining::For(left) => Self::For(left),
            Remaining::Never => Self::Never,
        }
    }
}

/// A TTL equals a duration if it is [`Ttl::For`] with the same duration.
impl PartialEq<Duration> for Ttl {
    fn eq(&self, duration: &Duration) -> bool {
        *self == Self::For(*duration)
    }
}

impl Ttl {
    /// Refuses a TTL that is out of range. Reads the clock only for [`Ttl::Until`].
    pub(super) fn check(self, now: impl FnOnce() -> Timestamp) -> Result<(), Error> {
        match self {
            Self::For(ttl) => check_ttl(ttl),
            Self::Until(until) if until > now().after(MAX_TTL) => Err(Error::InvalidSetting {
                setting: "ttl",
                value: format!("until {} ms after 1970", until.as_millis()),
                allowed: format!(
                    "it may be up to {MAX_TTL:?} ahead; an entry that never expires has Ttl::Never"
                ),
            }),
            Self::Default | Self::Until(_) | Self::Never | Self::Keep => Ok(()),
        }
    }

    /// Returns whether an entry that is written at `now` with this TTL has already expired. Reads the clock
    /// only for [`Ttl::Until`].
    pub(super) fn is_past(self, now: impl FnOnce() -> Timestamp) -> bool {
        matches!(self, Self::Until(until) if until <= now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_out_of_range_is_refused_and_a_time_that_has_come_is_not() {
        let now = Timestamp::from_millis(1_000);
        for ttl in [Ttl::Default, Ttl::Never, Ttl::Keep, Ttl::For(MAX_TTL), Ttl::Until(now.after(MAX_TTL))] {
            assert!(ttl.check(|| now).is_ok() && !ttl.is_past(|| now), "{ttl:?}");
        }
        for ttl in [Ttl::For(Duration::ZERO), Ttl::For(Duration::MAX), Ttl::Until(Timestamp::NEVER)] {
            assert!(
                matches!(ttl.check(|| now), Err(Error::InvalidSetting { setting: "ttl", .. })),
                "{ttl:?}"
            );
        }
        assert!(Ttl::Until(now).check(|| now).is_ok() && Ttl::Until(now).is_past(|| now));
        assert!(Ttl::from(SystemTime::UNIX_EPOCH).is_past(|| now));
        assert!(!Ttl::from(SystemTime::UNIX_EPOCH + Duration::from_secs(2)).is_past(|| now));
    }

    #[test]
    fn what_is_left_is_never_only_for_an_entry_that_never_expires() {
        let now = Timestamp::from_millis(u64::MAX - 10);
        assert_eq!(Remaining::until(Timestamp::NEVER, now), Remaining::Never);
        let last = now.expiry_after(MAX_TTL);
        assert_eq!(Remaining::until(last, now), Remaining::For(Duration::from_millis(9)));
        assert_eq!(Ttl::from(Remaining::Never), Ttl::Never);
        assert!(Ttl::from(Remaining::For(MAX_TTL)) == MAX_TTL && Remaining::from(MAX_TTL) == MAX_TTL);
        assert!(Remaining::Never > Duration::MAX && Remaining::For(MAX_TTL) < Duration::MAX);
    }
}
