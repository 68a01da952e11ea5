//! Opens a redb file read-only, and reads its header and its length.

use std::path::Path;

use crate::disk::file::error_translation::shows_larder;
use crate::disk::file::io_error::{foreign, io_error};
use crate::disk::file::path_state::{PathState, path_state};
use crate::disk::store::redb_header::{HEADER_LEN, REDB_MAGIC};
use crate::error::Error;
use crate::sys::volume::file::VolumeFile;
use crate::sys::volume::os::OsVolume;

/// Opens a file read-only. Returns an error if the file does not begin like redb's files.
pub(super) fn open_redb(path: &Path) -> Result<VolumeFile, Error> {
    match path_state(&OsVolume, path)? {
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

/// Returns the header of the file that is now at a path.
pub(super) fn header_at(path: &Path) -> Result<Vec<u8>, Error> {
    let start = OsVolume::open_to_read(path).and_then(|file| file.start(HEADER_LEN));
    start.map_err(|error| io_error("read", path, error))
}

pub(crate) fn len(path: &Path, file: &VolumeFile) -> Result<u64, Error> {
    redb::StorageBackend::len(file).map_err(|error| io_error("read", path, error))
}
