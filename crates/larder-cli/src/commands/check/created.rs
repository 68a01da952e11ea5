//! Finds and removes the files and directories that a check creates.
//!
//! The check removes only files and directories that did not exist before it. It removes nothing if the cache
//! file existed, or if a process owns the file at the end of the check. The lock file may then belong to that
//! process.

use std::fs;
use std::path::{Path, PathBuf};

use larder::inspect::{FileState, Inspector};

use super::findings::print_line;
use crate::cache::path::beside;

/// Suffixes of the files that a cache creates beside its file.
const SUFFIXES: [&str; 3] = [".lock", ".ballast", ".larder-new"];

/// What existed before a check, so that the files and directories that the check creates can be removed.
#[derive(Debug)]
pub(super) struct CreatedFiles {
    file: PathBuf,
    existed: bool,
    was_empty: bool,
    beside: Vec<PathBuf>,
    /// The directories that did not exist, innermost first.
    directories: Vec<PathBuf>,
}

impl CreatedFiles {
    /// Records what exists before the check opens the file.
    pub(super) fn before_check(file: &Path) -> Self {
        let is_missing = |path: &Path| fs::symlink_metadata(path).is_err();
        let found = fs::symlink_metadata(file).ok();
        let beside = SUFFIXES.iter().map(|suffix| beside(file, suffix));
        let directories = file.ancestors().skip(1).filter(|path| !path.as_os_str().is_empty());
        Self {
            file: file.to_owned(),
            existed: found.is_some(),
            was_empty: found.is_some_and(|found| found.is_file() && found.len() == 0),
            beside: beside.filter(|path| is_missing(path)).collect(),
            directories: directories.take_while(|path| is_missing(path)).map(Path::to_owned).collect(),
        }
    }

    /// Returns a note if the file is missing and will be created, or if it was empty.
    pub(super) fn note(&self) -> Option<String> {
        let file = self.file.display();
        if self.was_empty {
            return Some(format!("{file} was empty: no cache has been in it"));
        }
        if self.existed {
            return None;
        }
        let directories: Vec<String> =
            self.directories.iter().map(|path| path.display().to_string()).collect();
        let directories = match &directories[..] {
            [] => String::new(),
            [one] => format!(", with its directory {one}"),
            several => format!(", with the directories {}", several.join(" and ")),
        };
        Some(format!("{file} did not exist: it is made for this check{directories}, and removed at the end"))
    }

    /// Removes the files and directories that the check has created, and reports each failure. Returns
    /// false if one of them could not be removed.
    pub(super) fn remove(&mut self) -> bool {
        if std::mem::replace(&mut self.existed, true) {
            return true;
        }
        let state =
            Inspector::open(&self.file).and_then(|file| file.snapshot()).map(|file| file.file().state);
        if let Ok(FileState::Owned { .. }) = state {
            print_line(format_args!(
                "note    disk    {} is left: a process has opened it meanwhile",
                self.file.display()
            ));
            return true;
        }
        let files = [self.file.clone()].into_iter().chain(self.beside.drain(..));
        let files = files.map(|path| (fs::remove_file(&path), path));
        let directories = self.directories.drain(..).map(|path| (fs::remove_dir(&path), path));
        let mut is_removed = true;
        for (outcome, path) in files.chain(directories) {
            if let Err(error) = outcome
                && error.kind() != std::io::ErrorKind::NotFound
            {
                is_removed = false;
                print_line(format_args!("FAILED  disk    {} is left of this check: {error}", path.display()));
            }
        }
        is_removed
    }
}

/// Removes the files even after a panic.
impl Drop for CreatedFiles {
    fn drop(&mut self) {
        self.remove();
    }
}
