//! The first bytes and the length of a file, as its own writes have left them.
//!
//! They are not read from the file after a write, because another program may have overwritten the file
//! meanwhile. Its bytes would then pass for bytes of this process.

use std::io;

use super::content::FileContent;
use super::seal::{Seal, SealedLen};
use crate::sys::sync::{Arc, UncontendedRwLock};

/// Number of bytes that are compared: the header of redb's files, with its two commit slots.
pub(crate) const WATCHED_LEN: usize = 320;

/// The first bytes and the length of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileStart {
    pub(crate) bytes: Vec<u8>,
    pub(crate) len: u64,
}

impl FileStart {
    pub(super) fn of(content: &dyn FileContent) -> io::Result<Self> {
        let len = content.len()?;
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX).min(WATCHED_LEN)];
        content.read(0, &mut bytes)?;
        Ok(Self { bytes, len })
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        self.set_len(self.len.max(offset + data.len() as u64));
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        for (at, byte) in self.bytes.iter_mut().skip(offset).zip(data) {
            *at = *byte;
        }
    }

    fn set_len(&mut self, len: u64) {
        self.len = len;
        self.bytes.resize(usize::try_from(len).unwrap_or(usize::MAX).min(WATCHED_LEN), 0);
    }
}

/// A handle whose writes are followed. All clones are the same handle.
#[derive(Debug, Clone)]
pub(crate) struct WrittenFile {
    pub(super) content: Arc<dyn FileContent>,
    pub(super) seal: Seal,
    pub(super) own: OwnWrites,
}

impl WrittenFile {
    /// Returns what the file must begin with, and its length. Returns `None` if this is unknown, because a
    /// write of the first bytes or a change of the length has failed.
    pub(crate) fn expected(&self) -> Option<FileStart> {
        self.own.expected()
    }

    pub(crate) fn seal(&self) -> Seal {
        self.seal.clone()
    }

    /// Checks that the file begins as the writes have left it, and is as long. If it is not, seals the file.
    /// Reads through the handle that writes. On some network file systems, another descriptor of the file may
    /// still show older bytes, and a healthy file would be sealed.
    pub(crate) fn check(&self) -> io::Result<()> {
        let Some(expected) = self.own.expected() else { return Ok(()) };
        let found = match FileStart::of(&*self.content) {
            Ok(found) if found == expected => return Ok(()),
            Ok(found) => found.len,
            // A file that is cut meanwhile cannot be read up to its length.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => self.content.len().unwrap_or(0),
            Err(error) => return Err(error),
        };
        self.seal.set(SealedLen { expected: expected.len, found });
        self.seal.check()
    }
}

/// Follows the writes of a handle. All clones follow the same handle.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnWrites(Arc<UncontendedRwLock<Option<FileStart>>>);

impl OwnWrites {
    /// Begins to follow the writes to a file that now begins like this.
    pub(super) fn begin(&self, start: FileStart) {
        *self.0.write() = Some(start);
    }

    /// Returns what the file must begin with, and its length. Returns `None` if the handle is not followed,
    /// or if a write of these bytes or a change of the length has failed.
    fn expected(&self) -> Option<FileStart> {
        self.0.read().clone()
    }

    /// Returns whether a write at this offset may change bytes that are compared.
    pub(super) fn follows(&self, offset: u64) -> bool {
        offset < WATCHED_LEN as u64 && self.0.read().is_some()
    }

    /// Records the result of a write. After a failed write, the file may have any part of the data. But a
    /// write behind the first bytes and within the length changes neither.
    pub(super) fn note_write(&self, done: &io::Result<()>, offset: u64, data: &[u8]) {
        let end = offset.saturating_add(data.len() as u64);
        let is_behind = offset >= WATCHED_LEN as u64;
        if is_behind && self.0.read().as_ref().is_some_and(|start| end <= start.len) {
            return;
        }
        self.note(done, |start| start.write(offset, data));
    }

    /// Records the result of a change of the length.
    pub(super) fn note_len(&self, done: &io::Result<()>, len: u64) {
        self.note(done, |start| start.set_len(len));
    }

    fn note(&self, done: &io::Result<()>, change: impl FnOnce(&mut FileStart)) {
        let mut start = self.0.write();
        match done {
            Ok(()) => start.as_mut().map_or((), change),
            Err(_) => *start = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_writes_of_a_handle_are_followed_until_one_fails() {
        let own = OwnWrites::default();
        own.note_len(&Ok(()), 9);
        assert_eq!(own.expected(), None, "it has not begun");
        own.begin(FileStart { bytes: Vec::new(), len: 0 });
        own.note_len(&Ok(()), 4);
        own.note_write(&Ok(()), 2, b"abc");
        assert_eq!(own.expected().unwrap(), FileStart { bytes: b"\0\0abc".to_vec(), len: 5 });
        own.note_write(&Ok(()), 4096, b"page");
        let FileStart { bytes, len } = own.expected().unwrap();
        assert_eq!((bytes.len(), &bytes[..6], len), (WATCHED_LEN, &b"\0\0abc\0"[..], 4100));
        assert!(own.follows(319) && !own.follows(320));
        let full = || -> io::Result<()> { Err(io::ErrorKind::StorageFull.into()) };
        own.note_write(&full(), 4_000, &[7; 100]);
        assert_eq!(own.expected().unwrap(), FileStart { bytes, len }, "it can change neither");
        let longer = OwnWrites::default();
        longer.begin(own.expected().unwrap());
        longer.note_write(&full(), 4_000, &[7; 101]);
        assert_eq!(longer.expected(), None, "the file may be longer now");
        own.note_write(&full(), 0, b"x");
        assert_eq!(own.expected(), None);
        assert!(!own.follows(0));
    }
}
