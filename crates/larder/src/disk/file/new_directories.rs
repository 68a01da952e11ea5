//! Creates the missing directories of a path before the file, and removes them if opening fails.
//!
//! Only empty directories that this opening has created are removed. A directory into which another process
//! has put a file stays.

use std::path::{Path, PathBuf};

use super::directories::{create_parents, directory_of};
use crate::error::Error;
use crate::sys::volume::Volume;

/// Directories that this opening has created. The directories are removed on drop, unless
/// [`NewDirectories::keep`] was called.
#[derive(Debug)]
pub(crate) struct NewDirectories<'a> {
    volume: &'a dyn Volume,
    /// The deepest directory comes first.
    created: Vec<PathBuf>,
}

impl<'a> NewDirectories<'a> {
    pub(crate) fn create(volume: &'a dyn Volume, path: &Path) -> Result<Self, Error> {
        let created = volume.missing_directories(directory_of(path));
        // The list is stored before the first directory is created. So if a later directory cannot be
        // created, the drop removes the earlier ones.
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
            // The call fails for a directory that is not empty, so the directory stays.
            drop(self.volume.remove_directory(directory));
        }
    }
}
