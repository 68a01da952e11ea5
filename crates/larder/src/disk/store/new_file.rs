//! Creates files with regions that suit the capacity. A region is the unit by which a file grows.
//!
//! redb divides a file into regions of equal size. A file of one region doubles when it must grow. A file of
//! several regions grows by a region. By default redb creates regions of 4 GiB. So a file with a smaller
//! capacity would double, and become up to three times as long as its used pages.
//!
//! The region size is stored in the header (bytes 20 to 23, in pages: redb's design document, "Database
//! header"). The region size is fixed when the file is created, and each opener reads it from the header.
//! redb's builder has no setting for the region size. But redb writes the header of a new file and then
//! reads it back. So the region size is replaced while the header is written:
//!
//! 1. While the file is being created, each write at the start of the file is examined. If the bytes are a
//!    header with redb's default page and region sizes, the region size is replaced.
//! 2. redb reads the header, and continues with regions of that size.
//!
//! If a later version of redb writes a different header, new files have regions of redb's default size.
//!
//! No page is larger than a region. [`region_len`] returns the region size, and values with larger pages are
//! not written to the file. If the capacity of a file is raised so far that its regions are too small, the
//! next opening replaces the file with a copy ([`crate::disk::file::compact`]).

use std::io;

use redb::StorageBackend;

use crate::sys::volume::content::BLOCK;
use crate::sys::volume::file::VolumeFile;
use crate::sys::volume::forward_backend::forward_backend;
use crate::sys::volume::forward_locks::forward_locks;

/// The region size is the capacity divided by this number, rounded up to a power of two, within the bounds
/// below.
const REGION_SHARE: u64 = 8;
/// Minimum region size. The 17 pages of a new file fit into one region.
const MIN_REGION: u64 = 32 * BLOCK;
const MAX_REGION: u64 = 1 << 32;
const PAGE_SIZE_AT: usize = 12;
const REGION_PAGES_AT: usize = 20;

/// The page of one value is at most the capacity divided by this number. While a transaction writes a large
/// page, two older pages may still exist. One is the page that the large page replaces. The other is the page
/// that the previous transaction replaced.
pub(crate) const PAGE_SHARE: u64 = 16;
/// Size of the page of the largest possible value.
const LARGEST_PAGE: u64 = 1 << 27;

/// Returns the size of the largest page that a value may have in a file with this capacity.
pub(crate) fn max_page(capacity: u64) -> u64 {
    (capacity / PAGE_SHARE).min(LARGEST_PAGE)
}

pub(crate) fn region_for(capacity: u64) -> u64 {
    (capacity / REGION_SHARE).min(MAX_REGION).next_power_of_two().max(MIN_REGION)
}

pub(super) fn region_len(file: &VolumeFile) -> io::Result<u64> {
    let start = file.start(REGION_PAGES_AT + 4)?;
    Ok(number_at(&start, REGION_PAGES_AT).map_or(MAX_REGION, |pages| u64::from(pages) * BLOCK))
}

fn number_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[derive(Debug)]
pub(crate) struct NewFile {
    file: VolumeFile,
    region_pages: u32,
}

impl NewFile {
    pub(crate) fn new(file: VolumeFile, capacity: u64) -> Self {
        Self::with_regions(file, region_for(capacity))
    }

    /// Wraps a file that will be created with this region size.
    pub(crate) fn with_regions(file: VolumeFile, region: u64) -> Self {
        Self { file, region_pages: u32::try_from(region / BLOCK).unwrap_or(1 << 20) }
    }

    /// Returns the header with the wanted region size, if these bytes are a header (step 1).
    fn header(&self, offset: u64, data: &[u8]) -> Option<Vec<u8>> {
        let is_header = offset == 0
            && number_at(data, PAGE_SIZE_AT).map(u64::from) == Some(BLOCK)
            && number_at(data, REGION_PAGES_AT) == Some(1 << 20);
        let mut header = is_header.then(|| data.to_vec())?;
        let place = header.get_mut(REGION_PAGES_AT..REGION_PAGES_AT + 4)?;
        place.copy_from_slice(&self.region_pages.to_le_bytes());
        Some(header)
    }
}

impl StorageBackend for NewFile {
    forward_backend! { file: len read set_len sync_data close }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        match self.header(offset, data) {
            Some(header) => self.file.write(offset, &header),
            None => self.file.write(offset, data),
        }
    }

    forward_locks!(file);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use redb::{Builder, TableDefinition};

    use super::*;
    use crate::sys::volume::Volume;
    use crate::testing::volume::SimulatedVolume;

    const TABLE: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("table");

    #[test]
    fn a_file_grows_by_a_region_and_is_whole() {
        let disk = SimulatedVolume::new();
        let path = Path::new("/cache/file");
        let open = |create| Volume::open(&disk, path, create).unwrap();
        let capacity = 4 << 20;
        let db = Builder::new().create_with_backend(NewFile::new(open(true), capacity)).unwrap();
        let (mut last, mut most_growth) = (open(false).len().unwrap(), 0);
        for round in 0..60_u64 {
            let txn = db.begin_write().unwrap();
            for key in 0..4 {
                txn.open_table(TABLE).unwrap().insert(round * 4 + key, vec![7; 30_000].as_slice()).unwrap();
            }
            txn.commit().unwrap();
            let len = open(false).len().unwrap();
            (most_growth, last) = (most_growth.max(len.saturating_sub(last)), len);
        }
        assert_eq!(region_for(capacity), 512 << 10);
        assert_eq!(region_len(&open(false)).unwrap(), 512 << 10);
        assert!(last > 7 << 20 && most_growth <= 2 * (512 << 10), "grew by {most_growth} at once, to {last}");
        db.close().unwrap();
        let mut builder = Builder::new();
        let db = builder.set_check_integrity_on_open(true).create_with_backend(open(false)).unwrap();
        drop(db);
    }

    #[test]
    fn a_region_is_a_power_of_two_and_holds_the_largest_page() {
        for capacity in [1 << 20, 3 << 20, 64 << 20, 100 << 20, 1 << 30, 1 << 44, u64::MAX] {
            let region = region_for(capacity);
            assert!(region.is_power_of_two() && (MIN_REGION..=MAX_REGION).contains(&region));
            assert!(region >= max_page(capacity), "{capacity}");
        }
    }
}
