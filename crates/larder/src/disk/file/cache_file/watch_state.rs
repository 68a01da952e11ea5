//! What is known of the file in service from the last time that it was looked at.

use super::place::WrittenBytes;
use crate::disk::store::identity::FileIdentity;
use crate::event::Event;

/// What is known of the file from the last look at it.
#[derive(Debug, Default)]
pub(super) struct WatchState {
    /// What the last step left in the file; none if that could not be read.
    pub(super) content: Option<WrittenBytes>,
    /// Of which handle of the file, and with which identity, the mark and the lock tell.
    pub(super) accepted: Option<(u64, FileIdentity)>,
    /// Whether the file system was found to give the file changing identities.
    pub(super) is_unstable: bool,
    /// Whether another process has the lock, as far as users were told.
    pub(super) has_lost_lock: bool,
    /// What is to be told to users.
    pub(super) events: Vec<Event>,
}
