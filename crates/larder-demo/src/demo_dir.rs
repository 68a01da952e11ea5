//! The directory for the files of the demo: that of `--dir`, or a temporary directory that is removed at the
//! end.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The directory of one run. Dropping this value removes a temporary directory.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DemoDir {
    dir: PathBuf,
    temporary: bool,
}

impl DemoDir {
    /// Opens `dir`, and creates it if necessary. Without `dir`, creates a temporary directory.
    pub(crate) fn open(dir: Option<&Path>) -> Result<Self, Error> {
        if let Some(dir) = dir {
            if dir.exists() && !dir.is_dir() {
                return Err(Error::NotADirectory { path: dir.to_owned() });
            }
            fs::create_dir_all(dir).map_err(Error::file("create the directory", dir))?;
            return Ok(Self { dir: dir.to_owned(), temporary: false });
        }
        let created = tempfile::Builder::new().prefix("larder-demo-").tempdir();
        let created = created.map_err(Error::file("create a directory in", std::env::temp_dir()))?;
        // Without `keep`, `tempfile` would remove the directory at the end of this function.
        Ok(Self { dir: created.keep(), temporary: true })
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.dir.join("shop.sqlite")
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.dir.join("shop.larder")
    }

    pub(crate) fn plan(&self, process: u64) -> PathBuf {
        self.dir.join(format!("plan-{process}.json"))
    }

    pub(crate) fn journal(&self, process: u64) -> PathBuf {
        self.dir.join(format!("journal-{process}.json"))
    }

    pub(crate) fn handover(&self) -> PathBuf {
        self.dir.join("handover.json")
    }
}

impl Drop for DemoDir {
    fn drop(&mut self) {
        if self.temporary && fs::remove_dir_all(&self.dir).is_err() {
            eprintln!("larder-demo: {} could not be removed", self.dir.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_directory_is_removed_and_a_named_one_stays() {
        let temporary = DemoDir::open(None).unwrap();
        let path = temporary.dir.clone();
        fs::write(temporary.database(), "rows").unwrap();
        drop(temporary);
        assert!(!path.exists());

        let parent = tempfile::tempdir().unwrap();
        let named = parent.path().join("new/demo");
        drop(DemoDir::open(Some(&named)).unwrap());
        assert!(named.is_dir());
    }
}
