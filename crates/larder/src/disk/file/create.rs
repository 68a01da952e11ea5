//! Creates a cache file: writes it under a temporary name, closes it, and renames it to its path.
//!
//! A crash leaves either no file or a complete file at the path. The next opening removes the temporary
//! file.

use std::path::{Path, PathBuf};

use super::directories::sync_directory_of;
use super::io_error::{foreign, io_error};
use super::names::{UNFINISHED, beside};
use super::path_state::{PathState, path_state};
use crate::disk::store::catalog::Catalog;
use crate::disk::store::database::{OpenOptions, builder, close};
use crate::disk::store::guard::{Guarded, StoreError, guarded};
use crate::disk::store::new_file::NewFile;
use crate::disk::store::redb_header::REDB_MAGIC;
use crate::disk::store::redb_store::Store;
use crate::error::Error;
use crate::sys::volume::{Anchor, Identity};

/// Returns the temporary name of a file that is being created.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    beside(path, UNFINISHED)
}

/// Returns an error if the file with the temporary name is not an unfinished cache file.
pub(crate) fn refuse_unless_unfinished(options: &OpenOptions) -> Result<(), Error> {
    finds_unfinished(options).map(drop)
}

/// Returns whether an unfinished cache file has the temporary name. Returns an error if another file has it.
fn finds_unfinished(options: &OpenOptions) -> Result<bool, Error> {
    let path = unfinished(&options.path);
    if path_state(&*options.volume, &path)? == PathState::Nothing {
        return Ok(false);
    }
    let start = options.volume.open(&path, false).and_then(|file| file.start(REDB_MAGIC.len()));
    let start = start.map_err(|error| io_error("read", &path, error))?;
    // After a crash, the first sector of an unfinished file is either written or all zeros.
    if start == REDB_MAGIC || start.iter().all(|byte| *byte == 0) {
        return Ok(true);
    }
    Err(foreign(&path, "it has the name of an unfinished larder file, but is not one"))
}

/// Removes an unfinished file that a crash has left. The caller holds the owner's lock, so no other process
/// is writing the file.
///
/// # Errors
/// Also returns an error if the file with the temporary name is not larder's. That file is left as it is.
pub(crate) fn remove_unfinished(options: &OpenOptions) -> Result<(), StoreError> {
    if finds_unfinished(options).map_err(|error| StoreError::io(error.to_string()))? {
        options.volume.remove(&unfinished(&options.path))?;
    }
    Ok(())
}

/// A file that was created and is not yet in service. Its anchor identifies the file, so that a later
/// attempt can remove it.
#[derive(Debug, Default)]
pub(crate) struct CreatedFile(Option<Box<dyn Anchor>>);

impl CreatedFile {
    /// Removes the file from the path, if an earlier attempt has left it there.
    pub(crate) fn remove(&mut self, options: &OpenOptions) -> Result<(), StoreError> {
        if let Some(anchor) = &self.0
            && let Some(metadata) = options.volume.metadata(&options.path)?
            && metadata.identity == anchor.identity()
        {
            options.volume.remove(&options.path)?;
        }
        self.0 = None;
        Ok(())
    }

    pub(crate) fn is(&self, identity: Identity) -> bool {
        self.0.as_ref().is_some_and(|anchor| anchor.identity() == identity)
    }

    pub(crate) fn take(&mut self) -> Option<Box<dyn Anchor>> {
        self.0.take()
    }
}

/// Creates a new file under a temporary name and durably renames it to its path. Sets `created` as soon as
/// the file may be at the path.
pub(crate) fn create(
    options: &OpenOptions,
    catalog: &Catalog,
    created: &mut CreatedFile,
) -> Result<Store, StoreError> {
    let OpenOptions { volume, path, .. } = options;
    let volume = &**volume;
    let temporary = unfinished(path);
    remove_unfinished(options)?;
    let file = volume.open(&temporary, true)?;
    let written = file.follow_writes()?;
    let file = NewFile::new(file, options.capacity);
    let finished = guarded(|| Ok(builder(options.page_cache).create_with_backend(file)?))
        .map(Guarded::new)
        .and_then(|db| Store::initialise(&db, catalog).and_then(|()| db.into_inner().map_or(Ok(()), close)))
        .and_then(|()| Ok(volume.anchor(&temporary)?))
        .and_then(|anchor| {
            created.0 = Some(anchor);
            Ok(volume.rename(&temporary, path)?)
        });
    if let Err(error) = finished {
        drop(volume.remove(&temporary));
        return Err(error);
    }
    let left = written.expected();
    drop(written);
    let opened = sync_directory_of(volume, path)
        .map_err(StoreError::from)
        .and_then(|()| Store::open_as_left(options, 0, left.as_ref()));
    if opened.is_err() {
        // The file has no entries yet, so the next attempt can create a new file.
        drop(created.remove(options));
    }
    opened
}
