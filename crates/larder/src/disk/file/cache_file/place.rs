//! Whether a restart would find the open file, with everything that was written.
//!
//! The anchor identifies the file. After each commit, and before a caller is answered, the path is checked. A
//! file that is moved, replaced or removed before the commit returns is noticed. If that happens later, the
//! file already contained what was acknowledged.
//!
//! Some file systems change the identity of a file over time. So if the identity at the path differs, a
//! number is written into the open file and read through the path. It stands in a part of the first page that
//! redb leaves alone. If the number is found, it is the same file. Not even a copy of the latest commit
//! contains the number.
//!
//! Only the writer changes the file, through redb and in its steps. So each step must find the first bytes
//! and the length that the step before has left. Otherwise another program has cut or overwritten the file in
//! place, and its content is not what was written.

use std::io;
use std::path::Path;

use redb::StorageBackend;

use crate::disk::file::evidence::{PROBE_AT, PROBE_LEN};
use crate::disk::store::guard::StoreError;
use crate::disk::store::redb_header::HEADER_LEN;
use crate::sys::volume::{Anchor, FileKind, Volume};

/// Where the open file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathPlace {
    /// At its path.
    Here,
    /// At its path, as the number written into it shows. Its identity differs.
    HereByProbe,
    /// Nowhere: it has no name.
    Removed,
    /// At another path, and nothing is at its own.
    Moved,
    /// Another file is at its path.
    Replaced,
}

impl PathPlace {
    /// Finds out where the file is.
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

    /// Returns the error that follows from this place; none if the file is at its path.
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

/// Returns whether a number that is written into the open file can be read through the path. A file that
/// can't be read counts as another file.
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

/// The first bytes and the length that the last step has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WrittenBytes {
    start: Vec<u8>,
    len: u64,
}

impl WrittenBytes {
    pub(super) fn of(anchor: &dyn Anchor) -> io::Result<Self> {
        Ok(Self { start: anchor.start(HEADER_LEN)?, len: anchor.metadata()?.len })
    }

    /// Returns the error if the file differs now.
    pub(super) fn changed_to(&self, now: &Self) -> Option<StoreError> {
        if self == now {
            return None;
        }
        Some(StoreError::damage(if self.len == now.len {
            "another program has overwritten it".to_owned()
        } else {
            format!("another program has changed its length from {} to {} bytes", self.len, now.len)
        }))
    }
}
