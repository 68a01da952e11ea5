//! Eviction from disk: which entries a transaction deletes so that the others have room.
//!
//! A hand moves over the entries in the order in which they were written, and takes what was not used since
//! it last passed ([`Uses`](crate::disk::store::uses)). It writes nothing: an entry that it passes over stays where
//! it is.
//!
//! - The order is that of the expiry rows. Within a class of lifetimes they stand as they were written,
//!   nearly; the hand has a place in each class, and of the rows that are next in their classes it takes the
//!   one that was written first. When that was is told by the row's time less the lifetime of an entry of its
//!   class that was looked at a few rows before, since the entry itself may be on a page that is not in
//!   memory.
//! - A *turn* covers what was written before it began. Then the hand goes back to the first rows. So nothing
//!   is taken while an older entry has not been looked at, however few are unused.
//! - What memory holds is passed over, too: it is used without the disk being told. After [`MAX_LOOKS`]
//!   rows, or a whole turn, nothing is passed over any more, so that a memory tier which holds nearly
//!   everything does not make each eviction a walk over the whole table. What the batch is about to write is
//!   passed over always.
//! - Rows without a class are older than any other, and go first.
//!
//! Where the hand stands is lost with the process. It begins at the first rows again, which costs nothing but
//! a second look at what it had passed.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use redb::{ReadableTable, StorageError};

use super::entries::Entries;
use crate::disk::store::expiry;
use crate::disk::store::expiry::UNCLASSED;
use crate::format::record;
use crate::units::Timestamp;

/// Rows of a class looked at together.
const ROWS: usize = 32;
/// Rows that one eviction may pass over.
const MAX_LOOKS: usize = 4096;
/// Turns that an eviction may begin. In the first, which is whole, it may pass over everything; so in the
/// second it passes over nothing but what is about to be written.
const MAX_TURNS: usize = 2;

/// What is to be known of a key before it is evicted.
type IsKey<'a> = &'a dyn Fn(&[u8]) -> bool;

/// Which entries the hand passes over.
#[derive(Clone, Copy)]
pub(crate) struct Spared<'a> {
    /// Whether memory holds it.
    pub(crate) is_resident: IsKey<'a>,
    /// Whether it was read from disk since this was last asked.
    pub(crate) take_use: IsKey<'a>,
    /// Whether the batch is about to write it.
    pub(crate) is_written: IsKey<'a>,
}

/// Where evictions stand.
#[derive(Debug, Default)]
pub(crate) struct Hand {
    /// The last row that was passed, by class.
    passed: BTreeMap<u8, Vec<u8>>,
    /// When the turn began.
    turned_at: Option<Timestamp>,
}

/// The rows of a class that are next.
struct Head {
    class: u8,
    rows: VecDeque<Vec<u8>>,
    /// How long the entries of the class live, in ms.
    lifetime: u64,
}

impl Head {
    /// When the entry of the next row was written, as far as can be told: not after now.
    fn written_at(&self, now: Timestamp) -> Option<u64> {
        let (at, _) = expiry::split(self.rows.front()?)?;
        Some(at.as_millis().saturating_sub(self.lifetime).min(now.as_millis()))
    }
}

/// What an eviction did.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Evicted {
    pub(crate) entries: u64,
    /// What these were charged for.
    pub(crate) bytes: u64,
    /// Whether it ended because one transaction may evict no more.
    pub(crate) has_more: bool,
}

impl Entries<'_> {
    /// Deletes up to `most` entries, until `bytes` are freed.
    pub(crate) fn evict(
        &mut self,
        bytes: u64,
        max_entries: usize,
        spared: Spared<'_>,
        hand: &mut Hand,
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
                *hand = Hand { turned_at: Some(self.now), ..Hand::default() };
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

    /// The rows that are next, of every class.
    fn heads(&self, hand: &Hand) -> Result<Vec<Head>, StorageError> {
        let mut heads = Vec::new();
        for (class, _) in expiry::heads(&self.expiry)? {
            let mut head = Head { class, rows: VecDeque::new(), lifetime: 0 };
            self.fill(&mut head, hand.passed.get(&class).map(Vec::as_slice))?;
            heads.push(head);
        }
        Ok(heads)
    }

    /// Reads the next rows of a class, after one that was passed.
    fn fill(&self, head: &mut Head, passed: Option<&[u8]>) -> Result<(), StorageError> {
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
