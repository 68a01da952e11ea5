//! Makes the missing directories of a path before the file is made, and removes them again if opening fails.
//!
//! Only empty directories that were missing before this opening are removed. A directory into which another
//! process has put a file stays.

use std::path::{Path, PathBuf};

use super::directories::{create_parents, directory_of};
use crate::error::Error;
use crate::sys::volume::Volume;

/// Directories that this opening has made. Dropping this value removes the directories, unless
/// [`NewDirectories::keep`] was called.
#[derive(Debug)]
pub(crate) struct NewDirectories<'a> {
    volume: &'a dyn Volume,
    /// The deepest directory comes first.
    created: Vec<PathBuf>,
}

impl<'a> NewDirectories<'a> {
    /// Makes the missing directories of a path.
    pub(crate) fn create(volume: &'a dyn Volume, path: &Path) -> Result<Self, Error> {
        let created = volume.missing_directories(directory_of(path));
        // The list is stored before the first directory is made. So if a later directory can't be made, the
        // drop removes the earlier directories.
        let new = Self { volume, created };
        create_parents(volume, path)?;
        Ok(new)
    }

    /// Keeps the directories, because the file is open.
    pub(crate) fn keep(mut self) {
        self.created.clear();
    }
}

impl Drop for NewDirectories<'_> {
    fn drop(&mut self) {
        for directory in &self.created {
            // A directory that is not empty stays.
            drop(self.volume.remove_directory(directory));
        }
    }
}
