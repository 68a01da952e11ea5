//! Whether a restart would find the file that is open, and in it what was written.
//!
//! The file is known by its anchor. Before anybody is answered its path is looked at, after the commit that
//! the answer is about: a file that is moved, replaced or removed before the commit returns is noticed, and
//! one that is so later than that had what was acknowledged.
//!
//! Some file systems give a file another identity with time. So where the identity at the path is another, a
//! number is written into the file that is open, in the part of its first page that the store leaves alone,
//! and read through the path. If it is found, that is the same file, whatever the file system calls it; not
//! even a copy of the latest commit has it.
//!
//! Nobody but the store changes the file, and that in a step of the writer alone. So the first bytes and the
//! length that a step left must be those that the next one finds. Otherwise somebody has cut or overwritten
//! the file in its place, and what is in it is not what was written.

use std::io;
use std::path::Path;

use redb::StorageBackend;

use crate::disk::file::evidence::{PROBE_AT, PROBE_LEN};
use crate::disk::store::guard::StoreError;
use crate::disk::store::redb_header::HEADER_LEN;
use crate::sys::volume::{Anchor, FileKind, Volume};

/// Where the file is that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathPlace {
    /// At its path.
    Here,
    /// At its path, as what was written into it tells: its identity says otherwise.
    HereByProbe,
    /// Nowhere: it has no name.
    Removed,
    /// Somewhere else, and nothing is at its path.
    Moved,
    /// Another file is at its path.
    Replaced,
}

impl PathPlace {
    /// Looks where the file is.
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

    /// What it means that the file is there.
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

/// Whether what is written into the file that is open can be read through the path. A file that can't be read
/// is another one.
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

/// What the last step left in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WrittenBytes {
    start: Vec<u8>,
    len: u64,
}

impl WrittenBytes {
    pub(super) fn of(anchor: &dyn Anchor) -> io::Result<Self> {
        Ok(Self { start: anchor.start(HEADER_LEN)?, len: anchor.metadata()?.len })
    }

    /// What it means that the file is this now.
    pub(super) fn changed_to(&self, now: &Self) -> Option<StoreError> {
        if self == now {
            return None;
        }
        Some(StoreError::damage(if self.len == now.len {
            "another program has overwritten it".to_owned()
        } else {
            format!("another program has made {} bytes of its {}", now.len, self.len)
        }))
    }
}
