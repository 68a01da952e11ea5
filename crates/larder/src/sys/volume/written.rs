//! The first bytes and the length of a file, as its own writes have left them.
//!
//! They are not read from the file after a write, because another program may have overwritten the file
//! meanwhile. Its bytes would then pass for bytes of this process.

use std::io;

use super::content::FileContent;
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

/// Follows the writes of a handle. All clones follow the same handle.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnWrites(Arc<UncontendedRwLock<Option<FileStart>>>);

impl OwnWrites {
    /// Begins to follow the writes to a file that now begins like this.
    pub(super) fn begin(&self, start: FileStart) {
        *self.0.write() = Some(start);
    }

    /// Returns what the file must begin with, and its length. Returns `None` if this is unknown, because a
    /// write has failed.
    pub(crate) fn expected(&self) -> Option<FileStart> {
        self.0.read().clone()
    }

    /// Returns whether a write at this offset may change bytes that are compared.
    pub(super) fn follows(&self, offset: u64) -> bool {
        offset < WATCHED_LEN as u64 && self.0.read().is_some()
    }

    /// Records the result of a write. After a failed write, the file may have any part of the data.
    pub(super) fn note_write(&self, done: &io::Result<()>, offset: u64, data: &[u8]) {
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
        own.note_write(&Err(io::ErrorKind::StorageFull.into()), 0, b"x");
        assert_eq!(own.expected(), None);
        assert!(!own.follows(0));
    }
}
