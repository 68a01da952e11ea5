//! A file at one moment, read by whoever wants to know what is in it: its owner need not be asked, and may be
//! at work.
//!
//! Nothing is written, repaired or locked away from anybody:
//!
//! 1. The file is opened read-only, in redb's single-writer mode. What is read is one transaction, so it is
//!    what one commit left.
//! 2. A file that was left by a crash can't be read so. It is repaired in an [`Overlay`] that keeps writes in
//!    memory, from the header that it has now. An owner that opens the file meanwhile takes no page of that
//!    state into use before its first commit, and that changes the header: after each reading the header is
//!    compared, and what was read is thrown away if it is another.
//!
//! A transaction keeps the owner from reusing pages: who looks for long makes the file grow.

use std::ops::Bound;
use std::path::{Path, PathBuf};

use redb::{Database, ReadOnlyDatabase, ReadOnlyTable, ReadTransaction, ReadableDatabase};

use super::pages::{Pages, verify_pages};
use crate::disk::file::files::{PathState, io_error};
use crate::disk::file::open::{REDB_MAGIC, builder, foreign};
use crate::disk::file::overlay::Overlay;
use crate::disk::file::owner::Owner;
use crate::disk::file::{evidence, files, owner};
use crate::disk::store::catalog::Catalog;
use crate::disk::store::expiry;
use crate::disk::store::file_format::FileFormat;
use crate::disk::store::guard::{Guarded, StoreError, StoreErrorKind, guarded};
use crate::disk::store::redb_store::Store;
use crate::disk::store::tables::{ENTRIES, EXPIRY, after_prefix};
use crate::error::Error;
use crate::format::keyspace_id::KeyspaceId;
use crate::stats::cumulative::CumulativeStats;
use crate::sys::sync::thread;
use crate::sys::volume::file::VolumeFile;
use crate::sys::volume::os::OsVolume;
use crate::units::Timestamp;

const PAGE_CACHE: usize = 4 << 20;
/// Redb's header, with its two commit slots, stands within the first bytes of a file (its design document,
/// "Database file format").
pub(crate) const HEADER_LEN: usize = 320;
/// How often a file is looked at that is held, or changes, and seems to have been left by a crash: for some
/// tens of milliseconds, as a commit may take.
const ATTEMPTS: usize = 200;
/// Where the header says whether a writer has the file open, or left it without closing it.
const FLAGS_AT: usize = REDB_MAGIC.len();
const OPEN_FOR_WRITING: u8 = 2;

/// Who has the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    /// A process.
    Owned(Owner),
    /// Nobody; it was closed.
    Closed,
    /// Nobody; its last owner ended without closing it.
    Crashed,
}

/// What is known of the file besides its entries.
#[derive(Debug, Clone)]
pub(crate) struct FileContents {
    pub(crate) path: PathBuf,
    pub(crate) len: u64,
    pub(crate) condition: Condition,
    pub(crate) catalog: Catalog,
    pub(crate) lifetime: Option<CumulativeStats>,
}

/// A row of the table of entries.
pub(crate) type Row = (Vec<u8>, Vec<u8>);

/// A file at one moment.
pub(crate) struct FileSnapshot {
    // The tables before what they are of: fields are dropped in this order.
    entries: Guarded<ReadOnlyTable<&'static [u8], &'static [u8]>>,
    expiry: Guarded<ReadOnlyTable<&'static [u8], ()>>,
    _source: Source,
    /// The header that a crash left, while the file is read through an overlay.
    frozen: Option<Vec<u8>>,
    pub(crate) facts: FileContents,
}

enum Source {
    Shared { _db: Guarded<ReadOnlyDatabase> },
    Repaired { _db: Guarded<Database> },
}

impl std::fmt::Debug for FileSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileSnapshot").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl FileSnapshot {
    /// Opens a file as it stands.
    ///
    /// A file that a crash left is read through an overlay, which is right for as long as no process writes to
    /// the file. There are moments at which a file in use can't be told from that: one whose lock is held, or
    /// that changes meanwhile, is looked at again.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        for attempt in 1..=ATTEMPTS {
            if let Some(look) = Self::open_unless_changed(path, attempt == ATTEMPTS)? {
                return Ok(look);
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
            // Held by a process that has not opened it yet, or by a fork of one that has ended, it stays so.
            Err(fault) if fault.kind == StoreErrorKind::Unrepaired && !is_last && owner::holds_lock(path) => {
                Ok(None)
            }
            Err(fault) if fault.kind == StoreErrorKind::Unrepaired => {
                let start = file.start(HEADER_LEN).map_err(|error| io_error("read", path, error))?;
                let look = Self::repaired(path, file, start.clone());
                // Whatever was read of a file that has changed, an error too, is of no commit.
                if header(path)? == start { look.map(Some) } else { Ok(None) }
            }
            Err(fault) => Err(refused(path, &file, fault)),
        }
    }

    fn shared(path: &Path, file: &VolumeFile, db: Guarded<ReadOnlyDatabase>) -> Result<Self, Error> {
        let start = file.start(HEADER_LEN).map_err(|error| io_error("read", path, error))?;
        // The file could be opened, so that whoever has it open for writing is alive.
        let is_open = start.get(FLAGS_AT).is_some_and(|flags| flags & OPEN_FOR_WRITING != 0);
        let condition = if is_open || owner::holds_lock(path) {
            Condition::Owned(Owner::beside(path))
        } else {
            Condition::Closed
        };
        let txn = guarded(|| Ok(db.begin_read()?)).map_err(|fault| refused(path, file, fault))?;
        let txn = Guarded::new(txn);
        let format = format(path, file, FileFormat::at(&txn))?;
        let read = tables(&txn, format);
        let (catalog, lifetime, entries, expiry) = read.map_err(|fault| refused(path, file, fault))?;
        let facts =
            FileContents { path: path.to_owned(), len: len(path, file)?, condition, catalog, lifetime };
        Ok(Self { entries, expiry, _source: Source::Shared { _db: db }, frozen: None, facts })
    }

    fn repaired(path: &Path, file: VolumeFile, start: Vec<u8>) -> Result<Self, Error> {
        let failed = |error| io_error("read", path, error);
        let len = len(path, &file)?;
        let overlay = Overlay::frozen(file, len, &start).map_err(failed)?;
        let file = OsVolume::open_to_read(path).map_err(failed)?;
        let db = guarded(|| Ok(builder(PAGE_CACHE).create_with_backend(overlay)?));
        let db = Guarded::new(db.map_err(|fault| refused(path, &file, fault))?);
        let txn = guarded(|| Ok(db.begin_read()?)).map_err(|fault| refused(path, &file, fault))?;
        let txn = Guarded::new(txn);
        let format = format(path, &file, FileFormat::at(&txn))?;
        let read = tables(&txn, format);
        let (catalog, lifetime, entries, expiry) = read.map_err(|fault| refused(path, &file, fault))?;
        let condition =
            if owner::holds_lock(path) { Condition::Owned(Owner::beside(path)) } else { Condition::Crashed };
        let facts = FileContents { path: path.to_owned(), len, condition, catalog, lifetime };
        Ok(Self { entries, expiry, _source: Source::Repaired { _db: db }, frozen: Some(start), facts })
    }

    /// Rows in the order of their keys: those that start with `prefix`, after a key, up to so many, and no
    /// further once they have so many bytes.
    pub(crate) fn rows(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        most: usize,
        most_bytes: usize,
    ) -> Result<Vec<Row>, Error> {
        self.refuse_if_forked()?;
        let end = after_prefix(prefix);
        let start = after.map_or(Bound::Included(prefix), Bound::Excluded);
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let rows = guarded(|| {
            let (mut rows, mut bytes) = (Vec::new(), 0);
            for row in self.entries.range_owned::<&[u8]>((start, end))? {
                if rows.len() == most || bytes >= most_bytes {
                    break;
                }
                let (key, record) = row?;
                bytes += key.value().len() + record.value().len();
                rows.push((key.value().to_vec(), record.value().to_vec()));
            }
            Ok(rows)
        });
        let rows: Vec<Row> = self.believed(rows)?;
        // On a damaged page they may be in any order, and whoever asks for those after the last would never
        // come to an end.
        let is_ordered = rows.is_sorted_by(|(one, _), (next, _)| one < next)
            && rows.first().zip(after).is_none_or(|((first, _), after)| first.as_slice() > after);
        if is_ordered { Ok(rows) } else { self.believed(Err(StoreError::damage("keys are out of order"))) }
    }

    /// The record of a whole key.
    pub(crate) fn record(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.refuse_if_forked()?;
        self.believed(guarded(|| Ok(self.entries.get_owned(key)?.map(|record| record.value().to_vec()))))
    }

    /// How many entries of each keyspace the sweeper may delete at a time.
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

    /// What was read, unless the file that it was read from is no longer the one that was frozen.
    fn believed<T>(&self, read: Result<T, StoreError>) -> Result<T, Error> {
        self.refuse_if_changed()?;
        read.map_err(|fault| match OsVolume::open_to_read(&self.facts.path) {
            Ok(file) => refused(&self.facts.path, &file, fault),
            Err(error) => io_error("read", &self.facts.path, error),
        })
    }

    fn refuse_if_forked(&self) -> Result<(), Error> {
        if Guarded::is_inherited(&self.entries) { Err(Error::Forked) } else { Ok(()) }
    }

    fn refuse_if_changed(&self) -> Result<(), Error> {
        let Some(frozen) = &self.frozen else { return Ok(()) };
        let path = &self.facts.path;
        if header(path)? == *frozen { Ok(()) } else { Err(changed(path)) }
    }
}

/// The header of the file that stands at a path now.
fn header(path: &Path) -> Result<Vec<u8>, Error> {
    let start = OsVolume::open_to_read(path).and_then(|file| file.start(HEADER_LEN));
    start.map_err(|error| io_error("read", path, error))
}

fn changed(path: &Path) -> Error {
    let cause = "an owner has opened it meanwhile; try again, and its commits can be followed";
    Error::Io { action: "read", path: path.to_owned(), cause: cause.to_owned() }
}

type Tables = (
    Catalog,
    Option<CumulativeStats>,
    Guarded<ReadOnlyTable<&'static [u8], &'static [u8]>>,
    Guarded<ReadOnlyTable<&'static [u8], ()>>,
);

fn tables(txn: &ReadTransaction, format: u32) -> Result<Tables, StoreError> {
    let catalog = Store::known_at(txn, format, None)?;
    let entries = guarded(|| Ok(txn.open_table(ENTRIES)?))?;
    let expiry = guarded(|| Ok(txn.open_table(EXPIRY)?))?;
    Ok((catalog, Store::lifetime_at(txn)?, Guarded::new(entries), Guarded::new(expiry)))
}

fn len(path: &Path, file: &VolumeFile) -> Result<u64, Error> {
    redb::StorageBackend::len(file).map_err(|error| io_error("read", path, error))
}

/// Opens a file that begins as redb's do, to be read.
pub(crate) fn open_redb(path: &Path) -> Result<VolumeFile, Error> {
    match files::standing(&OsVolume, path)? {
        PathState::Nothing => return Err(Error::Missing { path: path.to_owned() }),
        PathState::Empty => return Err(foreign(path, "it is empty: no cache has been opened on it yet")),
        PathState::File { .. } => {}
    }
    let opened = OsVolume::open_to_read(path).and_then(|file| Ok((file.start(REDB_MAGIC.len())?, file)));
    match opened {
        Ok((magic, file)) if magic == REDB_MAGIC => Ok(file),
        Ok((_, file)) if shows_larder(path, &file) => {
            Err(Error::Damaged { path: path.to_owned(), cause: "its beginning was overwritten".to_owned() })
        }
        Ok(_) => Err(foreign(path, "it is not a redb database")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::Missing { path: path.to_owned() })
        }
        Err(error) => Err(io_error("open", path, error)),
    }
}

/// The format, if it is one that this version reads.
fn format(
    path: &Path,
    file: &VolumeFile,
    found: Result<Option<FileFormat>, StoreError>,
) -> Result<u32, Error> {
    match found.map_err(|fault| refused(path, file, fault))? {
        Some(found) => found.catalog(path),
        // Damage to the list of tables looks like this too.
        None => match verify_pages(path)? {
            Pages::Damaged(cause) if shows_larder(path, file) => {
                Err(Error::Damaged { path: path.to_owned(), cause })
            }
            _ => Err(foreign(path, "it is a redb database without larder's tables")),
        },
    }
}

/// Whether a cache would take a damaged file for its own.
fn shows_larder(path: &Path, file: &VolumeFile) -> bool {
    evidence::is_ours(&OsVolume, path, file, owner::accepted(path).as_ref()).unwrap_or(false)
}

/// The error of a fault.
pub(crate) fn refused(path: &Path, file: &VolumeFile, fault: StoreError) -> Error {
    match fault.kind {
        StoreErrorKind::Damage if shows_larder(path, file) => {
            Error::Damaged { path: path.to_owned(), cause: fault.cause }
        }
        StoreErrorKind::Damage => {
            foreign(path, format!("it is a damaged redb database ({fault}) with no sign of larder in it"))
        }
        StoreErrorKind::Locked => Owner::beside(path).in_use(path),
        StoreErrorKind::Denied => {
            io_error("read", path, std::io::Error::new(std::io::ErrorKind::PermissionDenied, fault.cause))
        }
        StoreErrorKind::Unrepaired
        | StoreErrorKind::Io
        | StoreErrorKind::Full
        | StoreErrorKind::TooLarge
        | StoreErrorKind::Displaced
        | StoreErrorKind::Removed => Error::Io { action: "read", path: path.to_owned(), cause: fault.cause },
    }
}
