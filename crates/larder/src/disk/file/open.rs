//! Opens a cache file. The file is not changed before it is known to be ours.
//!
//! The caller holds the owner's lock.
//!
//! 1. If no file or an empty file is at the path, a new file is created under a temporary name, closed, and
//!    renamed to the path ([`super::create`]). So a crash leaves either no file or a complete file. A file
//!    that is a mount point is refused, because it cannot be replaced.
//! 2. Anything other than a regular file is refused. A file that does not begin like redb's files continues
//!    at step 4.
//! 3. The tables are read without writing ([`crate::disk::store::overlay`]). An undamaged file without our
//!    tables is refused. So is a file of a newer format, or one in use.
//! 4. A damaged file with evidence that it is ours ([`super::evidence`]) is moved aside and kept, and step 1
//!    follows. Without evidence the file is refused.
//! 5. A file of ours is opened for writing. If its length is at most a set size, every page is verified. In
//!    a longer file, only redb's own tables are verified ([`crate::disk::store::database`]). Damage that is
//!    found now is handled as in step 4. Entries that pending range removals cover are ignored from the
//!    first lookup on ([`crate::disk::store::range_removals`]).
//!
//! A file of an older format is opened unchanged. The first commit upgrades it.

use std::path::{Path, PathBuf};

use super::ballast::Ballast;
use super::compact::regions::enlarge_regions;
use super::create::{CreatedFile, create, refuse_unless_unfinished, remove_unfinished};
use super::error_translation::{FileAction, error_of, unknown_damage};
use super::evidence::Accepted;
use super::io_error::{foreign, io_error};
use super::path_state::{PathState, path_state, refuse_mount_point, refuse_unless_redb};
use super::quarantine::quarantine;
use super::verify::verify;
use super::{evidence, names};
use crate::disk::store::catalog::Catalog;
use crate::disk::store::database::{OpenOptions, SMALL_CACHE, builder};
use crate::disk::store::file_format::FileFormat;
use crate::disk::store::guard::{Guarded, StoreError, StoreErrorKind, guarded};
use crate::disk::store::overlay::{self, OverlaidDatabase, Overlay};
use crate::disk::store::redb_header::REDB_MAGIC;
use crate::disk::store::redb_store::Store;
use crate::disk::store::tables::marker;
use crate::error::Error;
use crate::sys::volume::Volume;
use crate::sys::volume::file::VolumeFile;

#[derive(Debug)]
pub(crate) struct OpenedFile {
    pub(crate) store: Store,
    /// The new path of a damaged file that was at the path before.
    pub(crate) quarantined: Option<PathBuf>,
}

pub(crate) fn open(options: &OpenOptions, accepted: Option<&Accepted>) -> Result<OpenedFile, Error> {
    let OpenOptions { volume, path, .. } = options;
    let volume = &**volume;
    let state = path_state(volume, path)?;
    if state != PathState::Nothing {
        refuse_mount_point(volume, path)?;
    }
    let opened = match state {
        // 1.
        PathState::Nothing => create_first(options, None),
        PathState::Empty => {
            // This is checked before the empty file is removed, so that a refusal leaves the file in place.
            refuse_unless_unfinished(options)?;
            volume.remove(path).map_err(|error| io_error("replace the empty file", path, error))?;
            create_first(options, None).inspect_err(|_| drop(volume.open(path, true)))
        }
        PathState::File { len } => {
            // 2.
            let file = volume.open(path, false).map_err(|error| io_error("open", path, error));
            match file.and_then(|file| refuse_unless_redb(&file, path)) {
                Err(refused @ Error::Foreign { .. }) => return replace_damaged(options, accepted, refused),
                begun => begun?,
            }
            // 3.
            let found = identify(volume, path).and_then(|format| {
                match format.map(|found| found.supported_version(path)) {
                    // Damaged rows can look like a newer format.
                    Some(Err(newer)) => verify(volume, path).map(|()| Err(newer)),
                    // 5.
                    Some(Ok(_)) => Store::open(options, len)
                        .or_else(|error| match error.kind {
                            // Repairing a file may need room.
                            StoreErrorKind::Full if Ballast::delete_left_over(volume, path) => {
                                Store::open(options, len)
                            }
                            _ => Err(error),
                        })
                        .map(Ok),
                    // A damaged list of tables can look like a database without our tables.
                    None => verify(volume, path)
                        .map(|()| Err(foreign(path, "it is a redb database without larder's tables"))),
                }
            });
            match found {
                Ok(Ok(store)) => Ok(OpenedFile { store, quarantined: None }),
                Ok(Err(refused)) => Err(refused),
                // 4.
                Err(error) if error.kind == StoreErrorKind::Damage => {
                    replace_damaged(options, accepted, unknown_damage(path, error.cause.text()))
                }
                Err(error) => Err(error_of(FileAction::Open, path, error)),
            }
        }
    }?;
    // The path is now known to be ours, so discarded files can be removed. Errors are ignored.
    remove_discarded(volume, path);
    // A crash during a compaction may leave an unfinished file.
    drop(remove_unfinished(options));
    let OpenedFile { store, quarantined } = opened;
    let store = enlarge_regions(store, options).map_err(|error| error_of(FileAction::Open, path, error))?;
    Ok(OpenedFile { store, quarantined })
}

/// Deletes larder's discarded files that a crash has left. Ignores errors.
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

/// Returns the format of a larder file, or `None` if the file has none of our tables. Writes nothing.
fn identify(volume: &dyn Volume, path: &Path) -> Result<Option<FileFormat>, StoreError> {
    let file = || volume.open(path, false);
    let read_only = guarded(|| Ok(builder(SMALL_CACHE).open_read_only_with_backend(file()?)?));
    match read_only {
        Ok(db) => FileFormat::of(&*Guarded::new(db)),
        Err(error) if error.kind == StoreErrorKind::Unrepaired => {
            let repaired = guarded(|| OverlaidDatabase::open(&builder(SMALL_CACHE), Overlay::new(file()?)?))?;
            FileFormat::of(&*repaired)
        }
        Err(error) => Err(error),
    }
}

/// Moves a damaged file aside and creates a new file, if there is evidence that the file is ours. Otherwise
/// returns `refused`.
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
    let quarantined = quarantine(&**volume, path, options.now.as_millis())
        .map_err(|error| io_error("move the damaged file aside:", path, error))?;
    create_first(options, Some(quarantined))
}

fn create_first(options: &OpenOptions, quarantined: Option<PathBuf>) -> Result<OpenedFile, Error> {
    refuse_unless_unfinished(options)?;
    let catalog = Catalog::fresh(options.now, options.identities);
    let create = || create(options, &catalog, &mut CreatedFile::default());
    let created = create().or_else(|error| match error.kind {
        StoreErrorKind::Full if Ballast::delete_left_over(&*options.volume, &options.path) => create(),
        _ => Err(error),
    });
    let store = created.map_err(|error| error_of(FileAction::Open, &options.path, error))?;
    Ok(OpenedFile { store, quarantined })
}
