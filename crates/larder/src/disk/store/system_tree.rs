//! Checks redb's own tables of a file before redb commits to it.
//!
//! redb lists the pages that a commit has freed in tables of its own, its system tree. Each later commit
//! takes rows out of these tables. The iterator that does so (redb 4.6,
//! `WriteTransaction::extract_freed_pages`) panics on a damaged row, and its destructor reads that row again.
//! That panics while a panic unwinds, which ends the process. No catch outside redb can stop it. So no commit
//! may meet such a row.
//!
//! A file that was verified as a whole has no such row. Of any other file this part alone is verified. That
//! reads a few pages, whatever the size of the file:
//!
//! 1. The file is overlaid ([`Overlay`]), and its header is changed in the overlay. Both commit slots then
//!    name no tree of larder's, and their checksums agree with that. What is left are redb's own tables.
//! 2. redb opens the overlay and is told to check every page that the slots lead to. It uses the older slot
//!    where it would do so with the file itself.
//! 3. Before redb repairs anything, it asks whether to continue. The answer is no.
//!
//! Damage that these pages take later, while the file is open, is not found.

use redb::{Builder, RepairSession, StorageBackend};
use xxhash_rust::xxh3::xxh3_128;

use super::guard::{StoreError, StoreErrorKind, guarded};
use super::overlay::{OverlaidDatabase, Overlay};
use super::redb_header::HEADER_LEN;
use crate::sys::volume::file::VolumeFile;

/// Where the commit slots begin (redb's design document, "Database header").
const SLOTS: [usize; 2] = [64, 192];
const SLOT_LEN: usize = 128;
/// The byte of a slot that says whether there is a tree of the user's tables.
const HAS_TREE_AT: usize = 1;
/// Where a slot has the checksum of the bytes before it.
const CHECKSUM_AT: usize = SLOT_LEN - 16;
/// The progress that redb reports when it has verified the trees that it is going to use.
const VERIFIED: f64 = 0.6;

/// Checks the pages of redb's own tables. Changes nothing. Refuses a file that is in use.
pub(super) fn check(file: VolumeFile, mut builder: Builder) -> Result<(), StoreError> {
    let overlay = Overlay::new(file)?;
    // 1. redb refuses a file that is shorter than its header, or has none, without reading on.
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
        // A file without a commit has no such tables.
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Takes larder's tree out of both commit slots of a header. A slot with a wrong checksum stays as it is,
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

    /// Makes a file that a crash left after many commits, so that its lists of freed pages have rows.
    fn crashed() -> SimulatedVolume {
        let disk = SimulatedVolume::new();
        let db: Database = builder().create_with_backend(open(&disk)).unwrap();
        for round in 0..40_u64 {
            // A reader holds on to the pages, so that the lists grow.
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

    /// On each page in turn, the end of a row is changed to lie far beyond the page.
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
                // An abort would end the test's process.
                drop(guarded(|| Ok(builder().create_with_backend(open(&disk))?.close()?)));
            }
        }
        assert!(refused > 0, "no page of redb's own tables was hit");
    }
}
