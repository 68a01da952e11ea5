//! The text of a TTL in the `Debug` output of families.

use std::fmt;

use larder::Ttl;

/// A TTL that prints as its duration, if it has one.
pub(crate) struct TtlText(pub(crate) Ttl);

impl fmt::Debug for TtlText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ttl::For(ttl) => fmt::Debug::fmt(&ttl, f),
            other => fmt::Debug::fmt(&other, f),
        }
    }
}
