//! The eviction policy of a shard. It chooses entries to evict, with two FIFO queues and a sketch. The
//! sketch estimates how often each key was used.
//!
//! 1. A new entry joins the *small* queue. The target weight of this queue is a share of the total weight.
//!    While the queue is empty or has less than half of this weight, entries of the *main* queue are
//!    evicted, if it has any.
//! 2. At the end of the small queue, the entry competes for a place in the main queue. Its rival is the
//!    oldest entry of main that was not used since the policy last visited it. Used entries go back to the
//!    start of main. A newcomer that was used while in the small queue replaces the rival, unless the
//!    sketch counts more than [`MAX_LEAD`] times as many uses of the rival. Any other newcomer replaces the
//!    rival only if it has at least two more uses. A newcomer that loses is evicted. Then a rival with more
//!    uses goes back to the start of main, and so does the rival of every [`MAX_LOSERS`]th loser. Any other
//!    rival stays to compete with the next newcomer.
//! 3. While main has not filled its share, there is no rival. An entry that was used while in the small
//!    queue, or twice according to the sketch, joins main. Any other entry is evicted.
//! 4. Once the cache is full, the *warm-up* entries are evicted first, from the newest to the oldest. The
//!    warm-up entries are the older entries that exceed the share of the small queue. So a loop that is
//!    larger than the cache finds its first entries again. The `warmup_cursor` points to the next warm-up
//!    entry.
//! 5. The share of the small queue adapts to the requests ([`small_queue_target`]).
//!
//! A scan passes through the small queue and does not change main. In a loop larger than the cache,
//! newcomers have no more uses than the entries of main. So a part of the loop stays in the cache. The
//! entries of a new working set move into main, because they are used twice or are used in the small queue.
//!
//! A new entry counts as a use of its key only if a lookup of the key has missed ([`missed_keys`]). So
//! entries that no caller looks up leave the small queue in the order in which they joined it, and do not
//! change main.
//!
//! Several hits between two visits of the policy count as one use. Otherwise a short burst of hits would
//! outweigh a key that returns regularly.
//!
//! A hit costs one relaxed load. The first hit between two visits of the policy also costs one relaxed
//! store. Both operations happen under a shared lock. Attaching and evicting are O(1) amortized: each rival
//! that goes back to the start of main had a hit before, or won against a newcomer.
//!
//! The policy takes 17 bytes for each entry. Once the cache has been full, the sketch and the ghosts take 9
//! to 18 bytes more for each entry, and the misses take 2 KiB for each shard.
//!
//! No library is used, because the policies of moka and `quick_cache` are parts of their caches. This policy
//! uses only slot ids, so a model test can check it without a cache.
//!
//! Sources: Yang, Zhang, Qiu, Yue, Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023
//! (S3-FIFO), for the queues and the lazy promotion; Einziger, Friedman, Manes, "`TinyLFU`: a highly
//! efficient cache admission policy", ACM Transactions on Storage 2017, for admission by frequency; Qureshi,
//! Jaleel, Patt, Steely, Emer, "Adaptive insertion policies for high performance caching", ISCA 2007, for
//! keeping a part of a loop; O'Neil, O'Neil, Weikum, "The LRU-K page replacement algorithm for database disk
//! buffering", SIGMOD 1993, for counting uses in quick succession once.

mod entry_flags;
mod missed_keys;
mod queue;
mod sketch;
pub(super) mod slot_id;
mod small_queue_target;

use entry_flags::{EntryFlags, QueueOfEntry};
use missed_keys::MissedKeys;
use queue::{NONE, Queue, QueueNode};
use sketch::Sketch;
use slot_id::SlotId;
use small_queue_target::SmallQueueTarget;

use super::segments::Segments;
use super::weight::Weight;
use crate::sys::prefetch::prefetch;

/// Maximum number of main entries to visit when looking for an unused entry.
const MAX_RIVALS_TRIED: usize = 8;
/// A newcomer that was used in the small queue loses only if its rival was used more than this many times as
/// often. A recent use counts more than old uses, which may belong to an earlier phase. But a short burst
/// must not replace keys that are used regularly.
const MAX_LEAD: u64 = 3;
/// After this many newcomers have lost, even a rival that is not ahead goes back to the start of main.
/// Otherwise the policy would never visit the entries behind it.
const MAX_LOSERS: u8 = 16;

#[derive(Debug)]
pub(super) struct Policy {
    nodes: Segments<QueueNode>,
    entry_flags: EntryFlags,
    small: Queue,
    main: Queue,
    /// The newest warm-up entry, or [`NONE`] if none is left. All older entries of the small queue are
    /// warm-up entries too.
    warmup_cursor: SlotId,
    /// Whether `evict` was ever called. Until then the sketch counts no uses.
    is_full: bool,
    /// Number of entries for which the sketch and the ghosts are sized. `usize::MAX` before the first
    /// eviction.
    fitted: usize,
    /// Number of newcomers that lost against a rival, modulo [`MAX_LOSERS`].
    losers: u8,
    sketch: Sketch,
    small_queue_target: SmallQueueTarget,
    missed_keys: MissedKeys,
}

impl Policy {
    /// Number of bytes that the policy needs for an entry: its node and its flags.
    #[cfg(test)]
    pub(super) const NODE_LEN: usize = size_of::<QueueNode>() + 1;

    pub(super) fn new() -> Self {
        Self {
            nodes: Segments::new(),
            entry_flags: EntryFlags::default(),
            small: Queue::new(),
            main: Queue::new(),
            warmup_cursor: NONE,
            is_full: false,
            fitted: usize::MAX,
            losers: 0,
            sketch: Sketch::default(),
            small_queue_target: SmallQueueTarget::new(),
            missed_keys: MissedKeys::default(),
        }
    }

    /// Returns the weight with which an entry was last attached.
    pub(super) fn weight_of(&self, id: SlotId) -> Weight {
        self.nodes.get(id as usize).map_or(Weight::ZERO, |node| node.weight)
    }

    /// Marks a use. Takes `&self`, because many readers may call it concurrently.
    #[inline]
    pub(super) fn touch(&self, id: SlotId) {
        self.entry_flags.touch(id);
    }

    /// Records that a lookup of a key found no entry. Takes `&self`, because many readers may call it
    /// concurrently.
    pub(super) fn note_miss(&self, hash: u32) {
        self.missed_keys.add(hash);
    }

    /// Returns an estimate of how often a key was used recently, up to 15. Returns 0 for every key until
    /// the first eviction.
    pub(super) fn frequency(&self, hash: u32) -> u64 {
        self.sketch.estimate(hash)
    }

    /// Makes an entry evictable, by adding it to a queue.
    #[inline]
    pub(super) fn attach(&mut self, id: SlotId, hash: u32, weight: Weight) {
        self.entry_flags.cover(id);
        self.nodes.cover(id as usize, || QueueNode::VACANT);
        if self.entry_flags.is_clear(id) {
            // The entry is new, as in most inserts, so it is in no queue.
            self.note_arrival(hash);
            self.entry_flags.join_small(id);
            self.small.push_new(&mut self.nodes, id, hash, weight);
        } else {
            self.attach_known(id, hash, weight);
        }
    }

    #[inline(never)]
    fn attach_known(&mut self, id: SlotId, hash: u32, weight: Weight) {
        self.detach(id);
        if let Some(node) = self.nodes.get_mut(id as usize) {
            node.hash = hash;
            node.weight = weight;
        }
        let is_overwrite = self.entry_flags.mark_known(id);
        if !is_overwrite {
            self.note_arrival(hash);
        }
        self.push(
            id,
            if self.entry_flags.was_in_main(id) { QueueOfEntry::Main } else { QueueOfEntry::Small },
        );
    }

    /// Counts a use of a key that is stored after a miss.
    fn note_arrival(&mut self, hash: u32) {
        if self.is_full && self.missed_keys.take(hash) {
            self.count_arrival(hash);
        }
    }

    #[inline(never)]
    fn count_arrival(&mut self, hash: u32) {
        self.sketch.add(hash);
        self.small_queue_target.arrived(hash);
    }

    /// Makes an entry unevictable, by removing it from its queue. Its flags are kept for the next
    /// [`attach`](Policy::attach).
    pub(super) fn detach(&mut self, id: SlotId) {
        let queue = self.entry_flags.queue(id);
        if queue != QueueOfEntry::Detached {
            self.entry_flags.set_was_in_main(id, queue == QueueOfEntry::Main);
            self.unlink(id);
        }
    }

    /// Clears all data of an entry, because another entry may reuse its id.
    pub(super) fn forget(&mut self, id: SlotId) {
        // `evict` has already cleared the data of its victim.
        if !self.entry_flags.is_clear(id) {
            let queue = self.entry_flags.take(id);
            self.leave(id, queue);
        }
    }

    /// Chooses an entry to evict, and removes it from the policy. Returns `None` if no entry is evictable.
    pub(super) fn evict(&mut self) -> Option<SlotId> {
        let entries = self.small.len + self.main.len;
        if entries != self.fitted {
            self.fitted = entries;
            self.sketch.fit(entries);
            self.small_queue_target.fit(entries);
        }
        if !std::mem::replace(&mut self.is_full, true) {
            self.begin_warmup();
            self.missed_keys.begin();
        }
        let victim = self.warmup_victim().or_else(|| self.choose())?;
        self.forget(victim);
        Some(victim)
    }

    /// Returns the entry that the next eviction probably visits first, and the hash of its key. Prefetches
    /// what the policy will read of this entry, and the node of the entry after it.
    #[inline]
    pub(super) fn prefetch_candidate(&self) -> Option<(SlotId, u32)> {
        let is_warmup = self.warmup_cursor != NONE;
        let id = if is_warmup { self.warmup_cursor } else { self.small.oldest };
        let node = self.nodes.get(id as usize)?;
        if let Some(after) = self.nodes.get(if is_warmup { node.older } else { node.newer } as usize) {
            prefetch(after);
        }
        self.sketch.prefetch(node.hash);
        self.small_queue_target.prefetch(node.hash);
        Some((id, node.hash))
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(super) fn weight(&self) -> u64 {
        self.small.weight + self.main.weight
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.small.len + self.main.len
    }

    /// Adds one use for every entry of the small queue to the sketch, and sets the warm-up cursor.
    fn begin_warmup(&mut self) {
        let newcomers = self.small_queue_target.of(self.small.weight);
        let (mut id, mut weight) = (self.small.newest, 0);
        while let Some(&node) = self.nodes.get(id as usize) {
            if weight < newcomers {
                self.warmup_cursor = node.older;
            }
            weight += node.weight.bytes();
            self.sketch.add(node.hash);
            id = node.older;
        }
    }

    fn warmup_victim(&mut self) -> Option<SlotId> {
        while let Some(&node) = self.nodes.get(self.warmup_cursor as usize) {
            let id = self.warmup_cursor;
            if self.take_use(id) || self.sketch.estimate(node.hash) > 1 {
                self.move_to_main(id);
            } else {
                return Some(id);
            }
        }
        None
    }

    fn choose(&mut self) -> Option<SlotId> {
        let total = self.small.weight + self.main.weight;
        loop {
            let newcomers = self.small_queue_target.of(total);
            let id = self.small.oldest;
            // Half of the target: entries leave and join a shard at different times, and this difference
            // must not evict entries of main.
            if self.main.len > 0 && (self.small.len == 0 || self.small.weight < newcomers / 2) {
                return self.rival().or(Some(self.main.oldest));
            }
            let node = *self.nodes.get(id as usize)?;
            let was_used = self.take_use(id);
            // An unused entry with at most one use is not wanted, whatever its exact frequency.
            let frequency = self.sketch.estimate_unless(node.hash, u64::from(!was_used));
            let is_wanted = was_used || frequency > 1;
            // The loop terminates, because the small queue only shrinks here.
            if self.small.weight - node.weight.bytes() >= newcomers && is_wanted {
                self.move_to_main(id);
                continue;
            }
            let rival = if is_wanted { self.rival() } else { None };
            if let Some(rival) = rival {
                let rivals = self.nodes.get(rival as usize).map_or(0, |node| self.sketch.estimate(node.hash));
                // A lead of one use may be chance. In a loop, each newcomer has one more use than its rival
                // half of the time.
                if was_used && rivals <= MAX_LEAD * frequency || frequency > rivals + 1 {
                    self.move_to_main(id);
                    return Some(rival);
                }
                self.losers = (self.losers + 1) % MAX_LOSERS;
                if rivals > frequency || self.losers == 0 {
                    self.move_to_main(rival);
                }
            }
            self.small_queue_target.rejected(node.hash);
            return Some(id);
        }
    }

    /// Returns the oldest entry of main that was not used since its last visit. Used entries go back to the
    /// start of main. Returns `None` if main is empty, or if all visited entries were used.
    fn rival(&mut self) -> Option<SlotId> {
        for _ in 0..MAX_RIVALS_TRIED {
            let id = self.main.oldest;
            if id == NONE {
                return None;
            }
            if !self.take_use(id) {
                return Some(id);
            }
            self.small_queue_target.main_was_used(self.main.len);
            self.move_to_main(id);
        }
        None
    }

    /// Returns whether an entry was used since the last visit. If so, adds one use to the sketch.
    fn take_use(&mut self, id: SlotId) -> bool {
        let was_used = self.entry_flags.take_use(id);
        if was_used && let Some(node) = self.nodes.get(id as usize) {
            self.sketch.add(node.hash);
        }
        was_used
    }

    fn move_to_main(&mut self, id: SlotId) {
        self.unlink(id);
        self.push(id, QueueOfEntry::Main);
    }

    fn push(&mut self, id: SlotId, queue: QueueOfEntry) {
        self.entry_flags.set_queue(id, queue);
        match queue {
            QueueOfEntry::Detached => {}
            QueueOfEntry::Small => self.small.push(&mut self.nodes, id),
            QueueOfEntry::Main => self.main.push(&mut self.nodes, id),
        }
    }

    fn unlink(&mut self, id: SlotId) {
        let queue = self.entry_flags.queue(id);
        self.leave(id, queue);
        self.entry_flags.set_queue(id, QueueOfEntry::Detached);
    }

    /// Removes an entry from its queue. The caller changes its flags.
    #[inline]
    fn leave(&mut self, id: SlotId, queue: QueueOfEntry) {
        if id == self.warmup_cursor {
            self.warmup_cursor = self.nodes.get(id as usize).map_or(NONE, |node| node.older);
        }
        match queue {
            QueueOfEntry::Detached => {}
            QueueOfEntry::Small => self.small.remove(&mut self.nodes, id),
            QueueOfEntry::Main => self.main.remove(&mut self.nodes, id),
        }
    }
}

#[cfg(test)]
mod tests;
