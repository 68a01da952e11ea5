//! The states of the cache file: in service, suspended, discarded.
//!
//! ```text
//!              failed                      opened again
//! in service ─────────▶ suspended ─────────────────────────▶ in service
//!     │                     │
//!     │ damaged, removed    │ damaged, removed; or a caller cannot wait for the disk to recover
//!     ▼                     ▼
//!     discarded: renamed aside ─▶ directory synced ─▶ (a healthy one) removed
//!                           │ a new file was created
//!                           ▼
//!                      in service
//! ```
//!
//! A suspended file contains every acknowledged invalidation. An invalidation cannot wait, so either it is
//! committed or the file is discarded. This process never opens a discarded file again. A discarded file is
//! *gone* once its rename is durable. Only then is an invalidation of its entries reported as successful.
//! Handles of the file are numbered (`generation`), so that an error of an older handle is ignored
//! (invariant 7 of `docs/design.md`).
//!
//! This module handles only the file. The writer decides what lookups and writes see during an outage.

pub(crate) mod backoff;
mod discard;
mod place;
mod return_to_service;
mod watch;
mod watch_state;

use std::path::PathBuf;

use super::ballast::Ballast;
use super::create::CreatedFile;
use super::lock::OwnerLock;
use super::names::{DAMAGED, DISCARDED};
use super::quarantine::remove_old_quarantined;
use crate::disk::store::catalog::Catalog;
use crate::disk::store::database::OpenOptions;
use crate::disk::store::extent::Extent;
use crate::disk::store::guard::{StoreError, StoreErrorKind};
use crate::disk::store::pending_registrations::PendingRegistrations;
use crate::disk::store::redb_store::Store;
use crate::disk::store::registration::Registration;
use crate::format::keyspace_id::KeyspaceId;
use crate::format::range_tombstone::RangeTombstone;
use crate::sys::volume::Anchor;
use crate::units::Timestamp;
use backoff::{Backoff, MAX_RETRY_DELAY, Outage};
use discard::DiscardProgress;
use place::{PathPlace, anchor_of};
use watch_state::WatchState;

pub(crate) const FIRST_GENERATION: u64 = 1;

#[derive(Debug)]
pub(crate) struct CacheFile {
    options: OpenOptions,
    /// Identifies the file. `None` once a discarded file is gone. Otherwise the anchor would keep the blocks
    /// of the deleted file allocated.
    anchor: Option<Box<dyn Anchor>>,
    /// A new file that was created but could not be put into service.
    unused: CreatedFile,
    state: FilePhase,
    backoff: Backoff,
    /// The number of the current handle of the file.
    generation: u64,
    /// The catalog of a file that is out of service, with the keyspaces opened since the outage began. Empty
    /// while the file is in service.
    catalog: Catalog,
    pending: PendingRegistrations,
    ballast: Ballast,
    ballast_again_at: Timestamp,
    /// Whether the disk was full, and no commit of all changes has succeeded since. While this flag is set,
    /// deletions are committed first.
    is_short_of_room: bool,
    /// The new path of the latest damaged file, until [`CacheFile::take_quarantined`] returns it.
    quarantined: Option<PathBuf>,
    /// Why the file was discarded, until [`CacheFile::take_discarded`] returns the reasons.
    discarded: Vec<StoreError>,
    watch: WatchState,
    /// Declared last, because fields drop in declaration order: the lock is held until the file is closed.
    lock: OwnerLock,
}

#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each cache, and it is in service nearly always"
)]
enum FilePhase {
    InService(Store),
    /// Closed, but not renamed. This process may open the file again.
    Suspended(Outage),
    /// This process never opens the file again.
    Discarded(Outage, DiscardProgress),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceState {
    InService,
    Suspended,
    /// `is_gone` means that no restart can find the file.
    Discarded {
        is_gone: bool,
    },
}

impl CacheFile {
    /// Puts an open file into service.
    ///
    /// # Errors
    /// Returns an error if the file at the path cannot be anchored, or is not the file of the store.
    pub(crate) fn new(
        store: Store,
        options: OpenOptions,
        ballast: Ballast,
        lock: OwnerLock,
    ) -> std::io::Result<Self> {
        let mut file = Self {
            anchor: Some(anchor_of(&store, &options)?),
            unused: CreatedFile::default(),
            backoff: Backoff::default(),
            options,
            catalog: Catalog::default(),
            state: FilePhase::InService(store),
            generation: FIRST_GENERATION,
            pending: PendingRegistrations::default(),
            ballast,
            ballast_again_at: Timestamp::ZERO,
            is_short_of_room: false,
            quarantined: None,
            discarded: Vec::new(),
            watch: WatchState::default(),
            lock,
        };
        file.leave_evidence();
        file.ballast.take(&*file.options.volume);
        Ok(file)
    }

    pub(crate) fn state(&self) -> ServiceState {
        match &self.state {
            FilePhase::InService(_) => ServiceState::InService,
            FilePhase::Suspended(_) => ServiceState::Suspended,
            FilePhase::Discarded(_, progress) => {
                ServiceState::Discarded { is_gone: matches!(progress, DiscardProgress::Gone) }
            }
        }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) fn store(&self) -> Option<&Store> {
        match &self.state {
            FilePhase::InService(store) => Some(store),
            _ => None,
        }
    }

    pub(crate) fn store_mut(&mut self) -> Option<&mut Store> {
        match &mut self.state {
            FilePhase::InService(store) => Some(store),
            _ => None,
        }
    }

    pub(crate) fn ranges(&self) -> &[RangeTombstone] {
        self.store().map_or(&[], Store::ranges)
    }

    /// Returns why the file is out of service, or `None` while it is in service.
    pub(crate) fn why(&self) -> Option<&StoreError> {
        self.outage().map(|outage| &outage.why)
    }

    /// Returns when the next attempt to return the file to service is due, or `None` while it is in service.
    pub(crate) fn retry_at(&self) -> Option<Timestamp> {
        self.outage().map(|outage| outage.retry_at)
    }

    fn outage(&self) -> Option<&Outage> {
        match &self.state {
            FilePhase::InService(_) => None,
            FilePhase::Suspended(outage) | FilePhase::Discarded(outage, _) => Some(outage),
        }
    }

    /// Takes the file out of service after an error. A damaged or removed file is discarded. Any other file
    /// is suspended. The error may be that of a write that has found the file overwritten, and has sealed it.
    /// The last write, on closing, may find it, too.
    pub(crate) fn fail(&mut self, error: StoreError, now: Timestamp) {
        if matches!(error.kind, StoreErrorKind::Damage | StoreErrorKind::Removed) {
            self.discard(error, now);
        } else if let Some(closed) = self.close_store() {
            let wait = self.backoff.fails(now);
            self.state = FilePhase::Suspended(Outage::new(error, wait, now));
            // If it were opened again, an older copy of the file would pass for the file.
            if let Err(overwritten) = closed {
                self.discard(overwritten, now);
            }
        }
    }

    /// Takes the file out of service for good, and begins to move it aside. [`CacheFile::continue_discard`]
    /// retries the steps that fail.
    pub(crate) fn discard(&mut self, error: StoreError, now: Timestamp) {
        let closed = self.close_store();
        let was_open = closed.is_some();
        // A file that another program has overwritten is kept, whatever else has failed.
        let error = closed.and_then(Result::err).unwrap_or(error);
        if !matches!(self.state, FilePhase::Discarded(..)) {
            let retry_at = self.retry_at().filter(|_| !was_open);
            let retry_at = retry_at.unwrap_or_else(|| now.after(self.backoff.fails(now)));
            self.discarded.push(error.clone());
            self.state = FilePhase::Discarded(Outage { why: error, retry_at }, DiscardProgress::AtItsPath);
        }
        self.continue_discard(now);
    }

    /// Closes the store and keeps its catalog. Returns `None` if the file was not in service, and an error if
    /// the file was overwritten.
    fn close_store(&mut self) -> Option<Result<(), StoreError>> {
        let why = StoreError::io("the file is being closed");
        let closed = FilePhase::Suspended(Outage { why, retry_at: Timestamp::ZERO });
        match std::mem::replace(&mut self.state, closed) {
            FilePhase::InService(mut store) => {
                self.catalog = std::mem::take(&mut store.catalog);
                self.catalog.merge_pending(&self.pending);
                // An error of closing is ignored, unless the file was overwritten. The caller records the
                // error that took the file out of service.
                Some(store.close_to_reopen().map(|left| self.watch.note_left(left)))
            }
            other => {
                self.state = other;
                None
            }
        }
    }

    pub(crate) fn continue_discard(&mut self, now: Timestamp) {
        // The rename needs the lock. Without the lock, the file at the path may already belong to another
        // owner.
        if self.would_rename()
            && let Err(error) = self.hold_lock()
        {
            if let FilePhase::Discarded(outage, _) = &mut self.state {
                outage.failed_again(StoreError { kind: outage.why.kind, ..error }, &mut self.backoff, now);
            }
            return;
        }
        let Self {
            state: FilePhase::Discarded(outage, progress),
            anchor: Some(anchor),
            options,
            backoff,
            ..
        } = self
        else {
            return;
        };
        let (volume, path) = (&*options.volume, &options.path);
        let is_damaged = outage.why.kind == StoreErrorKind::Damage;
        let word = if is_damaged { DAMAGED } else { DISCARDED };
        match progress.advance(volume, path, &**anchor, word, now) {
            Err(error) => {
                let why = StoreError { kind: outage.why.kind, ..StoreError::from(error) };
                outage.failed_again(why, backoff, now);
            }
            Ok(renamed) => {
                self.anchor = None;
                if is_damaged {
                    remove_old_quarantined(volume, path, renamed.as_deref());
                    self.quarantined = renamed.or(self.quarantined.take());
                } else if let Some(stale) = renamed {
                    // The rename has discarded the file. Removing the renamed file only frees room.
                    drop(volume.remove(&stale));
                }
            }
        }
    }

    /// Returns whether the next step of a discard renames the file at the path.
    fn would_rename(&self) -> bool {
        let (FilePhase::Discarded(_, DiscardProgress::AtItsPath), Some(anchor)) = (&self.state, &self.anchor)
        else {
            return false;
        };
        let place = PathPlace::of(&*self.options.volume, &self.options.path, &**anchor);
        place.is_ok_and(|place| place.error().is_none())
    }

    /// Assigns a number to a keyspace without a commit, if possible: see [`PendingRegistrations`]. Returns
    /// the number, and whether the file still lacks the keyspace. Returns `None` if opening the keyspace
    /// needs a commit, or if the file is out of service.
    pub(crate) fn number(&mut self, wanted: &Registration) -> Option<(KeyspaceId, bool)> {
        let FilePhase::InService(store) = &self.state else { return None };
        self.pending.number(&store.catalog, wanted)
    }

    /// Assigns a number to a keyspace that is opened while the file is out of service. The keyspace is added
    /// to the file when the file is in service again.
    pub(crate) fn register_offline(&mut self, wanted: &Registration, now: Timestamp) -> KeyspaceId {
        self.pending.register(&mut self.catalog, wanted, now)
    }

    pub(crate) fn pending_registrations(&self) -> &PendingRegistrations {
        &self.pending
    }

    pub(crate) fn has_pending_registrations(&self) -> bool {
        self.store().is_some() && !self.pending.is_empty()
    }

    /// Called after a commit that has added the pending keyspaces to the file.
    pub(crate) fn clear_pending_registrations(&mut self) {
        self.pending = PendingRegistrations::default();
    }

    /// Records that the disk has room, and writes the ballast again if it is due. Called after a commit of
    /// all changes, or of a part of them while the disk is not short of room.
    pub(crate) fn committed(&mut self, now: Timestamp) {
        self.is_short_of_room = false;
        if !self.ballast.is_held() && now >= self.ballast_again_at {
            self.ballast.take(&*self.options.volume);
            self.ballast_again_at = now.after(MAX_RETRY_DELAY);
        }
    }

    pub(crate) fn is_short_of_room(&self) -> bool {
        self.is_short_of_room
    }

    pub(crate) fn take_quarantined(&mut self) -> Option<PathBuf> {
        self.quarantined.take()
    }

    /// Returns the number of discards since the last call of [`CacheFile::take_discarded`].
    pub(crate) fn discards(&self) -> usize {
        self.discarded.len()
    }

    pub(crate) fn take_discarded(&mut self) -> Vec<StoreError> {
        std::mem::take(&mut self.discarded)
    }

    pub(crate) fn extent(&self) -> Extent {
        Extent::of(&*self.options.volume, &self.options.path).unwrap_or_default()
    }

    /// Records the size of the file after a commit, and returns it.
    pub(crate) fn note_extent(&mut self) -> Extent {
        let (extent, capacity) = (self.extent(), self.options.capacity);
        if let Some(store) = self.store_mut() {
            store.note_extent(extent, capacity);
        }
        extent
    }

    pub(crate) fn is_too_large(&self) -> bool {
        self.store().is_some() && self.extent().exceeds(self.options.capacity)
    }

    pub(crate) fn options(&self) -> &OpenOptions {
        &self.options
    }

    /// Closes the file for good. Moves the file aside if the last write finds that it was overwritten.
    /// Otherwise an older copy of the file would pass for the file when it is opened again.
    ///
    /// # Errors
    /// Returns an error if the file is out of service, cannot be closed, was overwritten, or is no longer at
    /// its path.
    pub(crate) fn close(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let why = StoreError::io("the cache is closed");
        let closed = FilePhase::Suspended(Outage { why, retry_at: Timestamp::ZERO });
        match std::mem::replace(&mut self.state, closed) {
            FilePhase::InService(store) => {
                let seal = store.seal();
                let closed = store.close();
                if let Err(error) = &closed
                    && seal.is_set()
                {
                    self.discard(error.clone(), now);
                }
                closed?;
                let Some(anchor) = &self.anchor else { return Ok(()) };
                let place = PathPlace::of(&*self.options.volume, &self.options.path, &**anchor)?;
                place.error().map_or(Ok(()), Err)
            }
            FilePhase::Suspended(outage) | FilePhase::Discarded(outage, _) => {
                Err(StoreError { cause: outage.why.cause.in_context("the disk tier is off"), ..outage.why })
            }
        }
    }
}
