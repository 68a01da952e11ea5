//! The flags of each entry, in one byte, so that the flags of a whole shard stay in the CPU cache.
//!
//! Concurrent readers mark uses under a shared lock, with relaxed loads and stores. They all store the same
//! byte. All other flags change under the exclusive lock, when no reader can mark. So a reader never
//! overwrites another change.

use crate::memory::policy::slot_id::SlotId;
use crate::memory::segments::make_room;
use crate::sys::sync::{AtomicU8, Ordering};

/// The entry was used since the last visit of the policy. Further hits on the entry do not write.
const USED: u8 = 1 << 0;
const IN_SMALL: u8 = 1 << 4;
const IN_MAIN: u8 = 1 << 5;
const WAS_IN_MAIN: u8 = 1 << 6;
const KNOWN: u8 = 1 << 7;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueueOfEntry {
    /// Not evictable: the slot is vacant, or pinned until a commit.
    Detached,
    Small,
    Main,
}

#[derive(Debug, Default)]
pub(super) struct EntryFlags(Vec<AtomicU8>);

impl EntryFlags {
    /// Extends the list to include this slot. A full list grows by at least an eighth.
    pub(super) fn cover(&mut self, id: SlotId) {
        let wanted = id as usize + 1;
        if self.0.len() < wanted {
            let more = wanted - self.0.len();
            make_room(&mut self.0, more);
            self.0.resize_with(wanted, AtomicU8::default);
        }
    }

    #[inline]
    pub(super) fn touch(&self, id: SlotId) {
        if let Some(flags) = self.0.get(id as usize) {
            let flags_now = flags.load(Ordering::Relaxed);
            if flags_now & USED == 0 {
                flags.store(flags_now | USED, Ordering::Relaxed);
            }
        }
    }

    /// Returns whether the entry was used since the last call, and clears the flag.
    pub(super) fn take_use(&mut self, id: SlotId) -> bool {
        let flags = self.get(id);
        let was_used = flags & USED != 0;
        if was_used {
            self.set(id, flags & !USED);
        }
        was_used
    }

    pub(super) fn queue(&self, id: SlotId) -> QueueOfEntry {
        let flags = self.get(id);
        if flags & IN_SMALL != 0 {
            QueueOfEntry::Small
        } else if flags & IN_MAIN != 0 {
            QueueOfEntry::Main
        } else {
            QueueOfEntry::Detached
        }
    }

    /// Clears all flags of an entry. Returns the queue in which the entry was.
    pub(super) fn take(&mut self, id: SlotId) -> QueueOfEntry {
        let queue = self.queue(id);
        self.clear(id);
        queue
    }

    /// Sets the flags of an entry without flags, which joins the small queue.
    pub(super) fn join_small(&mut self, id: SlotId) {
        self.set(id, KNOWN | IN_SMALL);
    }

    pub(super) fn set_queue(&mut self, id: SlotId, queue: QueueOfEntry) {
        let rest = self.get(id) & !(IN_SMALL | IN_MAIN);
        let bits = match queue {
            QueueOfEntry::Detached => 0,
            QueueOfEntry::Small => IN_SMALL,
            QueueOfEntry::Main => IN_MAIN,
        };
        self.set(id, rest | bits);
    }

    /// Returns whether the entry was in the main queue when it was last detached. If so, the next `attach`
    /// returns it to the main queue.
    pub(super) fn was_in_main(&self, id: SlotId) -> bool {
        self.get(id) & WAS_IN_MAIN != 0
    }

    pub(super) fn set_was_in_main(&mut self, id: SlotId, was_in_main: bool) {
        let rest = self.get(id) & !WAS_IN_MAIN;
        self.set(id, if was_in_main { rest | WAS_IN_MAIN } else { rest });
    }

    /// Sets the `KNOWN` flag. Returns whether it was already set.
    pub(super) fn mark_known(&mut self, id: SlotId) -> bool {
        let flags = self.get(id);
        self.set(id, flags | KNOWN);
        flags & KNOWN != 0
    }

    /// Returns whether no flag is set. A slot without flags is in no queue.
    pub(super) fn is_clear(&self, id: SlotId) -> bool {
        self.get(id) == 0
    }

    pub(super) fn clear(&mut self, id: SlotId) {
        self.set(id, 0);
    }

    fn get(&self, id: SlotId) -> u8 {
        self.0.get(id as usize).map_or(0, |flags| flags.load(Ordering::Relaxed))
    }

    fn set(&mut self, id: SlotId, flags: u8) {
        if let Some(slot) = self.0.get_mut(id as usize) {
            *slot = AtomicU8::new(flags);
        }
    }
}
