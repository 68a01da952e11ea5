//! The cause of the latest event that a counter has counted. It is kept beside the counter, so that the
//! statistics and the log can report the cause.
//!
//! Recording a cause takes no lock, because a lookup may record one and must never wait for a reader of
//! statistics.

use std::fmt::Display;

use crate::sys::sync::{Arc, AtomicSnapshot};

/// Maximum length of a cause, in bytes. The codec's own causes are shorter, but the panic message of a
/// user's type may have any length.
const MAX_LEN: usize = 400;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) text: String,
    /// Whether a user's type wrote the text, which may then quote the value.
    pub(crate) may_quote: bool,
}

/// The latest cause. Empty until a cause is recorded.
#[derive(Debug)]
pub(crate) struct LatestCause(AtomicSnapshot<Cause>);

impl Default for LatestCause {
    fn default() -> Self {
        Self(AtomicSnapshot::new(None))
    }
}

impl LatestCause {
    /// Returns a copy with the same cause.
    pub(super) fn copy(&self) -> Self {
        Self(AtomicSnapshot::new(self.0.load().clone()))
    }

    pub(crate) fn note(&self, cause: &dyn Display, may_quote: bool) {
        let mut text = cause.to_string();
        text.truncate(text.floor_char_boundary(MAX_LEN));
        let cause = Cause { text, may_quote };
        // Most causes equal the previous one. An equal cause is not stored again, so that threads do not
        // contend.
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
