//! Opening a file: whose it is, before a byte of it changes.
//!
//! With the owner's lock held:
//!
//! 1. Nothing there, or an empty file: a new one is made under a temporary name, closed, and renamed into place, so that a
//!    crash leaves none or a whole one.
//! 2. Not a regular file, or not beginning as redb's files do: refused.
//! 3. Its tables are read, without writing (see [`super::probe`]). None of ours, though every page is as it was written: refused. A
//!    newer format: refused. In use: refused.
//! 4. Damaged, and the name of our metadata table stands in it: moved aside, kept, and step 1. Without that name nobody can tell
//!    whose it is: refused.
//! 5. Ours: opened for writing, with every page verified up to a set size. Damage found now is dealt with as in step 4.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{Builder, ConcurrencyMode, Database, ReadableDatabase, TableError};

use super::fault::{Fault, FaultKind, guarded};
use super::files::{self, Standing, beside, io_error};
use super::probe::{self, Overlay};
use super::store::Store;
use super::tables::{FORMAT, FORMAT_ROW, META, marker};
use crate::error::Error;
use crate::units::Timestamp;

/// The page cache for a look into a file.
const SMALL_CACHE: usize = 1 << 20;
/// How redb's files begin (redb's design document, "Database file format").
const REDB_MAGIC: [u8; 9] = [b'r', b'e', b'd', b'b', 0x1A, 0x0A, 0xA9, 0x0D, 0x0A];

/// How a file is to be opened.
#[derive(Debug, Clone)]
pub(crate) struct OpenOptions {
    pub(crate) path: PathBuf,
    pub(crate) page_cache: usize,
    /// Every page is verified when the file is no longer than this.
    pub(crate) verify_up_to: u64,
    pub(crate) live_limit: u64,
    pub(crate) now: Timestamp,
}

/// A file that is open, and how it was found.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) store: Store,
    /// Where a damaged predecessor was moved.
    pub(crate) quarantined: Option<PathBuf>,
}

/// Opens the file, or makes it. The owner's lock is held.
pub(crate) fn open(options: &OpenOptions) -> Result<Opened, Error> {
    let path = &options.path;
    files::remove_discarded(path);
    match files::standing(path)? {
        Standing::Nothing => create(options, None),
        Standing::Empty => {
            fs::remove_file(path).map_err(|error| io_error("replace the empty file", path, error))?;
            create(options, None)
        }
        Standing::File { len } => {
            refuse_unless_redb(path)?;
            let found = identify(path).and_then(|format| match format {
                Some(format) if format > FORMAT => {
                    Ok(Err(Error::NewerFormat { path: path.clone(), found: format, supported: FORMAT }))
                }
                Some(_) => open_ours(options, len).map(Ok),
                // Damage to the list of tables looks like this too.
                None => {
                    verify(path).map(|()| Err(foreign(path, "it is a redb database without larder's tables")))
                }
            });
            match found {
                Ok(Ok(store)) => Ok(Opened { store, quarantined: None }),
                Ok(Err(refused)) => Err(refused),
                Err(fault) if fault.kind == FaultKind::Damage => replace_damaged(options, &fault),
                Err(fault) => Err(refusal(path, fault)),
            }
        }
    }
}

pub(super) fn foreign(path: &Path, why: impl Into<String>) -> Error {
    Error::Foreign { path: path.to_owned(), why: why.into() }
}

/// The error of a fault that is not damage.
pub(super) fn refusal(path: &Path, fault: Fault) -> Error {
    let path = path.to_owned();
    match fault.kind {
        FaultKind::Locked => Error::InUse { path, pid: None },
        _ => Error::Io { action: "open", path, cause: fault.cause },
    }
}

pub(super) fn refuse_unless_redb(path: &Path) -> Result<(), Error> {
    let mut file = files::open(path, false).map_err(|error| io_error("open", path, error))?;
    let mut magic = Vec::new();
    file.by_ref()
        .take(REDB_MAGIC.len() as u64)
        .read_to_end(&mut magic)
        .map_err(|error| io_error("read", path, error))?;
    if magic == REDB_MAGIC { Ok(()) } else { Err(foreign(path, "it is not a redb database, and not empty")) }
}

pub(super) fn backend(path: &Path) -> Result<FileBackend, redb::Error> {
    let file = files::open(path, false)?;
    Ok(FileBackend::new(file)?)
}

pub(super) fn builder(page_cache: usize) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(page_cache).set_concurrency_mode(ConcurrencyMode::SingleWriter);
    builder
}

/// The format version of a larder file; `None` if the file has no table of ours. Changes nothing.
fn identify(path: &Path) -> Result<Option<u32>, Fault> {
    let read_only = guarded(|| Ok(builder(SMALL_CACHE).open_read_only_with_backend(backend(path)?)?));
    match read_only {
        Ok(db) => read_format(&db),
        Err(fault) if fault.kind == FaultKind::Unrepaired => read_format(&guarded(|| {
            Ok(builder(SMALL_CACHE).create_with_backend(Overlay::new(backend(path)?)?)?)
        })?),
        Err(fault) => Err(fault),
    }
}

/// Checks every page of a file. Changes nothing.
fn verify(path: &Path) -> Result<(), Fault> {
    let mut builder = builder(SMALL_CACHE);
    builder.set_check_integrity_on_open(true);
    let db = guarded(|| Ok(builder.create_with_backend(Overlay::new(backend(path)?)?)?))?;
    drop(db);
    Ok(())
}

pub(super) fn read_format(db: &impl ReadableDatabase) -> Result<Option<u32>, Fault> {
    let format = guarded(|| {
        let meta = match db.begin_read()?.open_table(META) {
            Ok(meta) => meta,
            // A table of that name that is not like ours is somebody else's.
            Err(
                TableError::TableDoesNotExist(_)
                | TableError::TableTypeMismatch { .. }
                | TableError::TableIsMultimap(_),
            ) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(Some(meta.get_owned(FORMAT_ROW)?.and_then(|row| row.value().first_chunk().copied())))
    })?;
    match format {
        None => Ok(None),
        Some(Some(bytes)) => Ok(Some(u32::from_be_bytes(bytes))),
        Some(None) => Err(Fault::damage("the format version is missing")),
    }
}

fn open_ours(options: &OpenOptions, len: u64) -> Result<Store, Fault> {
    let mut builder = builder(options.page_cache);
    builder.set_check_integrity_on_open(len <= options.verify_up_to);
    let db = guarded(|| Ok(builder.create_with_backend(backend(&options.path)?)?))?;
    Store::new(db, options.path.clone(), options.live_limit)
}

fn replace_damaged(options: &OpenOptions, fault: &Fault) -> Result<Opened, Error> {
    let path = &options.path;
    let is_ours = File::open(path).and_then(|mut file| probe::contains(&mut file, &marker()));
    if !is_ours.map_err(|error| io_error("read", path, error))? {
        return Err(foreign(
            path,
            format!("it is a damaged redb database ({fault}) with no sign of larder in it"),
        ));
    }
    let aside = files::quarantine(path, options.now.as_millis())
        .map_err(|error| io_error("move the damaged file aside:", path, error))?;
    create(options, Some(aside))
}

/// Makes a new file under a temporary name and renames it into place.
fn create(options: &OpenOptions, quarantined: Option<PathBuf>) -> Result<Opened, Error> {
    let path = &options.path;
    let temporary = beside(path, ".larder-new");
    // Left by a crash: the owner's lock says that nobody is at work on it.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(io_error("remove", &temporary, error));
        }
        _ => {}
    }
    drop(files::open(&temporary, true).map_err(|error| io_error("create", path, error))?);
    let made = guarded(|| Ok(builder(options.page_cache).create_with_backend(backend(&temporary)?)?))
        .and_then(|db| Store::initialise(&db, options.now).and_then(|()| close(db)));
    if let Err(fault) = made {
        drop(fs::remove_file(&temporary));
        return Err(refusal(path, fault));
    }
    files::rename(&temporary, path).map_err(|error| io_error("create", path, error))?;
    let store = open_ours(options, 0).map_err(|fault| refusal(path, fault))?;
    Ok(Opened { store, quarantined })
}

fn close(db: Database) -> Result<(), Fault> {
    guarded(|| Ok(db.close()?))
}
