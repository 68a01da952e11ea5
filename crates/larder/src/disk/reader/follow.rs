//! Reads a file that another process writes, for a follower.
//!
//! The file is opened read-only, in redb's single-writer mode. A follower does not delay the writer, never
//! writes to or repairs the file, and never takes the owner's lock. Each lookup begins a new transaction. So
//! between lookups a follower keeps no old pages allocated.
//!
//! After a failure of the disk, the owner may have moved the file aside and created a new file. Entries of
//! the old file may have been invalidated since then. So before each transaction the follower checks whether
//! its file is still at the path. If not, it opens the file that is now at the path.

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
    /// The process that has opened the file. A forked child must not use the file.
    process: Process,
    /// The open file. The lock is also held while another file is being opened.
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
        // The identity is read before the file is opened. If the file is replaced between these two steps,
        // the next lookup detects this.
        let metadata = OsVolume.metadata(path).map_err(|error| io_error("look at", path, error))?;
        let identity = metadata.ok_or_else(nothing)?.identity;
        // Opened without write permission, so that the file may be on a read-only file system, or belong to
        // another user.
        let file = OsVolume::open_to_read(path).map_err(|error| io_error("open", path, error))?;
        refuse_unless_redb(&file, path)?;
        let opened = guarded(|| Ok(builder(page_cache).open_read_only_with_backend(file)?));
        let db = opened.map_err(|error| refused(path, error))?;
        let db = Guarded::new(db);
        format(path, FileFormat::of(&*db))?;
        Ok(Self { db, identity })
    }
}

impl Followed {
    pub(crate) fn open(path: &Path, page_cache: usize) -> Result<Self, Error> {
        // An absolute path still leads to the same file after the process has changed its working directory.
        let path = absolute(path)?;
        let file = Mutex::new(Arc::new(FollowedFile::open(&path, page_cache)?));
        Ok(Self { path, page_cache, process: Process::current(), file })
    }

    /// Returns the file that is now at the path.
    fn current(&self) -> Result<Arc<FollowedFile>, Error> {
        let metadata =
            OsVolume.metadata(&self.path).map_err(|error| io_error("look at", &self.path, error))?;
        let mut file = self.file.lock();
        if metadata.is_none_or(|metadata| metadata.identity != file.identity) {
            *file = Arc::new(FollowedFile::open(&self.path, self.page_cache)?);
        }
        Ok(file.clone())
    }

    /// Returns the catalog and the entries after the same commit. So the entries agree with the numbers of
    /// keyspaces and the pending range removals. With `only`, the catalog contains only the keyspace with
    /// this name.
    ///
    /// A later version of larder may have upgraded the file since the follower opened it, so each call reads
    /// the format.
    pub(crate) fn view(&self, only: Option<&str>) -> Result<(Catalog, StoreSnapshot), Error> {
        // A forked child is refused. At the fork, a thread of the parent may have held the lock of `file` or
        // a lock of redb.
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

/// Returns the version of the format, or an error if this version of larder does not support it.
fn format(path: &Path, found: Result<Option<FileFormat>, StoreError>) -> Result<u32, Error> {
    let found = found.map_err(|error| refused(path, error))?;
    found
        .ok_or_else(|| foreign(path, "it is a redb database without larder's tables"))?
        .supported_version(path)
}

fn refused(path: &Path, error: StoreError) -> Error {
    error_of(FileAction::Follow, path, error)
}
