//! The store: the open redb file that the writer commits to.
//!
//! Only the writer owns it. The catalog (keyspaces, their counts and bytes) is kept in memory beside the rows
//! of the file, and changes only when a commit has succeeded. So neither opening nor counting scans entries.

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
use crate::units::Timestamp;

/// An open file.
pub(crate) struct Store {
    pub(crate) db: Guarded<Database>,
    pub(crate) catalog: Catalog,
    limits: StoreLimits,
    pub(crate) pressure: Pressure,
    pub(crate) reserve: Reserve,
    /// The largest page that the file can have ([`super::new_file`]).
    pub(crate) largest_page: u64,
    /// The position of the eviction.
    hand: ClockHand,
    /// When the earliest entry may be deleted.
    pub(crate) next_expiry: Option<Timestamp>,
    cumulative: Option<CumulativeStats>,
    pub(crate) identities: Identities,
    /// The keyspaces whose rows have changed since [`Store::show`] was last called; none before the first
    /// call.
    pub(crate) unshown: Option<BTreeSet<String>>,
    /// Ends all writing to the file.
    pub(crate) seal: Seal,
    /// How far the earliest pending range removal has been performed.
    pub(crate) cursor: RangeCursor,
    /// How the file was opened; none for a store that is in memory.
    options: Option<OpenOptions>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("known", &self.catalog).finish_non_exhaustive()
    }
}

impl Store {
    /// Makes the tables of a new file with this catalog, and commits them.
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
            seal: Seal::default(),
            cursor: RangeCursor::default(),
            options: None,
        })
    }

    /// Recounts the charges of all entries if the file counts them by another rule. Makes one pass over the
    /// entries. The next commit writes the rule to the file.
    pub(crate) fn recharge(&mut self, charging: Charging) -> Result<(), StoreError> {
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

    /// Opens a larder file of `len` bytes for writing.
    pub(crate) fn open(options: &OpenOptions, len: u64) -> Result<Self, StoreError> {
        let opened = open_database(options, len <= options.verify_up_to)?;
        let OpenDatabase { db, seal, reserve, largest_page } = opened;
        let store = Self::new(db, options.limits, options.identities)?;
        let mut store = Self { options: Some(options.clone()), seal, reserve, largest_page, ..store };
        if let Some(charging) = options.charging {
            store.recharge(charging)?;
        }
        // Lookups open the table of entries. Damage to it must show now, as all other damage does.
        store.snapshot(0)?;
        Ok(store)
    }

    /// Returns whether the store belongs to the process that this one was forked from.
    pub(crate) fn is_inherited(&self) -> bool {
        Guarded::is_inherited(&self.db)
    }

    /// Returns the cumulative statistics that the file has, or will have after its next commit; none if they
    /// are not legible.
    pub(crate) fn cumulative_stats(&self) -> Option<&CumulativeStats> {
        self.cumulative.as_ref()
    }

    /// Sets the cumulative statistics that the next commit writes. They are no reason for a commit.
    pub(crate) fn note_cumulative_stats(&mut self, cumulative: CumulativeStats) {
        self.cumulative = Some(cumulative);
    }

    pub(crate) fn snapshot(&self, generation: u64) -> Result<StoreSnapshot, StoreError> {
        StoreSnapshot::take(&*self.db, generation)
    }

    /// Applies the changes of a transaction that has succeeded.
    pub(crate) fn apply(&mut self, changes: DraftChanges) {
        let names = self.catalog.apply(changes);
        if let Some(unshown) = &mut self.unshown {
            unshown.extend(names);
        }
    }

    /// Notes the size of the file after a commit.
    pub(crate) fn note_extent(&mut self, extent: Extent, capacity: u64) {
        self.pressure.note(extent, capacity, self.catalog.live_bytes());
    }

    pub(crate) fn largest_page(&self) -> u64 {
        self.largest_page
    }

    /// Returns the size of the page of the largest record.
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
        // A row has a higher sequence only if a program has damaged the file. It would then cover all later
        // writes.
        self.catalog.ranges.iter().map(|range| range.sequence).fold(self.catalog.state.sequence, u64::max)
    }

    /// Returns the pending range removals.
    pub(crate) fn ranges(&self) -> &[RangeTombstone] {
        &self.catalog.ranges
    }

    /// Deletes every entry. Called when their times can't be trusted.
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

    /// Closes the file, so that it can be opened, renamed or copied.
    pub(crate) fn close(self) -> Result<(), StoreError> {
        // Everything is committed. If the bound refused the few blocks that closing takes, the file would
        // need a repair, and readers refuse such a file. A file that exceeds its capacity also shrinks only
        // by being closed.
        self.reserve.lift(true);
        guarded(|| Ok(self.db.into_inner().map_or(Ok(()), Database::close)?))
    }
}

#[cfg(test)]
mod tests;
