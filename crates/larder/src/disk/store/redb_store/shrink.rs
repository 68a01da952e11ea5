//! Shrinks a file that its owner keeps open: releases unused pages to the file system.
//!
//! When redb closes a file, it cuts off the free pages at the end and records which pages are free. So after
//! a crash the pages need not be read. redb's compaction moves pages to the front, but does not record the
//! free pages. So after a crash, every page must be read. A file is therefore shrunk in three steps:
//!
//! 1. The store is closed and opened again. The free pages at the end are released, and no page is moved.
//! 2. If the file still exceeds its capacity, pages are moved.
//! 3. The store is closed and opened again, as in (1).
//!
//! No step lengthens the file. After a crash during (2) no entry is lost, but the next opening reads every
//! page. So (2) is done only for a file that exceeds its capacity, or would exceed it with the next
//! transaction. A copy ([`crate::disk::file::compact`]) makes a file as short as its entries need without
//! that risk, but needs room for a second file.

use redb::{CompactionError, Database};

use super::Store;
use super::commit::Batch;
use crate::disk::store::database::{OpenDatabase, open_database};
use crate::disk::store::extent::Extent;
use crate::disk::store::guard::{Guarded, StoreError, StoreErrorKind, guarded};
use crate::units::Timestamp;

impl Store {
    /// Shrinks a file that exceeds its limits: deletes expired entries, evicts, and releases unused pages to
    /// the file system. While a follower reads the file, pages cannot be moved, and the file may still exceed
    /// its capacity.
    pub(crate) fn shrink(&mut self, now: Timestamp) -> Result<(), StoreError> {
        const ROWS: usize = 1000;
        loop {
            let batch = Batch { sweep: ROWS, ..Batch::without_changes(now, 0) };
            let outcome = self.commit(&batch)?;
            if !outcome.more_to_sweep && !outcome.needs_room {
                break;
            }
        }
        // The file was opened a moment ago, with the owner's lock. So it is not asked again.
        self.compact(&mut || Ok(false)).map(drop)
    }

    /// Releases unused pages to the file system. Returns false if pages had to be moved but could not be,
    /// for example because another process or a lookup reads the file. After an error the store can only be
    /// closed.
    ///
    /// Each opening checks that the file is as the last handle has left it. If it is not, `had_other_owner`
    /// is called. If this function returns true, another owner may have changed the file while it was
    /// closed, and the file is opened as it is.
    pub(crate) fn compact(
        &mut self,
        had_other_owner: &mut dyn FnMut() -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        self.open_again(had_other_owner)?;
        if !self.is_too_large()? {
            return Ok(true);
        }
        // The compaction of a file that exceeds its capacity needs further blocks while it runs.
        self.reserve.lift(true);
        let moved = self.move_pages();
        self.open_again(had_other_owner)?;
        match moved {
            // The file is open again, but may still exceed its capacity.
            Err(error) if error.kind != StoreErrorKind::Damage => Ok(false),
            moved => moved,
        }
    }

    /// Runs only step 2: moves pages to the front of the file, and releases the space behind them. Returns
    /// false if a reader prevents this.
    pub(crate) fn move_pages(&mut self) -> Result<bool, StoreError> {
        self.reserve.allow(true);
        let moved = guarded(|| match self.db.compact() {
            Ok(_) => Ok(true),
            Err(CompactionError::TransactionInProgress) => Ok(false),
            Err(error) => Err(error.into()),
        });
        self.reserve.allow(false);
        moved
    }

    /// Runs step 1 or 3: closes the store and opens it again.
    fn open_again(
        &mut self,
        had_other_owner: &mut dyn FnMut() -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let Some(options) = &self.options else { return Ok(()) };
        self.reserve.lift(true);
        if let Some(db) = self.db.take() {
            // An error of closing is ignored. If it persists, opening the file fails and reports it.
            drop(guarded(|| Ok(Database::close(db)?)));
        }
        // The close may have found that another program has overwritten the file.
        if let Some(overwritten) = self.overwritten() {
            return Err(overwritten);
        }
        let left = self.expected();
        let opened = match open_database(options, false, left.as_ref()) {
            Err(error) if error.kind == StoreErrorKind::Damage && left.is_some() && had_other_owner()? => {
                self.written = None;
                open_database(options, false, None)
            }
            opened => opened,
        };
        let OpenDatabase { db, written, reserve, largest_page } = opened?;
        // If the opening fails, the old handle still tells what it has left in the file.
        (self.db, self.written) = (Guarded::new(db), Some(written));
        (self.reserve, self.largest_page) = (reserve, largest_page);
        Ok(())
    }

    fn is_too_large(&self) -> Result<bool, StoreError> {
        let Some(options) = &self.options else { return Ok(true) };
        Ok(Extent::of(&*options.volume, &options.path)?.exceeds(options.capacity))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::api::cache::Cache;
    use crate::api::keyspace::definition::KeyspaceDefinition;
    use crate::disk::store::database::OpenOptions;
    use crate::disk::store::identity::Identities;
    use crate::disk::store::limits::StoreLimits;
    use crate::sys::sync::Arc;
    use crate::sys::volume::Volume;
    use crate::testing::volume::SimulatedVolume;
    use crate::units::ByteSize;

    const PATH: &str = "/cache/shop.larder";
    const BLOBS: KeyspaceDefinition<u64, Vec<u8>> =
        KeyspaceDefinition::new("blob").ttl(Duration::from_hours(1));

    /// Creates a closed file with `count` values of these sizes, and removes `removed` of every ten values.
    fn worn(sizes: &[usize], count: u64, removed: u64) -> SimulatedVolume {
        let disk = SimulatedVolume::new();
        let cache =
            Cache::builder().path(PATH).volume(&disk).disk_capacity(ByteSize::mib(64)).open().unwrap();
        let blobs = cache.keyspace(BLOBS).unwrap();
        let key = |number: u64| number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        for number in 0..count {
            blobs
                .insert(&key(number), vec![7; sizes[usize::try_from(number).unwrap() % sizes.len()]])
                .unwrap();
            if number % 200 == 199 {
                cache.flush().unwrap();
            }
        }
        cache.flush().unwrap();
        let gone: Vec<u64> = (0..count).filter(|number| number % 10 < removed).map(key).collect();
        for some in gone.chunks(100) {
            assert_eq!(blobs.remove_many(some).unwrap(), some.len() as u64);
        }
        cache.close().unwrap();
        disk
    }

    fn options(disk: &SimulatedVolume, capacity: u64) -> OpenOptions {
        OpenOptions {
            volume: Arc::new(disk.clone()),
            path: Path::new(PATH).to_owned(),
            page_cache: 1 << 20,
            verify_up_to: 0,
            limits: StoreLimits::UNBOUNDED,
            capacity,
            now: Timestamp::ZERO,
            identities: Identities::default(),
            counts_blocks: disk.counts_blocks(Path::new(PATH)),
            charging: None,
        }
    }

    fn len(disk: &SimulatedVolume) -> usize {
        disk.read(PATH).unwrap().len()
    }

    const SHAPES: [(&[usize], u64, u64); 5] = [
        (&[100], 3_000, 5),
        (&[1_000], 1_500, 0),
        (&[1_000], 1_500, 9),
        (&[5_000, 33_000], 100, 5),
        (&[100], 3, 0),
    ];

    #[test]
    fn nothing_that_shortens_a_file_lengthens_it() {
        for (sizes, count, removed) in SHAPES {
            for capacity in [1 << 16, 1 << 30] {
                let disk = worn(sizes, count, removed);
                let mut store = Store::open(&options(&disk, capacity), u64::MAX).unwrap();
                let before = len(&disk);
                assert!(store.compact(&mut || Ok(false)).unwrap());
                let after = len(&disk);
                assert!(after <= before, "{sizes:?} {count} {removed}: {before} became {after}");
                let entries = store.catalog.entries();
                assert_eq!(entries, count - count.div_ceil(10) * removed);
                store.close().unwrap();
                assert!(len(&disk) <= before, "closing lengthened it");
            }
        }
    }

    /// Returns whether opening the file must read every page.
    fn is_repaired(crashed: &SimulatedVolume) -> bool {
        let is_repaired = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let flag = is_repaired.clone();
        let mut builder = crate::disk::store::database::builder(1 << 20);
        builder.set_repair_callback(move |_| flag.store(true, std::sync::atomic::Ordering::Relaxed));
        let file = Volume::open(crashed, Path::new(PATH), false).unwrap();
        builder.create_with_backend(file).unwrap().close().unwrap();
        is_repaired.load(std::sync::atomic::Ordering::Relaxed)
    }

    #[test]
    fn a_crash_after_a_file_was_shortened_costs_no_look_at_every_page() {
        let disk = worn(&[1_000], 3_000, 5);
        let options = options(&disk, 1 << 16);
        let mut store = Store::open(&options, u64::MAX).unwrap();
        assert!(store.compact(&mut || Ok(false)).unwrap());
        assert!(!is_repaired(&disk.copy()));
        // Without step 3, opening the file after redb's compaction and a crash must read every page.
        assert!(store.db.compact().is_ok() && is_repaired(&disk.copy()));
        store.close().unwrap();
    }
}
