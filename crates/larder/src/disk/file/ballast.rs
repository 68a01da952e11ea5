//! The ballast: a little room held beside the cache file, so that a full disk can still take deletions.
//!
//! redb copies pages before it changes them, so on a full disk it can't even delete. Giving the ballast up makes the room that a
//! deletion's commit needs; the deletion then frees more. It is taken again when the disk has had room for a while.

use std::path::{Path, PathBuf};

use redb::StorageBackend;

use super::names::{BALLAST, beside};
use crate::sys::volume::{FileKind, Volume};

/// How a ballast begins: a file of its name that begins otherwise is somebody else's, and left alone.
const MARK: &[u8] = b"larder: room kept for deletions on a full disk\n";
const LEAST: u64 = 256 << 10;
const MOST: u64 = 1 << 20;
/// The part of the file's capacity that is held as ballast: one in so many, within the bounds above.
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

    pub(crate) fn is_held(&self) -> bool {
        self.is_held
    }

    /// Takes the room, unless it is held. Best effort: without it a full disk costs the cache its file, and no promise.
    pub(crate) fn take(&mut self, volume: &dyn Volume) {
        if !self.is_held {
            self.is_held = self.try_take(volume).unwrap_or(false);
        }
    }

    fn try_take(&self, volume: &dyn Volume) -> std::io::Result<bool> {
        match volume.metadata(&self.path)? {
            Some(seen) if seen.kind != FileKind::File => return Ok(false),
            Some(seen) if seen.len > 0 => {
                let start = volume.open(&self.path, false)?.start(MARK.len())?;
                // A crash may have left it without its mark.
                if start != MARK && start.iter().any(|byte| *byte != 0) {
                    return Ok(false);
                }
                if start == MARK && seen.len == self.len {
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

    /// Writes every byte: a file that is only long takes no room.
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

    /// Gives up what an earlier run left, so that a full disk has the room that opening takes. Answers whether there was any.
    pub(crate) fn give_up_left(volume: &dyn Volume, cache_path: &Path) -> bool {
        let path = beside(cache_path, BALLAST);
        let is_ours = matches!(volume.metadata(&path), Ok(Some(seen)) if seen.kind == FileKind::File)
            && volume
                .open(&path, false)
                .and_then(|file| file.start(MARK.len()))
                .is_ok_and(|start| start == MARK);
        is_ours && volume.remove(&path).is_ok()
    }

    /// Gives the room to whoever is quick. Answers whether there was any.
    pub(crate) fn give_up(&mut self, volume: &dyn Volume) -> bool {
        std::mem::take(&mut self.is_held) && volume.remove(&self.path).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::volume::os::OsVolume;

    #[test]
    fn a_ballast_is_taken_once_and_given_up_once() {
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
        assert!(next_run.give_up(&OsVolume) && !next_run.give_up(&OsVolume));
        assert!(!ballast.path.exists());
    }

    #[test]
    fn a_file_of_that_name_that_is_not_ours_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mut ballast = Ballast::new(&dir.path().join("shop.larder"), 1 << 30);
        std::fs::write(&ballast.path, "somebody's letters").unwrap();
        ballast.take(&OsVolume);
        assert!(!ballast.is_held() && !ballast.give_up(&OsVolume));
        assert_eq!(std::fs::read(&ballast.path).unwrap(), b"somebody's letters");
    }
}
