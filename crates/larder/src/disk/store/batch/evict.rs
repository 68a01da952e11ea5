//! Eviction from disk: deletes entries in a transaction to make room for other entries.
//!
//! Eviction uses a clock algorithm. A hand moves over the entries in the order in which they were written.
//! It deletes the entries that were not used since the hand last passed
//! ([`Uses`](crate::disk::store::uses)). It does not move or change the entries that it spares.
//!
//! - The hand follows the expiry rows. Within a class of lifetimes, rows are nearly in the order of writing.
//!   The hand has a position in each class. It compares the next rows of all classes, and selects the row
//!   that was written first. The time of writing is estimated as the row's time minus a lifetime. The
//!   lifetime is that of the first entry in the row's group of [`ROWS`] rows. The entry of each row is not
//!   read, because its page may not be in memory.
//! - A *turn* covers the entries that were written before the turn began. Then the hand returns to the first
//!   rows. So an entry is deleted only after all older entries were examined.
//! - Entries that memory holds are also spared, because lookups in memory are not recorded as uses of the
//!   disk. After [`MAX_LOOKS`] rows, or a full turn, used entries and entries in memory are no longer
//!   spared. Otherwise a memory tier that holds nearly all entries would make each eviction scan the whole
//!   table. Entries that the batch is about to write are always spared.
//! - Rows without a class are older than all other rows, so the hand examines them first.
//!
//! The position of the hand is not stored. In a new process the hand starts at the first rows again, so it
//! examines some rows twice.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use redb::{ReadableTable, StorageError};

use super::entries::Entries;
use crate::disk::store::expiry;
use crate::disk::store::expiry::UNCLASSED;
use crate::format::record;
use crate::units::Timestamp;

/// Number of rows of a class to read at a time.
const ROWS: usize = 32;
/// Number of rows after which one eviction spares only the entries that the batch writes.
const MAX_LOOKS: usize = 4096;
/// Maximum number of turns that one eviction may begin. The first turn may spare all entries. The second
/// turn spares only entries that the batch is about to write.
const MAX_TURNS: usize = 2;

/// A predicate on the key of an entry, called before the entry is evicted.
type IsKey<'a> = &'a dyn Fn(&[u8]) -> bool;

#[derive(Clone, Copy)]
pub(crate) struct Spared<'a> {
    pub(crate) is_resident: IsKey<'a>,
    /// Returns whether a use of the entry was recorded since the last call, and clears the record of that
    /// use.
    pub(crate) take_use: IsKey<'a>,
    pub(crate) is_written: IsKey<'a>,
}

#[derive(Debug, Default)]
pub(crate) struct ClockHand {
    /// The last row that the hand has passed, by class.
    passed: BTreeMap<u8, Vec<u8>>,
    turned_at: Option<Timestamp>,
}

struct ClassHead {
    class: u8,
    rows: VecDeque<Vec<u8>>,
    /// Estimated lifetime of the entries in `rows`, in ms.
    lifetime: u64,
}

impl ClassHead {
    /// Returns the estimated time at which the entry of the next row was written, in ms, at most `now`.
    fn written_at(&self, now: Timestamp) -> Option<u64> {
        let (at, _) = expiry::split(self.rows.front()?)?;
        Some(at.as_millis().saturating_sub(self.lifetime).min(now.as_millis()))
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Evicted {
    pub(crate) entries: u64,
    /// Number of bytes that the deleted entries were charged for.
    pub(crate) bytes: u64,
    /// Whether the eviction ended because it had deleted `max_entries` entries.
    pub(crate) has_more: bool,
}

impl Entries<'_> {
    /// Deletes entries until `bytes` are freed, but at most `max_entries` entries. Begins at most
    /// [`MAX_TURNS`] turns of the hand.
    pub(crate) fn evict(
        &mut self,
        bytes: u64,
        max_entries: usize,
        spared: Spared<'_>,
        hand: &mut ClockHand,
    ) -> Result<Evicted, StorageError> {
        let before = self.freed();
        let goal = before.saturating_add(i64::try_from(bytes).unwrap_or(i64::MAX));
        let mut evicted = Evicted::default();
        let (mut looks, mut turns) = (0, 0);
        let mut heads = self.heads(hand)?;
        while self.freed() < goal {
            if evicted.entries >= max_entries as u64 {
                evicted.has_more = true;
                break;
            }
            let turned_at = hand.turned_at.get_or_insert(self.now).as_millis();
            let now = self.now;
            let next = heads.iter_mut().filter_map(|head| Some((head.written_at(now)?, head)));
            let next = next.filter(|next| next.0 <= turned_at).min_by_key(|next| next.0);
            let Some((_, head)) = next else {
                if turns == MAX_TURNS {
                    break;
                }
                turns += 1;
                *hand = ClockHand { turned_at: Some(self.now), ..ClockHand::default() };
                heads = self.heads(hand)?;
                continue;
            };
            let Some(row) = head.rows.pop_front() else { break };
            hand.passed.insert(head.class, row.clone());
            if head.rows.is_empty() {
                self.fill(head, Some(&row))?;
            }
            looks += 1;
            let is_spared = |key: &[u8]| {
                let may_spare = looks <= MAX_LOOKS && turns <= 1;
                let is_used = (spared.take_use)(key) || (spared.is_resident)(key);
                (spared.is_written)(key) || (is_used && may_spare)
            };
            if !expiry::split(&row).is_some_and(|(_, key)| is_spared(key)) {
                evicted.entries += u64::from(self.delete_row(&row)?);
            }
        }
        evicted.bytes = u64::try_from(self.freed() - before).unwrap_or(0);
        Ok(evicted)
    }

    fn heads(&self, hand: &ClockHand) -> Result<Vec<ClassHead>, StorageError> {
        let mut heads = Vec::new();
        for (class, _) in expiry::heads(&*self.expiry)? {
            let mut head = ClassHead { class, rows: VecDeque::new(), lifetime: 0 };
            self.fill(&mut head, hand.passed.get(&class).map(Vec::as_slice))?;
            heads.push(head);
        }
        Ok(heads)
    }

    /// Reads the next rows of a class, after the row that was passed last.
    fn fill(&self, head: &mut ClassHead, passed: Option<&[u8]>) -> Result<(), StorageError> {
        let (start, end) = ([head.class], expiry::end_of_class(head.class));
        let from = passed.map_or(Bound::Included(start.as_slice()), Bound::Excluded);
        let to = end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(end.as_slice()));
        for row in self.expiry.range::<&[u8]>((from, to))?.take(ROWS) {
            head.rows.push_back(row?.0.value().to_vec());
        }
        if head.class == UNCLASSED {
            head.lifetime = u64::MAX;
        } else if let Some((at, key)) = head.rows.front().and_then(|row| expiry::split(row))
            && let Some(record) = self.rows.get(key)?
            && let Some(header) = record::peek(record.value())
        {
            head.lifetime = at.as_millis().saturating_sub(header.written_at.as_millis());
        }
        Ok(())
    }

    fn freed(&self) -> i64 {
        -self.deltas.values().map(|(_, bytes)| bytes).sum::<i64>()
    }
}
