//! The ways back into service: a suspended file is opened again, and a fresh one is made in the place of one
//! that is gone.
//!
//! Neither without the owner's lock: out of service, the file at the path may be another owner's.

use super::backoff::MAX_RETRY_DELAY;
use super::place::PathPlace;
use super::{CacheFile, FilePhase, ServiceState};
use crate::disk::file::compact::narrow;
use crate::disk::file::create::create;
use crate::disk::file::directories::create_parents;
use crate::disk::store::catalog::Catalog;
use crate::disk::store::database::OpenOptions;
use crate::disk::store::guard::{StoreError, StoreErrorKind};
use crate::disk::store::redb_store::Store;
use crate::units::Timestamp;

impl CacheFile {
    /// Opens the file again after a transaction that was refused, for the file would have taken more than it
    /// may; with less room for entries, and compacted. Answers whether it could be: not while another process
    /// reads it.
    ///
    /// The store takes nothing more after a failure, and nothing of the transaction is in it.
    pub(crate) fn reopen_smaller(&mut self, refused: StoreError, now: Timestamp) -> Result<bool, StoreError> {
        let Some(mut pressure) = self.store().map(|store| store.pressure) else { return Err(refused) };
        self.fail(refused.clone(), now);
        let mut store = self.open_again()?.ok_or(refused)?;
        // Pages move to the front of the file, and what is behind them is given back.
        let compacted = store.move_pages();
        if compacted.is_err() {
            drop(store.close());
            store = self.open_again()?.ok_or_else(|| StoreError::io("the file was deleted"))?;
            store = self.narrow(store, now)?;
        }
        pressure.note_refusal(store.catalog.live_bytes());
        store.pressure = pressure;
        self.enter_service(store, now);
        Ok(compacted.unwrap_or(true))
    }

    /// Makes a file anew that can't grow within its bounds ([`narrow`]).
    fn narrow(&mut self, store: Store, now: Timestamp) -> Result<Store, StoreError> {
        let before = store.largest_page();
        let narrowed = narrow(store, &self.options, now);
        if !narrowed.as_ref().is_ok_and(|store| store.largest_page() == before) {
            // Another file stands at the path.
            self.anchor = self.options.volume.anchor(&self.options.path).ok().or(self.anchor.take());
        }
        if let Err(error) = &narrowed {
            // Which of the two a restart finds nobody knows.
            self.discard(error.clone(), now);
        }
        narrowed
    }

    /// Opens a suspended file again. A damaged one is discarded, and so is one that somebody deleted.
    pub(crate) fn resume(&mut self, now: Timestamp) {
        let FilePhase::Suspended(outage) = &self.state else { return };
        let why = outage.why.clone();
        if why.kind == StoreErrorKind::Full {
            self.is_short_of_room = true;
            self.ballast.give_up(&*self.options.volume);
            // Not back at once: on a disk that is nearly full it would take the room that the next commit
            // needs.
            self.ballast_again_at = now.after(MAX_RETRY_DELAY);
        }
        match self.open_again() {
            Ok(Some(store)) => self.enter_service(store, now),
            Ok(None) => self.discard(why, now),
            Err(error) if error.kind == StoreErrorKind::Damage => self.discard(error, now),
            // What the disk said first tells more than what it says now, but for a disk that has become full,
            // and for a file that is not in its place, or is again.
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

    /// The file, open again; none if nobody can ever open it again.
    fn open_again(&mut self) -> Result<Option<Store>, StoreError> {
        let Some(anchor) = &self.anchor else { return Ok(None) };
        match PathPlace::of(&*self.options.volume, &self.options.path, &**anchor)?.error() {
            Some(error) if error.kind == StoreErrorKind::Removed => return Ok(None),
            Some(error) => return Err(error),
            None => {}
        }
        self.hold_lock()?;
        let len = self.extent().len;
        Store::open(&self.options, len).map(Some)
    }

    /// Makes a fresh file in the place of a discarded one that is gone.
    pub(crate) fn create_fresh(&mut self, now: Timestamp, sequence: u64) {
        if self.state() != (ServiceState::Discarded { is_gone: true }) {
            return;
        }
        let catalog = self.catalog.emptied(now, sequence, self.options.identities);
        let options = OpenOptions { now, ..self.options.clone() };
        // They may have been removed with it.
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
        self.forget();
        self.note_content();
    }
}
