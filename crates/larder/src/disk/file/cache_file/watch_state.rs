//! The results of the last checks of the file in service.

use crate::disk::store::identity::FileIdentity;
use crate::event::Event;

#[derive(Debug, Default)]
pub(super) struct WatchState {
    /// The generation and the identity of the file for which the evidence was last written.
    pub(super) accepted: Option<(u64, FileIdentity)>,
    /// Whether the file system was found to change the identity of the file.
    pub(super) is_unstable: bool,
    /// Whether the last attempt to hold the lock failed. While this flag is set, further failures are not
    /// reported.
    pub(super) has_lost_lock: bool,
    /// How often the owner's lock was found lost.
    pub(super) lock_losses: u64,
    pub(super) events: Vec<Event>,
}
