//! What a file takes of its disk, against what it may.
//!
//! Where the file system tells the blocks of a file, these are what is bounded, as `du` counts them: a hole
//! takes none. The length may be twice as much: copies that know no holes, backups and limits on the size of
//! files go by it. Elsewhere the length is bounded itself.

use std::io;
use std::path::Path;

use crate::sys::volume::{FileKind, Volume};

/// What a file takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Extent {
    pub(crate) len: u64,
    /// Bytes of its blocks; none where they can't be told.
    pub(crate) allocated: Option<u64>,
}

impl Extent {
    /// Looks at a file; one that is missing takes nothing.
    pub(crate) fn of(volume: &dyn Volume, path: &Path) -> io::Result<Self> {
        let metadata = volume.metadata(path)?.filter(|metadata| metadata.kind == FileKind::File);
        Ok(metadata
            .map_or_else(Self::default, |metadata| Self { len: metadata.len, allocated: metadata.allocated }))
    }

    /// Whether it takes more than it may.
    pub(crate) fn exceeds(self, capacity: u64) -> bool {
        match self.allocated {
            Some(allocated) => allocated > capacity || self.len > capacity.saturating_mul(2),
            None => self.len > capacity,
        }
    }

    /// By how much the file has grown since it took `before`, as far as that is close to what it may take: in
    /// the last part of it, one of `parts`.
    pub(crate) fn growth_close_to(self, before: Self, capacity: u64, parts: u64) -> u64 {
        let beyond =
            |taken: u64, before: u64, limit: u64| taken.saturating_sub(before.max(limit - limit / parts));
        match (self.allocated, before.allocated) {
            (Some(allocated), before_allocated) => {
                let blocks = beyond(allocated, before_allocated.unwrap_or(0), capacity);
                blocks.max(beyond(self.len, before.len, capacity.saturating_mul(2)))
            }
            // Its length is a power of two: by that the limit is set.
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
