//! Reading a file that another process writes.
//!
//! Opened in redb's single-writer mode, read-only: the writer is not disturbed, and nothing is written, locked away or repaired. A
//! view is a transaction that is begun anew for each lookup, so that a follower never keeps old pages alive.

use std::path::Path;

use redb::ReadOnlyDatabase;

use super::fault::{Fault, FaultKind, guarded};
use super::files::{self, Standing, io_error};
use super::open::{builder, foreign, read_format, refuse_unless_redb};
use super::snapshot::Snapshot;
use super::store::{Known, Store};
use super::tables::FORMAT;
use crate::error::Error;
use crate::volume::{OsVolume, Volume};

pub(crate) struct Followed(ReadOnlyDatabase);

impl std::fmt::Debug for Followed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Followed")
    }
}

impl Followed {
    pub(crate) fn open(path: &Path, page_cache: usize) -> Result<Self, Error> {
        if files::standing(&OsVolume, path)? == Standing::Nothing {
            return Err(io_error("open", path, std::io::ErrorKind::NotFound.into()));
        }
        refuse_unless_redb(&OsVolume, path)?;
        let opened =
            guarded(|| Ok(builder(page_cache).open_read_only_with_backend(OsVolume.open(path, false)?)?));
        let db = opened.map_err(|fault| refused(path, fault))?;
        match read_format(&db).map_err(|fault| refused(path, fault))? {
            None => Err(foreign(path, "it is a redb database without larder's tables")),
            Some(found) if found > FORMAT => {
                Err(Error::NewerFormat { path: path.to_owned(), found, supported: FORMAT })
            }
            Some(_) => Ok(Self(db)),
        }
    }

    /// The entries as the writer last committed them.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, Fault> {
        Snapshot::take(&self.0, 0)
    }

    /// The metadata as the writer last committed it.
    pub(crate) fn known(&self) -> Result<Known, Fault> {
        Store::read_known(&self.0)
    }
}

fn refused(path: &Path, fault: Fault) -> Error {
    let cause = match fault.kind {
        FaultKind::Unrepaired => {
            "its owner crashed and it has not been opened for writing since; open it as a cache once"
                .to_owned()
        }
        FaultKind::Damage => format!("it is damaged ({fault}); open it as a cache, which moves it aside"),
        FaultKind::Locked => {
            return Error::InUse { path: path.to_owned(), pid: None };
        }
        FaultKind::Io | FaultKind::Full | FaultKind::Denied => fault.cause,
    };
    Error::Io { action: "follow", path: path.to_owned(), cause }
}
