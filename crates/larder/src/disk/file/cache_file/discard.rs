//! Discards a file, so that no restart finds it: renames the file and makes the rename durable.
//!
//! Only the file that this process has opened is renamed. Its anchor identifies it. If another program has
//! moved our file away, the file may come back, so it does not count as gone. A different file at its path is
//! never renamed. If another program has deleted our file, it is gone once the deletion is durable. After a
//! failure, the next attempt continues where the last one stopped.

use std::io;
use std::path::{Path, PathBuf};

use super::place::PathPlace;
use crate::disk::file::directories::sync_directory_of;
use crate::disk::file::names;
use crate::disk::file::quarantine::move_aside;
use crate::sys::volume::{Anchor, Volume};
use crate::units::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DiscardProgress {
    AtItsPath,
    /// Renamed, but a crash may still undo the rename.
    Renamed(PathBuf),
    /// Deleted by another program, but a crash may still undo the deletion.
    Deleted,
    Gone,
}

impl DiscardProgress {
    /// Runs as many of the remaining steps as the disk allows. `Ok` means that the file is gone, and
    /// contains the new path if the file was renamed.
    pub(super) fn advance(
        &mut self,
        volume: &dyn Volume,
        path: &Path,
        anchor: &dyn Anchor,
        word: &str,
        now: Timestamp,
    ) -> io::Result<Option<PathBuf>> {
        if *self == Self::AtItsPath {
            *self = rename(volume, path, anchor, word, now)?;
        }
        if *self != Self::Gone {
            sync_names(volume, path)?;
        }
        match std::mem::replace(self, Self::Gone) {
            Self::Renamed(new_path) => Ok(Some(new_path)),
            _ => Ok(None),
        }
    }
}

/// Makes the rename or removal of a file durable. If the file's directory was also removed, syncs the
/// nearest remaining directory.
fn sync_names(volume: &dyn Volume, path: &Path) -> io::Result<()> {
    let mut path = path;
    loop {
        match (sync_directory_of(volume, path), path.parent()) {
            (Err(error), Some(parent)) if error.kind() == io::ErrorKind::NotFound => path = parent,
            (done, _) => return done,
        }
    }
}

fn rename(
    volume: &dyn Volume,
    path: &Path,
    anchor: &dyn Anchor,
    word: &str,
    now: Timestamp,
) -> io::Result<DiscardProgress> {
    let identity = |path: &Path| Ok::<_, io::Error>(volume.metadata(path)?.map(|metadata| metadata.identity));
    match PathPlace::of(volume, path, anchor)? {
        PathPlace::Here | PathPlace::HereByProbe => {
            return move_aside(volume, path, word, now.as_millis()).map(DiscardProgress::Renamed);
        }
        // The file at the path may be an older copy of ours, which a restart would open as the cache file.
        PathPlace::Replaced => {
            return Err(io::Error::other("another file stands in the place of the cache file"));
        }
        PathPlace::Removed => return Ok(DiscardProgress::Deleted),
        PathPlace::Moved => {}
    }
    // A rename that was reported as failed may have succeeded, so the file is searched for under its new
    // names.
    for new_path in names::dated(volume, path, word) {
        if identity(&new_path)? == Some(anchor.identity()) {
            return Ok(DiscardProgress::Renamed(new_path));
        }
    }
    Err(io::Error::other("the cache file was moved away, and might come back"))
}
