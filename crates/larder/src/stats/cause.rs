//! Why something was counted: the latest reason, kept beside the counter, so that statistics can tell it as
//! well as the log.
//!
//! No lock is taken: a reason may be noted by a lookup, and a lookup waits for no reader of statistics.

use std::fmt::Display;

use crate::sys::sync::{Arc, AtomicSnapshot};

/// Bytes of a reason that are kept. The codec's own are shorter; a panic of a user's type may say anything.
const MAX_LEN: usize = 400;

/// A reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) text: String,
    /// Whether a type's own code has said it, which may quote the value.
    pub(crate) may_quote: bool,
}

/// The latest reason; none before the first.
#[derive(Debug)]
pub(crate) struct LatestCause(AtomicSnapshot<Cause>);

impl Default for LatestCause {
    fn default() -> Self {
        Self(AtomicSnapshot::new(None))
    }
}

impl LatestCause {
    /// Keeps a reason in place of the one before.
    pub(crate) fn note(&self, cause: &dyn Display, may_quote: bool) {
        let mut text = cause.to_string();
        text.truncate(text.floor_char_boundary(MAX_LEN));
        let cause = Cause { text, may_quote };
        // Most are like the one before: threads that find the same do not contend for it.
        let is_known = self.0.load().as_ref().is_some_and(|known| **known == cause);
        if !is_known {
            drop(self.0.swap(Some(Arc::new(cause))));
        }
    }

    pub(crate) fn latest(&self) -> Option<Cause> {
        self.0.load().as_ref().map(|cause| Cause::clone(cause))
    }

    pub(crate) fn text(&self) -> Option<String> {
        self.latest().map(|cause| cause.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_reason_is_kept_up_to_a_length() {
        let cause = LatestCause::default();
        assert_eq!(cause.latest(), None);
        cause.note(&"the fields have changed", false);
        cause.note(&"its Deserialize panicked", true);
        assert_eq!(cause.text().as_deref(), Some("its Deserialize panicked"));
        cause.note(&"ü".repeat(1_000), false);
        cause.note(&format!("x{}", "ü".repeat(1_000)), false);
        assert_eq!(cause.text().map(|cause| cause.len()), Some(399), "cut between two letters");
    }
}
