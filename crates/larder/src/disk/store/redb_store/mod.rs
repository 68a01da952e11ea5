//! The store: an open redb file that receives the commits of the writer.
//!
//! Only the writer owns the store of a cache. The catalog keeps the keyspaces with their counts and charges
//! in memory. Once the file is open, the catalog changes only after a commit has succeeded. So counting
//! entries does not scan the table of entries. Opening a file scans this table only to apply a different rule
//! for charges.

pub(crate) mod commit;
mod delete_ranges;
mod shrink;

use std::collections::{BTreeMap, BTreeSet};

use redb::{Database, ReadableTable};

use super::batch::entries::Entries;
use super::batch::evict::ClockHand;
use super::catalog::Catalog;
use super::charging::{Charging, page_of};
use super::database::{OpenDatabase, OpenOptions, open_database};
use super::draft::{Draft, DraftChanges};
use super::extent::Extent;
use super::guard::{Guarded, StoreError, begin_read, begin_write, commit, guarded};
use super::identity::Identities;
use super::keyspace_row::KeyspaceRow;
use super::keyspace_rows::Retired;
use super::limits::StoreLimits;
use super::metadata::{cumulative_at, read_catalog, write_catalog};
use super::pressure::Pressure;
use super::range_removals::RangeCursor;
use super::snapshot::StoreSnapshot;
use super::sparse::Reserve;
use super::tables::{ENTRIES, EXPIRY, KEYSPACES, RETIRED};
use super::{expiry, range_removals};
use crate::format::keyspace_id::KeyspaceId;
use crate::format::range_tombstone::RangeTombstone;
use crate::stats::cumulative::CumulativeStats;
use crate::sys::volume::seal::Seal;
use crate::sys::volume::written::{FileStart, WrittenFile};
use crate::units::Timestamp;

pub(crate) struct Store {
    pub(crate) db: Guarded<Database>,
    pub(crate) catalog: Catalog,
    limits: StoreLimits,
    pub(crate) pressure: Pressure,
    pub(crate) reserve: Reserve,
    /// The largest page that the file can have ([`super::new_file`]).
    pub(super) largest_page: u64,
    hand: ClockHand,
    /// The earliest time when an entry may be deleted, or `None` if no entry expires.
    pub(crate) next_expiry: Option<Timestamp>,
    cumulative: Option<CumulativeStats>,
    pub(crate) identities: Identities,
    /// The keyspaces whose rows have changed since the last call of [`Store::show`]. `None` before the first
    /// call.
    pub(crate) unshown: Option<BTreeSet<String>>,
    /// The handle that writes to the file. `None` for a store in memory.
    written: Option<WrittenFile>,
    pub(super) cursor: RangeCursor,
    /// The options with which the file was opened. `None` for a store in memory.
    options: Option<OpenOptions>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("known", &self.catalog).finish_non_exhaustive()
    }
}

impl Store {
    /// Creates and commits the tables of a new file with this catalog.
    pub(crate) fn initialise(db: &Database, catalog: &Catalog) -> Result<(), StoreError> {
        guarded(|| {
            let txn = begin_write(db)?;
            Entries::open(&txn, catalog.state.clock_watermark, catalog.charging)?;
            txn.open_table(KEYSPACES)?;
            txn.open_table(RETIRED)?;
            write_catalog(&txn, catalog)?;
            commit(txn)
        })
    }

    pub(crate) fn new(db: Database, limits: StoreLimits, identities: Identities) -> Result<Self, StoreError> {
        let db = Guarded::new(db);
        let catalog = read_catalog(&*db)?;
        let next_expiry = guarded(|| Ok(expiry::next(&begin_read(&*db)?.open_table(EXPIRY)?)?))?;
        let cumulative = guarded(|| begin_read(&*db)).and_then(|txn| cumulative_at(&txn))?;
        let largest_page = u64::MAX;
        let pressure = Pressure::new(limits.live_limit);
        let reserve = Reserve::default();
        Ok(Self {
            db,
            catalog,
            limits,
            pressure,
            reserve,
            largest_page,
            hand: ClockHand::default(),
            next_expiry,
            cumulative,
            identities,
            unshown: None,
            written: None,
            cursor: RangeCursor::default(),
            options: None,
        })
    }

    /// Computes the charges of all entries again if the file has a different rule, in one pass over the
    /// entries. The next commit writes the new rule to the file.
    fn recharge(&mut self, charging: Charging) -> Result<(), StoreError> {
        if self.catalog.charging == charging {
            return Ok(());
        }
        let mut charged: BTreeMap<KeyspaceId, u64> = BTreeMap::new();
        guarded(|| {
            for row in begin_read(&*self.db)?.open_table(ENTRIES)?.iter()? {
                let (key, record) = row?;
                let key = key.value();
                *charged.entry(KeyspaceId::of(key)).or_default() +=
                    charging.charge(key.len(), record.value().len());
            }
            Ok(())
        })?;
        let bytes_of = |id: &KeyspaceId| charged.get(id).copied().unwrap_or(0);
        for (name, row) in self.catalog.keyspaces.clone().iter() {
            let bytes = bytes_of(&row.id);
            self.catalog.keyspaces.put(name.clone(), KeyspaceRow { bytes, ..row.clone() });
        }
        for id in self.catalog.retired.keys().copied().collect::<Vec<_>>() {
            self.catalog.retired.set(id, Some(bytes_of(&id)));
        }
        self.catalog.charging = charging;
        Ok(())
    }

    /// Opens a larder file for writing. `len` is the length of the file. Every page is verified if `len` is
    /// at most `options.verify_up_to`.
    pub(crate) fn open(options: &OpenOptions, len: u64) -> Result<Self, StoreError> {
        Self::open_as_left(options, len, None)
    }

    /// Opens a file that the same owner had open before. `left` is what the writes of the last handle have
    /// left, if this is known.
    ///
    /// # Errors
    /// Returns [`StoreError::overwritten`] if the file is not as `left` says.
    pub(crate) fn open_as_left(
        options: &OpenOptions,
        len: u64,
        left: Option<&FileStart>,
    ) -> Result<Self, StoreError> {
        let opened = open_database(options, len <= options.verify_up_to, left)?;
        let OpenDatabase { db, written, reserve, largest_page } = opened;
        let mut store = Self {
            options: Some(options.clone()),
            written: Some(written),
            reserve,
            largest_page,
            ..Self::new(db, options.limits, options.identities)?
        };
        if let Some(charging) = options.charging {
            store.recharge(charging)?;
        }
        // Lookups need the table of entries, so opening the store must fail if this table cannot be opened.
        store.snapshot(0)?;
        Ok(store)
    }

    /// Returns the cumulative statistics that the file has after the next commit, or `None` if they are
    /// missing or cannot be decoded.
    pub(crate) fn cumulative_stats(&self) -> Option<&CumulativeStats> {
        self.cumulative.as_ref()
    }

    /// Sets the cumulative statistics that the next commit writes. Does not cause a commit.
    pub(crate) fn note_cumulative_stats(&mut self, cumulative: CumulativeStats) {
        self.cumulative = Some(cumulative);
    }

    pub(crate) fn snapshot(&self, generation: u64) -> Result<StoreSnapshot, StoreError> {
        StoreSnapshot::take(&*self.db, generation)
    }

    pub(super) fn apply(&mut self, changes: DraftChanges) {
        let names = self.catalog.apply(changes);
        if let Some(unshown) = &mut self.unshown {
            unshown.extend(names);
        }
    }

    /// Adjusts the limit of the charges to the size of the file after a commit.
    pub(crate) fn note_extent(&mut self, extent: Extent, capacity: u64) {
        self.pressure.note(extent, capacity, self.catalog.live_bytes());
    }

    pub(crate) fn largest_page(&self) -> u64 {
        self.largest_page
    }

    /// Returns the size of the largest page that a record of the file needs, in one pass over the entries.
    pub(crate) fn largest_record_page(&self) -> Result<u64, StoreError> {
        guarded(|| {
            let mut largest = 0;
            for row in begin_read(&*self.db)?.open_table(ENTRIES)?.iter()? {
                let (key, record) = row?;
                largest = largest.max(page_of(key.value().len(), record.value().len()));
            }
            Ok(largest)
        })
    }

    pub(crate) fn clock_watermark(&self) -> Timestamp {
        self.catalog.state.clock_watermark
    }

    pub(crate) fn last_sequence(&self) -> u64 {
        // Only in a damaged file does a range removal have a higher sequence than the state. New entries
        // need an even higher sequence, because otherwise the range removal would cover them.
        self.catalog.ranges.iter().map(|range| range.sequence).fold(self.catalog.state.sequence, u64::max)
    }

    pub(crate) fn ranges(&self) -> &[RangeTombstone] {
        &self.catalog.ranges
    }

    /// Deletes every entry. Called when the times of the entries cannot be trusted.
    pub(crate) fn wipe(&mut self, clock_watermark: Timestamp) -> Result<(), StoreError> {
        let mut catalog = self.catalog.clone();
        catalog.retired = Retired::default();
        catalog.keyspaces.empty_all();
        catalog.ranges.clear();
        catalog.state.clock_watermark = clock_watermark;
        let mut draft = Draft::of(&catalog);
        draft.upgrade(clock_watermark, self.identities);
        let changes = draft.into_changes();
        catalog.apply(changes);
        guarded(|| {
            let txn = begin_write(&self.db)?;
            txn.delete_table(ENTRIES)?;
            txn.delete_table(EXPIRY)?;
            txn.delete_table(RETIRED)?;
            range_removals::write(&txn, &self.catalog.ranges, &[])?;
            Entries::open(&txn, clock_watermark, catalog.charging)?;
            write_catalog(&txn, &catalog)?;
            commit(txn)
        })?;
        self.catalog = catalog;
        Ok(())
    }

    /// Returns what the file must begin with, and its length. Returns `None` if this is unknown.
    pub(crate) fn expected(&self) -> Option<FileStart> {
        self.written.as_ref()?.expected()
    }

    /// Once this seal is set, all further writes through the handle of the file fail.
    pub(crate) fn seal(&self) -> Seal {
        self.written.as_ref().map(WrittenFile::seal).unwrap_or_default()
    }

    /// Returns the error of a file that a check or a write has found overwritten, and has sealed.
    pub(crate) fn overwritten(&self) -> Option<StoreError> {
        self.seal().sealed_len().map(StoreError::overwritten)
    }

    /// Checks that the file is as its writes have left it. If it is not, seals the file.
    ///
    /// # Errors
    /// Returns an error if the file is not as its writes have left it, or cannot be read.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let checked = self.written.as_ref().map_or(Ok(()), WrittenFile::check);
        self.overwritten().map_or_else(|| Ok(checked?), Err)
    }

    /// Closes the store. The last write of the header may find that the file was overwritten.
    pub(crate) fn close(mut self) -> Result<(), StoreError> {
        // All changes are committed, and closing writes a few more blocks. If the bound of the sparse file
        // refused these blocks, the file would need a repair, and followers would refuse it. Also, a file
        // that exceeds its capacity shrinks only when it is closed.
        self.reserve.lift(true);
        let db = self.db.take();
        let closed = guarded(|| Ok(db.map_or(Ok(()), Database::close)?));
        self.overwritten().map_or(closed, Err)
    }

    /// Closes a store whose file is opened again or replaced. Returns what its writes have left, if this is
    /// known. Ignores an error of redb, because the opening reports an error that persists.
    ///
    /// # Errors
    /// Returns an error only if a check or a write, even the last one, has found that the file was
    /// overwritten.
    pub(crate) fn close_to_reopen(self) -> Result<Option<FileStart>, StoreError> {
        // After a failure redb closes the file without writing the header, so the header's check is not made.
        // A file that is already closed may belong to another owner.
        if !Guarded::is_taken(&self.db) {
            drop(self.check());
        }
        let written = self.written.clone();
        drop(self.close());
        let Some(written) = written else { return Ok(None) };
        let overwritten = written.seal().sealed_len().map(StoreError::overwritten);
        overwritten.map_or_else(|| Ok(written.expected()), Err)
    }
}

#[cfg(test)]
mod tests;
