//! The size of a file on its disk, and its comparison with the capacity.
//!
//! If the file system reports the blocks of a file, the capacity limits the blocks, as `du` counts them. A
//! hole has no blocks. The length may then be up to twice the capacity. The length is also limited, because
//! backups and copies without holes have this length, and the system limits the length of files. On other
//! file systems only the length is limited.

use std::io;
use std::path::Path;

use crate::sys::volume::{FileKind, Volume};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Extent {
    pub(crate) len: u64,
    /// Number of bytes in the allocated blocks, or `None` if the file system does not report the blocks.
    pub(crate) allocated: Option<u64>,
}

impl Extent {
    /// Returns the size of a file. A missing file has size 0.
    pub(crate) fn of(volume: &dyn Volume, path: &Path) -> io::Result<Self> {
        let metadata = volume.metadata(path)?.filter(|metadata| metadata.kind == FileKind::File);
        let Some(metadata) = metadata else { return Ok(Self::default()) };
        let allocated = volume.counts_blocks(path).then_some(metadata.allocated);
        Ok(Self { len: metadata.len, allocated })
    }

    pub(crate) fn exceeds(self, capacity: u64) -> bool {
        match self.allocated {
            Some(allocated) => allocated > capacity || self.len > capacity.saturating_mul(2),
            None => self.len > capacity,
        }
    }

    /// Returns the growth of the file since `before`, in bytes: the growth of its blocks or of its length,
    /// whichever is larger. Counts only growth in the last of `parts` equal parts of the maximum, which is
    /// the capacity for the blocks, and twice the capacity for the length. Returns 0 if no blocks are
    /// reported.
    pub(super) fn growth_close_to(self, before: Self, capacity: u64, parts: u64) -> u64 {
        let beyond =
            |taken: u64, before: u64, limit: u64| taken.saturating_sub(before.max(limit - limit / parts));
        match (self.allocated, before.allocated) {
            (Some(allocated), before_allocated) => {
                let blocks = beyond(allocated, before_allocated.unwrap_or(0), capacity);
                blocks.max(beyond(self.len, before.len, capacity.saturating_mul(2)))
            }
            // If no blocks are reported, only the length counts. It grows by whole regions or doubles, and
            // the limit of the charges already allows for that.
            (None, _) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_bounded_where_they_are_told_and_the_length_elsewhere() {
        let extent = |len, allocated| Extent { len, allocated };
        assert!(!extent(100, None).exceeds(100) && extent(101, None).exceeds(100));
        assert!(!extent(200, Some(100)).exceeds(100));
        assert!(extent(200, Some(101)).exceeds(100) && extent(201, Some(1)).exceeds(100));
        let growth = |now: Extent, before: Extent| now.growth_close_to(before, 800, 8);
        assert_eq!(growth(extent(900, Some(700)), extent(0, Some(0))), 0);
        assert_eq!(growth(extent(900, Some(720)), extent(0, Some(0))), 20);
        assert_eq!(growth(extent(900, Some(750)), extent(0, Some(720))), 30);
        assert_eq!(growth(extent(1_500, Some(7)), extent(1_000, Some(7))), 100);
        assert_eq!(growth(extent(1_500, None), extent(1_000, None)), 0);
    }
}
