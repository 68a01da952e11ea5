use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::sys::volume::Volume;
use crate::testing::volume::SimulatedVolume;
use crate::testing::volume::operation::{DiskOperation, Failure};
use crate::testing::volume::power::Loss;

const PATH: &str = "/cache/file";
const CAPACITY: u64 = 1 << 20;
const PAGE: usize = 4096;

fn opened(disk: &SimulatedVolume, len: u64) -> SparseFile {
    let file = Volume::open(disk, Path::new(PATH), true).unwrap();
    file.set_len(len).unwrap();
    SparseFile::new(file, CAPACITY).unwrap()
}

/// Returns a page of `blocks` blocks. The first `data` blocks have data, and the other blocks are zeros.
fn page(blocks: usize, data: usize) -> Vec<u8> {
    let mut page = vec![0; blocks * PAGE];
    page[..data * PAGE].fill(7);
    page
}

fn punches(disk: &SimulatedVolume) -> usize {
    disk.operations().iter().filter(|operation| **operation == DiskOperation::Punch).count()
}

#[test]
fn zeros_at_the_end_of_a_page_take_no_blocks_and_read_as_zeros() {
    let disk = SimulatedVolume::new();
    let file = opened(&disk, 0);
    file.set_len(32 * BLOCK).unwrap();
    file.write(0, &[1; 320]).unwrap();
    file.write(16 * BLOCK, &page(16, 9)).unwrap();
    assert_eq!(disk.allocated(PATH), Some(10 * BLOCK));
    assert_eq!(punches(&disk), 0, "no block of the page was ever used");
    let mut read = vec![1; 16 * PAGE];
    file.read(16 * BLOCK, &mut read).unwrap();
    assert_eq!(read, page(16, 9));
}

#[test]
fn a_page_that_is_used_again_shows_nothing_of_what_it_had() {
    let disk = SimulatedVolume::new();
    let file = opened(&disk, 0);
    file.set_len(32 * BLOCK).unwrap();
    file.write(16 * BLOCK, &page(16, 16)).unwrap();
    file.write(16 * BLOCK, &page(16, 9)).unwrap();
    assert_eq!((disk.allocated(PATH), punches(&disk)), (Some(9 * BLOCK), 1));
    assert_eq!(disk.read(PATH).unwrap()[16 * PAGE..], page(16, 9));
    // A block that is already a hole is not punched again.
    file.write(16 * BLOCK, &page(16, 9)).unwrap();
    assert_eq!(punches(&disk), 1);
    // Blocks that the file already had when it was opened may have any content.
    drop(file);
    let file = SparseFile::new(Volume::open(&disk, Path::new(PATH), false).unwrap(), CAPACITY).unwrap();
    file.write(16 * BLOCK, &page(16, 3)).unwrap();
    assert_eq!((disk.allocated(PATH), punches(&disk)), (Some(3 * BLOCK), 2));
    assert_eq!(disk.read(PATH).unwrap()[16 * PAGE..], page(16, 3));
}

#[test]
fn a_write_beyond_the_end_and_the_header_are_written_as_they_are() {
    let disk = SimulatedVolume::new();
    let file = opened(&disk, 2 * BLOCK);
    file.write(0, &page(1, 0)).unwrap();
    file.write(2 * BLOCK, &page(2, 0)).unwrap();
    assert_eq!(file.len().unwrap(), 4 * BLOCK, "a hole would not lengthen the file");
    assert_eq!(disk.allocated(PATH), Some(3 * BLOCK));
}

#[test]
fn where_there_are_no_holes_zeros_are_written() {
    let disk = SimulatedVolume::new();
    disk.refuse_holes(true);
    let file = opened(&disk, 32 * BLOCK);
    for _ in 0..2 {
        file.write(16 * BLOCK, &page(16, 16)).unwrap();
        file.write(16 * BLOCK, &page(16, 9)).unwrap();
        assert_eq!(disk.read(PATH).unwrap()[16 * PAGE..], page(16, 9));
    }
    assert_eq!(punches(&disk), 1, "it is tried once");
}

#[test]
fn a_punch_that_fails_is_a_write_that_fails_and_is_made_again() {
    let disk = SimulatedVolume::new();
    let file = opened(&disk, 32 * BLOCK);
    file.write(16 * BLOCK, &page(16, 16)).unwrap();
    disk.fail_every(&[DiskOperation::Punch], Failure::Io);
    file.write(16 * BLOCK, &page(16, 9)).unwrap_err();
    disk.heal();
    file.write(16 * BLOCK, &page(16, 9)).unwrap();
    assert_eq!(disk.read(PATH).unwrap()[16 * PAGE..], page(16, 9));
}

#[test]
fn a_hole_that_was_not_synced_may_be_lost_and_one_that_was_is_kept() {
    let disk = SimulatedVolume::new();
    let file = opened(&disk, 32 * BLOCK);
    disk.sync_directory(Path::new("/cache")).unwrap();
    file.write(16 * BLOCK, &page(16, 16)).unwrap();
    file.sync_data().unwrap();
    file.write(16 * BLOCK, &page(16, 9)).unwrap();
    let tail = |loss, seed| {
        let lost = disk.after_power_loss(disk.changes(), loss, seed);
        lost.read(PATH).unwrap()[25 * PAGE..].iter().filter(|byte| **byte != 0).count() / PAGE
    };
    assert_eq!((tail(Loss::Everything, 0), tail(Loss::Nothing, 0)), (7, 0));
    assert!((0..64).any(|seed| (1..7).contains(&tail(Loss::Torn, seed))), "some of its blocks");
    file.sync_data().unwrap();
    assert_eq!(tail(Loss::Everything, 0), 0);
}

#[test]
fn a_file_takes_no_block_beyond_its_capacity_and_is_not_longer_than_twice() {
    let disk = SimulatedVolume::new();
    let capacity = 128 * BLOCK;
    let file = Volume::open(&disk, Path::new(PATH), true).unwrap();
    let file = SparseFile::new(file, capacity).unwrap();
    file.set_len(250 * BLOCK).unwrap();
    assert_eq!(file.set_len(256 * BLOCK).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    let reserve = file.reserve();
    reserve.allow(true);
    file.write(BLOCK, &page(127, 127)).unwrap();
    assert_eq!(file.write(200 * BLOCK, &page(1, 1)).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    // Without the reserve, no new block may be added.
    reserve.allow(false);
    file.write(100 * BLOCK, &page(16, 0)).unwrap();
    file.write(100 * BLOCK, &page(16, 1)).unwrap();
    file.write(200 * BLOCK, &page(1, 1)).unwrap_err();
    reserve.allow(true);
    file.write(100 * BLOCK, &page(16, 16)).unwrap();
    // A write to blocks that the file already has succeeds. Released blocks can be used again.
    file.write(100 * BLOCK, &page(1, 1)).unwrap();
    file.write(100 * BLOCK, &page(16, 12)).unwrap();
    file.write(200 * BLOCK, &page(4, 4)).unwrap();
    assert_eq!(disk.allocated(PATH), Some(127 * BLOCK));
    file.set_len(199 * BLOCK).unwrap();
    file.set_len(250 * BLOCK).unwrap();
    file.write(210 * BLOCK, &page(4, 4)).unwrap();
    file.write(220 * BLOCK, &page(1, 1)).unwrap_err();
    // A file that exceeds its capacity when it is opened may still grow. The bound begins once the file has
    // shrunk to its capacity.
    drop(file);
    let file = Volume::open(&disk, Path::new(PATH), false).unwrap();
    let file = SparseFile::new(file, 64 * BLOCK).unwrap();
    file.write(221 * BLOCK, &page(1, 1)).unwrap();
    file.set_len(60 * BLOCK).unwrap();
    file.set_len(100 * BLOCK).unwrap();
    assert!((60..70).any(|at| file.write(at * BLOCK, &page(1, 1)).is_err()));
    assert!(disk.allocated(PATH).unwrap() <= 64 * BLOCK);
}

proptest! {
    /// Checks that after any writes, cuts and extensions, the file reads back like a file without holes.
    #[test]
    fn a_sparse_file_reads_as_a_plain_one(
        steps in proptest::collection::vec((0_u64..24, 0_usize..9, 0_usize..9, 0_u8..8), 1..60),
    ) {
        let disk = SimulatedVolume::new();
        let mut file = opened(&disk, 16 * BLOCK);
        let mut plain = vec![0_u8; 16 * PAGE];
        for (at, blocks, data, what) in steps {
            match what {
                0 => {
                    file.set_len(at * BLOCK).unwrap();
                    plain.resize(usize::try_from(at).unwrap() * PAGE, 0);
                }
                1 => {
                    drop(file);
                    file = SparseFile::new(Volume::open(&disk, Path::new(PATH), false).unwrap(), CAPACITY).unwrap();
                }
                _ => {
                    let written = page(blocks, data.min(blocks));
                    let start = usize::try_from(at).unwrap() * PAGE;
                    file.write(at * BLOCK, &written).unwrap();
                    if !written.is_empty() {
                        plain.resize(plain.len().max(start + written.len()), 0);
                        plain[start..start + written.len()].copy_from_slice(&written);
                    }
                }
            }
            prop_assert_eq!(disk.read(PATH).unwrap() == plain, true);
        }
    }
}
