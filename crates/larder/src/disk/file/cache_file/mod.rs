//! The cache file through its outages: in service, suspended, discarded.
//!
//! ```text
//!              failed                      opened again
//! in service ─────────▶ suspended ─────────────────────────▶ in service
//!     │                     │
//!     │ damaged             │ damaged; or somebody can't wait for the disk to come back
//!     ▼                     ▼
//!     discarded: renamed aside ─▶ directory synced ─▶ (a healthy one) removed
//!                           │ a fresh file was made
//!                           ▼
//!                      in service
//! ```
//!
//! A suspended file holds nothing that was invalidated: whoever invalidates can't wait, so either the removal
//! is committed or the file is discarded. A discarded file is never opened again by this process. It is
//! *gone* once its rename is durable: only then may anybody be told that what it holds is invalidated.
//! Handles of the file are numbered (`generation`), so that an error from an older one changes nothing
//! (invariant 7).
//!
//! This is the file alone; what lookups and writes see of it meanwhile is the writer's to arrange.

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
use place::PathPlace;
use watch_state::WatchState;

/// The number of the first handle of a file.
pub(crate) const FIRST_GENERATION: u64 = 1;

#[derive(Debug)]
pub(crate) struct CacheFile {
    options: OpenOptions,
    /// Which file it is. None once a discarded one is gone: it would keep its room.
    anchor: Option<Box<dyn Anchor>>,
    /// A fresh file that was made and could not be used.
    unused: CreatedFile,
    state: FilePhase,
    backoff: Backoff,
    /// Which handle of the file this is.
    generation: u64,
    /// What the file that is out of service knew, and the keyspaces that were opened since. Nothing while it
    /// is in service.
    catalog: Catalog,
    /// The keyspaces that were opened and that the file has still to learn of.
    pending: PendingRegistrations,
    ballast: Ballast,
    ballast_again_at: Timestamp,
    /// Whether the disk was full when the file was last opened: deletions go first.
    is_short_of_room: bool,
    /// Where the latest damaged file was moved, until somebody asks.
    quarantined: Option<PathBuf>,
    /// Why the file was discarded, each time, until somebody asks.
    discarded: Vec<StoreError>,
    watch: WatchState,
    /// Held until the file is closed: fields are dropped in this order.
    lock: OwnerLock,
}

#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each cache, and it is in service nearly always"
)]
enum FilePhase {
    InService(Store),
    /// Closed, and still at its path: it will be opened again.
    Suspended(Outage),
    /// Never to be opened again.
    Discarded(Outage, DiscardProgress),
}

/// What became of a file that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceState {
    InService,
    Suspended,
    /// `is_gone` says that no restart can find it.
    Discarded {
        is_gone: bool,
    },
}

impl CacheFile {
    /// # Errors
    /// When what stands at the path can't be told.
    pub(crate) fn new(
        store: Store,
        options: OpenOptions,
        ballast: Ballast,
        lock: OwnerLock,
    ) -> std::io::Result<Self> {
        let mut file = Self {
            anchor: Some(options.volume.anchor(&options.path)?),
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
        file.note_content();
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

    /// The range removals that the file, in service, has still to make.
    pub(crate) fn ranges(&self) -> &[RangeTombstone] {
        self.store().map_or(&[], Store::ranges)
    }

    /// Why it is out of service.
    pub(crate) fn why(&self) -> Option<&StoreError> {
        self.outage().map(|outage| &outage.why)
    }

    /// When an outage is to be looked at again.
    pub(crate) fn retry_at(&self) -> Option<Timestamp> {
        self.outage().map(|outage| outage.retry_at)
    }

    fn outage(&self) -> Option<&Outage> {
        match &self.state {
            FilePhase::InService(_) => None,
            FilePhase::Suspended(outage) | FilePhase::Discarded(outage, _) => Some(outage),
        }
    }

    /// Takes the file out of service after a fault: suspended, or, if it is damaged or was removed,
    /// discarded.
    pub(crate) fn fail(&mut self, error: StoreError, now: Timestamp) {
        if matches!(error.kind, StoreErrorKind::Damage | StoreErrorKind::Removed) {
            self.discard(error, now);
        } else if self.close_store() {
            let wait = self.backoff.fails(now);
            self.state = FilePhase::Suspended(Outage::new(error, wait, now));
        }
    }

    /// Takes the file out of service for good. What is left of it is put aside as far as the disk allows, now
    /// or at a later [`CacheFile::continue_discard`].
    pub(crate) fn discard(&mut self, error: StoreError, now: Timestamp) {
        let was_open = self.close_store();
        if !matches!(self.state, FilePhase::Discarded(..)) {
            let retry_at = self.retry_at().filter(|_| !was_open);
            let retry_at = retry_at.unwrap_or_else(|| now.after(self.backoff.fails(now)));
            self.discarded.push(error.clone());
            self.state = FilePhase::Discarded(Outage { why: error, retry_at }, DiscardProgress::AtItsPath);
        }
        self.continue_discard(now);
    }

    /// Closes the store and keeps what it knew. Answers whether it was open.
    fn close_store(&mut self) -> bool {
        let why = StoreError::io("the file is being closed");
        let closed = FilePhase::Suspended(Outage { why, retry_at: Timestamp::ZERO });
        match std::mem::replace(&mut self.state, closed) {
            FilePhase::InService(mut store) => {
                self.catalog = std::mem::take(&mut store.catalog);
                self.catalog.merge_pending(&self.pending);
                // Its error says nothing that the fault did not.
                drop(store.close());
                true
            }
            other => {
                self.state = other;
                false
            }
        }
    }

    /// Puts a discarded file aside, as far as that has not been done.
    pub(crate) fn continue_discard(&mut self, now: Timestamp) {
        // Without the lock it may be another owner's by now.
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
                    // The rename made it gone; removing only frees room.
                    drop(volume.remove(&stale));
                }
            }
        }
    }

    /// Whether putting a discarded file aside is to rename it.
    fn would_rename(&self) -> bool {
        let (FilePhase::Discarded(_, DiscardProgress::AtItsPath), Some(anchor)) = (&self.state, &self.anchor)
        else {
            return false;
        };
        let place = PathPlace::of(&*self.options.volume, &self.options.path, &**anchor);
        place.is_ok_and(|place| place.error().is_none())
    }

    /// Numbers a keyspace whose opening needs no commit before it is answered: see [`PendingRegistrations`]. Returns its
    /// number, and whether the file has still to learn of it. None if it needs one, and while the file is out
    /// of service.
    pub(crate) fn number(&mut self, wanted: &Registration) -> Option<(KeyspaceId, bool)> {
        let FilePhase::InService(store) = &self.state else { return None };
        self.pending.number(&store.catalog, wanted)
    }

    /// Numbers a keyspace that is opened while the file is out of service. The file learns of it when it is
    /// in service again.
    pub(crate) fn register_offline(&mut self, wanted: &Registration, now: Timestamp) -> KeyspaceId {
        self.pending.register(&mut self.catalog, wanted, now)
    }

    /// What the file has still to learn of.
    pub(crate) fn pending_registrations(&self) -> &PendingRegistrations {
        &self.pending
    }

    /// Whether it is in service and has still to learn of keyspaces.
    pub(crate) fn has_pending_registrations(&self) -> bool {
        self.store().is_some() && !self.pending.is_empty()
    }

    /// After a commit that entered the adopted keyspaces.
    pub(crate) fn clear_pending_registrations(&mut self) {
        self.pending = PendingRegistrations::default();
    }

    /// After a commit of everything: the disk has room.
    pub(crate) fn committed(&mut self, now: Timestamp) {
        self.is_short_of_room = false;
        if !self.ballast.is_held() && now >= self.ballast_again_at {
            self.ballast.take(&*self.options.volume);
            self.ballast_again_at = now.after(MAX_RETRY_DELAY);
        }
    }

    /// Whether deletions are to be committed before anything else.
    pub(crate) fn is_short_of_room(&self) -> bool {
        self.is_short_of_room
    }

    /// Where a damaged file was moved since this was last asked.
    pub(crate) fn take_quarantined(&mut self) -> Option<PathBuf> {
        self.quarantined.take()
    }

    /// How often the file was discarded since that was last told.
    pub(crate) fn discards(&self) -> usize {
        self.discarded.len()
    }

    /// Why the file was discarded, each time since this was last asked.
    pub(crate) fn take_discarded(&mut self) -> Vec<StoreError> {
        std::mem::take(&mut self.discarded)
    }

    /// What the file takes.
    pub(crate) fn extent(&self) -> Extent {
        Extent::of(&*self.options.volume, &self.options.path).unwrap_or_default()
    }

    /// Takes notice of what the file takes after a commit.
    pub(crate) fn note_extent(&mut self) -> Extent {
        let (extent, capacity) = (self.extent(), self.options.capacity);
        if let Some(store) = self.store_mut() {
            store.note_extent(extent, capacity);
        }
        extent
    }

    /// Whether it takes more than it may.
    pub(crate) fn is_too_large(&self) -> bool {
        self.store().is_some() && self.extent().exceeds(self.options.capacity)
    }

    pub(crate) fn options(&self) -> &OpenOptions {
        &self.options
    }

    /// Closes the file for good. A restart finds it, or the answer is an error.
    pub(crate) fn close(&mut self) -> Result<(), StoreError> {
        let why = StoreError::io("the cache is closed");
        let closed = FilePhase::Suspended(Outage { why, retry_at: Timestamp::ZERO });
        match std::mem::replace(&mut self.state, closed) {
            FilePhase::InService(store) => {
                store.close()?;
                let Some(anchor) = &self.anchor else { return Ok(()) };
                let place = PathPlace::of(&*self.options.volume, &self.options.path, &**anchor)?;
                place.error().map_or(Ok(()), Err)
            }
            FilePhase::Suspended(outage) | FilePhase::Discarded(outage, _) => {
                Err(StoreError { cause: format!("the disk tier is off: {}", outage.why), ..outage.why })
            }
        }
    }
}
