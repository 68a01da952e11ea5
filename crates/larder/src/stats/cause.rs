//! Why something was counted: the latest reason, kept beside the counter, so that statistics can tell it as
//! well as the log.
//!
//! No lock is taken: a reason may be noted by a lookup, and a lookup waits for no reader of statistics.

use std::fmt::Display;

use crate::sync::{Arc, Latest};

/// Bytes of a reason that are kept. The codec's own are shorter; a panic of a user's type may say anything.
const MAX_LEN: usize = 400;

/// The latest reason; none before the first.
#[derive(Debug)]
pub(crate) struct LatestCause(Latest<String>);

impl Default for LatestCause {
    fn default() -> Self {
        Self(Latest::new(None))
    }
}

impl LatestCause {
    /// Keeps a reason in place of the one before.
    pub(crate) fn note(&self, cause: &dyn Display) {
        let mut cause = cause.to_string();
        cause.truncate(cause.floor_char_boundary(MAX_LEN));
        // Most are like the one before: threads that find the same do not contend for it.
        let is_known = self.0.look().as_ref().is_some_and(|known| **known == cause);
        if !is_known {
            drop(self.0.swap(Some(Arc::new(cause))));
        }
    }

    pub(crate) fn latest(&self) -> Option<String> {
        self.0.look().as_ref().map(|cause| String::clone(cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_reason_is_kept_up_to_a_length() {
        let cause = LatestCause::default();
        assert_eq!(cause.latest(), None);
        cause.note(&"the fields have changed");
        cause.note(&"its Deserialize panicked");
        assert_eq!(cause.latest().as_deref(), Some("its Deserialize panicked"));
        cause.note(&"ü".repeat(1_000));
        cause.note(&format!("x{}", "ü".repeat(1_000)));
        assert_eq!(cause.latest().map(|cause| cause.len()), Some(399), "cut between two letters");
    }
}
