//! Returns the cache file to service: opens a suspended file again, or creates a new file once a discarded
//! file is gone.
//!
//! Opening and creating a file require the owner's lock. While our file is out of service, the file at the
//! path may belong to another owner.

use super::backoff::MAX_RETRY_DELAY;
use super::place::{PathPlace, anchor_of};
use super::{CacheFile, FilePhase, ServiceState};
use crate::disk::file::compact::regions::shrink_regions;
use crate::disk::file::create::create;
use crate::disk::file::directories::create_parents;
use crate::disk::store::catalog::Catalog;
use crate::disk::store::database::OpenOptions;
use crate::disk::store::guard::{StoreError, StoreErrorKind};
use crate::disk::store::redb_store::Store;
use crate::units::Timestamp;

impl CacheFile {
    /// Opens the file again after a transaction has been refused because the file would have exceeded its
    /// capacity. Compacts the file, and lowers the limit for its entries. Returns whether the pages could
    /// be moved. If moving them fails with an error, rewrites a file whose regions are too large, and
    /// returns true.
    ///
    /// The refused transaction has left nothing in the file, and the failed store accepts no more calls.
    pub(crate) fn reopen_smaller(&mut self, refused: StoreError, now: Timestamp) -> Result<bool, StoreError> {
        let Some(mut pressure) = self.store().map(|store| store.pressure) else { return Err(refused) };
        self.fail(refused.clone(), now);
        if self.state() != ServiceState::Suspended {
            return Err(refused);
        }
        let mut store = self.open_again()?.ok_or(refused)?;
        // Pages move to the front of the file, and the free space behind them is released.
        let compacted = store.move_pages();
        if compacted.is_err() {
            self.watch.note_left(store.close_to_reopen()?);
            store = self.open_again()?.ok_or_else(|| StoreError::io("the file was deleted"))?;
            store = self.remake_with_small_regions(store, now)?;
        }
        pressure.note_refusal(store.catalog.live_bytes());
        store.pressure = pressure;
        self.enter_service(store, now);
        Ok(compacted.unwrap_or(true))
    }

    /// Rewrites a file that cannot grow within its capacity ([`shrink_regions`]).
    fn remake_with_small_regions(&mut self, store: Store, now: Timestamp) -> Result<Store, StoreError> {
        let mut may_be_replaced = false;
        let mut narrowed = shrink_regions(store, &self.options, now, &mut may_be_replaced);
        if may_be_replaced {
            // The path may now lead to the new file, so the file at the path is anchored again.
            let anchored = match &narrowed {
                Ok(store) => anchor_of(store, &self.options),
                Err(_) => self.options.volume.anchor(&self.options.path),
            };
            match anchored {
                Ok(anchor) => self.anchor = Some(anchor),
                Err(error) => narrowed = narrowed.and(Err(error.into())),
            }
        }
        if let Err(error) = &narrowed {
            // The file was overwritten, or it is unknown which of the two files a restart would find.
            self.discard(error.clone(), now);
        }
        narrowed
    }

    /// Opens a suspended file again. Discards a file that is damaged, or that another program has overwritten
    /// or deleted.
    pub(crate) fn resume(&mut self, now: Timestamp) {
        let FilePhase::Suspended(outage) = &self.state else { return };
        let why = outage.why.clone();
        if why.kind == StoreErrorKind::Full {
            self.is_short_of_room = true;
            self.ballast.delete(&*self.options.volume);
            // The ballast is not written again at once. On a nearly full disk, it would take the room that
            // the next commit needs.
            self.ballast_again_at = now.after(MAX_RETRY_DELAY);
        }
        match self.open_again() {
            Ok(Some(store)) => self.enter_service(store, now),
            Ok(None) => self.discard(why, now),
            Err(error) if error.kind == StoreErrorKind::Damage => self.discard(error, now),
            // The first error of an outage is kept, because it usually explains the outage best. A new error
            // replaces it in two cases: the disk has become full, or the file has left its path or returned
            // to it.
            Err(error) => {
                let is_news =
                    error.kind == StoreErrorKind::Full || error.is_displacement() || why.is_displacement();
                let why = if is_news { error } else { why };
                if let FilePhase::Suspended(outage) = &mut self.state {
                    outage.failed_again(why, &mut self.backoff, now);
                }
            }
        }
    }

    /// Opens the file again. Returns `None` if the file was removed.
    ///
    /// # Errors
    /// Also returns an error if the file is not as the last handle has left it, unless another owner may have
    /// changed it since. A file that is known to be ours was then overwritten, perhaps with an older copy.
    fn open_again(&mut self) -> Result<Option<Store>, StoreError> {
        let Some(anchor) = &self.anchor else { return Ok(None) };
        match PathPlace::of(&*self.options.volume, &self.options.path, &**anchor)?.error() {
            Some(error) if error.kind == StoreErrorKind::Removed => return Ok(None),
            Some(error) => return Err(error),
            None => {}
        }
        self.hold_lock()?;
        let len = self.extent().len;
        let left = self.watch.left();
        let opened = Store::open_as_left(&self.options, len, left.as_ref());
        // Another owner may have changed the file just before it was opened.
        if left.is_some() && matches!(&opened, Err(error) if error.kind == StoreErrorKind::Damage) {
            self.hold_lock()?;
            if self.watch.left().is_none() {
                return Store::open(&self.options, len).map(Some);
            }
        }
        opened.map(Some)
    }

    /// Releases unused pages to the file system ([`Store::compact`]).
    pub(crate) fn compact(&mut self) -> Result<bool, StoreError> {
        let Self { state: FilePhase::InService(store), watch, lock, options, .. } = self else {
            return Ok(false);
        };
        let mut lock_losses = watch.lock_losses;
        store.compact(&mut || {
            watch.hold_lock(lock, &*options.volume)?;
            Ok(std::mem::replace(&mut lock_losses, watch.lock_losses) != watch.lock_losses)
        })
    }

    /// Creates a new file at the path, if the discarded file is gone.
    pub(crate) fn create_fresh(&mut self, now: Timestamp, sequence: u64) {
        if self.state() != (ServiceState::Discarded { is_gone: true }) {
            return;
        }
        let catalog = self.catalog.emptied(now, sequence, self.options.identities);
        let options = OpenOptions { now, ..self.options.clone() };
        // The directories may have been removed together with the file.
        let created = create_parents(&*options.volume, &options.path)
            .map_err(|error| StoreError::io(error.to_string()))
            .and_then(|()| self.hold_lock())
            .and_then(|()| self.unused.remove(&options))
            .and_then(|()| create(&options, &catalog, &mut self.unused));
        match created {
            Ok(store) => {
                self.anchor = self.unused.take();
                self.enter_service(store, now);
            }
            Err(error) => {
                if let FilePhase::Discarded(outage, _) = &mut self.state {
                    outage.failed_again(error, &mut self.backoff, now);
                }
            }
        }
    }

    fn enter_service(&mut self, store: Store, now: Timestamp) {
        self.generation += 1;
        self.backoff.enters_service(now);
        self.catalog = Catalog::default();
        self.state = FilePhase::InService(store);
        self.leave_evidence();
    }
}
