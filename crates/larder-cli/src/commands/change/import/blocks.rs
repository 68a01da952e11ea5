//! Reads an export twice, and lets the second pass read only the bytes that the first has read.
//!
//! Another program may overwrite the export between the two passes. The time and the length of the file do
//! not always show this, so the passes compare the bytes:
//!
//! 1. The first pass keeps a hash of each block.
//! 2. The second pass reads a whole block, and compares its hash, before it passes on a byte of the block.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, Read, Seek};

/// Length of a block in bytes. An export of 1 TB needs 8 MB for the hashes of its blocks.
const BLOCK: usize = 1 << 20;

/// The hashes of the blocks of an export, in order. Their seed is random, so no export can be made to fit.
#[derive(Debug, Default)]
pub(super) struct BlockSums {
    seed: RandomState,
    sums: Vec<u64>,
}

impl BlockSums {
    /// Returns the hash of a block, or `None` for the empty block at the end.
    fn sum_of(&self, block: &[u8]) -> Option<u64> {
        (!block.is_empty()).then(|| self.seed.hash_one(block))
    }
}

#[derive(Debug)]
enum Pass<'a> {
    First(&'a mut BlockSums),
    Second(&'a BlockSums),
}

/// A reader of an export, in one of the two passes.
#[derive(Debug)]
pub(super) struct BlockReader<'a> {
    file: &'a File,
    pass: Pass<'a>,
    /// The number of blocks that were read.
    count: usize,
    block: Vec<u8>,
    /// The number of bytes of the block that were passed on.
    used: usize,
}

impl<'a> BlockReader<'a> {
    /// Starts the first pass. It must reach the end of the export.
    pub(super) fn first(file: &'a File, sums: &'a mut BlockSums) -> io::Result<Self> {
        sums.sums.clear();
        Self::new(file, Pass::First(sums))
    }

    /// Starts a second pass. It fails at the first block that differs from the first pass.
    pub(super) fn second(file: &'a File, sums: &'a BlockSums) -> io::Result<Self> {
        Self::new(file, Pass::Second(sums))
    }

    fn new(mut file: &'a File, pass: Pass<'a>) -> io::Result<Self> {
        file.rewind()?;
        Ok(Self { file, pass, count: 0, block: Vec::new(), used: 0 })
    }

    fn next_block(&mut self) -> io::Result<()> {
        self.used = 0;
        self.block.clear();
        self.file.take(BLOCK as u64).read_to_end(&mut self.block)?;
        match &mut self.pass {
            Pass::First(sums) => {
                let sum = sums.sum_of(&self.block);
                sums.sums.extend(sum);
            }
            Pass::Second(sums) => {
                if sums.sum_of(&self.block).as_ref() != sums.sums.get(self.count) {
                    // A caller may read on after the error.
                    self.block.clear();
                    return Err(io::Error::other(
                        "it was changed during the import; repeat the import when no program writes to it",
                    ));
                }
            }
        }
        self.count += usize::from(!self.block.is_empty());
        Ok(())
    }
}

impl BufRead for BlockReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used >= self.block.len() {
            self.next_block()?;
        }
        Ok(self.block.get(self.used..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.used += count;
    }
}

impl Read for BlockReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(into)?;
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Returns the bytes that a second pass passes on, and whether it fails, if a file of three blocks gets
    /// other bytes after the first pass.
    fn second_pass(change: impl FnOnce(&mut Vec<u8>)) -> (usize, bool) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("export");
        let mut bytes = vec![7; 2 * BLOCK + 100];
        fs::write(&path, &bytes).unwrap();
        let file = File::open(&path).unwrap();
        let mut sums = BlockSums::default();
        let mut read = Vec::new();
        BlockReader::first(&file, &mut sums).unwrap().read_to_end(&mut read).unwrap();
        assert!(read == bytes);
        change(&mut bytes);
        fs::write(&path, &bytes).unwrap();
        read.clear();
        let end = BlockReader::second(&file, &sums).unwrap().read_to_end(&mut read);
        assert!(read == bytes[..read.len()]);
        (read.len(), end.is_err())
    }

    #[test]
    fn a_second_pass_reads_what_the_first_has_read_and_fails_before_other_bytes() {
        let whole = 2 * BLOCK + 100;
        assert_eq!(second_pass(|_| {}), (whole, false));
        assert_eq!(second_pass(|bytes| bytes[0] = 8), (0, true));
        assert_eq!(second_pass(|bytes| bytes[BLOCK] = 8), (BLOCK, true));
        assert_eq!(second_pass(|bytes| bytes[whole - 1] = 8), (2 * BLOCK, true));
        assert_eq!(second_pass(|bytes| bytes.truncate(2 * BLOCK)), (2 * BLOCK, true));
        assert_eq!(second_pass(|bytes| bytes.push(7)), (2 * BLOCK, true));
        assert_eq!(second_pass(|bytes| bytes.truncate(BLOCK + 1)), (BLOCK, true));
    }

    #[test]
    fn a_second_pass_notices_a_new_block() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("export");
        fs::write(&path, vec![7; BLOCK]).unwrap();
        let file = File::open(&path).unwrap();
        let mut sums = BlockSums::default();
        BlockReader::first(&file, &mut sums).unwrap().read_to_end(&mut Vec::new()).unwrap();
        fs::write(&path, vec![7; 2 * BLOCK]).unwrap();
        let mut read = Vec::new();
        assert!(BlockReader::second(&file, &sums).unwrap().read_to_end(&mut read).is_err());
        assert_eq!(read.len(), BLOCK);
    }
}
