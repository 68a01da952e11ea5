//! The results of the last checks of the file in service.

use super::place::WrittenBytes;
use crate::disk::store::identity::FileIdentity;
use crate::event::Event;

/// The results of the last checks.
#[derive(Debug, Default)]
pub(super) struct WatchState {
    /// The content that the last step left in the file; none if it could not be read.
    pub(super) content: Option<WrittenBytes>,
    /// The handle of the file and the identity that the mark and the lock file name.
    pub(super) accepted: Option<(u64, FileIdentity)>,
    /// Whether the file system was found to change the identity of the file.
    pub(super) is_unstable: bool,
    /// Whether users were told that another process holds the lock.
    pub(super) has_lost_lock: bool,
    /// Events to be reported to users.
    pub(super) events: Vec<Event>,
}
