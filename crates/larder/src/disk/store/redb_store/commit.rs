//! Commits a batch in one transaction. Defines the input, the steps and the outcome.

use std::collections::HashSet;
use std::sync::LazyLock;

use redb::WriteTransaction;

use super::Store;
use crate::config::ranges::RANGE_ROWS;
use crate::disk::store::batch::entries::Entries;
use crate::disk::store::batch::evict::{ClockHand, Spared};
use crate::disk::store::batch::range_removal::RangeRemoval;
use crate::disk::store::batch::remove_range::PartLimits;
use crate::disk::store::draft::Draft;
use crate::disk::store::entry_change::{EntryChange, ExpiryExtension};
use crate::disk::store::guard::{Guarded, StoreError, begin_write, commit, guarded};
use crate::disk::store::limits::StoreLimits;
use crate::disk::store::metadata::write_draft;
use crate::disk::store::pending_registrations::PendingRegistrations;
use crate::disk::store::range_removals::RangeCursor;
use crate::disk::store::registration::Registration;
use crate::disk::store::tables::{CUMULATIVE_ROW, META, cumulative_to_bytes};
use crate::format::keyspace_id::KeyspaceId;
use crate::units::Timestamp;

pub(crate) struct Batch<'a> {
    pub(crate) changes: &'a [EntryChange<'a>],
    /// All range removals of the writer's step. In each batch of that step, a change that a range removal
    /// covers becomes a deletion.
    pub(crate) ranges: &'a [RangeRemoval],
    /// Whether this batch is the first of the step. Only the first batch makes the range removals.
    pub(crate) is_first: bool,
    /// Keyspaces that are not yet in the file, with the numbers that their handles use.
    pub(crate) pending: &'a PendingRegistrations,
    pub(crate) register: &'a [Registration],
    /// Maximum number of due and retired entries to delete. Zero means no sweep.
    pub(crate) sweep: usize,
    pub(crate) now: Timestamp,
    pub(crate) sequence: u64,
    pub(crate) closing: bool,
    /// Returns whether memory holds a copy of the entry. At first, an eviction spares these entries.
    pub(crate) is_resident: &'a dyn Fn(&[u8]) -> bool,
    /// Returns whether a use of the entry was recorded since the last call. At first, an eviction also spares
    /// these entries.
    pub(crate) take_use: &'a dyn Fn(&[u8]) -> bool,
    /// Called with the key of an entry that was overwritten and whose expiry row stays in its place. The
    /// clock hand spares such an entry once, like an entry that was read.
    pub(crate) note_use: &'a dyn Fn(&[u8]),
    /// If set, the transaction deletes a part of the earliest pending range removal. The function returns
    /// whether the part must end now.
    pub(crate) part: Option<&'a dyn Fn() -> bool>,
    /// Maximum number of rows that one range removal or one part may examine. A larger range removal becomes
    /// a pending row.
    pub(crate) range_rows: usize,
    /// Later expiries of used entries, applied before the sweep.
    pub(crate) extensions: &'a [ExpiryExtension<'a>],
    /// Returns whether a use has given the entry a later expiry that is not on disk yet. The sweep spares
    /// this entry.
    pub(crate) has_stamp: &'a dyn Fn(&[u8]) -> bool,
    /// Number of rewritten record bytes after which the transaction applies no more extensions.
    pub(crate) max_extended_bytes: usize,
}

impl Batch<'_> {
    /// Returns a batch that changes nothing. No entry counts as used, or as being in memory.
    pub(crate) fn without_changes(now: Timestamp, sequence: u64) -> Self {
        static NONE_PENDING: LazyLock<PendingRegistrations> = LazyLock::new(PendingRegistrations::default);
        Self {
            changes: &[],
            ranges: &[],
            is_first: true,
            pending: &NONE_PENDING,
            register: &[],
            sweep: 0,
            now,
            sequence,
            closing: false,
            is_resident: &|_| false,
            take_use: &|_| false,
            note_use: &|_| (),
            part: None,
            range_rows: RANGE_ROWS,
            extensions: &[],
            has_stamp: &|_| false,
            max_extended_bytes: 0,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct CommitOutcome {
    /// Whether a transaction was committed. If the batch changes nothing, there is no transaction.
    pub(crate) is_committed: bool,
    /// Number of live entries that each range removal has removed, in the order of the batch.
    pub(crate) removed: Vec<u64>,
    pub(crate) registered: Vec<KeyspaceId>,
    /// Keyspaces that the registrations of this batch have retired.
    pub(crate) retired: Vec<KeyspaceId>,
    pub(crate) swept: u64,
    pub(crate) more_to_sweep: bool,
    pub(crate) evicted: u64,
    /// Whether more entries must be evicted than one transaction may evict. Then no value of the batch was
    /// written. If a change hides a removal, its entry was deleted.
    pub(crate) needs_room: bool,
    /// Number of evicted and number of expired entries, for each keyspace that lost entries. A keyspace may
    /// occur twice.
    pub(crate) gone: Vec<(KeyspaceId, u64, u64)>,
    pub(crate) next_expiry: Option<Timestamp>,
    /// Number of processed extensions, counted from the first one of the batch.
    pub(crate) extended: usize,
}

/// In addition to what the batch needs, an eviction frees the limit divided by this number, so that not every
/// batch must evict.
pub(super) const EVICT_AHEAD: u64 = 256;
/// Maximum number of parts of pending range removals that one transaction deletes before it evicts.
const MAX_PARTS: usize = 8;

impl Store {
    /// Commits a batch durably, in one transaction, unless the batch changes nothing. If
    /// [`CommitOutcome::needs_room`] is set, the transaction contains no values.
    pub(crate) fn commit(&mut self, batch: &Batch<'_>) -> Result<CommitOutcome, StoreError> {
        let mut catalog = Draft::of(&self.catalog);
        let mut outcome = CommitOutcome::default();
        catalog.merge_pending(batch.pending);
        for wanted in batch.register {
            let (id, retired) = catalog.register(wanted, batch.now);
            outcome.registered.push(id);
            outcome.retired.extend(retired);
        }
        if self.changes_nothing(batch) && catalog.is_unchanged() {
            return Ok(CommitOutcome { next_expiry: self.next_expiry, ..outcome });
        }
        outcome.is_committed = true;
        catalog.upgrade(batch.now, self.identities);
        let limits = StoreLimits { live_limit: self.pressure.limit(), ..self.limits };
        let hand = &mut self.hand;
        let mut cursor = self.cursor.clone();
        guarded(|| {
            let txn = begin_write(&self.db)?;
            change_entries(&txn, batch, &mut catalog, &mut outcome, (limits, hand, &mut cursor))?;
            catalog.state.sequence = catalog.state.sequence.max(batch.sequence);
            catalog.state.clock_watermark = catalog.state.clock_watermark.max(batch.now);
            catalog.state.closed_cleanly = batch.closing && !outcome.needs_room;
            write_draft(&txn, &catalog)?;
            if let Some(cumulative) = &self.cumulative {
                let mut meta = Guarded::new(txn.open_table(META)?);
                meta.insert(CUMULATIVE_ROW, cumulative_to_bytes(cumulative).as_slice())?;
            }
            commit(txn)
        })?;
        let changes = catalog.into_changes();
        self.apply(changes);
        (self.cursor, self.next_expiry) = (cursor, outcome.next_expiry);
        Ok(outcome)
    }

    fn changes_nothing(&self, batch: &Batch<'_>) -> bool {
        let has_ranges = batch.is_first && !batch.ranges.is_empty();
        let is_due =
            self.next_expiry.is_some_and(|next| next <= batch.now) || !self.catalog.retired.is_empty();
        let is_over = self.catalog.live_bytes() > self.pressure.limit();
        let has_part = batch.part.is_some() && !self.catalog.ranges.is_empty();
        batch.changes.is_empty()
            && batch.extensions.is_empty()
            && !has_ranges
            && !has_part
            && (batch.sweep == 0 || !is_due)
            && !is_over
            && !batch.closing
    }
}

/// Changes the entries in the order below. So no sweep deletes an entry whose life was extended, and each
/// value has room before it is written.
///
/// 1. The expiries of used entries are extended. Then entries are deleted: by a part of a pending range
///    removal, by new range removals, by the sweep, and by deletions that belong to no group.
/// 2. Further parts of pending range removals are deleted, and entries are evicted, until the values of the
///    batch have room. At most as many entries are evicted as one transaction may evict.
/// 3. The values are written, and the deletions of their groups are made. If further transactions must
///    evict more entries first, only the removals that values hide are made.
fn change_entries(
    txn: &WriteTransaction,
    batch: &Batch<'_>,
    catalog: &mut Draft<'_>,
    outcome: &mut CommitOutcome,
    (limits, hand, cursor): (StoreLimits, &mut ClockHand, &mut RangeCursor),
) -> Result<(), redb::Error> {
    let mut entries = Entries::open(txn, batch.now, catalog.charging())?;
    // 1.
    outcome.extended = entries.extend(batch.extensions, batch.max_extended_bytes)?;
    if let Some(is_over) = batch.part {
        cursor.advance(&mut entries, catalog, &PartLimits { rows: batch.range_rows, is_over })?;
    }
    for removal in batch.ranges.iter().filter(|_| batch.is_first) {
        let removed = entries.remove_range(removal, &catalog.retired, &catalog.ranges, batch.range_rows)?;
        if removed.is_none() {
            catalog.add_range(&removal.range);
        }
        outcome.removed.push(removed.unwrap_or_else(|| removal.total(removal.on_disk)));
    }
    sweep(&mut entries, batch, catalog, outcome)?;
    let (values, deletions) = in_key_order(batch, &entries);
    for change in deletions.iter().filter(|change| !change.is_with_values) {
        entries.remove(&change.key)?;
    }
    catalog.apply(&std::mem::take(&mut entries.deltas));
    // 2.
    make_room(&mut entries, batch, &values, catalog, outcome, (limits, hand, cursor))?;
    // 3.
    for change in values {
        if !outcome.needs_room {
            entries.write(change, batch.note_use)?;
        } else if change.hides_removal {
            entries.remove(&change.key)?;
        }
    }
    for change in deletions.iter().filter(|change| change.is_with_values && !outcome.needs_room) {
        entries.remove(&change.key)?;
    }
    catalog.apply(&std::mem::take(&mut entries.deltas));
    outcome.next_expiry = entries.next_expiry()?;
    Ok(())
}

/// Divides the changes of a batch into written values and deletions, each in the order of the keys. So
/// consecutive changes find their pages in the processor's caches. The sort is stable, so of two values of a
/// key the newer one is written last.
fn in_key_order<'a>(
    batch: &Batch<'a>,
    entries: &Entries<'_>,
) -> (Vec<&'a EntryChange<'a>>, Vec<&'a EntryChange<'a>>) {
    let (mut values, mut deletions): (Vec<_>, Vec<_>) =
        batch.changes.iter().partition(|change| entries.is_value(change, batch.ranges));
    values.sort_by(|one, next| one.key.cmp(&next.key));
    deletions.sort_by(|one, next| one.key.cmp(&next.key));
    (values, deletions)
}

fn sweep(
    entries: &mut Entries<'_>,
    batch: &Batch<'_>,
    catalog: &mut Draft<'_>,
    outcome: &mut CommitOutcome,
) -> Result<(), redb::Error> {
    if batch.sweep == 0 {
        return Ok(());
    }
    let before = entries.deltas.clone();
    let (mut rows, swept) = entries.sweep(batch.sweep, batch.has_stamp)?;
    outcome.swept = swept;
    for (&id, after) in &entries.deltas {
        let swept = before.get(&id).map_or(0, |delta| delta.0) - after.0;
        outcome.gone.extend(u64::try_from(swept).ok().filter(|swept| *swept > 0).map(|swept| (id, 0, swept)));
    }
    for id in catalog.retired.ids().take(batch.sweep - rows).collect::<Vec<_>>() {
        let asked = batch.sweep - rows;
        if asked == 0 {
            break;
        }
        let deleted = entries.sweep_retired(id, asked)?;
        if deleted < asked {
            catalog.retired.remove(id);
        }
        // A keyspace without entries counts as one row, because there may be many such keyspaces.
        rows += deleted.max(1);
    }
    outcome.more_to_sweep = rows == batch.sweep;
    Ok(())
}

/// Makes room for the values of a batch, by parts of pending range removals and by eviction. Entries that
/// the batch is about to replace are not evicted.
fn make_room(
    entries: &mut Entries<'_>,
    batch: &Batch<'_>,
    values: &[&EntryChange<'_>],
    catalog: &mut Draft<'_>,
    outcome: &mut CommitOutcome,
    (limits, hand, cursor): (StoreLimits, &mut ClockHand, &mut RangeCursor),
) -> Result<(), redb::Error> {
    let live = catalog.live_bytes();
    // Most batches fit even if the space of the entries that they replace is not subtracted. Looking up these
    // entries takes as long as writing the new ones, so they are looked up only if necessary.
    let charged: u64 = values.iter().map(|change| entries.charge_of(change)).sum();
    if live.saturating_add(charged) <= limits.live_limit {
        return Ok(());
    }
    // Entries that pending range removals cover are deleted first, in a bounded number of parts.
    for _ in 0..MAX_PARTS {
        if catalog.ranges.is_empty()
            || catalog.live_bytes().saturating_add_signed(entries.growth(values)?) <= limits.live_limit
        {
            break;
        }
        cursor.advance(entries, catalog, &PartLimits { rows: batch.range_rows, is_over: &|| false })?;
        catalog.apply(&std::mem::take(&mut entries.deltas));
    }
    let needed = catalog.live_bytes().saturating_add_signed(entries.growth(values)?);
    if needed <= limits.live_limit {
        return Ok(());
    }
    let bytes = needed - limits.live_limit + limits.live_limit / EVICT_AHEAD;
    // Entries that a group removes are also spared. Otherwise such an entry could be evicted before the
    // values of its group are written.
    let with_values = batch.changes.iter().filter(|change| change.is_with_values);
    let written: HashSet<&[u8]> =
        values.iter().copied().chain(with_values).map(|change| &*change.key).collect();
    let is_written = |key: &[u8]| written.contains(key);
    let spared = Spared { is_resident: batch.is_resident, take_use: batch.take_use, is_written: &is_written };
    let evicted = entries.evict(bytes, limits.max_evictions, spared, hand)?;
    outcome.evicted = evicted.entries;
    outcome.gone.extend(entries.deltas.iter().map(|(&id, delta)| (id, delta.0.unsigned_abs(), 0)));
    catalog.apply(&std::mem::take(&mut entries.deltas));
    let needed = needed.saturating_sub(evicted.bytes);
    outcome.needs_room = needed > limits.live_limit && evicted.has_more;
    Ok(())
}
