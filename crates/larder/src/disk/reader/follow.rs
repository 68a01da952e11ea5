//! Reading a file that another process writes.
//!
//! Opened in redb's single-writer mode, read-only: the writer is not disturbed, and nothing is written,
//! locked away or repaired. A view is a transaction that is begun anew for each lookup, so that a follower
//! never keeps old pages alive.
//!
//! An owner whose disk failed may have put the file aside and made a fresh one. What the old file holds may
//! then have been invalidated, so before each transaction the follower looks whether its file still stands at
//! its path, and opens the one that does.

use std::path::{Path, PathBuf};

use redb::{ReadOnlyDatabase, ReadableDatabase};

use crate::disk::file::files;
use crate::disk::file::files::{PathState, io_error};
use crate::disk::file::open::{builder, foreign, refuse_unless_redb};
use crate::disk::file::owner::Owner;
use crate::disk::store::catalog::Catalog;
use crate::disk::store::file_format::FileFormat;
use crate::disk::store::guard::{Guarded, StoreError, StoreErrorKind, guarded};
use crate::disk::store::redb_store::Store;
use crate::disk::store::snapshot::Snapshot;
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
    /// Guards which file is open; locked while another is opened.
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
        if files::standing(&OsVolume, path)? == PathState::Nothing {
            return Err(nothing());
        }
        // Before the file is opened: if another takes its place in between, the next lookup notices.
        let seen = OsVolume.metadata(path).map_err(|error| io_error("look at", path, error))?;
        let identity = seen.ok_or_else(nothing)?.identity;
        refuse_unless_redb(&OsVolume, path)?;
        let opened =
            guarded(|| Ok(builder(page_cache).open_read_only_with_backend(OsVolume.open(path, false)?)?));
        let db = opened.map_err(|fault| refused(path, fault))?;
        let db = Guarded::new(db);
        format(path, FileFormat::of(&*db))?;
        Ok(Self { db, identity })
    }
}

impl Followed {
    pub(crate) fn open(path: &Path, page_cache: usize) -> Result<Self, Error> {
        // A process may change its directory; the file that it follows stays where it is.
        let path = files::absolute(path)?;
        let file = Mutex::new(Arc::new(FollowedFile::open(&path, page_cache)?));
        Ok(Self { path, page_cache, process: Process::current(), file })
    }

    /// The file that stands at the path now.
    fn current(&self) -> Result<Arc<FollowedFile>, Error> {
        let seen = OsVolume.metadata(&self.path).map_err(|error| io_error("look at", &self.path, error))?;
        let mut file = self.file.lock();
        if seen.is_none_or(|seen| seen.identity != file.identity) {
            *file = Arc::new(FollowedFile::open(&self.path, self.page_cache)?);
        }
        Ok(file.clone())
    }

    /// The metadata and the entries as one commit left them: numbers of keyspaces, and removals that are
    /// still to be made, are of that commit. Of the keyspaces all, or the one of this name `only`.
    ///
    /// An owner of a later version may have upgraded the file since it was opened, so the format is read each
    /// time.
    pub(crate) fn view(&self, only: Option<&str>) -> Result<(Catalog, Snapshot), Error> {
        // A thread of the parent may have had the lock at the fork, or one of the store's.
        if !self.process.is_current() {
            return Err(Error::Forked);
        }
        let file = self.current()?;
        let failed = |fault| refused(&self.path, fault);
        let txn = Guarded::new(guarded(|| Ok(file.db.begin_read()?)).map_err(failed)?);
        let format = format(&self.path, FileFormat::at(&txn))?;
        let catalog = Store::known_at(&txn, format, only).map_err(failed)?;
        Ok((catalog, Snapshot::at(&txn, 0).map_err(failed)?))
    }
}

/// The format, if it is one that this version reads.
fn format(path: &Path, found: Result<Option<FileFormat>, StoreError>) -> Result<u32, Error> {
    let found = found.map_err(|fault| refused(path, fault))?;
    found.ok_or_else(|| foreign(path, "it is a redb database without larder's tables"))?.catalog(path)
}

fn refused(path: &Path, fault: StoreError) -> Error {
    let cause = match fault.kind {
        StoreErrorKind::Unrepaired => {
            "its owner crashed and it has not been opened for writing since; open it as a cache once"
                .to_owned()
        }
        StoreErrorKind::Damage => {
            format!("it is damaged ({fault}); open it as a cache, which moves it aside")
        }
        StoreErrorKind::Locked => {
            return Owner::default().in_use(path);
        }
        StoreErrorKind::Io
        | StoreErrorKind::Full
        | StoreErrorKind::TooLarge
        | StoreErrorKind::Denied
        | StoreErrorKind::Displaced
        | StoreErrorKind::Removed => fault.cause,
    };
    Error::Io { action: "follow", path: path.to_owned(), cause }
}
