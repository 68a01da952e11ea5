//! The file of an offline edit: open, compacted or failed.
//!
//! A change takes the store out, and puts the store back only after success. So a store that has failed is
//! never used again.

use std::path::Path;

use super::file_snapshot::FileSnapshot;
use crate::disk::file::ballast::Ballast;
use crate::disk::file::error_translation::{FileAction, error_of};
use crate::disk::file::lock::OwnerLock;
use crate::disk::file::open::{OpenedFile, open};
use crate::disk::file::path_state::{PathState, path_state};
use crate::disk::store::catalog::Catalog;
use crate::disk::store::database::OpenOptions;
use crate::disk::store::guard::{StoreError, StoreErrorKind};
use crate::disk::store::identity::Identities;
use crate::disk::store::limits::StoreLimits;
use crate::disk::store::redb_store::Store;
use crate::error::Error;
use crate::sys::clock::Clock;
use crate::sys::process::Process;
use crate::sys::sync::Arc;
use crate::sys::volume::os::OsVolume;
use crate::sys::volume::{Metadata, Volume};
use crate::units::Timestamp;

const PAGE_CACHE: usize = 16 << 20;

#[derive(Debug)]
pub(super) struct EditedFile {
    options: OpenOptions,
    state: EditState,
    process: Process,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one for each edit, and it is open nearly always")]
pub(super) enum EditState {
    Open(Store),
    /// The file was compacted and closed. The next read or change opens it again. A commit would find no
    /// free page in a compacted file and lengthen the file, so closing this edit makes no commit.
    Compacted(Catalog),
    /// A change has failed, so the file is no longer used. Every later call returns the same error.
    Failed(StoreError),
}

impl EditedFile {
    /// Opens a locked file, or creates it if `is_new` is set. Also returns its last sequence and its clock
    /// watermark.
    pub(super) fn open(
        path: &Path,
        clock: &dyn Clock,
        (verify_up_to, is_new): (u64, bool),
        lock: &OwnerLock,
    ) -> Result<(Self, u64, Timestamp), Error> {
        let (options, store) = open_locked(path, clock, (verify_up_to, is_new), lock)?;
        let (sequence, watermark) = (store.last_sequence(), store.clock_watermark());
        let file = Self { options, state: EditState::Open(store), process: Process::current() };
        Ok((file, sequence, watermark))
    }

    pub(super) fn options(&self) -> &OpenOptions {
        &self.options
    }

    pub(super) fn path(&self) -> &Path {
        &self.options.path
    }

    pub(super) fn metadata(&self) -> std::io::Result<Option<Metadata>> {
        self.options.volume.metadata(&self.options.path)
    }

    pub(super) fn len(&self) -> std::io::Result<u64> {
        Ok(self.metadata()?.map_or(0, |metadata| metadata.len))
    }

    pub(super) fn catalog(&self) -> Result<&Catalog, Error> {
        match &self.state {
            EditState::Open(store) => Ok(&store.catalog),
            EditState::Compacted(catalog) => Ok(catalog),
            EditState::Failed(error) => Err(self.refused(error.clone())),
        }
    }

    pub(super) fn is_compacted(&self) -> bool {
        matches!(self.state, EditState::Compacted(_))
    }

    pub(super) fn refuse_if_forked(&self) -> Result<(), Error> {
        if self.process.is_current() { Ok(()) } else { Err(Error::Forked) }
    }

    pub(super) fn refused(&self, error: StoreError) -> Error {
        refused(&self.options.path, error)
    }

    /// Takes the open store. Opens the file again after a compaction. The caller must set the next state.
    pub(super) fn take_store(&mut self) -> Result<Store, Error> {
        self.refuse_if_forked()?;
        let interrupted = EditState::Failed(StoreError::io("an earlier change did not end"));
        let (kept, refusal) = match std::mem::replace(&mut self.state, interrupted) {
            EditState::Open(store) => return Ok(store),
            EditState::Compacted(catalog) => match Store::open(&self.options, u64::MAX) {
                Ok(store) => return Ok(store),
                Err(error) => (EditState::Compacted(catalog), error),
            },
            EditState::Failed(error) => (EditState::Failed(error.clone()), error),
        };
        self.state = kept;
        Err(self.refused(refusal))
    }

    pub(super) fn put(&mut self, state: EditState) {
        self.state = state;
    }

    /// Reads from the store. The file stays open, even after an error.
    pub(super) fn read<T>(&mut self, read: impl FnOnce(&Store) -> T) -> Result<T, Error> {
        let store = self.take_store()?;
        let found = read(&store);
        self.state = EditState::Open(store);
        Ok(found)
    }

    /// Makes a change. After a failure the store accepts no more calls, so the change consumes it.
    pub(super) fn change<T>(
        &mut self,
        change: impl FnOnce(Store, &OpenOptions) -> Result<(Store, T), StoreError>,
    ) -> Result<T, Error> {
        let store = self.take_store()?;
        let (state, outcome) = match change(store, &self.options) {
            Ok((store, outcome)) => (EditState::Open(store), Ok(outcome)),
            Err(error) => (EditState::Failed(error.clone()), Err(self.refused(error))),
        };
        self.state = state;
        outcome
    }
}

fn open_locked(
    path: &Path,
    clock: &dyn Clock,
    (verify_up_to, is_new): (u64, bool),
    lock: &OwnerLock,
) -> Result<(OpenOptions, Store), Error> {
    let options = OpenOptions {
        volume: Arc::new(OsVolume),
        path: path.to_owned(),
        page_cache: PAGE_CACHE,
        verify_up_to,
        // An edit has no capacity, because the capacity is a setting of a cache. A cache shrinks the file
        // when it opens the file.
        limits: StoreLimits::UNBOUNDED,
        capacity: u64::MAX,
        counts_blocks: OsVolume.counts_blocks(path),
        charging: None,
        now: clock.wall(),
        identities: Identities::default(),
    };
    let store = if is_new && path_state(&OsVolume, path)? == PathState::Nothing {
        let OpenedFile { store, .. } = open(&options, lock.accepted().as_ref())?;
        store
    } else {
        let len = FileSnapshot::open(path)?.contents.len;
        let opened = match Store::open(&options, len) {
            Err(error)
                if error.kind == StoreErrorKind::Full && Ballast::delete_left_over(&OsVolume, path) =>
            {
                Store::open(&options, len)
            }
            opened => opened,
        };
        opened.map_err(|error| refused(path, error))?
    };
    // Pending range removals are completed before any entry is read or changed.
    let mut store = store;
    store.delete_pending_ranges().map_err(|error| refused(path, error))?;
    Ok((options, store))
}

fn refused(path: &Path, error: StoreError) -> Error {
    error_of(FileAction::Change, path, error)
}
