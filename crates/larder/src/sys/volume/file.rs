//! An open file of a volume: its content, and the descriptor for its locks.

use std::io;
use std::ops::Range;

use redb::StorageBackend;

use super::content::FileContent;
use super::forward_backend::forward_backend;
use super::forward_locks::forward_locks;
use super::seal::Seal;
use super::written::{FileStart, OwnWrites, WrittenFile};
#[cfg(feature = "async")]
use crate::sys::inline_calls;
use crate::sys::sync::Arc;

/// An open file of a volume, in the form that redb needs.
#[derive(Debug)]
pub(crate) struct VolumeFile {
    pub(super) content: Arc<dyn FileContent>,
    /// The descriptor for the locks. `None` if the locks are on the content's descriptor.
    pub(super) locks: Option<Arc<dyn FileContent>>,
    pub(super) seal: Seal,
    pub(super) own: OwnWrites,
}

impl VolumeFile {
    pub(crate) fn new(content: impl FileContent) -> Self {
        Self { content: Arc::new(content), locks: None, seal: Seal::default(), own: OwnWrites::default() }
    }

    /// Wraps a file that is open twice. The locks are on a descriptor that is neither read nor written. So a
    /// forked child can close that descriptor while a thread of its parent uses the other one
    /// ([`super::tracked`]).
    pub(super) fn with_locks(content: impl FileContent, locks: impl FileContent) -> Self {
        Self { locks: Some(Arc::new(locks)), ..Self::new(content) }
    }

    /// Begins to follow the writes through this handle. From now on, a write to the first bytes of the file,
    /// and a change of its length, first check that the file begins as the writes have left it, and is as
    /// long. If it is not, they fail, and the file is sealed. Otherwise they would repair the header or the
    /// length of a file that another program has overwritten, and hide the damage.
    pub(crate) fn follow_writes(&self) -> io::Result<WrittenFile> {
        self.own.begin(FileStart::of(&*self.content)?);
        Ok(self.written())
    }

    fn written(&self) -> WrittenFile {
        WrittenFile { content: self.content.clone(), seal: self.seal.clone(), own: self.own.clone() }
    }

    fn locks(&self) -> &dyn FileContent {
        self.locks.as_deref().unwrap_or(&*self.content)
    }

    /// Returns at most `most` bytes from the start of the file.
    pub(crate) fn start(&self, most: usize) -> io::Result<Vec<u8>> {
        let len = usize::try_from(self.len()?).unwrap_or(usize::MAX).min(most);
        let mut bytes = vec![0; len];
        self.read(0, &mut bytes)?;
        Ok(bytes)
    }
}

impl FileContent for VolumeFile {
    fn punch(&self, offset: u64, len: u64) -> io::Result<()> {
        self.seal.check()?;
        self.content.punch(offset, len)
    }

    fn data(&self) -> io::Result<Vec<Range<u64>>> {
        self.content.data()
    }
}

impl StorageBackend for VolumeFile {
    forward_backend! { content: len }

    #[cfg(feature = "async")]
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        inline_calls::read(|| self.content.read(offset, out))
    }

    #[cfg(not(feature = "async"))]
    forward_backend! { content: read }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.seal.check()?;
        self.written().check()?;
        let done = self.content.set_len(len);
        self.own.note_len(&done, len);
        done
    }

    fn sync_data(&self) -> io::Result<()> {
        self.seal.check()?;
        self.content.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.seal.check()?;
        if self.own.follows(offset) {
            self.written().check()?;
        }
        let done = self.content.write(offset, data);
        self.own.note_write(&done, offset, data);
        done
    }

    fn close(&self) -> io::Result<()> {
        self.content.close()?;
        self.locks.as_ref().map_or(Ok(()), |locks| locks.close())
    }

    forward_locks!(locks());
}
