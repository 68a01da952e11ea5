//! The redb file of a cache: what the writer commits to.
//!
//! Owned by the writer alone. What is known of keyspaces (counts and bytes) is kept beside the file's own
//! rows and replaced only when a commit has succeeded, so neither opening nor counting ever scans.

mod commit;
mod metadata;
mod shorten;

pub(crate) use commit::{Batch, Outcome};
pub(in crate::disk) use metadata::write_known;

use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable};

use super::batch::{Entries, next_expiry};
use super::fault::{Fault, Guarded, guarded};
use super::format::{FORMAT_1, FileFormat};
use super::identity::{FileIdentity, Identities};
use super::keyspace_row::KeyspaceRow;
use super::known::Known;
use super::open::OpenOptions;
use super::ranges;
use super::snapshot::Snapshot;
use super::tables::{
    EXPIRY, FORMAT_ROW, IDENTITY_ROW, KEYSPACES, LIFETIME_ROW, META, RETIRED, STATE_ROW, State, read_lifetime,
};
use super::view::DiskView;
use crate::id::KeyspaceId;
use crate::stats::Lifetime;
use crate::units::Timestamp;

/// Evicting goes one part in so many below the limit, so that not every batch evicts.
const EVICT_AHEAD: u64 = 256;

/// The most that one entry may be charged for in a file whose entries together may be charged for
/// `live_limit`: such an entry has room once all others are evicted.
pub(crate) const fn most_charge(live_limit: u64) -> u64 {
    live_limit - live_limit / EVICT_AHEAD
}

/// An open file.
pub(crate) struct Store {
    pub(super) db: Guarded<Database>,
    pub(super) known: Known,
    /// Bytes that entries may be charged for, all together.
    live_limit: u64,
    /// When the earliest entry may be deleted.
    pub(super) next_expiry: Option<Timestamp>,
    lifetime: Option<Lifetime>,
    pub(super) identities: Identities,
    /// How it was opened; none of one that is in no file.
    options: Option<OpenOptions>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("known", &self.known).finish_non_exhaustive()
    }
}

impl Store {
    /// Makes the tables of a new file that knows this much, and commits them.
    pub(crate) fn initialise(db: &Database, known: &Known) -> Result<(), Fault> {
        guarded(|| {
            let mut txn = db.begin_write()?;
            txn.set_quick_repair(true);
            Entries::open(&txn, known.state.mark)?;
            txn.open_table(KEYSPACES)?;
            txn.open_table(RETIRED)?;
            write_known(&txn, &Known::default(), known)?;
            Ok(txn.commit()?)
        })
    }

    /// Reads what the metadata tables say.
    pub(crate) fn read_known(db: &impl ReadableDatabase) -> Result<Known, Fault> {
        let txn = Guarded::new(guarded(|| Ok(db.begin_read()?))?);
        let format = FileFormat::at(&txn)?.ok_or_else(|| illegible(FORMAT_ROW))?;
        Self::known_at(&txn, format.version())
    }

    /// What the metadata tables of a file of this format say in a transaction.
    pub(crate) fn known_at(txn: &ReadTransaction, format: u32) -> Result<Known, Fault> {
        let mut known = guarded(|| {
            let meta = txn.open_table(META)?;
            let state = meta.get(STATE_ROW)?.and_then(|row| State::read(row.value()).ok());
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
            let mut known = Known { format, identity, state, ..Known::default() };
            for row in txn.open_table(KEYSPACES)?.iter()? {
                let (name, row) = row?;
                match KeyspaceRow::read(row.value(), format) {
                    Ok(row) => known.keyspaces.insert(name.value().to_owned(), row),
                    Err(_) => return Ok(Err(illegible(name.value()))),
                };
            }
            for row in txn.open_table(RETIRED)?.iter()? {
                let (id, bytes) = row?;
                known.retired.insert(KeyspaceId::on_disk(id.value()), bytes.value());
            }
            Ok(Ok(known))
        })??;
        known.ranges = ranges::pending(txn)?;
        Ok(known)
    }

    pub(crate) fn new(db: Database, live_limit: u64, identities: Identities) -> Result<Self, Fault> {
        let db = Guarded::new(db);
        let known = Self::read_known(&*db)?;
        let next_expiry = guarded(|| Ok(next_expiry(&db.begin_read()?.open_table(EXPIRY)?)?))?;
        let lifetime = guarded(|| Ok(db.begin_read()?)).and_then(|txn| Self::lifetime_at(&txn))?;
        Ok(Self { db, known, live_limit, next_expiry, lifetime, identities, options: None })
    }

    /// The store of a file that was opened so.
    pub(crate) fn of_file(db: Database, options: &OpenOptions) -> Result<Self, Fault> {
        let store = Self::new(db, options.live_limit, options.identities)?;
        Ok(Self { options: Some(options.clone()), ..store })
    }

    /// The counts that the file has in a transaction; none if it has none that can be read.
    pub(crate) fn lifetime_at(txn: &ReadTransaction) -> Result<Option<Lifetime>, Fault> {
        guarded(|| {
            let row = txn.open_table(META)?.get(LIFETIME_ROW)?;
            Ok(row.and_then(|row| read_lifetime(row.value())))
        })
    }

    /// Whether it is of the process that this one was forked from.
    pub(super) fn is_inherited(&self) -> bool {
        Guarded::is_inherited(&self.db)
    }

    /// The counts that the file has, or is to have with its next commit; none if it has none that can be
    /// read.
    pub(crate) fn lifetime(&self) -> Option<&Lifetime> {
        self.lifetime.as_ref()
    }

    /// Counts to be written with the next commit. They are no reason for one.
    pub(crate) fn note_lifetime(&mut self, lifetime: Lifetime) {
        self.lifetime = Some(lifetime);
    }

    pub(crate) fn snapshot(&self, generation: u64) -> Result<Snapshot, Fault> {
        Snapshot::take(&*self.db, generation)
    }

    /// What the file says on opening.
    pub(crate) fn view(&self) -> DiskView {
        DiskView {
            recovered_entries: self.known.entries(),
            was_closed_cleanly: self.known.state.closed_cleanly,
            ..self.current_view()
        }
    }

    /// What the file holds after a commit.
    pub(super) fn current_view(&self) -> DiskView {
        let rows = self.known.keyspaces.iter();
        DiskView {
            keyspaces: rows.map(|(name, row)| (name.clone(), (row.id, row.entries, row.bytes))).collect(),
            entries: self.known.entries(),
            bytes: self.known.live_bytes(),
            ..DiskView::default()
        }
    }

    pub(crate) fn mark(&self) -> Timestamp {
        self.known.state.mark
    }

    pub(crate) fn last_sequence(&self) -> u64 {
        self.known.state.sequence
    }

    /// Deletes every entry: their times can't be trusted.
    pub(crate) fn wipe(&mut self, mark: Timestamp) -> Result<(), Fault> {
        let mut known = self.known.clone();
        known.retired.clear();
        for row in known.keyspaces.values_mut() {
            (row.entries, row.bytes) = (0, 0);
        }
        known.state.mark = mark;
        known.upgrade(mark, self.identities);
        guarded(|| {
            let mut txn = self.db.begin_write()?;
            txn.set_quick_repair(true);
            txn.delete_table(super::tables::ENTRIES)?;
            txn.delete_table(super::tables::EXPIRY)?;
            Entries::open(&txn, mark)?;
            write_known(&txn, &self.known, &known)?;
            Ok(txn.commit()?)
        })?;
        self.known = known;
        Ok(())
    }

    /// Closes the file, so that it can be opened, renamed or copied.
    pub(crate) fn close(self) -> Result<(), Fault> {
        guarded(|| Ok(self.db.into_inner().map_or(Ok(()), Database::close)?))
    }
}

fn illegible(row: &str) -> Fault {
    Fault::damage(format!("the row {row:?} of the metadata is illegible"))
}

#[cfg(test)]
mod tests;
