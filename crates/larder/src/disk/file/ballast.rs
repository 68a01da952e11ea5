//! The ballast: a file of up to 1 MiB beside the cache file, deleted when the disk is full.
//!
//! redb copies pages before it changes them, so on a full disk it cannot even delete an entry. Deleting the
//! ballast frees the room that the commit of a deletion needs. The deletion then frees more room. When the
//! disk is full:
//!
//! 1. A commit fails, and the file is suspended ([`super::cache_file`]).
//! 2. The next attempt to return to service deletes the ballast and opens the file again.
//! 3. The writer commits deletions before anything else.
//! 4. The ballast is written again after a commit of everything, if
//!    [`MAX_RETRY_DELAY`](super::cache_file::backoff::MAX_RETRY_DELAY) has passed since step 2.
//!
//! If there is no room to open a file, the opener deletes the ballast of an earlier run and retries once.

use std::path::{Path, PathBuf};

use redb::StorageBackend;

use super::names::{BALLAST, beside};
use crate::sys::volume::{FileKind, Volume};

/// The first bytes of a ballast. A file with this name that begins with anything else, except zeros, does
/// not belong to larder and is left unchanged.
const MARK: &[u8] = b"larder: room kept for deletions on a full disk\n";
const LEAST: u64 = 256 << 10;
const MOST: u64 = 1 << 20;
/// The length of the ballast is the file's capacity divided by this number, within the bounds above.
const SHARE: u64 = 64;
const CHUNK: usize = 64 << 10;

#[derive(Debug)]
pub(crate) struct Ballast {
    path: PathBuf,
    len: u64,
    is_held: bool,
}

impl Ballast {
    pub(crate) fn new(cache_path: &Path, disk_capacity: u64) -> Self {
        let len = (disk_capacity / SHARE).clamp(LEAST, MOST);
        Self { path: beside(cache_path, BALLAST), len, is_held: false }
    }

    pub(super) fn is_held(&self) -> bool {
        self.is_held
    }

    /// Writes the ballast, unless a ballast of the right length exists. Best effort: without a ballast, a
    /// full disk may force the cache to discard its file, but no promise is broken.
    pub(crate) fn take(&mut self, volume: &dyn Volume) {
        if !self.is_held {
            self.is_held = self.try_take(volume).unwrap_or(false);
        }
    }

    fn try_take(&self, volume: &dyn Volume) -> std::io::Result<bool> {
        match volume.metadata(&self.path)? {
            Some(metadata) if metadata.kind != FileKind::File => return Ok(false),
            Some(metadata) if metadata.len > 0 => {
                let start = volume.open(&self.path, false)?.start(MARK.len())?;
                // After a crash the file may begin with zeros instead of the mark.
                if start != MARK && start.iter().any(|byte| *byte != 0) {
                    return Ok(false);
                }
                if start == MARK && metadata.len == self.len {
                    return Ok(true);
                }
            }
            _ => {}
        }
        let filled = self.fill(volume);
        if filled.is_err() {
            drop(volume.remove(&self.path));
        }
        filled.map(|()| true)
    }

    /// Writes every byte, because setting only the length would allocate no blocks.
    fn fill(&self, volume: &dyn Volume) -> std::io::Result<()> {
        let file = volume.open(&self.path, true)?;
        file.set_len(0)?;
        file.write(0, MARK)?;
        file.sync_data()?;
        let chunk = vec![b'.'; CHUNK];
        let mut at = MARK.len() as u64;
        while at < self.len {
            let count = usize::try_from(self.len - at).unwrap_or(CHUNK).min(CHUNK);
            file.write(at, chunk.get(..count).unwrap_or_default())?;
            at += count as u64;
        }
        file.sync_data()
    }

    /// Deletes the ballast of an earlier run, to make room on a full disk. Returns whether a ballast was
    /// deleted.
    pub(crate) fn delete_left_over(volume: &dyn Volume, cache_path: &Path) -> bool {
        let path = beside(cache_path, BALLAST);
        let is_ours = matches!(volume.metadata(&path), Ok(Some(metadata)) if metadata.kind == FileKind::File)
            && volume
                .open(&path, false)
                .and_then(|file| file.start(MARK.len()))
                .is_ok_and(|start| start == MARK);
        is_ours && volume.remove(&path).is_ok()
    }

    /// Deletes the ballast file, if this cache holds it. Returns whether the file was deleted.
    pub(super) fn delete(&mut self, volume: &dyn Volume) -> bool {
        std::mem::take(&mut self.is_held) && volume.remove(&self.path).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::volume::os::OsVolume;

    #[test]
    fn a_ballast_is_taken_once_and_deleted_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut ballast = Ballast::new(&dir.path().join("shop.larder"), 1 << 30);
        ballast.take(&OsVolume);
        assert!(ballast.is_held());
        assert_eq!(std::fs::read(&ballast.path).unwrap().len() as u64, MOST);
        let mut next_run = Ballast::new(&dir.path().join("shop.larder"), 1 << 20);
        next_run.take(&OsVolume);
        assert_eq!(
            std::fs::metadata(&ballast.path).unwrap().len(),
            LEAST,
            "another capacity, another length"
        );
        assert!(next_run.delete(&OsVolume) && !next_run.delete(&OsVolume));
        assert!(!ballast.path.exists());
    }

    #[test]
    fn a_file_of_that_name_that_is_not_ours_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mut ballast = Ballast::new(&dir.path().join("shop.larder"), 1 << 30);
        std::fs::write(&ballast.path, "somebody's letters").unwrap();
        ballast.take(&OsVolume);
        assert!(!ballast.is_held() && !ballast.delete(&OsVolume));
        assert_eq!(std::fs::read(&ballast.path).unwrap(), b"somebody's letters");
    }
}
