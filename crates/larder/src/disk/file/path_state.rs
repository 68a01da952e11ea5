//! Examines the path of a cache file before the file is opened.

use std::path::Path;

use super::io_error::{MOUNT_POINT, foreign, io_error};
use crate::disk::store::redb_header::REDB_MAGIC;
use crate::error::Error;
use crate::sys::volume::file::VolumeFile;
use crate::sys::volume::{FileKind, Volume};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathState {
    Nothing,
    Empty,
    File { len: u64 },
}

/// Returns what is at a path. Returns an error for anything other than a regular file. Opens no file and
/// follows no symbolic link.
pub(crate) fn path_state(volume: &dyn Volume, path: &Path) -> Result<PathState, Error> {
    let not_a_file = |what| Err(Error::NotAFile { path: path.to_owned(), what });
    let Some(metadata) = volume.metadata(path).map_err(|error| io_error("look at", path, error))? else {
        return Ok(PathState::Nothing);
    };
    match metadata.kind {
        FileKind::Directory => not_a_file("a directory"),
        FileKind::Symlink => not_a_file("a symbolic link"),
        FileKind::Special => not_a_file("a device, pipe or socket"),
        FileKind::File if metadata.len == 0 => Ok(PathState::Empty),
        FileKind::File => Ok(PathState::File { len: metadata.len }),
    }
}

pub(crate) fn refuse_mount_point(volume: &dyn Volume, path: &Path) -> Result<(), Error> {
    match volume.is_mount_point(path) {
        Ok(true) => Err(Error::NotAFile { path: path.to_owned(), what: MOUNT_POINT }),
        // An error is ignored here, because the next operation on the file reports it.
        _ => Ok(()),
    }
}

/// Refuses a file that does not begin like redb's files.
pub(crate) fn refuse_unless_redb(file: &VolumeFile, path: &Path) -> Result<(), Error> {
    let magic = file.start(REDB_MAGIC.len()).map_err(|error| io_error("read", path, error))?;
    if magic == REDB_MAGIC { Ok(()) } else { Err(foreign(path, "it is not a redb database, and not empty")) }
}
