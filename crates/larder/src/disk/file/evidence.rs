//! Evidence that an unreadable file is one of our cache files, and so may be moved aside.
//!
//! redb may put the names of our tables anywhere in the file, and a truncated or overwritten file may have
//! lost these names. So once an owner has accepted a file, it writes two pieces of evidence:
//!
//! - The **mark**, in the file: a word, the file's identity and their checksum. The mark is in a part of the
//!   first page that redb does not use. So the mark survives a truncation behind it.
//! - **Lines in the lock file** (`<path>.lock`): the identity of the file that was accepted at this path,
//!   and its place in the file system. The lines stay when the cache is closed.
//!
//! A file is ours if one of these conditions is true:
//!
//! 1. The file begins like redb's files and contains the marker of our tables.
//! 2. The file has the mark, and the lock file does not name a different identity.
//! 3. The file is too short to have a mark, and so too short to be a database of another program. It begins
//!    like redb's files, as far as it is long enough, and it is at the place in the file system that the
//!    lock file names.
//! 4. The file has no valid mark, and contains the identity that the lock file names. The identity is 16
//!    random bytes. This rule recognizes a file whose first page was overwritten.
//!
//! If a foreign file is at the path later, it is not accepted, because it has neither the mark nor the
//! identity. File systems reuse inodes, so the lock file also records when our file was created. If the file
//! system does not record that time, rule 3 never applies.

use std::path::Path;
use std::{fmt, io};

use crate::disk::store::identity::FileIdentity;
use crate::disk::store::overlay;
use crate::disk::store::redb_header::REDB_MAGIC;
use crate::disk::store::tables::marker;
use crate::format::record::checksum;
use crate::sys::volume::file::VolumeFile;
use crate::sys::volume::{Metadata, Volume};

/// Offset of the mark in the first page, after the sector with redb's header.
pub(super) const MARK_AT: u64 = 512;
const WORD: [u8; 16] = *b"larder's file:\0\0";
const MARK_LEN: usize = WORD.len() + FileIdentity::LEN + 8;
pub(super) const MARK_END: usize = 512 + MARK_LEN;

/// Offset and length of a number that distinguishes a file from its copies ([`super::cache_file`]).
pub(super) const PROBE_AT: usize = 1024;
pub(super) const PROBE_LEN: usize = 8;

pub(super) fn mark(identity: FileIdentity) -> [u8; MARK_LEN] {
    let mut bytes = [0; MARK_LEN];
    let parts = WORD.iter().chain(&identity.to_bytes()).copied().collect::<Vec<u8>>();
    let sum = checksum(&WORD, &parts).to_be_bytes();
    for (at, byte) in bytes.iter_mut().zip(parts.iter().chain(&sum)) {
        *at = *byte;
    }
    bytes
}

/// Returns the identity in the mark of a file that begins with these bytes, or `None` if the mark is missing
/// or incorrect.
pub(super) fn marked(start: &[u8]) -> Option<FileIdentity> {
    let found = start.get(usize::try_from(MARK_AT).ok()?..MARK_END)?;
    let identity = found.get(WORD.len()..WORD.len() + FileIdentity::LEN)?.try_into().ok()?;
    let identity = FileIdentity::from_bytes(identity);
    (mark(identity) == found).then_some(identity)
}

/// The place of a file in the file system, and when the file was created. No later file has the same values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FilePlace {
    device: u64,
    inode: u64,
    born: u64,
}

impl FilePlace {
    /// Returns `None` if the file system does not record when a file was created.
    pub(crate) fn of(metadata: &Metadata) -> Option<Self> {
        metadata.born.map(|born| Self { device: metadata.identity.0, inode: metadata.identity.1, born })
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(':').map(|part| part.parse().ok());
        let place = Self { device: parts.next()??, inode: parts.next()??, born: parts.next()?? };
        parts.next().is_none().then_some(place)
    }
}

impl fmt::Display for FilePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.device, self.inode, self.born)
    }
}

/// The file that was last accepted at a path, according to the lock file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) identity: FileIdentity,
    pub(crate) place: Option<FilePlace>,
}

/// Returns whether an unreadable file is ours, by the rules of the module.
pub(super) fn is_ours(
    volume: &dyn Volume,
    path: &Path,
    file: &VolumeFile,
    accepted: Option<&Accepted>,
) -> io::Result<bool> {
    let start = file.start(MARK_END)?;
    if start.starts_with(&REDB_MAGIC) && overlay::contains(file, &marker())? {
        return Ok(true);
    }
    if let Some(identity) = marked(&start) {
        return Ok(accepted.is_none_or(|accepted| accepted.identity == identity));
    }
    let Some(accepted) = accepted else { return Ok(false) };
    if start.len() < MARK_END {
        let begins_so = start.iter().zip(&REDB_MAGIC).all(|(found, expected)| found == expected);
        let place = volume.metadata(path)?.and_then(|metadata| FilePlace::of(&metadata));
        return Ok(begins_so && place.is_some() && place == accepted.place);
    }
    overlay::contains(file, &accepted.identity.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_made_or_not_at_all() {
        let identity = FileIdentity::from_bytes([7; 16]);
        let mut start = vec![0; MARK_END];
        start[512..].copy_from_slice(&mark(identity));
        assert_eq!(marked(&start), Some(identity));
        for len in 0..start.len() {
            assert_eq!(marked(&start[..len]), None, "cut to {len}");
        }
        for at in 512..start.len() {
            let mut harmed = start.clone();
            harmed[at] ^= 1;
            assert_eq!(marked(&harmed), None, "byte {at} is another");
        }
    }

    #[test]
    fn the_bytes_of_a_mark_are_pinned() {
        let mark = mark(FileIdentity::from_bytes(*b"0123456789abcdef"));
        assert_eq!(&mark[..32], b"larder's file:\0\x000123456789abcdef");
        let sum = u64::from_be_bytes(mark[32..].try_into().unwrap());
        assert_eq!(sum, checksum(b"larder's file:\0\0", &mark[..32]));
    }

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let place = FilePlace { device: 66, inode: u64::MAX, born: 1_767_225_600_000_000_000 };
        assert_eq!(FilePlace::read(&place.to_string()), Some(place));
        for other in ["", "1:2", "1:2:3:4", "1:2:x", "1:2:-3"] {
            assert_eq!(FilePlace::read(other), None, "{other}");
        }
    }
}
