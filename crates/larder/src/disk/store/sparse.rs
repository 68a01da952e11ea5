//! A sparse file for redb: the zeros at the end of pages become holes, and the number of blocks is limited.
//!
//! redb fills a new page with zeros. A value that is larger than a block gets a page of 2ⁿ blocks: for a
//! value of 33 kB, seven of 16 blocks are zeros. A hole reads back as the same zeros, so the zeros at the
//! end of a page are not written:
//!
//! 1. If a write consists of whole blocks, the blocks of zeros at the end are omitted.
//! 2. An omitted block may still have old data in the file, because the page was used before. Then a hole is
//!    punched in its place. If the file system has no holes, the zeros are written.
//!
//! For each block, a bit in memory says whether the block may have data. When the file is opened, the bits
//! are set for the blocks that the system reports. The bit of a block is set before the block is written,
//! and cleared after a hole was punched. So a block with data is never treated as a hole.
//!
//! The order of (1) and (2) does not matter, and a power loss may undo either of them. redb writes only to
//! pages that its last two commits do not use. redb makes a commit valid only when all writes of the commit
//! are synced. A failed punch is a failed write.
//!
//! The header is smaller than a block, and is written unchanged.
//!
//! **The bound.** All writes pass through this type, so it enforces the capacity. A write that would add
//! blocks beyond the capacity is refused. So is a length of more than twice the capacity. For redb this is a
//! failed write: the transaction fails as a whole, and the file must be opened again. The writer opens the
//! file, makes room and repeats the transaction ([`crate::engine::writer`]).
//!
//! Making room also needs some new blocks. So the last part of the capacity is a [`Reserve`], which only a
//! compaction and a repeated transaction may use. If a file exceeds its capacity when it is opened, the
//! bound begins only after the file has shrunk to its capacity. Its blocks of zeros first become holes,
//! because the file may be a copy without holes.

use std::io;
use std::ops::Range;

use redb::StorageBackend;

use crate::sys::sync::{Arc, AtomicBool, Mutex, Ordering};
use crate::sys::volume::content::{BLOCK, FileContent};
use crate::sys::volume::file::VolumeFile;
use crate::sys::volume::forward_backend::forward_backend;
use crate::sys::volume::forward_locks::forward_locks;

/// The capacity divided by this number is left for blocks that the file system itself needs for the file.
const METADATA_SHARE: u64 = 128;
/// The reserve is the maximum number of blocks divided by this number, but at least [`MIN_RESERVE`] blocks.
/// In a very small file, that minimum is an eighth of the maximum number of blocks.
const RESERVE_SHARE: u64 = 64;
const MIN_RESERVE: u64 = 16;

#[derive(Debug)]
pub(crate) struct SparseFile {
    file: VolumeFile,
    blocks: Mutex<Blocks>,
    has_holes: AtomicBool,
    reserve: Reserve,
}

/// Controls whether writes may use the reserve, and whether the bound is lifted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reserve {
    is_allowed: Arc<AtomicBool>,
    is_lifted: Arc<AtomicBool>,
}

impl Reserve {
    pub(crate) fn allow(&self, allows: bool) {
        self.is_allowed.store(allows, Ordering::Relaxed);
    }

    /// Lifts the bound, or restores it. The bound is lifted while the store is compacted or closed. It is
    /// also lifted for a transaction for which no room can be made, because another process reads the file.
    pub(crate) fn lift(&self, lifts: bool) {
        self.is_lifted.store(lifts, Ordering::Relaxed);
    }

    fn is_allowed(&self) -> bool {
        self.is_allowed.load(Ordering::Relaxed)
    }

    fn is_lifted(&self) -> bool {
        self.is_lifted.load(Ordering::Relaxed)
    }
}

/// Returns the number of blocks in the reserve of a file with at most `max_count` blocks.
fn reserved(max_count: u64) -> u64 {
    (max_count / RESERVE_SHARE).clamp(MIN_RESERVE.min(max_count / 8), max_count)
}

#[derive(Debug)]
struct Blocks {
    /// One bit for each block.
    data: Vec<u64>,
    /// Number of blocks that may have data.
    count: u64,
    /// Maximum of `count` while the file is bounded.
    max_count: u64,
    /// Number of blocks of `max_count` that belong to the reserve.
    reserved: u64,
    is_bounded: bool,
    /// Length of the file in bytes. Zeros beyond this length are written, because a hole would not lengthen
    /// the file.
    len: u64,
}

impl Blocks {
    fn of_file(len: u64, data: &[Range<u64>], capacity: u64) -> Self {
        let max_count = (capacity - capacity / METADATA_SHARE) / BLOCK;
        let mut blocks = Self {
            data: Vec::new(),
            count: 0,
            max_count,
            reserved: reserved(max_count),
            is_bounded: false,
            len,
        };
        for range in data {
            blocks.set(range.start / BLOCK..range.end.min(len).div_ceil(BLOCK));
        }
        blocks.bound();
        blocks
    }

    fn bound(&mut self) {
        self.is_bounded |= self.count <= self.max_count;
    }

    /// Marks blocks as written. Returns an error if the new blocks among them would exceed the maximum.
    fn mark_written(&mut self, numbers: Range<u64>, takes_reserve: bool) -> io::Result<()> {
        let new = numbers.clone().filter(|&number| !self.may_have_data(number)).count() as u64;
        let max_count = if takes_reserve { self.max_count } else { self.max_count - self.reserved };
        if self.is_bounded && new > 0 && self.count + new > max_count {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file would exceed its capacity"));
        }
        self.set(numbers);
        Ok(())
    }

    fn set(&mut self, numbers: Range<u64>) {
        for number in numbers {
            let word = usize::try_from(number / 64).unwrap_or(usize::MAX);
            if word >= self.data.len() {
                self.data.resize(word + 1, 0);
            }
            if let Some(word) = self.data.get_mut(word) {
                self.count += u64::from(*word & 1 << (number % 64) == 0);
                *word |= 1 << (number % 64);
            }
        }
    }

    fn clear(&mut self, numbers: Range<u64>) {
        for number in numbers {
            if let Some(word) = usize::try_from(number / 64).ok().and_then(|word| self.data.get_mut(word)) {
                self.count -= u64::from(*word & 1 << (number % 64) != 0);
                *word &= !(1 << (number % 64));
            }
        }
        self.bound();
    }

    fn may_have_data(&self, number: u64) -> bool {
        let word = usize::try_from(number / 64).ok().and_then(|word| self.data.get(word));
        word.is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    /// Returns the part of a range from the first to the last block that may have data, or `None` if no
    /// block may have data.
    fn with_data(&self, mut numbers: Range<u64>) -> Option<Range<u64>> {
        let first = numbers.clone().find(|&number| self.may_have_data(number))?;
        let last = numbers.rfind(|&number| self.may_have_data(number))?;
        Some(first..last + 1)
    }
}

const BLOCK_LEN: usize = 4096;
const _: () = assert!(BLOCK_LEN as u64 == BLOCK);

/// Returns the length of these bytes without the whole blocks of zeros at their end.
fn len_without_tail(data: &[u8]) -> usize {
    let blocks = data.as_chunks::<BLOCK_LEN>().0;
    let last = blocks.iter().rposition(|block| block.iter().any(|&byte| byte != 0));
    last.map_or(0, |last| (last + 1) * BLOCK_LEN)
}

/// Returns the ranges of bytes that are whole blocks of zeros.
fn runs_of_zeros(data: &[u8]) -> Vec<Range<u64>> {
    let mut runs: Vec<Range<u64>> = Vec::new();
    for (number, block) in (0..).zip(data.as_chunks::<BLOCK_LEN>().0) {
        let (start, end) = (number * BLOCK, (number + 1) * BLOCK);
        match runs.last_mut() {
            _ if block.iter().any(|&byte| byte != 0) => {}
            Some(last) if last.end == start => last.end = end,
            _ => runs.push(start..end),
        }
    }
    runs
}

impl SparseFile {
    /// Wraps a file that must not exceed `capacity`.
    pub(crate) fn new(file: VolumeFile, capacity: u64) -> io::Result<Self> {
        let data = file.data()?;
        let blocks = Mutex::new(Blocks::of_file(file.len()?, &data, capacity));
        let file = Self { file, blocks, has_holes: AtomicBool::new(true), reserve: Reserve::default() };
        let is_bounded = file.blocks.lock().is_bounded;
        if !is_bounded {
            file.punch_zeros(&data)?;
        }
        Ok(file)
    }

    /// Punches holes for the blocks of zeros in a file that exceeds its capacity. The file may be a copy
    /// without the holes of its original. For readers the content of the file does not change.
    fn punch_zeros(&self, data: &[Range<u64>]) -> io::Result<()> {
        const CHUNK: u64 = 256 * BLOCK;
        for range in data {
            // The first block has the header, and is never a hole.
            let (mut at, end) = (range.start.next_multiple_of(BLOCK).max(BLOCK), range.end / BLOCK * BLOCK);
            while at < end {
                let mut chunk = vec![0; usize::try_from(CHUNK.min(end - at)).unwrap_or(0)];
                self.file.read(at, &mut chunk)?;
                for zeros in runs_of_zeros(&chunk) {
                    if !self.punch(at + zeros.start, zeros.end - zeros.start)? {
                        return Ok(());
                    }
                }
                at += CHUNK;
            }
        }
        Ok(())
    }

    pub(crate) fn reserve(&self) -> Reserve {
        self.reserve.clone()
    }

    /// Writes bytes, including zeros. Returns an error if the bound does not allow the new blocks.
    fn write_whole(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        let end = offset + data.len() as u64;
        let numbers = offset / BLOCK..end.div_ceil(BLOCK);
        if self.reserve.is_lifted() {
            self.blocks.lock().set(numbers);
        } else {
            self.blocks.lock().mark_written(numbers, self.reserve.is_allowed())?;
        }
        self.file.write(offset, data)?;
        let mut blocks = self.blocks.lock();
        blocks.len = blocks.len.max(end);
        Ok(())
    }

    /// Punches a hole for a range of whole blocks of zeros. Returns false if the file system does not
    /// support holes.
    fn punch(&self, offset: u64, len: u64) -> io::Result<bool> {
        let numbers = offset / BLOCK..(offset + len) / BLOCK;
        let Some(data) = self.blocks.lock().with_data(numbers) else { return Ok(true) };
        match self.file.punch(data.start * BLOCK, (data.end - data.start) * BLOCK) {
            Ok(()) => {
                self.blocks.lock().clear(data);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                self.has_holes.store(false, Ordering::Relaxed);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

impl StorageBackend for SparseFile {
    forward_backend! { file: len read sync_data close }

    fn set_len(&self, len: u64) -> io::Result<()> {
        {
            let blocks = self.blocks.lock();
            let is_bounded = blocks.is_bounded && !self.reserve.is_lifted();
            if is_bounded && len > blocks.len && len > blocks.max_count.saturating_mul(2 * BLOCK) {
                let why = "the file would be twice as long as its capacity";
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
            }
        }
        self.file.set_len(len)?;
        let mut blocks = self.blocks.lock();
        let old = std::mem::replace(&mut blocks.len, len);
        blocks.clear(len.div_ceil(BLOCK)..old.div_ceil(BLOCK));
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let is_whole_blocks = offset.is_multiple_of(BLOCK) && (data.len() as u64).is_multiple_of(BLOCK);
        let end = offset + data.len() as u64;
        let may_cut = is_whole_blocks && offset > 0 && end <= self.blocks.lock().len;
        if !may_cut || !self.has_holes.load(Ordering::Relaxed) {
            return self.write_whole(offset, data);
        }
        // (1)
        let (written, zeros) = data.split_at(len_without_tail(data));
        self.write_whole(offset, written)?;
        // (2)
        let at = offset + written.len() as u64;
        if zeros.is_empty() || self.punch(at, zeros.len() as u64)? {
            Ok(())
        } else {
            self.write_whole(at, zeros)
        }
    }

    forward_locks!(file);
}

#[cfg(test)]
mod tests;
