//! Checks whether a restart would find the open file, with everything that was written.
//!
//! The anchor identifies the file. The path is checked after each commit and before callers are answered. The
//! check detects whether the file was moved, replaced or removed before the commit returned. A file that is
//! moved or removed later already contains everything that was acknowledged.
//!
//! Some file systems change the identity of a file over time. So if the identity at the path differs, a
//! number is written into the open file and read through the path. The number is in a part of the first page
//! that redb does not use. If the number is found, the path leads to the open file. Not even a copy made
//! after the latest commit contains the number.
//!
//! Only the steps of the writer change the file. So each step must find the first bytes and the length that
//! the writes of the previous steps have left ([`WrittenFile`](crate::sys::volume::written::WrittenFile)).
//! Otherwise another program has truncated or overwritten the file in place.

use std::io;
use std::path::Path;

use redb::StorageBackend;

use crate::disk::file::evidence::{PROBE_AT, PROBE_LEN};
use crate::disk::store::database::OpenOptions;
use crate::disk::store::guard::StoreError;
use crate::disk::store::redb_store::Store;
use crate::sys::volume::written::{FileStart, WATCHED_LEN};
use crate::sys::volume::{Anchor, FileKind, Volume};

/// Where the open file is, compared with its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathPlace {
    /// At its path.
    Here,
    /// At its path, although the identity there differs. A number that was written into the open file was
    /// read through the path.
    HereByProbe,
    /// Removed, and without another name.
    Removed,
    /// At another path, and no file is at its own path.
    Moved,
    /// A different file is at its path.
    Replaced,
}

impl PathPlace {
    pub(super) fn of(volume: &dyn Volume, path: &Path, anchor: &dyn Anchor) -> io::Result<Self> {
        Ok(match volume.metadata(path)? {
            Some(metadata) if metadata.identity == anchor.identity() => Self::Here,
            Some(metadata) if metadata.kind == FileKind::File && probe(volume, path, anchor) => {
                Self::HereByProbe
            }
            Some(_) => Self::Replaced,
            None if anchor.has_name()? => Self::Moved,
            None => Self::Removed,
        })
    }

    /// Returns the error to report for this place, or `None` if the file is at its path.
    pub(super) fn error(self) -> Option<StoreError> {
        match self {
            Self::Here | Self::HereByProbe => None,
            Self::Removed => Some(StoreError::removed()),
            Self::Moved => Some(StoreError::displaced("the cache file was moved away")),
            Self::Replaced => {
                Some(StoreError::displaced("another file stands in the place of the cache file"))
            }
        }
    }
}

/// Writes a new number into the open file. Returns whether the same number is then read through the path.
/// Returns false after an error.
fn probe(volume: &dyn Volume, path: &Path, anchor: &dyn Anchor) -> bool {
    let number_in = |start: &[u8]| {
        let found = start.get(PROBE_AT..PROBE_AT + PROBE_LEN)?;
        found.try_into().ok().map(u64::from_be_bytes)
    };
    let written = anchor.start(PROBE_AT + PROBE_LEN).and_then(|start| {
        let next = number_in(&start).ok_or(io::ErrorKind::UnexpectedEof)?.wrapping_add(1);
        anchor.write(PROBE_AT as u64, &next.to_be_bytes()).map(|()| next)
    });
    let Ok(written) = written else { return false };
    let read = volume.open(path, false).and_then(|file| {
        let mut found = [0; PROBE_LEN];
        file.read(PROBE_AT as u64, &mut found)?;
        Ok(u64::from_be_bytes(found))
    });
    read.is_ok_and(|read| read == written)
}

/// Opens an anchor on the file at the path.
///
/// # Errors
/// Also returns an error if this is not the file that the store has open. Otherwise a file that was renamed
/// over the path after the store was opened would pass for the cache file, and would be renamed as such.
pub(super) fn anchor_of(store: &Store, options: &OpenOptions) -> io::Result<Box<dyn Anchor>> {
    let anchor = options.volume.anchor(&options.path)?;
    let found = FileStart { bytes: anchor.start(WATCHED_LEN)?, len: anchor.metadata()?.len };
    if store.expected().is_some_and(|expected| expected != found) {
        return Err(io::Error::other("another program has replaced or changed it while it was opened"));
    }
    Ok(anchor)
}
