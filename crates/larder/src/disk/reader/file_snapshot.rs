//! A snapshot of a file at one moment, for tools. The owner may write the file at the same time. A reader
//! needs nothing from the owner.
//!
//! Reading never writes to the file, never repairs it, and never takes the owner's lock:
//!
//! 1. The file is opened read-only, in redb's single-writer mode. All reads use one transaction, so the
//!    snapshot shows the state after one commit.
//! 2. A file that was not closed cannot be read in this way. It is repaired in an [`Overlay`] that keeps
//!    writes in memory, starting from the current header. If an owner opens the file in the meantime, it
//!    reuses no page of that state before its first commit. That commit changes the header. So the header is
//!    compared after each read, and the result is discarded if the header has changed.
//!
//! redb marks an open transaction with a shared lock on a byte of the file. The owner then reuses no page
//! that the transaction needs, so a long read makes the file grow.

use std::ops::Bound;
use std::path::{Path, PathBuf};

use redb::{ReadOnlyDatabase, ReadOnlyTable, ReadTransaction, ReadableDatabase};

use super::page_check::{PageCheck, check_pages};
use super::redb_file::{header_at, len, open_redb};
use crate::disk::file::error_translation::{FileAction, error_of, shows_larder};
use crate::disk::file::io_error::{foreign, io_error};
use crate::disk::file::owner;
use crate::disk::file::owner::Owner;
use crate::disk::store::catalog::Catalog;
use crate::disk::store::database::builder;
use crate::disk::store::expiry;
use crate::disk::store::file_format::FileFormat;
use crate::disk::store::guard::{Guarded, StoreError, StoreErrorKind, guarded};
use crate::disk::store::metadata::{catalog_at, cumulative_at};
use crate::disk::store::overlay::{OverlaidDatabase, Overlay};
use crate::disk::store::redb_header::{HEADER_LEN, is_open_for_writing};
use crate::disk::store::tables::{ENTRIES, EXPIRY, after_prefix};
use crate::error::Error;
use crate::format::keyspace_id::KeyspaceId;
use crate::stats::cumulative::CumulativeStats;
use crate::sys::sync::thread;
use crate::sys::volume::file::VolumeFile;
use crate::sys::volume::os::OsVolume;
use crate::units::Timestamp;

const PAGE_CACHE: usize = 4 << 20;
/// Maximum number of attempts to open a file that a crash seems to have left, but that is locked or changes.
/// All attempts together take some tens of milliseconds, about as long as a commit.
const ATTEMPTS: usize = 200;
/// Whether a process has the file open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    Owned(Owner),
    /// No process has the file open. Its last owner has closed it.
    Closed,
    /// No process has the file open. Its last owner ended without closing it.
    Crashed,
}

/// Describes the file, without its entries.
#[derive(Debug, Clone)]
pub(crate) struct FileContents {
    pub(crate) path: PathBuf,
    pub(crate) len: u64,
    pub(crate) condition: Condition,
    pub(crate) catalog: Catalog,
    pub(crate) cumulative: Option<CumulativeStats>,
}

/// The key and the record of a row in the table of entries.
type Row = (Vec<u8>, Vec<u8>);

pub(crate) struct FileSnapshot {
    // Declared before the database, because fields drop in declaration order.
    entries: Guarded<ReadOnlyTable<&'static [u8], &'static [u8]>>,
    expiry: Guarded<ReadOnlyTable<&'static [u8], ()>>,
    _source: Source,
    /// The header of a file that a crash has left. Set if the file is read through an overlay.
    frozen: Option<Vec<u8>>,
    pub(crate) contents: FileContents,
}

enum Source {
    Shared { _db: Guarded<ReadOnlyDatabase> },
    Repaired { _db: OverlaidDatabase },
}

impl std::fmt::Debug for FileSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileSnapshot").field("contents", &self.contents).finish_non_exhaustive()
    }
}

impl FileSnapshot {
    /// Opens a file in its current state.
    ///
    /// A file that a crash has left is read through an overlay. The result is correct as long as no process
    /// writes the file. At some moments a file in use looks like a file that a crash has left. So if the
    /// file is locked, or changes while it is read, it is examined again.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        for attempt in 1..=ATTEMPTS {
            if let Some(snapshot) = Self::open_unless_changed(path, attempt == ATTEMPTS)? {
                return Ok(snapshot);
            }
            thread::yield_now();
        }
        Err(changed(path))
    }

    fn open_unless_changed(path: &Path, is_last: bool) -> Result<Option<Self>, Error> {
        let file = open_redb(path)?;
        let opened =
            guarded(|| Ok(builder(PAGE_CACHE).open_read_only_with_backend(OsVolume::open_to_read(path)?)?));
        match opened {
            Ok(db) => Self::shared(path, &file, Guarded::new(db)).map(Some),
            // A process that is about to open the file may hold the lock. Then a later attempt succeeds. If
            // a fork of an ended owner holds the lock, the state does not change, and the last attempt reads
            // the file.
            Err(error) if error.kind == StoreErrorKind::Unrepaired && !is_last && owner::holds_lock(path) => {
                Ok(None)
            }
            Err(error) if error.kind == StoreErrorKind::Unrepaired => {
                let start = file.start(HEADER_LEN).map_err(|error| io_error("read", path, error))?;
                let snapshot = Self::repaired(path, file, start.clone());
                // If the file has changed, the snapshot belongs to no commit, and an error may come from the
                // change.
                if header_at(path)? == start { snapshot.map(Some) } else { Ok(None) }
            }
            Err(error) => Err(refused(path, error)),
        }
    }

    fn shared(path: &Path, file: &VolumeFile, db: Guarded<ReadOnlyDatabase>) -> Result<Self, Error> {
        let start = file.start(HEADER_LEN).map_err(|error| io_error("read", path, error))?;
        // Opening succeeded. So if the header says that the file is open for writing, a running process has
        // it open.
        let is_open = is_open_for_writing(&start);
        let condition = if is_open || owner::holds_lock(path) {
            Condition::Owned(Owner::beside(path))
        } else {
            Condition::Closed
        };
        let txn = guarded(|| Ok(db.begin_read()?)).map_err(|error| refused(path, error))?;
        let txn = Guarded::new(txn);
        let format = format(path, file, FileFormat::at(&txn))?;
        let read = tables(&txn, format);
        let (catalog, cumulative, entries, expiry) = read.map_err(|error| refused(path, error))?;
        let contents =
            FileContents { path: path.to_owned(), len: len(path, file)?, condition, catalog, cumulative };
        Ok(Self { entries, expiry, _source: Source::Shared { _db: db }, frozen: None, contents })
    }

    fn repaired(path: &Path, file: VolumeFile, start: Vec<u8>) -> Result<Self, Error> {
        let failed = |error| io_error("read", path, error);
        let len = len(path, &file)?;
        let overlay = Overlay::frozen(file, len, &start).map_err(failed)?;
        let file = OsVolume::open_to_read(path).map_err(failed)?;
        let db = guarded(|| OverlaidDatabase::open(&builder(PAGE_CACHE), overlay));
        let db = db.map_err(|error| refused(path, error))?;
        let txn = guarded(|| Ok(db.begin_read()?)).map_err(|error| refused(path, error))?;
        let txn = Guarded::new(txn);
        let format = format(path, &file, FileFormat::at(&txn))?;
        let read = tables(&txn, format);
        let (catalog, cumulative, entries, expiry) = read.map_err(|error| refused(path, error))?;
        let condition =
            if owner::holds_lock(path) { Condition::Owned(Owner::beside(path)) } else { Condition::Crashed };
        let contents = FileContents { path: path.to_owned(), len, condition, catalog, cumulative };
        Ok(Self { entries, expiry, _source: Source::Repaired { _db: db }, frozen: Some(start), contents })
    }

    /// Returns the rows whose keys start with `prefix` and follow the key `after`, in key order. If `after`
    /// is `None`, begins with the first row. Stops at `max_rows` rows, or once the rows have at least
    /// `max_bytes` bytes.
    pub(crate) fn rows(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        max_rows: usize,
        max_bytes: usize,
    ) -> Result<Vec<Row>, Error> {
        self.refuse_if_forked()?;
        let end = after_prefix(prefix);
        let start = after.map_or(Bound::Included(prefix), Bound::Excluded);
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let rows = guarded(|| {
            let (mut rows, mut bytes) = (Vec::new(), 0);
            for row in self.entries.range_owned::<&[u8]>((start, end))? {
                if rows.len() == max_rows || bytes >= max_bytes {
                    break;
                }
                let (key, record) = row?;
                bytes += key.value().len() + record.value().len();
                rows.push((key.value().to_vec(), record.value().to_vec()));
            }
            Ok(rows)
        });
        let rows: Vec<Row> = self.believed(rows)?;
        // On a damaged page the keys may be in any order. A caller that continues after the last key might
        // never reach the end.
        let is_ordered = rows.is_sorted_by(|(one, _), (next, _)| one < next)
            && rows.first().zip(after).is_none_or(|((first, _), after)| first.as_slice() > after);
        if is_ordered { Ok(rows) } else { self.believed(Err(StoreError::damage("keys are out of order"))) }
    }

    /// Returns the record of a key. The key includes the number of its keyspace.
    pub(crate) fn record(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.refuse_if_forked()?;
        self.believed(guarded(|| Ok(self.entries.get_owned(key)?.map(|record| record.value().to_vec()))))
    }

    /// Returns the number of expiry rows whose time has passed at `now`, by keyspace.
    pub(crate) fn due(&self, now: Timestamp) -> Result<Vec<(KeyspaceId, u64)>, Error> {
        self.refuse_if_forked()?;
        let counted = guarded(|| {
            let mut counted = std::collections::BTreeMap::new();
            for (class, head) in expiry::heads(&*self.expiry)? {
                let end = expiry::end_of_due(class, now);
                if head >= end {
                    continue;
                }
                for row in self.expiry.range_owned::<&[u8]>(head.as_slice()..end.as_slice())? {
                    let row = row?.0;
                    if let Some((_, key)) = expiry::split(row.value()) {
                        *counted.entry(KeyspaceId::of(key)).or_insert(0) += 1;
                    }
                }
            }
            Ok(counted)
        });
        Ok(self.believed(counted)?.into_iter().collect())
    }

    /// Returns the result of a read, or an error if the file under an overlay has changed.
    fn believed<T>(&self, read: Result<T, StoreError>) -> Result<T, Error> {
        self.refuse_if_changed()?;
        read.map_err(|error| refused(&self.contents.path, error))
    }

    fn refuse_if_forked(&self) -> Result<(), Error> {
        if Guarded::is_inherited(&self.entries) { Err(Error::Forked) } else { Ok(()) }
    }

    fn refuse_if_changed(&self) -> Result<(), Error> {
        let Some(frozen) = &self.frozen else { return Ok(()) };
        let path = &self.contents.path;
        if header_at(path)? == *frozen { Ok(()) } else { Err(changed(path)) }
    }
}

fn changed(path: &Path) -> Error {
    let cause = "an owner has opened it meanwhile; try again, and its commits can be followed";
    Error::io("read", path.to_owned(), cause)
}

type Tables = (
    Catalog,
    Option<CumulativeStats>,
    Guarded<ReadOnlyTable<&'static [u8], &'static [u8]>>,
    Guarded<ReadOnlyTable<&'static [u8], ()>>,
);

fn tables(txn: &ReadTransaction, format: u32) -> Result<Tables, StoreError> {
    let catalog = catalog_at(txn, format, None)?;
    let entries = guarded(|| Ok(txn.open_table(ENTRIES)?))?;
    let expiry = guarded(|| Ok(txn.open_table(EXPIRY)?))?;
    Ok((catalog, cumulative_at(txn)?, Guarded::new(entries), Guarded::new(expiry)))
}

/// Returns the version of the format, or an error if this version of larder does not support it.
fn format(
    path: &Path,
    file: &VolumeFile,
    found: Result<Option<FileFormat>, StoreError>,
) -> Result<u32, Error> {
    match found.map_err(|error| refused(path, error))? {
        Some(found) => found.supported_version(path),
        // A damaged list of tables can look like a database without our tables.
        None => match check_pages(path)? {
            PageCheck::Damaged(cause) if shows_larder(path, file) => {
                Err(Error::Damaged { path: path.to_owned(), cause })
            }
            _ => Err(foreign(path, "it is a redb database without larder's tables")),
        },
    }
}

fn refused(path: &Path, error: StoreError) -> Error {
    error_of(FileAction::Read, path, error)
}
