//! An open file of a volume: its content, and the descriptor for its locks.

use std::io;
use std::ops::Range;

use redb::StorageBackend;

use super::content::FileContent;
use super::forward_backend::forward_backend;
use super::forward_locks::forward_locks;
use super::seal::Seal;
#[cfg(feature = "async")]
use crate::sys::inline_calls;

/// An open file of a volume, in the form that redb needs.
#[derive(Debug)]
pub(crate) struct VolumeFile {
    pub(super) content: Box<dyn FileContent>,
    /// The descriptor for the locks. `None` if the locks are on the content's descriptor.
    pub(super) locks: Option<Box<dyn FileContent>>,
    pub(super) seal: Seal,
}

impl VolumeFile {
    pub(crate) fn new(content: impl FileContent) -> Self {
        Self { content: Box::new(content), locks: None, seal: Seal::default() }
    }

    pub(crate) fn seal(&self) -> Seal {
        self.seal.clone()
    }

    /// Wraps a file that is open twice. The locks are on a descriptor that is neither read nor written. So a
    /// forked child can close that descriptor while a thread of its parent uses the other one
    /// ([`super::tracked`]).
    pub(super) fn with_locks(content: impl FileContent, locks: impl FileContent) -> Self {
        Self { content: Box::new(content), locks: Some(Box::new(locks)), seal: Seal::default() }
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
        self.content.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.seal.check()?;
        self.content.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.seal.check()?;
        self.content.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.content.close()?;
        self.locks.as_ref().map_or(Ok(()), |locks| locks.close())
    }

    forward_locks!(locks());
}
