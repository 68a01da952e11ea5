//! The redb file of a cache: what the writer commits to.
//!
//! Owned by the writer alone. What is known of keyspaces (counts and bytes) is kept beside the file's own
//! rows and replaced only when a commit has succeeded, so neither opening nor counting ever scans.

mod metadata;

pub(in crate::disk) use metadata::write_known;

use std::collections::HashSet;

use redb::{CompactionError, Database, ReadTransaction, ReadableDatabase, ReadableTable, WriteTransaction};

use super::batch::{Entries, RangeRemoval, next_expiry};
use super::fault::{Fault, FaultKind, Guarded, guarded};
use super::format::{FORMAT_1, FileFormat};
use super::identity::{FileIdentity, Identities};
use super::keyspace_row::KeyspaceRow;
use super::known::{Adopted, Known, Registration};
use super::ranges;
use super::snapshot::Snapshot;
use super::tables::{
    EXPIRY, FORMAT_ROW, IDENTITY_ROW, KEYSPACES, LIFETIME_ROW, META, RETIRED, STATE_ROW, State,
    lifetime_to_bytes, read_lifetime,
};
use super::view::DiskView;
use crate::id::KeyspaceId;
use crate::memory::{Change, Mutation};
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
}

/// What one transaction is to do.
pub(crate) struct Batch<'a> {
    pub(crate) mutations: &'a [Mutation],
    /// Every range removal of the step: a mutation that one of them covers is a deletion, in whichever batch
    /// it comes.
    pub(crate) ranges: &'a [RangeRemoval],
    /// Whether this batch, the first of the step, deletes the ranges.
    pub(crate) is_first: bool,
    /// What was opened while the file was out of service, under the numbers that its handles have.
    pub(crate) adopt: &'a Adopted,
    pub(crate) register: &'a [Registration],
    /// How many due entries to delete at most.
    pub(crate) sweep: usize,
    pub(crate) now: Timestamp,
    pub(crate) sequence: u64,
    pub(crate) closing: bool,
    /// Whether memory holds a copy of the entry: evicted from disk last.
    pub(crate) is_resident: &'a dyn Fn(&[u8]) -> bool,
}

/// What a transaction did.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Whether there was anything to commit.
    pub(crate) is_committed: bool,
    /// Live entries removed, for each range removal.
    pub(crate) removed: Vec<u64>,
    pub(crate) registered: Vec<KeyspaceId>,
    /// Keyspaces that this batch retired.
    pub(crate) retired: Vec<KeyspaceId>,
    pub(crate) swept: u64,
    pub(crate) more_to_sweep: bool,
    pub(crate) evicted: u64,
    /// Of each keyspace that lost any: entries deleted for room, and for age.
    pub(crate) gone: Vec<(KeyspaceId, u64, u64)>,
    pub(crate) next_expiry: Option<Timestamp>,
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
        Ok(Self { db, known, live_limit, next_expiry, lifetime, identities })
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

    /// Commits a batch: all of it, durably, or nothing.
    pub(crate) fn commit(&mut self, batch: &Batch<'_>) -> Result<Outcome, Fault> {
        let mut known = self.known.clone();
        let mut outcome = Outcome::default();
        known.adopt(batch.adopt);
        for wanted in batch.register {
            let (id, retired) = known.register(wanted, batch.now);
            outcome.registered.push(id);
            outcome.retired.extend(retired);
        }
        if self.changes_nothing(batch) && known == self.known {
            return Ok(Outcome { next_expiry: self.next_expiry, ..outcome });
        }
        outcome.is_committed = true;
        known.upgrade(batch.now, self.identities);
        let live_limit = self.live_limit;
        guarded(|| {
            let mut txn = self.db.begin_write()?;
            // Reopening after a crash then takes milliseconds, whatever the size of the file.
            txn.set_quick_repair(true);
            change_entries(&txn, batch, &mut known, &mut outcome, live_limit)?;
            known.state.sequence = known.state.sequence.max(batch.sequence);
            known.state.mark = known.state.mark.max(batch.now);
            known.state.closed_cleanly = batch.closing;
            write_known(&txn, &self.known, &known)?;
            if let Some(lifetime) = &self.lifetime {
                txn.open_table(META)?.insert(LIFETIME_ROW, lifetime_to_bytes(lifetime).as_slice())?;
            }
            Ok(txn.commit()?)
        })?;
        self.known = known;
        self.next_expiry = outcome.next_expiry;
        Ok(outcome)
    }

    fn changes_nothing(&self, batch: &Batch<'_>) -> bool {
        let has_ranges = batch.is_first && !batch.ranges.is_empty();
        let is_due = self.next_expiry.is_some_and(|next| next <= batch.now) || !self.known.retired.is_empty();
        let is_over = self.known.live_bytes() > self.live_limit;
        batch.mutations.is_empty()
            && !has_ranges
            && (batch.sweep == 0 || !is_due)
            && !is_over
            && !batch.closing
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

    /// Brings a file that was made with a larger capacity down to this one: deletes what has expired, evicts,
    /// and gives unused pages back to the file system. These last only if no follower reads the file just
    /// now; it stays longer then.
    pub(crate) fn shrink(&mut self, now: Timestamp) -> Result<(), Fault> {
        const ROWS: usize = 1000;
        loop {
            let outcome = self.commit(&Batch {
                mutations: &[],
                ranges: &[],
                is_first: true,
                adopt: &Adopted::default(),
                register: &[],
                sweep: ROWS,
                now,
                sequence: 0,
                closing: false,
                is_resident: &|_| false,
            })?;
            if !outcome.more_to_sweep {
                break;
            }
        }
        match self.compact() {
            Err(fault) if fault.kind == FaultKind::Damage => Err(fault),
            _ => Ok(()),
        }
    }

    /// Gives unused pages back to the file system; not while anybody reads. Answers whether it could.
    pub(crate) fn compact(&mut self) -> Result<bool, Fault> {
        guarded(|| match self.db.compact() {
            Ok(_) => Ok(true),
            Err(CompactionError::TransactionInProgress) => Ok(false),
            Err(error) => Err(error.into()),
        })
    }
}

fn change_entries(
    txn: &WriteTransaction,
    batch: &Batch<'_>,
    known: &mut Known,
    outcome: &mut Outcome,
    live_limit: u64,
) -> Result<(), redb::Error> {
    let mut entries = Entries::open(txn, batch.now)?;
    for removal in batch.ranges.iter().filter(|_| batch.is_first) {
        outcome.removed.push(entries.remove_range(removal, &known.retired)?);
    }
    for mutation in batch.mutations {
        entries.apply(mutation, batch.ranges)?;
    }
    if batch.sweep > 0 {
        let before = entries.deltas.clone();
        let (mut rows, swept) = entries.sweep(batch.sweep)?;
        outcome.swept = swept;
        for (&id, after) in &entries.deltas {
            let swept = before.get(&id).map_or(0, |delta| delta.0) - after.0;
            outcome
                .gone
                .extend(u64::try_from(swept).ok().filter(|swept| *swept > 0).map(|swept| (id, 0, swept)));
        }
        for id in known.retired.keys().copied().collect::<Vec<_>>() {
            let asked = batch.sweep - rows;
            let deleted = entries.sweep_retired(id, asked)?;
            rows += deleted;
            if deleted < asked {
                known.retired.remove(&id);
            }
        }
        outcome.more_to_sweep = rows == batch.sweep;
    }
    let deltas = std::mem::take(&mut entries.deltas);
    known.apply(&deltas);
    let live = known.live_bytes();
    if live > live_limit {
        let bytes = live - live_limit + live_limit / EVICT_AHEAD;
        // Else a value of a good part of the file that expires soonest would be acknowledged, and gone.
        let puts = batch.mutations.iter().filter(|mutation| matches!(mutation.change, Change::Put { .. }));
        let written: HashSet<&[u8]> = puts.map(|mutation| &*mutation.key).collect();
        outcome.evicted = entries.evict(bytes, batch.is_resident, &|key| written.contains(key))?;
        known.apply(&entries.deltas);
        outcome.gone.extend(entries.deltas.iter().map(|(&id, delta)| (id, delta.0.unsigned_abs(), 0)));
    }
    outcome.next_expiry = entries.next_expiry()?;
    Ok(())
}

fn illegible(row: &str) -> Fault {
    Fault::damage(format!("the row {row:?} of the metadata is illegible"))
}

#[cfg(test)]
mod tests;
