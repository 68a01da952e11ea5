//! Opening a file: whose it is, before a byte of it changes.
//!
//! With the owner's lock held:
//!
//! 1. Nothing there, or an empty file: a new one is made under a temporary name, closed, and renamed into
//!    place, so that a crash leaves none or a whole one.
//!    It is not written in place: an empty file that is a mount point is refused, as any other that is.
//! 2. Not a regular file: refused. Not beginning as redb's files do: dealt with as in step 4.
//! 3. Its tables are read, without writing (see [`super::overlay`]). None of ours, though every page is as it
//!    was written: refused. A newer format: refused. In use: refused.
//! 4. Damaged, and there is evidence that it is ours ([`super::evidence`]): moved aside, kept, and step 1.
//!    Without evidence nobody can tell whose it is: refused.
//! 5. Ours: opened for writing, with every page verified up to a set size. Damage found now is dealt with as
//!    in step 4. What range removals cover that the file still has to make is nobody's: it is disbelieved
//!    from
//!    the first lookup on ([`crate::disk::store::range_removals`]).
//!
//! A file of an older format is opened as it is. The first commit upgrades it.

use std::path::{Path, PathBuf};

use redb::{Builder, ConcurrencyMode, Database};

use super::ballast::Ballast;
use super::compact::widen;
use super::evidence::Accepted;
use super::files::{PathState, io_error};
use super::names::{self, UNFINISHED, beside};
use super::overlay::Overlay;
use super::owner::Owner;
use super::{evidence, files, overlay};
use crate::disk::store::catalog::Catalog;
use crate::disk::store::charging::Charging;
use crate::disk::store::file_format::FileFormat;
use crate::disk::store::guard::{Guarded, StoreError, StoreErrorKind, guarded};
use crate::disk::store::identity::Identities;
use crate::disk::store::new_file;
use crate::disk::store::new_file::NewFile;
use crate::disk::store::redb_store::{Store, StoreLimits};
use crate::disk::store::sparse::{Reserve, SparseFile};
use crate::disk::store::tables::marker;
use crate::error::Error;
use crate::sys::sync::Arc;
use crate::sys::volume::file::VolumeFile;
use crate::sys::volume::seal::Seal;
use crate::sys::volume::{Anchor, Identity, Volume};
use crate::units::Timestamp;

/// The page cache for a look into a file.
const SMALL_CACHE: usize = 1 << 20;
/// How redb's files begin (redb's design document, "Database file format").
pub(crate) const REDB_MAGIC: [u8; 9] = [b'r', b'e', b'd', b'b', 0x1A, 0x0A, 0xA9, 0x0D, 0x0A];

/// How a file is to be opened.
#[derive(Debug, Clone)]
pub(crate) struct OpenOptions {
    pub(crate) volume: Arc<dyn Volume>,
    pub(crate) path: PathBuf,
    pub(crate) page_cache: usize,
    /// Every page is verified when the file is no longer than this.
    pub(crate) verify_up_to: u64,
    pub(crate) room: StoreLimits,
    /// The bytes that the file may take: its blocks, where these are counted, and its length elsewhere.
    pub(crate) capacity: u64,
    pub(crate) counts_blocks: bool,
    /// The rule by which entries are charged; none for that of the file.
    pub(crate) charging: Option<Charging>,
    pub(crate) now: Timestamp,
    /// Where the identity of a file comes from that is made or upgraded.
    pub(crate) identities: Identities,
    /// The file that was accepted at the path last, as the lock names it.
    pub(crate) accepted: Option<Accepted>,
}

/// A file that is open, and how it was found.
#[derive(Debug)]
pub(crate) struct OpenedFile {
    pub(crate) store: Store,
    /// Where a damaged predecessor was moved.
    pub(crate) quarantined: Option<PathBuf>,
}

/// Opens the file, or makes it. The owner's lock is held.
pub(crate) fn open(options: &OpenOptions) -> Result<OpenedFile, Error> {
    let OpenOptions { volume, path, .. } = options;
    let volume = &**volume;
    let standing = files::standing(volume, path)?;
    if standing != PathState::Nothing {
        files::refuse_mount_point(volume, path)?;
    }
    let opened = match standing {
        PathState::Nothing => create_first(options, None),
        PathState::Empty => {
            // Before it is removed: a refusal leaves it.
            refuse_unless_unfinished(options)?;
            volume.remove(path).map_err(|error| io_error("replace the empty file", path, error))?;
            create_first(options, None).inspect_err(|_| drop(volume.open(path, true)))
        }
        PathState::File { len } => {
            match refuse_unless_redb(volume, path) {
                Err(refused @ Error::Foreign { .. }) => return replace_damaged(options, refused),
                begun => begun?,
            }
            let found =
                identify(volume, path).and_then(|format| match format.map(|found| found.catalog(path)) {
                    // Damage to these rows looks like this too.
                    Some(Err(newer)) => verify(volume, path).map(|()| Err(newer)),
                    Some(Ok(_)) => open_ours(options, len)
                        .or_else(|fault| match fault.kind {
                            // Repairing may take room.
                            StoreErrorKind::Full if Ballast::give_up_left(volume, path) => {
                                open_ours(options, len)
                            }
                            _ => Err(fault),
                        })
                        .map(Ok),
                    // Damage to the list of tables looks like this too.
                    None => verify(volume, path)
                        .map(|()| Err(foreign(path, "it is a redb database without larder's tables"))),
                });
            match found {
                Ok(Ok(store)) => Ok(OpenedFile { store, quarantined: None }),
                Ok(Err(refused)) => Err(refused),
                Err(fault) if fault.kind == StoreErrorKind::Damage => {
                    let why = format!("it is a damaged redb database ({fault}) with no sign of larder in it");
                    replace_damaged(options, foreign(path, why))
                }
                Err(fault) => Err(refusal(path, fault)),
            }
        }
    }?;
    // Only now that the place is known to be ours. Best effort.
    remove_discarded(volume, path);
    // A compaction that was cut off.
    let is_left = files::standing(volume, &unfinished(path)).is_ok_and(|found| found != PathState::Nothing);
    if is_left && refuse_unless_unfinished(options).is_ok() {
        drop(remove_unfinished(options));
    }
    let OpenedFile { store, quarantined } = opened;
    let store = widen(store, options).map_err(|fault| refusal(path, fault))?;
    Ok(OpenedFile { store, quarantined })
}

/// Deletes what a crash left of files that were put out of service. Best effort, and nothing that is not
/// larder's.
fn remove_discarded(volume: &dyn Volume, path: &Path) {
    for old in names::dated(volume, path, names::DISCARDED) {
        let is_ours = |file: VolumeFile| {
            Ok(file.start(REDB_MAGIC.len())? == REDB_MAGIC && overlay::contains(&file, &marker())?)
        };
        if volume.open(&old, false).and_then(is_ours).unwrap_or(false) {
            drop(volume.remove(&old));
        }
    }
}

pub(crate) fn foreign(path: &Path, why: impl Into<String>) -> Error {
    Error::Foreign { path: path.to_owned(), why: why.into() }
}

/// The error of a fault that is not damage.
pub(crate) fn refusal(path: &Path, fault: StoreError) -> Error {
    let path = path.to_owned();
    match fault.kind {
        StoreErrorKind::Locked => Owner::default().in_use(&path),
        StoreErrorKind::Denied => Error::Permission {
            action: "open",
            path,
            source: std::io::Error::new(std::io::ErrorKind::PermissionDenied, fault.cause),
        },
        StoreErrorKind::Full => {
            Error::Io { action: "open", path, cause: format!("{fault}; {}", files::ROOM) }
        }
        _ => Error::Io { action: "open", path, cause: fault.cause },
    }
}

pub(crate) fn refuse_unless_redb(volume: &dyn Volume, path: &Path) -> Result<(), Error> {
    let file = volume.open(path, false).map_err(|error| io_error("open", path, error))?;
    let magic = file.start(REDB_MAGIC.len()).map_err(|error| io_error("read", path, error))?;
    if magic == REDB_MAGIC { Ok(()) } else { Err(foreign(path, "it is not a redb database, and not empty")) }
}

pub(crate) fn builder(page_cache: usize) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(page_cache).set_concurrency_mode(ConcurrencyMode::SingleWriter);
    builder
}

/// The format of a larder file; `None` if the file has no table of ours. Changes nothing.
fn identify(volume: &dyn Volume, path: &Path) -> Result<Option<FileFormat>, StoreError> {
    let file = || volume.open(path, false);
    let read_only = guarded(|| Ok(builder(SMALL_CACHE).open_read_only_with_backend(file()?)?));
    match read_only {
        Ok(db) => FileFormat::of(&*Guarded::new(db)),
        Err(fault) if fault.kind == StoreErrorKind::Unrepaired => {
            let repaired = guarded(|| Ok(builder(SMALL_CACHE).create_with_backend(Overlay::new(file()?)?)?))?;
            FileFormat::of(&*Guarded::new(repaired))
        }
        Err(fault) => Err(fault),
    }
}

/// Checks every page of a file. Changes nothing.
fn verify(volume: &dyn Volume, path: &Path) -> Result<(), StoreError> {
    verify_pages(|| Overlay::new(volume.open(path, false)?))
}

/// Checks every page of a file that this process has open, as it stands. Changes nothing; nobody may write
/// meanwhile.
pub(crate) fn verify_own(volume: &dyn Volume, path: &Path) -> Result<(), StoreError> {
    verify_pages(|| Overlay::of_own(volume.open(path, false)?))
}

fn verify_pages(overlay: impl FnOnce() -> std::io::Result<Overlay>) -> Result<(), StoreError> {
    let mut builder = builder(SMALL_CACHE);
    builder.set_check_integrity_on_open(true);
    let db = guarded(|| Ok(builder.create_with_backend(overlay()?)?))?;
    close(db)
}

/// Opens a larder file for writing.
pub(crate) fn open_ours(options: &OpenOptions, len: u64) -> Result<Store, StoreError> {
    let mut store = Store::of_file(open_database(options, len <= options.verify_up_to)?, options)?;
    if let Some(charging) = options.charging {
        store.charge_by(charging)?;
    }
    // What every lookup opens: damage to it is dealt with as any other that is found on opening.
    store.snapshot(0)?;
    Ok(store)
}

/// The database of a file that is open for writing, and what governs its writes.
pub(crate) struct OpenDatabase {
    pub(crate) db: Database,
    /// Ends all writing to the file.
    pub(crate) seal: Seal,
    pub(crate) reserve: Reserve,
    /// The largest page that the file can have ([`crate::disk::store::new_file`]).
    pub(crate) largest_page: u64,
}

/// Opens the database of a file for writing.
pub(crate) fn open_database(options: &OpenOptions, verifies: bool) -> Result<OpenDatabase, StoreError> {
    let mut builder = builder(options.page_cache);
    builder.set_check_integrity_on_open(verifies);
    let file = options.volume.open(&options.path, false)?;
    let (seal, largest_page) = (file.seal(), new_file::region_len(&file)?);
    // Where blocks are not counted nothing is gained by holes.
    if options.counts_blocks {
        let file = SparseFile::new(file, options.capacity)?;
        let reserve = file.reserve();
        let db = guarded(|| Ok(builder.create_with_backend(file)?))?;
        return Ok(OpenDatabase { db, seal, reserve, largest_page });
    }
    let db = guarded(|| Ok(builder.create_with_backend(file)?))?;
    Ok(OpenDatabase { db, seal, reserve: Reserve::default(), largest_page })
}

/// Moves a damaged file aside, if there is evidence that it is ours. Otherwise the answer is `refused`.
fn replace_damaged(options: &OpenOptions, refused: Error) -> Result<OpenedFile, Error> {
    let OpenOptions { volume, path, accepted, .. } = options;
    let is_ours = volume
        .open(path, false)
        .and_then(|file| evidence::is_ours(&**volume, path, &file, accepted.as_ref()))
        .map_err(|error| io_error("read", path, error))?;
    if !is_ours {
        return Err(refused);
    }
    let aside = files::quarantine(&**volume, path, options.now.as_millis())
        .map_err(|error| io_error("move the damaged file aside:", path, error))?;
    create_first(options, Some(aside))
}

fn create_first(options: &OpenOptions, quarantined: Option<PathBuf>) -> Result<OpenedFile, Error> {
    refuse_unless_unfinished(options)?;
    let catalog = Catalog::fresh(options.now, options.identities);
    let create = || create(options, &catalog, &mut CreatedFile::default());
    let created = create().or_else(|fault| match fault.kind {
        StoreErrorKind::Full if Ballast::give_up_left(&*options.volume, &options.path) => create(),
        _ => Err(fault),
    });
    let store = created.map_err(|fault| refusal(&options.path, fault))?;
    Ok(OpenedFile { store, quarantined })
}

/// What a file is called until it is whole.
pub(crate) fn unfinished(path: &Path) -> PathBuf {
    beside(path, UNFINISHED)
}

/// A file of the unfinished one's name that does not begin as one may is somebody else's.
pub(crate) fn refuse_unless_unfinished(options: &OpenOptions) -> Result<(), Error> {
    let path = unfinished(&options.path);
    if files::standing(&*options.volume, &path)? == PathState::Nothing {
        return Ok(());
    }
    let start = options.volume.open(&path, false).and_then(|file| file.start(REDB_MAGIC.len()));
    let start = start.map_err(|error| io_error("read", &path, error))?;
    // A crash leaves it with its first sector written, or without.
    if start == REDB_MAGIC || start.iter().all(|byte| *byte == 0) {
        return Ok(());
    }
    Err(foreign(&path, "it has the name of an unfinished larder file, and is none"))
}

/// Removes an unfinished file that a crash left: the owner's lock says that nobody is at work on it.
pub(crate) fn remove_unfinished(options: &OpenOptions) -> Result<(), StoreError> {
    match options.volume.remove(&unfinished(&options.path)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// A file that was made and has not been put to use: it is known by its anchor, so that a later try can
/// remove it.
#[derive(Debug, Default)]
pub(crate) struct CreatedFile(Option<Box<dyn Anchor>>);

impl CreatedFile {
    /// Removes what an earlier try left at the path.
    pub(crate) fn remove(&mut self, options: &OpenOptions) -> Result<(), StoreError> {
        if let Some(anchor) = &self.0
            && let Some(seen) = options.volume.metadata(&options.path)?
            && seen.identity == anchor.identity()
        {
            options.volume.remove(&options.path)?;
        }
        self.0 = None;
        Ok(())
    }

    /// Whether it is the file of this identity.
    pub(crate) fn is(&self, identity: Identity) -> bool {
        self.0.as_ref().is_some_and(|anchor| anchor.identity() == identity)
    }

    pub(crate) fn take(&mut self) -> Option<Box<dyn Anchor>> {
        self.0.take()
    }
}

/// Makes a new file under a temporary name and renames it into place, durably. Which one it is, is told by
/// `made`.
pub(crate) fn create(
    options: &OpenOptions,
    catalog: &Catalog,
    made: &mut CreatedFile,
) -> Result<Store, StoreError> {
    let OpenOptions { volume, path, .. } = options;
    let volume = &**volume;
    let temporary = unfinished(path);
    remove_unfinished(options)?;
    let file = volume.open(&temporary, true)?;
    let file = NewFile::new(file, options.capacity);
    let finished = guarded(|| Ok(builder(options.page_cache).create_with_backend(file)?))
        .and_then(|db| Store::initialise(&db, catalog).and_then(|()| close(db)))
        .and_then(|()| Ok(volume.anchor(&temporary)?))
        .and_then(|anchor| {
            made.0 = Some(anchor);
            Ok(volume.rename(&temporary, path)?)
        });
    if let Err(fault) = finished {
        drop(volume.remove(&temporary));
        return Err(fault);
    }
    let opened =
        files::sync_directory_of(volume, path).map_err(StoreError::from).and_then(|()| open_ours(options, 0));
    if opened.is_err() {
        // Nobody has used it yet: the next try begins anew.
        drop(made.remove(options));
    }
    opened
}

pub(crate) fn close(db: Database) -> Result<(), StoreError> {
    guarded(|| Ok(db.close()?))
}
