//! The life of the entries of a keyspace, if it is the same for each entry. It is computed when the keyspace
//! is opened, so that a write only adds it to the time.

use std::time::Duration;

use super::definition::KeyspaceDefinition;
use super::ttl::Ttl;
use crate::units::{Timestamp, millis};

/// A TTL shorter than this duration is counted from the precise time, not from the coarse time.
pub(super) const PRECISE_BELOW: Duration = Duration::from_secs(10);

/// The life of every entry that is written with its keyspace's TTL.
#[derive(Debug, Clone, Copy)]
pub(super) enum FixedLife {
    Endless,
    /// The TTL in milliseconds. It begins at the coarse time of the write.
    Millis(u64),
}

impl FixedLife {
    /// Returns `None` if the entries of a keyspace have different lives, or if their TTL is counted from the
    /// precise time.
    pub(super) fn of<K, V>(definition: &KeyspaceDefinition<K, V>) -> Option<Self> {
        let max_age = definition.age_limit();
        let ttl = match definition.default_ttl() {
            Ttl::For(ttl) => Some(ttl.min(max_age.unwrap_or(ttl))),
            Ttl::Never | Ttl::Default => max_age,
            Ttl::Until(_) | Ttl::Keep => return None,
        };
        let Some(ttl) = ttl else { return Some(Self::Endless) };
        let is_fixed = ttl >= PRECISE_BELOW && definition.jitter_percent() == 0;
        is_fixed.then(|| Self::Millis(millis(ttl)))
    }

    /// Returns the expiry of an entry that is written at `coarse`.
    #[inline]
    pub(super) fn expiry(self, coarse: Timestamp) -> Timestamp {
        match self {
            Self::Endless => Timestamp::NEVER,
            Self::Millis(ms) => coarse.expiry_after_millis(ms),
        }
    }
}
