//! The redb file of a cache: what the writer commits to.
//!
//! Owned by the writer alone. What is known of keyspaces (counts and bytes) is kept beside the file's own
//! rows and replaced only when a commit has succeeded, so neither opening nor counting ever scans.

pub(crate) mod commit;
pub(crate) mod metadata;
mod shorten;

use metadata::write_catalog;

use std::collections::{BTreeMap, BTreeSet};

use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable};

use super::batch::Entries;
use super::batch::evict::Hand;
use super::catalog::Catalog;
use super::charging::{Charging, page_of};
use super::draft::{Draft, DraftChanges};
use super::extent::Extent;
use super::file_format::{FORMAT_1, FileFormat};
use super::guard::{Guarded, StoreError, guarded};
use super::identity::{FileIdentity, Identities};
use super::keyspace_row::KeyspaceRow;
use super::keyspace_rows::Retired;
use super::pressure::Pressure;
use super::range_removals::Cursor;
use super::snapshot::Snapshot;
use super::sparse::Reserve;
use super::tables::{
    CHARGING_ROW, CommitState, ENTRIES, EXPIRY, FEATURES_ROW, FORMAT_ROW, IDENTITY_ROW, KEYSPACES,
    LIFETIME_ROW, META, RETIRED, STATE_ROW, read_lifetime,
};
use super::{expiry, range_removals};
use crate::disk::disk_status::{DiskStatus, KeyspaceStatus};
use crate::disk::file::open::{OpenDatabase, OpenOptions};
use crate::format::keyspace_id::KeyspaceId;
use crate::memory::slot::Range;
use crate::stats::cumulative::CumulativeStats;
use crate::sys::volume::seal::Seal;
use crate::units::Timestamp;

/// Evicting goes one part in so many below the limit, so that not every batch evicts.
const EVICT_AHEAD: u64 = 256;

/// How much may be live in a file, and how fast it makes room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoreLimits {
    /// Bytes that entries may be charged for, all together.
    pub(crate) live_limit: u64,
    /// Entries that one transaction may evict: it replaces a page of each table for each of them, and the old
    /// ones are free only after the next.
    pub(crate) most_evictions: usize,
}

impl StoreLimits {
    /// The room of a file whose capacity is a setting of somebody else's.
    pub(crate) const UNBOUNDED: Self = Self { live_limit: u64::MAX, most_evictions: usize::MAX };
}

/// An open file.
pub(crate) struct Store {
    pub(crate) db: Guarded<Database>,
    pub(crate) catalog: Catalog,
    room: StoreLimits,
    pub(crate) pressure: Pressure,
    pub(crate) reserve: Reserve,
    /// The largest page that the file can have ([`super::new_file`]).
    pub(crate) largest_page: u64,
    /// Where evictions stand.
    hand: Hand,
    /// When the earliest entry may be deleted.
    pub(crate) next_expiry: Option<Timestamp>,
    lifetime: Option<CumulativeStats>,
    pub(crate) identities: Identities,
    /// The keyspaces whose rows have changed since [`Store::show`] was last called; none before the first
    /// call.
    unseen: Option<BTreeSet<String>>,
    /// Ends all writing to the file.
    pub(crate) seal: Seal,
    /// How far the earliest pending range removal has been made.
    pub(crate) cursor: Cursor,
    /// How it was opened; none of one that is in no file.
    options: Option<OpenOptions>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("known", &self.catalog).finish_non_exhaustive()
    }
}

impl Store {
    /// Makes the tables of a new file that knows this much, and commits them.
    pub(crate) fn initialise(db: &Database, catalog: &Catalog) -> Result<(), StoreError> {
        guarded(|| {
            let mut txn = db.begin_write()?;
            txn.set_quick_repair(true);
            Entries::open(&txn, catalog.state.clock_watermark, catalog.charging)?;
            txn.open_table(KEYSPACES)?;
            txn.open_table(RETIRED)?;
            write_catalog(&txn, catalog)?;
            Ok(txn.commit()?)
        })
    }

    /// Reads what the metadata tables say.
    pub(crate) fn read_known(db: &impl ReadableDatabase) -> Result<Catalog, StoreError> {
        let txn = Guarded::new(guarded(|| Ok(db.begin_read()?))?);
        let format = FileFormat::at(&txn)?.ok_or_else(|| illegible(FORMAT_ROW))?;
        Self::known_at(&txn, format.version(), None)
    }

    /// What the metadata tables of a file of this format say in a transaction: of all keyspaces, or of the
    /// one of this name `only`, whatever the number of others.
    pub(crate) fn known_at(
        txn: &ReadTransaction,
        format: u32,
        only: Option<&str>,
    ) -> Result<Catalog, StoreError> {
        let mut catalog = guarded(|| {
            let meta = txn.open_table(META)?;
            let state = meta.get(STATE_ROW)?.and_then(|row| CommitState::read(row.value()).ok());
            let Some(state) = state else {
                return Ok(Err(illegible(STATE_ROW)));
            };
            let identity = meta
                .get(IDENTITY_ROW)?
                .and_then(|row| row.value().try_into().ok())
                .map(FileIdentity::from_bytes);
            if identity.is_none() && format > FORMAT_1 {
                return Ok(Err(illegible(IDENTITY_ROW)));
            }
            let charging = match meta.get(CHARGING_ROW)? {
                None => Some(Charging::default()),
                Some(row) => row.value().first().copied().and_then(Charging::of_code),
            };
            let Some(charging) = charging else { return Ok(Err(illegible(CHARGING_ROW))) };
            let features = meta.get(FEATURES_ROW)?.and_then(|row| row.value().try_into().ok());
            let features = features.map_or(0, u64::from_be_bytes);
            let mut catalog = Catalog {
                format,
                features,
                identity,
                state,
                charging,
                charging_on_file: charging,
                ..Catalog::default()
            };
            let take = |catalog: &mut Catalog, name: &str, row: &[u8]| {
                let row = KeyspaceRow::read(row, format).map_err(|_| illegible(name))?;
                catalog.keyspaces.put(name.to_owned(), row);
                Ok(())
            };
            let keyspaces = txn.open_table(KEYSPACES)?;
            if let Some(name) = only {
                let row = keyspaces.get(name)?;
                let taken = row.map_or(Ok(()), |row| take(&mut catalog, name, row.value()));
                return Ok(taken.map(|()| catalog));
            }
            for row in keyspaces.iter()? {
                let (name, row) = row?;
                if let Err(fault) = take(&mut catalog, name.value(), row.value()) {
                    return Ok(Err(fault));
                }
            }
            for row in txn.open_table(RETIRED)?.iter()? {
                let (id, bytes) = row?;
                catalog.retired.set(KeyspaceId::on_disk(id.value()), Some(bytes.value()));
            }
            Ok(Ok(catalog))
        })??;
        catalog.ranges = range_removals::pending(txn)?;
        Ok(catalog)
    }

    pub(crate) fn new(db: Database, room: StoreLimits, identities: Identities) -> Result<Self, StoreError> {
        let db = Guarded::new(db);
        let catalog = Self::read_known(&*db)?;
        let next_expiry = guarded(|| Ok(expiry::next(&db.begin_read()?.open_table(EXPIRY)?)?))?;
        let lifetime = guarded(|| Ok(db.begin_read()?)).and_then(|txn| Self::lifetime_at(&txn))?;
        let largest_page = u64::MAX;
        let pressure = Pressure::new(room.live_limit);
        let reserve = Reserve::default();
        Ok(Self {
            db,
            catalog,
            room,
            pressure,
            reserve,
            largest_page,
            hand: Hand::default(),
            next_expiry,
            lifetime,
            identities,
            unseen: None,
            seal: Seal::default(),
            cursor: Cursor::default(),
            options: None,
        })
    }

    /// Counts what the entries are charged for anew, if the file did so by another rule: one pass over them.
    /// The file names the rule with its next commit.
    pub(crate) fn charge_by(&mut self, charging: Charging) -> Result<(), StoreError> {
        if self.catalog.charging == charging {
            return Ok(());
        }
        let mut charged: BTreeMap<KeyspaceId, u64> = BTreeMap::new();
        guarded(|| {
            for row in self.db.begin_read()?.open_table(ENTRIES)?.iter()? {
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

    /// The store of a file that was opened so.
    pub(crate) fn of_file(opened: OpenDatabase, options: &OpenOptions) -> Result<Self, StoreError> {
        let OpenDatabase { db, seal, reserve, largest_page } = opened;
        let store = Self::new(db, options.room, options.identities)?;
        Ok(Self { options: Some(options.clone()), seal, reserve, largest_page, ..store })
    }

    /// The counts that the file has in a transaction; none if it has none that can be read.
    pub(crate) fn lifetime_at(txn: &ReadTransaction) -> Result<Option<CumulativeStats>, StoreError> {
        guarded(|| {
            let row = txn.open_table(META)?.get(LIFETIME_ROW)?;
            Ok(row.and_then(|row| read_lifetime(row.value())))
        })
    }

    /// Whether it is of the process that this one was forked from.
    pub(crate) fn is_inherited(&self) -> bool {
        Guarded::is_inherited(&self.db)
    }

    /// The counts that the file has, or is to have with its next commit; none if it has none that can be
    /// read.
    pub(crate) fn lifetime(&self) -> Option<&CumulativeStats> {
        self.lifetime.as_ref()
    }

    /// Counts to be written with the next commit. They are no reason for one.
    pub(crate) fn note_lifetime(&mut self, lifetime: CumulativeStats) {
        self.lifetime = Some(lifetime);
    }

    pub(crate) fn snapshot(&self, generation: u64) -> Result<Snapshot, StoreError> {
        Snapshot::take(&*self.db, generation)
    }

    /// What the file says on opening.
    pub(crate) fn view(&mut self) -> DiskStatus {
        let mut view = DiskStatus {
            recovered_entries: self.catalog.entries(),
            was_closed_cleanly: self.catalog.state.closed_cleanly,
            ..DiskStatus::default()
        };
        self.show(&mut view);
        view
    }

    /// Brings a view up to date. Costs what has changed since the last call; the first call, all keyspaces.
    pub(crate) fn show(&mut self, view: &mut DiskStatus) {
        let keyspaces = &self.catalog.keyspaces;
        let shown = |row: &KeyspaceRow| KeyspaceStatus {
            id: row.id,
            entries: row.entries,
            bytes: row.bytes,
            schema: row.schema.clone(),
        };
        match self.unseen.replace(BTreeSet::new()) {
            None => {
                view.keyspaces = keyspaces.iter().map(|(name, row)| (name.clone(), shown(row))).collect();
                view.gone.retain(|id, _| keyspaces.name_of(*id).is_some());
            }
            Some(names) => {
                let rows = names.into_iter().filter_map(|name| Some((shown(keyspaces.get(&name)?), name)));
                for (row, name) in rows {
                    let id = row.id;
                    let old = view.keyspaces.insert(name, row);
                    if let Some(old) = old.filter(|old| old.id != id) {
                        view.gone.remove(&old.id);
                    }
                }
            }
        }
        (view.entries, view.bytes) = (self.catalog.entries(), self.catalog.live_bytes());
        view.identity = self.catalog.identity;
        view.pending_removals = self.catalog.ranges.len() as u64;
        // Of a limit that has just fallen the next commit makes true what is above it.
        view.usable = self.pressure.limit().max(view.bytes);
    }

    /// Takes over what a transaction has changed that has succeeded.
    pub(crate) fn accept(&mut self, changes: DraftChanges) {
        let names = self.catalog.accept(changes);
        if let Some(unseen) = &mut self.unseen {
            unseen.extend(names);
        }
    }

    /// Takes notice of what the file takes after a commit.
    pub(crate) fn note_extent(&mut self, extent: Extent, capacity: u64) {
        self.pressure.note(extent, capacity, self.catalog.live_bytes());
    }

    pub(crate) fn largest_page(&self) -> u64 {
        self.largest_page
    }

    /// The page of the largest record that there is.
    pub(crate) fn largest_record_page(&self) -> Result<u64, StoreError> {
        guarded(|| {
            let mut most = 0;
            for row in self.db.begin_read()?.open_table(ENTRIES)?.iter()? {
                let (key, record) = row?;
                most = most.max(page_of(key.value().len(), record.value().len()));
            }
            Ok(most)
        })
    }

    pub(crate) fn clock_watermark(&self) -> Timestamp {
        self.catalog.state.clock_watermark
    }

    pub(crate) fn last_sequence(&self) -> u64 {
        // A row is never later, unless somebody has damaged the file: it would cover what is written from now
        // on.
        self.catalog.ranges.iter().map(|range| range.sequence).fold(self.catalog.state.sequence, u64::max)
    }

    /// The range removals that are pending.
    pub(crate) fn ranges(&self) -> &[Range] {
        &self.catalog.ranges
    }

    /// Deletes every entry: their times can't be trusted.
    pub(crate) fn wipe(&mut self, clock_watermark: Timestamp) -> Result<(), StoreError> {
        let mut catalog = self.catalog.clone();
        catalog.retired = Retired::default();
        catalog.keyspaces.empty_all();
        catalog.ranges.clear();
        catalog.state.clock_watermark = clock_watermark;
        let mut draft = Draft::of(&catalog);
        draft.upgrade(clock_watermark, self.identities);
        let changes = draft.into_changes();
        catalog.accept(changes);
        guarded(|| {
            let mut txn = self.db.begin_write()?;
            txn.set_quick_repair(true);
            txn.delete_table(ENTRIES)?;
            txn.delete_table(EXPIRY)?;
            txn.delete_table(RETIRED)?;
            range_removals::write(&txn, &self.catalog.ranges, &[])?;
            Entries::open(&txn, clock_watermark, catalog.charging)?;
            write_catalog(&txn, &catalog)?;
            Ok(txn.commit()?)
        })?;
        self.catalog = catalog;
        Ok(())
    }

    /// Closes the file, so that it can be opened, renamed or copied.
    pub(crate) fn close(self) -> Result<(), StoreError> {
        // Everything is committed. A close that is refused its few blocks would leave a file that readers,
        // who may not repair it, refuse; and one that is longer than its capacity comes down to it only by
        // being closed.
        self.reserve.lift(true);
        guarded(|| Ok(self.db.into_inner().map_or(Ok(()), Database::close)?))
    }
}

fn illegible(row: &str) -> StoreError {
    StoreError::damage(format!("the row {row:?} of the metadata is illegible"))
}

#[cfg(test)]
mod tests;
