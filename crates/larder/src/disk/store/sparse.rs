//! A file whose pages end in holes.
//!
//! redb fills a new page with zeros, and a value that is larger than a page stands in one of 2ⁿ blocks: of 16
//! blocks for a value of 33 kB seven are zeros. A hole reads back as the same zeros, so the zeros at the end
//! of a page are not written:
//!
//! 1. A write of whole blocks is cut before the blocks of zeros at its end. What is left is written.
//! 2. Of the blocks that were cut off, those that may have data (the page was used before) are punched: the
//!    blocks become a hole. Where the file system has no holes, the zeros are written.
//!
//! Which blocks may have data is kept in memory, a bit each: those that the system names when the file is
//! opened, after that those that are written. A block is noted before its write, and forgotten when its punch
//! has succeeded, so that a block with data is never taken for a hole.
//!
//! Nothing depends on the order of (1) and (2), and a loss of power may keep either: redb writes pages that
//! neither of its last two commits refers to, and makes a commit valid only when all it wrote is synced.
//! A failed punch is a failed write.
//!
//! The header, which is written in parts of a block, is written as it is.
//!
//! **The bound.** Since every block that the file takes comes to it here, here is where it is kept from
//! taking more than its capacity: a write that would add blocks beyond that is refused, and so is a length of
//! more than twice as much. To redb that is a failed write: the transaction fails as a whole, and the file
//! must be opened again. The writer does so, makes room and repeats it ([`crate::engine::writer`]). To make room
//! takes some: the last part of the capacity is a [`Reserve`], which only a compaction, and a transaction
//! that was refused before, may take. A file that takes more when it is opened is not bounded before it has
//! come down to it. Its blocks of zeros become holes first: a copy may have been made without those of its
//! original.

use std::io;
use std::ops::Range;

use redb::StorageBackend;

use crate::sys::sync::{Arc, AtomicBool, Mutex, Ordering};
use crate::sys::volume::content::{BLOCK, Content};
use crate::sys::volume::file::VolumeFile;
use crate::sys::volume::forward_locks::forward_locks;

/// The part of the capacity that is left to blocks that the file system keeps for the file: one in so many.
const METADATA_SHARE: u64 = 128;
/// The part of the blocks that is the reserve: one in so many.
const RESERVE_SHARE: u64 = 64;
const MIN_RESERVE: u64 = 16;

/// A file that leaves zeros at the end of pages unwritten.
#[derive(Debug)]
pub(crate) struct SparseFile {
    file: VolumeFile,
    blocks: Mutex<Blocks>,
    has_holes: AtomicBool,
    reserve: Reserve,
}

/// Whether the last part of the file's capacity may be taken, or more.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reserve {
    is_allowed: Arc<AtomicBool>,
    is_lifted: Arc<AtomicBool>,
}

impl Reserve {
    pub(crate) fn allow(&self, allows: bool) {
        self.is_allowed.store(allows, Ordering::Relaxed);
    }

    /// Lifts the bound, or sets it again: while another process reads, no room can be made.
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

/// How many of the blocks that a file may take are its reserve.
fn reserved(max_blocks: u64) -> u64 {
    (max_blocks / RESERVE_SHARE).clamp(MIN_RESERVE.min(max_blocks / 8), max_blocks)
}

/// Which blocks of a file may have data.
#[derive(Debug)]
struct Blocks {
    /// A bit for each block.
    data: Vec<u64>,
    /// How many there are.
    count: u64,
    /// How many there may be, once there are no more.
    max_blocks: u64,
    /// How many of these are kept for those who may take the reserve.
    reserved: u64,
    is_bounded: bool,
    /// The length of the file in bytes. What is written beyond it lengthens the file, which a hole would not.
    len: u64,
}

impl Blocks {
    fn of_file(len: u64, data: &[Range<u64>], capacity: u64) -> Self {
        // Beside these the file system keeps some blocks of its own for the file.
        let max_blocks = (capacity - capacity / METADATA_SHARE) / BLOCK;
        let mut blocks = Self {
            data: Vec::new(),
            count: 0,
            max_blocks,
            reserved: reserved(max_blocks),
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
        self.is_bounded |= self.count <= self.max_blocks;
    }

    /// Notes that blocks are written, if the file may take those that are new.
    fn take(&mut self, numbers: Range<u64>, takes_reserve: bool) -> io::Result<()> {
        let new = numbers.clone().filter(|&number| !self.may_have_data(number)).count() as u64;
        let max_blocks = if takes_reserve { self.max_blocks } else { self.max_blocks - self.reserved };
        if self.is_bounded && new > 0 && self.count + new > max_blocks {
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

    /// The part of a range from the first block that may have data to the last.
    fn with_data(&self, mut numbers: Range<u64>) -> Option<Range<u64>> {
        let first = numbers.clone().find(|&number| self.may_have_data(number))?;
        let last = numbers.rfind(|&number| self.may_have_data(number))?;
        Some(first..last + 1)
    }
}

/// The bytes of a block in memory.
const BLOCK_LEN: usize = 4096;
const _: () = assert!(BLOCK_LEN as u64 == BLOCK);

/// How many of these bytes are left when whole blocks of zeros are cut off their end.
fn len_without_tail(data: &[u8]) -> usize {
    let blocks = data.as_chunks::<BLOCK_LEN>().0;
    let last = blocks.iter().rposition(|block| block.iter().any(|&byte| byte != 0));
    last.map_or(0, |last| (last + 1) * BLOCK_LEN)
}

/// The runs of whole blocks of zeros in these bytes.
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
    /// A file that takes no more than `capacity`.
    pub(crate) fn new(file: VolumeFile, capacity: u64) -> io::Result<Self> {
        let data = file.data()?;
        let blocks = Mutex::new(Blocks::of_file(file.len()?, &data, capacity));
        let file = Self { file, blocks, has_holes: AtomicBool::new(true), reserve: Reserve::default() };
        let is_bounded = file.blocks.lock().is_bounded;
        if !is_bounded {
            file.dig(&data)?;
        }
        Ok(file)
    }

    /// Makes holes of the blocks of zeros in a file that takes more than it may: a copy may have been made
    /// without the holes of its original. Whoever reads the file meanwhile finds the same zeros.
    fn dig(&self, data: &[Range<u64>]) -> io::Result<()> {
        const CHUNK: u64 = 256 * BLOCK;
        for range in data {
            // The header is written in parts of its block.
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

    /// Writes bytes as they are.
    fn write_whole(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        let end = offset + data.len() as u64;
        let numbers = offset / BLOCK..end.div_ceil(BLOCK);
        if self.reserve.is_lifted() {
            self.blocks.lock().set(numbers);
        } else {
            self.blocks.lock().take(numbers, self.reserve.is_allowed())?;
        }
        self.file.write(offset, data)?;
        let mut blocks = self.blocks.lock();
        blocks.len = blocks.len.max(end);
        Ok(())
    }

    /// Makes a range of zeros a hole; answers whether it could.
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
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        {
            let blocks = self.blocks.lock();
            let is_bounded = blocks.is_bounded && !self.reserve.is_lifted();
            if is_bounded && len > blocks.len && len > blocks.max_blocks.saturating_mul(2 * BLOCK) {
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

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
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

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    forward_locks!(file);
}

#[cfg(test)]
mod tests;
