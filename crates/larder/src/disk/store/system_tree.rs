//! Checks redb's own tables of a file before redb commits to it.
//!
//! In its own tables, the system tree, redb lists the pages that each commit has freed. Each later commit
//! removes rows from these tables. The iterator that removes these rows (redb 4.6,
//! `WriteTransaction::extract_freed_pages`) panics on a damaged row, and its destructor reads the row again.
//! The second panic occurs during the first, and so aborts the process. Code outside redb cannot catch this.
//! So no commit may read a damaged row of these tables.
//!
//! If all pages of a file were verified, the file has no damaged row. In any other file, only the system
//! tree is verified. These steps read few pages, even of a large file:
//!
//! 1. The header is changed in an [`Overlay`] of the file: larder's tree is removed from both commit slots,
//!    and their checksums are computed again. Only redb's own tables remain.
//! 2. redb opens the overlay and checks every page to which the slots lead. redb chooses the same slot as it
//!    would for the file itself.
//! 3. Before redb repairs the file, it calls a callback, which aborts the opening.
//!
//! If these pages are damaged later, while the file is open, the damage is not found.

use redb::{Builder, RepairSession, StorageBackend};
use xxhash_rust::xxh3::xxh3_128;

use super::guard::{StoreError, StoreErrorKind, guarded};
use super::overlay::{OverlaidDatabase, Overlay};
use super::redb_header::HEADER_LEN;
use crate::sys::volume::file::VolumeFile;

/// Offsets of the commit slots (redb's design document, "Database header").
const SLOTS: [usize; 2] = [64, 192];
const SLOT_LEN: usize = 128;
/// Offset in a slot of the byte that says whether larder's tables have a tree.
const HAS_TREE_AT: usize = 1;
/// Offset in a slot of the checksum, which covers the bytes before it.
const CHECKSUM_AT: usize = SLOT_LEN - 16;
/// The progress that redb reports when it has verified the trees of the chosen slot.
const VERIFIED: f64 = 0.6;

/// Checks the pages of redb's own tables without changing the file. Refuses a file that is in use.
pub(super) fn check(file: VolumeFile, mut builder: Builder) -> Result<(), StoreError> {
    let overlay = Overlay::new(file)?;
    // 1. redb itself refuses a file that is shorter than a header, before it reads any table.
    let mut header = vec![0; HEADER_LEN];
    if StorageBackend::len(&overlay)? < header.len() as u64 {
        return Ok(());
    }
    overlay.read(0, &mut header)?;
    hide_own_tree(&mut header);
    overlay.write(0, &header)?;
    // 2. and 3.
    builder.set_check_integrity_on_open(true).set_repair_callback(|session: &mut RepairSession| {
        if session.progress() >= VERIFIED {
            session.abort();
        }
    });
    match guarded(|| OverlaidDatabase::open(&builder, overlay)) {
        Err(error) if error.kind == StoreErrorKind::Unrepaired => Ok(()),
        // If redb opens the overlay without a repair, it has found no damage.
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes larder's tree from both commit slots of a header. A slot with a wrong checksum stays unchanged,
/// because redb does not use it.
fn hide_own_tree(header: &mut [u8]) {
    for at in SLOTS {
        let Some(slot) = header.get_mut(at..at + SLOT_LEN) else { return };
        let (content, checksum) = slot.split_at_mut(CHECKSUM_AT);
        if xxh3_128(content).to_le_bytes() != checksum {
            continue;
        }
        if let Some(has_tree) = content.get_mut(HAS_TREE_AT) {
            *has_tree = 0;
        }
        checksum.copy_from_slice(&xxh3_128(content).to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use redb::{ConcurrencyMode, Database, ReadableDatabase, TableDefinition};

    use super::*;
    use crate::sys::volume::Volume;
    use crate::testing::volume::SimulatedVolume;

    const PATH: &str = "/cache/file";
    const TABLE: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("table");
    const PAGE: usize = 4096;

    fn open(disk: &SimulatedVolume) -> VolumeFile {
        Volume::open(disk, Path::new(PATH), true).unwrap()
    }

    fn builder() -> Builder {
        let mut builder = Builder::new();
        builder.set_cache_size(1 << 20).set_concurrency_mode(ConcurrencyMode::SingleWriter);
        builder
    }

    /// Creates a file that a crash has left after many commits. Its lists of freed pages have rows.
    fn crashed() -> SimulatedVolume {
        let disk = SimulatedVolume::new();
        let db: Database = builder().create_with_backend(open(&disk)).unwrap();
        for round in 0..40_u64 {
            // A reader keeps the old pages allocated, so that the lists grow.
            let _reader = db.begin_read().unwrap();
            let mut txn = db.begin_write().unwrap();
            txn.set_quick_repair(true);
            for key in 0..20 {
                txn.open_table(TABLE).unwrap().insert(round + key, [7; 500].as_slice()).unwrap();
            }
            txn.commit().unwrap();
        }
        let left = disk.copy();
        drop(db);
        left
    }

    #[test]
    fn a_file_as_it_was_written_passes_and_stays_as_it_is() {
        let disk = crashed();
        let before = disk.read(PATH).unwrap();
        check(open(&disk), builder()).unwrap();
        assert!(disk.read(PATH).unwrap() == before);
        let db = builder().create_with_backend(open(&disk)).unwrap();
        db.close().unwrap();
        check(open(&disk), builder()).unwrap();
    }

    /// Changes one number at a time, in the first 64 bytes of each page but the first. If the number is the
    /// end of a row, the changed end is far beyond the page.
    #[test]
    fn a_file_that_passes_can_be_committed_to_whichever_page_is_damaged() {
        let whole = crashed();
        let pages = whole.read(PATH).unwrap().len() / PAGE;
        let mut refused = 0;
        for page in 1..pages {
            for at in (4..64).step_by(4) {
                let disk = whole.copy();
                let file = open(&disk);
                let mut bytes = [0; 4];
                file.read((page * PAGE + at) as u64, &mut bytes).unwrap();
                bytes[2] ^= 0x80;
                file.write((page * PAGE + at) as u64, &bytes).unwrap();
                drop(file);
                let checked = check(open(&disk), builder());
                if let Err(error) = checked {
                    assert_eq!(error.kind, StoreErrorKind::Damage, "{page}: {error}");
                    refused += 1;
                    continue;
                }
                // An abort inside this call would end the process of the test.
                drop(guarded(|| Ok(builder().create_with_backend(open(&disk))?.close()?)));
            }
        }
        assert!(refused > 0, "no page of redb's own tables was hit");
    }
}
