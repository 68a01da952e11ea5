//! A follower reads a file that another process writes.
//!
//! The file is opened read-only, in redb's single-writer mode. The writer is not disturbed, and nothing is
//! written, locked or repaired. Each lookup begins a new transaction, so that a follower never keeps old
//! pages allocated.
//!
//! An owner whose disk failed may have moved the file aside and made a fresh one. Entries of the old file may
//! have been invalidated since. So before each transaction the follower checks whether its file still stands
//! at its path, and otherwise opens the file that does.

use std::path::{Path, PathBuf};

use redb::{ReadOnlyDatabase, ReadableDatabase};

use crate::disk::file::directories::absolute;
use crate::disk::file::error_translation::{FileAction, error_of};
use crate::disk::file::io_error::{foreign, io_error};
use crate::disk::file::path_state::{PathState, path_state, refuse_unless_redb};
use crate::disk::store::catalog::Catalog;
use crate::disk::store::database::builder;
use crate::disk::store::file_format::FileFormat;
use crate::disk::store::guard::{Guarded, StoreError, guarded};
use crate::disk::store::metadata::catalog_at;
use crate::disk::store::snapshot::StoreSnapshot;
use crate::error::Error;
use crate::sys::process::Process;
use crate::sys::sync::{Arc, Mutex};
use crate::sys::volume::os::OsVolume;
use crate::sys::volume::{Identity, Volume};

#[derive(Debug)]
pub(crate) struct Followed {
    path: PathBuf,
    page_cache: usize,
    /// The process whose threads follow the file.
    process: Process,
    /// Guards which file is open. Locked while another file is opened.
    file: Mutex<Arc<FollowedFile>>,
}

struct FollowedFile {
    db: Guarded<ReadOnlyDatabase>,
    identity: Identity,
}

impl std::fmt::Debug for FollowedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FollowedFile").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl FollowedFile {
    fn open(path: &Path, page_cache: usize) -> Result<Self, Error> {
        let nothing = || io_error("open", path, std::io::ErrorKind::NotFound.into());
        if path_state(&OsVolume, path)? == PathState::Nothing {
            return Err(nothing());
        }
        // Read before the file is opened. If another file takes its place in between, the next lookup
        // notices.
        let metadata = OsVolume.metadata(path).map_err(|error| io_error("look at", path, error))?;
        let identity = metadata.ok_or_else(nothing)?.identity;
        refuse_unless_redb(&OsVolume, path)?;
        let opened =
            guarded(|| Ok(builder(page_cache).open_read_only_with_backend(OsVolume.open(path, false)?)?));
        let db = opened.map_err(|error| refused(path, error))?;
        let db = Guarded::new(db);
        format(path, FileFormat::of(&*db))?;
        Ok(Self { db, identity })
    }
}

impl Followed {
    pub(crate) fn open(path: &Path, page_cache: usize) -> Result<Self, Error> {
        // The process may change its directory. The followed file stays the same.
        let path = absolute(path)?;
        let file = Mutex::new(Arc::new(FollowedFile::open(&path, page_cache)?));
        Ok(Self { path, page_cache, process: Process::current(), file })
    }

    /// Returns the file that stands at the path now.
    fn current(&self) -> Result<Arc<FollowedFile>, Error> {
        let metadata =
            OsVolume.metadata(&self.path).map_err(|error| io_error("look at", &self.path, error))?;
        let mut file = self.file.lock();
        if metadata.is_none_or(|metadata| metadata.identity != file.identity) {
            *file = Arc::new(FollowedFile::open(&self.path, self.page_cache)?);
        }
        Ok(file.clone())
    }

    /// Returns the catalog and the entries as one commit left them. The numbers of keyspaces and the pending
    /// range removals belong to the same commit. With `only`, the catalog contains just the keyspace of that
    /// name.
    ///
    /// An owner of a later version may have upgraded the file since it was opened. So the format is read each
    /// time.
    pub(crate) fn view(&self, only: Option<&str>) -> Result<(Catalog, StoreSnapshot), Error> {
        // A thread of the parent may have held this lock, or one of redb's, at the fork.
        if !self.process.is_current() {
            return Err(Error::Forked);
        }
        let file = self.current()?;
        let failed = |error| refused(&self.path, error);
        let txn = Guarded::new(guarded(|| Ok(file.db.begin_read()?)).map_err(failed)?);
        let format = format(&self.path, FileFormat::at(&txn))?;
        let catalog = catalog_at(&txn, format, only).map_err(failed)?;
        Ok((catalog, StoreSnapshot::at(&txn, 0).map_err(failed)?))
    }
}

/// Returns the version of the format, if this version of larder supports it.
fn format(path: &Path, found: Result<Option<FileFormat>, StoreError>) -> Result<u32, Error> {
    let found = found.map_err(|error| refused(path, error))?;
    found
        .ok_or_else(|| foreign(path, "it is a redb database without larder's tables"))?
        .supported_version(path)
}

fn refused(path: &Path, error: StoreError) -> Error {
    error_of(FileAction::Follow, path, error)
}
