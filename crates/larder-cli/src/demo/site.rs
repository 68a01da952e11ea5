//! Where the demo keeps its files: a directory that is named, or one of its own that goes when it ends.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The directory of one run. Removed on drop if the run has made it for itself.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Site {
    dir: PathBuf,
    temporary: bool,
}

impl Site {
    /// The directory `dir`, made if it is missing, or else a new one among the temporary files.
    pub(crate) fn open(dir: Option<&Path>) -> Result<Self, Error> {
        if let Some(dir) = dir {
            if dir.exists() && !dir.is_dir() {
                return Err(Error::NotADirectory { path: dir.to_owned() });
            }
            fs::create_dir_all(dir).map_err(Error::file("create the directory", dir))?;
            return Ok(Self { dir: dir.to_owned(), temporary: false });
        }
        let made = tempfile::Builder::new().prefix("larder-demo-").tempdir();
        let made = made.map_err(Error::file("create a directory in", std::env::temp_dir()))?;
        // Kept, for a restart must not remove it; this type's own drop does when the run is over.
        Ok(Self { dir: made.keep(), temporary: true })
    }

    /// The shop's database.
    pub(crate) fn database(&self) -> PathBuf {
        self.dir.join("shop.sqlite")
    }

    /// The cache's file.
    pub(crate) fn cache(&self) -> PathBuf {
        self.dir.join("shop.larder")
    }

    /// What one process image leaves for the next.
    pub(crate) fn handover(&self) -> PathBuf {
        self.dir.join("handover.json")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if self.temporary && fs::remove_dir_all(&self.dir).is_err() {
            eprintln!("larder: {} could not be removed", self.dir.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_its_own_goes_and_a_named_one_stays() {
        let own = Site::open(None).unwrap();
        let path = own.dir.clone();
        fs::write(own.database(), "rows").unwrap();
        drop(own);
        assert!(!path.exists());

        let parent = tempfile::tempdir().unwrap();
        let named = parent.path().join("new/demo");
        drop(Site::open(Some(&named)).unwrap());
        assert!(named.is_dir());
    }
}
