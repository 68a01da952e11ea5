//! What a check makes on the disk: the file that was not there, what stands beside it, and its directories.
//!
//! Only what was not there before the check is removed, and only if the file itself was not: the lock beside
//! a file that was there may be another process's by now. For the same reason nothing is removed of a file
//! that a process has opened meanwhile.

use std::fs;
use std::path::{Path, PathBuf};

use larder::inspect::{FileState, Inspector};

use super::line;

/// What a cache puts beside its file.
const BESIDE: [&str; 3] = [".lock", ".ballast", ".larder-new"];

/// What was not there before a check.
#[derive(Debug)]
pub(super) struct Made {
    file: PathBuf,
    was_there: bool,
    was_empty: bool,
    beside: Vec<PathBuf>,
    /// The innermost first.
    directories: Vec<PathBuf>,
}

impl Made {
    /// Looks at what is there, before the check opens the file.
    pub(super) fn by_a_check_of(file: &Path) -> Self {
        let is_missing = |path: &Path| fs::symlink_metadata(path).is_err();
        let found = fs::symlink_metadata(file).ok();
        let beside = BESIDE.iter().map(|suffix| {
            let mut name = file.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        });
        let directories = file.ancestors().skip(1).filter(|path| !path.as_os_str().is_empty());
        Self {
            file: file.to_owned(),
            was_there: found.is_some(),
            was_empty: found.is_some_and(|found| found.is_file() && found.len() == 0),
            beside: beside.filter(|path| is_missing(path)).collect(),
            directories: directories.take_while(|path| is_missing(path)).map(Path::to_owned).collect(),
        }
    }

    /// What is to be said first.
    pub(super) fn note(&self) -> Option<String> {
        let file = self.file.display();
        if self.was_empty {
            return Some(format!("{file} was empty: no cache has been in it"));
        }
        if self.was_there {
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

    /// Removes what the check has made. Answers whether that is gone, and says what is not.
    pub(super) fn remove(&mut self) -> bool {
        if std::mem::replace(&mut self.was_there, true) {
            return true;
        }
        let state =
            Inspector::open(&self.file).and_then(|file| file.snapshot()).map(|file| file.file().state);
        if let Ok(FileState::Owned { .. }) = state {
            line(format_args!(
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
                line(format_args!("FAILED  disk    {} is left of this check: {error}", path.display()));
            }
        }
        is_removed
    }
}

/// A panic leaves nothing behind, either.
impl Drop for Made {
    fn drop(&mut self) {
        self.remove();
    }
}
