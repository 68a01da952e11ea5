//! The quarantine: damaged files are moved aside, and the latest ones are kept beside the cache file.

use std::io;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::directories::sync_directory_of;
use super::names::{DAMAGED, beside, dated};
use crate::sys::volume::Volume;

/// Durably moves a damaged file aside. Returns its new path, which contains the time.
pub(super) fn quarantine(volume: &dyn Volume, path: &Path, now_ms: u64) -> io::Result<PathBuf> {
    let new_path = move_aside(volume, path, DAMAGED, now_ms)?;
    sync_directory_of(volume, path)?;
    remove_old_quarantined(volume, path, Some(&new_path));
    Ok(new_path)
}

/// Number of further names to try if a file with the first name exists.
const ATTEMPTS: u64 = 100;

/// Renames a file to a new name that contains a word and the time. The rename is not durable until the
/// directory is synced.
pub(super) fn move_aside(volume: &dyn Volume, path: &Path, word: &str, now_ms: u64) -> io::Result<PathBuf> {
    // If the clock is at its maximum, adding the attempt must not overflow.
    let first = now_ms.min(u64::MAX - ATTEMPTS);
    let mut attempt = 0;
    loop {
        let new_path = beside(path, &format!("{word}{}", first + attempt));
        match volume.rename(path, &new_path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && attempt < ATTEMPTS => attempt += 1,
            done => return done.map(|()| new_path),
        }
    }
}

/// Maximum number of damaged files that are kept beside a cache. Older ones are deleted.
pub const MAX_QUARANTINED: usize = 3;

/// Deletes all but the [`MAX_QUARANTINED`] latest damaged files. Keeps `latest` even if its name contains an
/// earlier time. Best effort: if a file cannot be deleted now, a later call retries.
pub(super) fn remove_old_quarantined(volume: &dyn Volume, path: &Path, latest: Option<&Path>) {
    let mut kept = dated(volume, path, DAMAGED);
    kept.retain(|old| Some(&**old) != latest);
    for old in kept.iter().rev().skip(MAX_QUARANTINED - usize::from(latest.is_some())) {
        drop(volume.remove(old));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::sys::volume::os::OsVolume;

    #[test]
    fn only_the_latest_damaged_files_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shop.larder");
        for time in 1_000..1_010 {
            fs::write(&path, "x").unwrap();
            quarantine(&OsVolume, &path, time).unwrap();
        }
        let mut left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(
            left,
            ["shop.larder.damaged-1007", "shop.larder.damaged-1008", "shop.larder.damaged-1009"]
        );
    }
}
