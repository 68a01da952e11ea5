//! The limits of the writer: how long changes wait for their commit, and how many changes share a
//! transaction.

use std::time::Duration;

use crate::memory::mutation::Mutation;

/// Maximum number of changes for which an empty list of the writer keeps its memory until the next step: less
/// than 1 MiB for each list. A longer list gives memory back, so that a burst does not occupy it forever.
pub(super) const MAX_KEPT_CHANGES: usize = 8_192;

const _: () = assert!(MAX_KEPT_CHANGES * size_of::<Mutation>() <= 1 << 20);

#[derive(Debug, Clone, Copy)]
pub(crate) struct WriterLimits {
    pub(crate) flush_interval: Duration,
    /// The maximum number of changes in a transaction. It limits the replaced pages, because the old pages
    /// are free only after the next transaction. A single larger unit gets its own transaction
    /// ([`super::units`]).
    pub(crate) max_changes: usize,
    /// The maximum number of value bytes in a transaction. A single larger value or unit gets its own
    /// transaction.
    pub(crate) max_bytes: usize,
    /// Whether the entries of range removals are deleted between the steps. If not, each step deletes a part.
    pub(crate) deletes_between_steps: bool,
}

/// The limits of a transaction divided by this number are the limits for its stamps of uses. The stamps
/// rewrite records and replace pages, in addition to the changes.
const STAMP_SHARE: usize = 4;

impl WriterLimits {
    pub(super) fn max_stamps(self) -> usize {
        (self.max_changes / STAMP_SHARE).max(1)
    }

    /// Returns the number of rewritten bytes of records after which a transaction applies no more stamps.
    pub(super) fn max_stamped_bytes(self) -> usize {
        self.max_bytes / STAMP_SHARE
    }
}
