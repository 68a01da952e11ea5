//! The results of the last checks of the file in service.

use crate::disk::file::lock::OwnerLock;
use crate::disk::store::guard::StoreError;
use crate::disk::store::identity::FileIdentity;
use crate::event::Event;
use crate::sys::volume::Volume;
use crate::sys::volume::written::FileStart;

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
    /// What the last handle has left in the file when it was closed, if this is known, and `lock_losses` at
    /// that time.
    left: Option<(FileStart, u64)>,
}

impl WatchState {
    /// Ensures that this process holds the owner's lock.
    ///
    /// # Errors
    /// Returns an error if another process holds the lock, or if the lock cannot be taken again.
    pub(super) fn hold_lock(&mut self, lock: &mut OwnerLock, volume: &dyn Volume) -> Result<(), StoreError> {
        let held = lock.ensure_held(volume);
        let event = match &held {
            Ok(Some(cause)) => Some(Event::LockLost { cause: cause.clone(), is_held: true }),
            Err(cause) if !self.has_lost_lock => {
                Some(Event::LockLost { cause: cause.clone(), is_held: false })
            }
            Ok(None) | Err(_) => None,
        };
        self.lock_losses += u64::from(!matches!(held, Ok(None)));
        self.events.extend(event);
        self.has_lost_lock = held.is_err();
        held.map(drop).map_err(StoreError::io)
    }

    /// Records what a handle has left in the file.
    pub(super) fn note_left(&mut self, left: Option<FileStart>) {
        self.left = left.map(|left| (left, self.lock_losses));
    }

    /// Returns what the last handle has left in the file. Returns `None` if this is unknown, or if another
    /// owner may have changed the file since, because the lock was lost.
    pub(super) fn left(&self) -> Option<FileStart> {
        self.left
            .as_ref()
            .filter(|(_, lock_losses)| *lock_losses == self.lock_losses)
            .map(|(left, _)| left.clone())
    }
}
