//! One transaction: what it is asked, what it does, and what it says of that.

use std::collections::HashSet;

use redb::WriteTransaction;

use super::{EVICT_AHEAD, Store, write_known};
use crate::disk::batch::{Entries, PartLimits, RangeRemoval};
use crate::disk::fault::{Fault, guarded};
use crate::disk::known::{Adopted, Known, Registration};
use crate::disk::ranges::Cursor;
use crate::disk::tables::{LIFETIME_ROW, META, lifetime_to_bytes};
use crate::id::KeyspaceId;
use crate::memory::{Change, Mutation};
use crate::units::Timestamp;

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
    /// Whether to make a part of the earliest pending range removal, and whether that has taken long enough.
    pub(crate) part: Option<&'a dyn Fn() -> bool>,
    /// Rows that a range removal may look at in this transaction: a larger one gets a row of its own. As many
    /// may a part look at.
    pub(crate) range_rows: usize,
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

/// Parts of pending range removals that one transaction makes before it evicts.
const MAX_PARTS: usize = 8;

impl Store {
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
        let mut cursor = self.cursor.clone();
        guarded(|| {
            let mut txn = self.db.begin_write()?;
            // Reopening after a crash then takes milliseconds, whatever the size of the file.
            txn.set_quick_repair(true);
            change_entries(&txn, batch, &mut known, &mut outcome, (live_limit, &mut cursor))?;
            known.state.sequence = known.state.sequence.max(batch.sequence);
            known.state.mark = known.state.mark.max(batch.now);
            known.state.closed_cleanly = batch.closing;
            write_known(&txn, &self.known, &known)?;
            if let Some(lifetime) = &self.lifetime {
                txn.open_table(META)?.insert(LIFETIME_ROW, lifetime_to_bytes(lifetime).as_slice())?;
            }
            Ok(txn.commit()?)
        })?;
        (self.known, self.cursor) = (known, cursor);
        self.next_expiry = outcome.next_expiry;
        Ok(outcome)
    }

    fn changes_nothing(&self, batch: &Batch<'_>) -> bool {
        let has_ranges = batch.is_first && !batch.ranges.is_empty();
        let is_due = self.next_expiry.is_some_and(|next| next <= batch.now) || !self.known.retired.is_empty();
        let is_over = self.known.live_bytes() > self.live_limit;
        let has_part = batch.part.is_some() && !self.known.ranges.is_empty();
        batch.mutations.is_empty()
            && !has_ranges
            && !has_part
            && (batch.sweep == 0 || !is_due)
            && !is_over
            && !batch.closing
    }
}

fn change_entries(
    txn: &WriteTransaction,
    batch: &Batch<'_>,
    known: &mut Known,
    outcome: &mut Outcome,
    (live_limit, cursor): (u64, &mut Cursor),
) -> Result<(), redb::Error> {
    let mut entries = Entries::open(txn, batch.now)?;
    if let Some(is_over) = batch.part {
        cursor.advance(&mut entries, known, &PartLimits { rows: batch.range_rows, is_over })?;
    }
    for removal in batch.ranges.iter().filter(|_| batch.is_first) {
        let made = entries.remove_range(removal, &known.retired, &known.ranges, batch.range_rows)?;
        if made.is_none() {
            known.add_range(&removal.range);
        }
        outcome.removed.push(made.unwrap_or_else(|| removal.total(removal.on_disk)));
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
    make_room_of_dead(&mut entries, batch.range_rows, known, (live_limit, cursor))?;
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

/// Before anything is evicted: entries that pending range removals cover are nobody's, and give up their room
/// first. A bounded number of parts; nothing while there is room.
fn make_room_of_dead(
    entries: &mut Entries<'_>,
    rows: usize,
    known: &mut Known,
    (live_limit, cursor): (u64, &mut Cursor),
) -> Result<(), redb::Error> {
    for _ in 0..MAX_PARTS {
        if known.live_bytes() <= live_limit || known.ranges.is_empty() {
            break;
        }
        cursor.advance(entries, known, &PartLimits { rows, is_over: &|| false })?;
        known.apply(&std::mem::take(&mut entries.deltas));
    }
    Ok(())
}
