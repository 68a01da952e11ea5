//! Reads the metadata of a path and of an open file from the operating system.

use std::io::ErrorKind;
use std::path::Path;
use std::{fs, io};

use super::{FileKind, Identity, Metadata, content};

/// Returns the metadata of a path without following a symbolic link. Returns `None` if nothing is at the
/// path.
pub(super) fn metadata_at(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(metadata_of(&found))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn counts_blocks(path: &Path) -> bool {
    path.parent().is_some_and(content::counts_blocks)
}

pub(super) fn metadata_of(found: &fs::Metadata) -> Metadata {
    let kind = match found.file_type() {
        kind if kind.is_dir() => FileKind::Directory,
        kind if kind.is_symlink() => FileKind::Symlink,
        kind if kind.is_file() => FileKind::File,
        _ => FileKind::Special,
    };
    let born = found.created().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let born = born.and_then(|since| u64::try_from(since.as_nanos()).ok());
    let allocated = content::allocated(found);
    Metadata { kind, len: found.len(), allocated, identity: identity(found), born }
}

#[cfg(unix)]
pub(super) fn identity(found: &fs::Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    Identity(found.dev(), found.ino())
}

/// Returns the same identity for all files, because an open file cannot be replaced on these systems.
#[cfg(not(unix))]
pub(super) fn identity(_: &fs::Metadata) -> Identity {
    Identity(0, 0)
}
