//! The directories that a path needs: made before its file, and removed again if the file is refused.
//!
//! Only empty ones go, and only those that this opening has made, so a directory that another process has put
//! something into stays.

use std::path::{Path, PathBuf};

use super::directories::{create_parents, directory_of};
use crate::error::Error;
use crate::sys::volume::Volume;

/// Directories that opening has made. They go when this is dropped, unless they are kept.
#[derive(Debug)]
pub(crate) struct NewDirectories<'a> {
    volume: &'a dyn Volume,
    /// The deepest first.
    made: Vec<PathBuf>,
}

impl<'a> NewDirectories<'a> {
    /// Makes the directories that a path needs.
    pub(crate) fn create(volume: &'a dyn Volume, path: &Path) -> Result<Self, Error> {
        let made = volume.missing_directories(directory_of(path));
        // Before the first is made: making the second may fail.
        let new = Self { volume, made };
        create_parents(volume, path)?;
        Ok(new)
    }

    /// Leaves them: the file is open.
    pub(crate) fn keep(mut self) {
        self.made.clear();
    }
}

impl Drop for NewDirectories<'_> {
    fn drop(&mut self) {
        for directory in &self.made {
            // One that is not empty stays.
            drop(self.volume.remove_directory(directory));
        }
    }
}
