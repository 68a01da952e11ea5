//! Finds and creates the directory of a cache file, and makes renames and removals in that directory
//! durable.

use std::io;
use std::path::{Path, PathBuf};

use super::io_error::io_error;
use crate::error::Error;
use crate::sys::volume::Volume;

/// Returns the absolute form of a path. It stays valid when the process changes its working directory.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|error| io_error("find", path, error))
}

/// Creates the missing directories of a path, accessible only to their owner.
pub(super) fn create_parents(volume: &dyn Volume, path: &Path) -> Result<(), Error> {
    let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
        return Ok(());
    };
    volume.create_directories(parent).map_err(|error| io_error("create the directory", parent, error))
}

/// Resolves symbolic links in the directory of a path. Otherwise a later change of a link would make the
/// path lead to a different file.
pub(crate) fn in_real_directory(volume: &dyn Volume, path: &Path) -> Result<PathBuf, Error> {
    let (directory, Some(name)) = (directory_of(path), path.file_name()) else { return Ok(path.to_owned()) };
    let directory = volume.real_directory(directory).map_err(|error| io_error("find", directory, error))?;
    Ok(directory.join(name))
}

pub(super) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes renames and removals in the directory of a path durable.
///
/// Some network and user-space file systems cannot sync a directory. There, the durability of a rename
/// depends on the file system.
pub(super) fn sync_directory_of(volume: &dyn Volume, path: &Path) -> io::Result<()> {
    match volume.sync_directory(directory_of(path)) {
        Err(error) if is_unsupported(&error) => Ok(()),
        synced => synced,
    }
}

/// Returns whether the file system of a path can sync a directory. Returns true after any error other than
/// "unsupported".
pub(crate) fn syncs_directory_of(volume: &dyn Volume, path: &Path) -> bool {
    !volume.sync_directory(directory_of(path)).is_err_and(|error| is_unsupported(&error))
}

fn is_unsupported(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let unsupported = [Errno::INVAL, Errno::NOTSUP, Errno::OPNOTSUPP, Errno::NOSYS];
    Errno::from_io_error(error).is_some_and(|errno| unsupported.contains(&errno))
}
