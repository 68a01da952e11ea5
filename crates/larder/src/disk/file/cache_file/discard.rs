//! Putting a file aside so that no restart finds it: renamed, and the rename made durable.
//!
//! Only the file that was opened, told by its anchor: one that somebody moved away may come back, and one that took its place is not ours to
//! touch. One that somebody deleted, leaving its place empty, is gone once that is durable. What failed is done by the next try, from where it stands.

use std::io;
use std::path::{Path, PathBuf};

use super::place::PathPlace;
use crate::disk::file::directories::sync_directory_of;
use crate::disk::file::names;
use crate::disk::file::quarantine::move_aside;
use crate::sys::volume::{Anchor, Volume};
use crate::units::Timestamp;

/// How far a discarded file has been put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DiscardProgress {
    AtItsPath,
    /// Renamed, but the rename may not outlive a crash.
    Renamed(PathBuf),
    /// Deleted by somebody, and that may not outlive a crash.
    Deleted,
    Gone,
}

impl DiscardProgress {
    /// Goes as far as the disk allows. When it answers `Ok` the file is gone; where to, if it was renamed by this.
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

/// Makes what happened to a name durable. A directory that was removed with it is gone once that is durable,
/// in the nearest one that is left.
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
        // It may be an older copy of ours, which a restart would take for the cache file.
        PathPlace::Replaced => {
            return Err(io::Error::other("another file stands in the place of the cache file"));
        }
        PathPlace::Removed => return Ok(DiscardProgress::Deleted),
        PathPlace::Moved => {}
    }
    // A rename that was reported as failed may have been made.
    for new_path in names::dated(volume, path, word) {
        if identity(&new_path)? == Some(anchor.identity()) {
            return Ok(DiscardProgress::Renamed(new_path));
        }
    }
    Err(io::Error::other("the cache file was moved away, and might come back"))
}
