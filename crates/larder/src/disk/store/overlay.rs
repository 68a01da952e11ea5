//! An overlay over a file. redb reads and repairs the overlay, and the file does not change.
//!
//! A file that was not closed must be repaired before it can be read, and the repair writes. A file that may
//! be foreign must not be written. So the repair runs on an overlay: reads come from the file, and writes
//! stay in memory and are discarded. Locks are taken on the file itself, so a file in use is detected.
//!
//! redb commits when it closes a database. Over an overlay this commit is useless, and on some damaged pages
//! it aborts the process ([`super::system_tree`]). So dropping an [`OverlaidDatabase`] first makes the
//! overlay refuse all reads and writes. Then the commit fails at its first page.

use std::collections::HashMap;
use std::io;
use std::ops::{Bound, Deref};

use redb::{BackendError, Builder, Database, StorageBackend};

use super::guard::Guarded;
use crate::sys::sync::{Arc, AtomicBool, Mutex, Ordering};
use crate::sys::volume::file::VolumeFile;

const BLOCK: u64 = 4096;

#[derive(Debug)]
pub(crate) struct Overlay {
    file: VolumeFile,
    /// Whether redb's lock calls do nothing: this process already holds the locks, or needs none.
    is_own: bool,
    changes: Mutex<OverlayPages>,
    /// Whether all reads and writes are refused.
    is_over: Arc<AtomicBool>,
}

#[derive(Debug)]
struct OverlayPages {
    len: u64,
    /// Bytes below this offset come from the file, unless a block in memory replaces them.
    file_len: u64,
    blocks: HashMap<u64, Box<[u8]>>,
}

impl Overlay {
    pub(crate) fn new(file: VolumeFile) -> io::Result<Self> {
        let len = file.len()?;
        let changes = Mutex::new(OverlayPages { len, file_len: len, blocks: HashMap::new() });
        Ok(Self { file, is_own: false, changes, is_over: Arc::default() })
    }

    /// Creates an overlay on a file that this process has open for writing. The file must not be written
    /// while the overlay exists.
    pub(crate) fn of_open_file(file: VolumeFile) -> io::Result<Self> {
        Ok(Self { is_own: true, ..Self::new(file)? })
    }

    /// Creates an overlay with these first bytes and this length, and takes no lock. The first bytes
    /// describe a commit. Later commits of another process are not visible, as long as no page of that
    /// commit is reused.
    pub(crate) fn frozen(file: VolumeFile, len: u64, start: &[u8]) -> io::Result<Self> {
        let overlay = Self { is_own: true, ..Self::new(file)? };
        {
            let mut changes = overlay.changes.lock();
            (changes.len, changes.file_len) = (len, len);
        }
        overlay.write(0, start)?;
        Ok(overlay)
    }

    fn refuse_if_over(&self) -> io::Result<()> {
        if self.is_over.load(Ordering::SeqCst) {
            return Err(io::Error::other("the overlay is no longer used"));
        }
        Ok(())
    }

    fn block(&self, changes: &OverlayPages, number: u64) -> io::Result<Box<[u8]>> {
        if let Some(block) = changes.blocks.get(&number) {
            return Ok(block.clone());
        }
        let mut block = vec![0; usize::try_from(BLOCK).unwrap_or(0)].into_boxed_slice();
        let start = number * BLOCK;
        let held = usize::try_from(changes.file_len.saturating_sub(start).min(BLOCK)).unwrap_or(0);
        if let Some(head) = block.get_mut(..held).filter(|head| !head.is_empty()) {
            self.file.read(start, head)?;
        }
        Ok(block)
    }

    /// Calls `visit` for each block that a range of bytes overlaps. The arguments are the block's number,
    /// the offset in the block, the offset in the range, and the number of bytes.
    fn each_block(
        offset: u64,
        len: usize,
        mut visit: impl FnMut(u64, usize, usize, usize) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut done = 0;
        while done < len {
            let at = offset + done as u64;
            let within = usize::try_from(at % BLOCK).unwrap_or(0);
            let count = (len - done).min(usize::try_from(BLOCK).unwrap_or(0) - within);
            visit(at / BLOCK, within, done, count)?;
            done += count;
        }
        Ok(())
    }
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.changes.lock().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.refuse_if_over()?;
        let changes = self.changes.lock();
        if offset.saturating_add(out.len() as u64) > changes.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Self::each_block(offset, out.len(), |number, within, done, count| {
            let block = self.block(&changes, number)?;
            if let Some((to, from)) = out.get_mut(done..done + count).zip(block.get(within..within + count)) {
                to.copy_from_slice(from);
            }
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut changes = self.changes.lock();
        changes.len = len;
        changes.file_len = changes.file_len.min(len);
        changes.blocks.retain(|number, _| number * BLOCK < len);
        // If the length grows again, the bytes that were cut off must be zero, also in the last block.
        let kept = usize::try_from(len % BLOCK).unwrap_or(0);
        if let Some(cut) = changes.blocks.get_mut(&(len / BLOCK)).and_then(|block| block.get_mut(kept..)) {
            cut.fill(0);
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.refuse_if_over()?;
        let mut changes = self.changes.lock();
        changes.len = changes.len.max(offset.saturating_add(data.len() as u64));
        Self::each_block(offset, data.len(), |number, within, done, count| {
            let mut block = self.block(&changes, number)?;
            if let Some((to, from)) = block.get_mut(within..within + count).zip(data.get(done..done + count))
            {
                to.copy_from_slice(from);
            }
            changes.blocks.insert(number, block);
            Ok(())
        })
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        if self.is_own { Ok(true) } else { self.file.try_lock_range(start, end) }
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        if self.is_own { Ok(true) } else { self.file.try_lock_shared_range(start, end) }
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        if self.is_own { Ok(()) } else { self.file.lock_range(start, end) }
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        if self.is_own { Ok(()) } else { self.file.lock_shared_range(start, end) }
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        if self.is_own { Ok(()) } else { self.file.unlock_range(start, end) }
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        if self.is_own { Ok(false) } else { self.file.query_lock_range(start, end) }
    }
}

pub(crate) struct OverlaidDatabase {
    db: Guarded<Database>,
    is_over: Arc<AtomicBool>,
}

impl OverlaidDatabase {
    /// Opens the database. Must be called inside [`guarded`](super::guard::guarded).
    pub(crate) fn open(builder: &Builder, overlay: Overlay) -> Result<Self, redb::Error> {
        let is_over = overlay.is_over.clone();
        Ok(Self { db: Guarded::new(builder.create_with_backend(overlay)?), is_over })
    }
}

impl Deref for OverlaidDatabase {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.db
    }
}

impl Drop for OverlaidDatabase {
    fn drop(&mut self) {
        // The fields drop after this function, so the commit that closes the database is refused.
        self.is_over.store(true, Ordering::SeqCst);
    }
}

pub(crate) fn contains(file: &VolumeFile, needle: &[u8]) -> io::Result<bool> {
    const WINDOW: u64 = 1 << 20;
    let len = file.len()?;
    // Adjacent windows overlap, because the byte string may begin in one window and end in the next.
    let overlap = needle.len().saturating_sub(1) as u64;
    let mut start = 0;
    while start < len {
        let mut window = vec![0; usize::try_from((len - start).min(WINDOW + overlap)).unwrap_or(0)];
        file.read(start, &mut window)?;
        if window.windows(needle.len()).any(|part| part == needle) {
            return Ok(true);
        }
        start += WINDOW;
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::volume::Volume;
    use crate::sys::volume::os::OsVolume;

    #[test]
    fn an_overlay_reads_its_writes_and_leaves_the_file_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let original: Vec<u8> = (0..10_000_u32).map(|byte| (byte % 251) as u8).collect();
        std::fs::write(&path, &original).unwrap();
        let overlay = Overlay::new(OsVolume.open(&path, false).unwrap()).unwrap();
        overlay.write(4_000, &[255; 200]).unwrap();
        overlay.set_len(9_000).unwrap();
        overlay.set_len(12_000).unwrap();
        let mut expected = original.clone();
        expected[4_000..4_200].fill(255);
        expected.truncate(9_000);
        expected.resize(12_000, 0);
        let mut read = vec![1; 12_000];
        overlay.read(0, &mut read).unwrap();
        assert!(read == expected);
        // The block of this offset is in memory.
        overlay.set_len(4_150).unwrap();
        overlay.set_len(12_000).unwrap();
        expected.truncate(4_150);
        expected.resize(12_000, 0);
        overlay.read(0, &mut read).unwrap();
        assert!(read == expected);
        assert!(overlay.read(11_999, &mut [0; 2]).is_err());
        assert!(std::fs::read(&path).unwrap() == original);
    }

    #[test]
    fn a_byte_string_is_found_across_reads() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let mut bytes = vec![b'x'; (1 << 20) - 3];
        bytes.extend_from_slice(b"larder.meta");
        std::fs::write(&path, bytes).unwrap();
        let file = OsVolume.open(&path, false).unwrap();
        assert!(contains(&file, b"larder.meta").unwrap());
        assert!(!contains(&file, b"larder.mete").unwrap());
    }
}
