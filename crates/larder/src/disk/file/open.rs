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

use super::ballast::Ballast;
use super::compact::widen;
use super::create::{CreatedFile, create, refuse_unless_unfinished, remove_unfinished, unfinished};
use super::error_translation::{FileAction, error_of, unknown_damage};
use super::evidence::Accepted;
use super::io_error::{foreign, io_error};
use super::overlay::Overlay;
use super::path_state::{PathState, path_state, refuse_mount_point, refuse_unless_redb};
use super::quarantine::quarantine;
use super::verify::verify;
use super::{evidence, names, overlay};
use crate::disk::store::catalog::Catalog;
use crate::disk::store::database::{OpenOptions, SMALL_CACHE, builder};
use crate::disk::store::file_format::FileFormat;
use crate::disk::store::guard::{Guarded, StoreError, StoreErrorKind, guarded};
use crate::disk::store::redb_header::REDB_MAGIC;
use crate::disk::store::redb_store::Store;
use crate::disk::store::tables::marker;
use crate::error::Error;
use crate::sys::volume::Volume;
use crate::sys::volume::file::VolumeFile;

/// A file that is open, and how it was found.
#[derive(Debug)]
pub(crate) struct OpenedFile {
    pub(crate) store: Store,
    /// Where a damaged predecessor was moved.
    pub(crate) quarantined: Option<PathBuf>,
}

/// Opens the file, or makes it. The owner's lock is held.
pub(crate) fn open(options: &OpenOptions, accepted: Option<&Accepted>) -> Result<OpenedFile, Error> {
    let OpenOptions { volume, path, .. } = options;
    let volume = &**volume;
    let state = path_state(volume, path)?;
    if state != PathState::Nothing {
        refuse_mount_point(volume, path)?;
    }
    let opened = match state {
        PathState::Nothing => create_first(options, None),
        PathState::Empty => {
            // Before it is removed: a refusal leaves it.
            refuse_unless_unfinished(options)?;
            volume.remove(path).map_err(|error| io_error("replace the empty file", path, error))?;
            create_first(options, None).inspect_err(|_| drop(volume.open(path, true)))
        }
        PathState::File { len } => {
            match refuse_unless_redb(volume, path) {
                Err(refused @ Error::Foreign { .. }) => return replace_damaged(options, accepted, refused),
                begun => begun?,
            }
            let found =
                identify(volume, path).and_then(|format| match format.map(|found| found.catalog(path)) {
                    // Damage to these rows looks like this too.
                    Some(Err(newer)) => verify(volume, path).map(|()| Err(newer)),
                    Some(Ok(_)) => Store::open(options, len)
                        .or_else(|fault| match fault.kind {
                            // Repairing may take room.
                            StoreErrorKind::Full if Ballast::give_up_left(volume, path) => {
                                Store::open(options, len)
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
                    replace_damaged(options, accepted, unknown_damage(path, &fault.cause))
                }
                Err(fault) => Err(error_of(FileAction::Open, path, fault)),
            }
        }
    }?;
    // Only now that the place is known to be ours. Best effort.
    remove_discarded(volume, path);
    // A compaction that was cut off.
    let is_left = path_state(volume, &unfinished(path)).is_ok_and(|found| found != PathState::Nothing);
    if is_left && refuse_unless_unfinished(options).is_ok() {
        drop(remove_unfinished(options));
    }
    let OpenedFile { store, quarantined } = opened;
    let store = widen(store, options).map_err(|fault| error_of(FileAction::Open, path, fault))?;
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

/// Moves a damaged file aside, if there is evidence that it is ours. Otherwise the answer is `refused`.
fn replace_damaged(
    options: &OpenOptions,
    accepted: Option<&Accepted>,
    refused: Error,
) -> Result<OpenedFile, Error> {
    let OpenOptions { volume, path, .. } = options;
    let is_ours = volume
        .open(path, false)
        .and_then(|file| evidence::is_ours(&**volume, path, &file, accepted))
        .map_err(|error| io_error("read", path, error))?;
    if !is_ours {
        return Err(refused);
    }
    let aside = quarantine(&**volume, path, options.now.as_millis())
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
    let store = created.map_err(|fault| error_of(FileAction::Open, &options.path, fault))?;
    Ok(OpenedFile { store, quarantined })
}
