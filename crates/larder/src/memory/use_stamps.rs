//! Uses that have extended the life of an entry in memory, but are not on disk yet.
//!
//! In a keyspace with a time to idle, a use extends the expiry of an entry. A lookup must not write to disk,
//! so it only leaves a *stamp* here: the sequence of the entry, and its new expiry. The writer takes the
//! stamps in bounded batches, and updates the expiry of the records. After a lookup has found an entry
//! expired, no lookup may find it live again. The following order ensures this:
//!
//! 1. Under the exclusive lock of its shard, an entry that is *still* live gets its new expiry. The time is
//!    read under the lock. The stamp is added under the same lock (`Memory::extend_life`). An entry that is
//!    not in memory is extended only if its record is from the current snapshot. If a commit has come since
//!    the lookup, the record is read again. Otherwise a use at the time of a commit would have no effect. If
//!    the lookup found the entry in memory, and the entry has left it since, its record is read, too.
//! 2. The writer copies stamps, and commits them. A stamp applies only to the record with its sequence, and
//!    never makes an expiry earlier. Stamps are applied before the sweep of the same transaction, and the
//!    sweep skips the keys that still have a stamp.
//! 3. The writer installs the snapshot that includes the stamps. Only then does it remove the stamps that
//!    have not changed since (2). So between (1) and (3) each lookup finds the later expiry in the shard or
//!    in the list of stamps.
//! 4. A record on disk may be older than its stamp, if its snapshot was loaded before (3). So a promotion
//!    gets the expiry of the stamp, and is stored only if its snapshot is still the current one. The stamp is
//!    read first, then the snapshot is checked, both under the exclusive lock (`Memory::latest_expiry`). In
//!    the other order, the writer could do (3) in between. Then the stamp would be gone, and the record would
//!    not include it. So the expiry in a slot is never earlier than the expiry of the stamp or of the record.
//! 5. A lookup that finds a record expired checks the shard, the stamps and the current snapshot, in this
//!    order, before it answers (`engine::idle`). The entry may have been extended after the lookup did not
//!    find it in the shard. In this case, one of these three places has the later expiry, and the value is
//!    returned. The value is neither promoted nor stamped. The slot may have been the only place with the
//!    later expiry, and may no longer exist. Then another lookup may already have found the entry expired.
//! 6. A value may be drained, and held until the file has room for it, while a use extends its life. The
//!    record that its stamp would update does not exist yet. So the writer also applies the expiries of its
//!    copies (2) to the held values. Otherwise the stamp would be removed, and the value would be written
//!    with its earlier expiry.
//!
//! The writer takes a bounded number of stamps with each commit. If stamps are left, it immediately runs
//! further steps, which also execute new commands. The writer stops when it has committed the number of
//! stamps that it found at first. So all of these stamps are on disk shortly after the first one. On a disk
//! that was full, only a flush and a close commit stamps, in transactions without deletions. So the failure
//! of these transactions affects no removal.
//!
//! The list is bounded. While the list is full, a use of a key without a stamp extends the expiry at most
//! in memory, and is counted as dropped. The entry may then be deleted from disk at its earlier expiry. So
//! it may be missing after an eviction from memory or a restart. No stamp can then bring it back.
//!
//! A crash loses the uncommitted stamps. So after a crash an entry may expire earlier, but never later.

use std::collections::HashMap;

use crate::format::stored_key::StoredKey;
use crate::sys::sync::{AtomicUsize, Mutex, Ordering, StatisticU64};
use crate::units::Timestamp;

/// Maximum number of stamps that wait for a commit.
const MAX_STAMPS: usize = 4096;

/// The expiry to which a use has extended an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UseStamp {
    pub(crate) key: StoredKey,
    pub(crate) sequence: u64,
    pub(crate) expires_at: Timestamp,
}

#[derive(Debug, Default)]
pub(crate) struct UseStamps {
    /// Number of stamps, changed under the lock of the stamps. While it is zero, as in most caches, a lookup
    /// takes no lock here.
    len: AtomicUsize,
    stamps: Mutex<HashMap<StoredKey, (u64, Timestamp), ahash::RandomState>>,
    dropped: StatisticU64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stamped {
    Added,
    /// The stamp was added, and the list is at least half full. The writer should take stamps soon.
    HalfFull,
    /// The list is full, and the stamp was not added.
    Full,
}

impl UseStamps {
    /// Adds a stamp, or replaces an earlier stamp of the key. The caller holds the exclusive lock of the
    /// key's shard.
    pub(super) fn add(&self, key: &[u8], sequence: u64, expires_at: Timestamp) -> Stamped {
        let mut stamps = self.stamps.lock();
        if let Some(stamp) = stamps.get_mut(key) {
            *stamp = (sequence, expires_at);
            return Stamped::Added;
        }
        if stamps.len() >= MAX_STAMPS {
            self.note_dropped();
            return Stamped::Full;
        }
        stamps.insert(StoredKey::from(key), (sequence, expires_at));
        // Release: pairs with the Acquire in `expiry_of`.
        self.len.store(stamps.len(), Ordering::Release);
        if stamps.len() >= MAX_STAMPS / 2 { Stamped::HalfFull } else { Stamped::Added }
    }

    /// Returns the expiry in the stamp of a key, if the stamp has this sequence.
    pub(crate) fn expiry_of(&self, key: &[u8], sequence: u64) -> Option<Timestamp> {
        if self.is_empty() {
            return None;
        }
        let stamps = self.stamps.lock();
        stamps.get(key).filter(|stamp| stamp.0 == sequence).map(|stamp| stamp.1)
    }

    pub(crate) fn has(&self, key: &[u8]) -> bool {
        !self.is_empty() && self.stamps.lock().contains_key(key)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns copies of up to `max` stamps. The stamps stay in the list until [`settle`](Self::settle).
    pub(crate) fn batch(&self, max: usize) -> Vec<UseStamp> {
        if self.is_empty() {
            return Vec::new();
        }
        let stamps = self.stamps.lock();
        let copy = |(key, stamp): (&StoredKey, &(u64, Timestamp))| UseStamp {
            key: key.clone(),
            sequence: stamp.0,
            expires_at: stamp.1,
        };
        stamps.iter().take(max).map(copy).collect()
    }

    /// Removes committed stamps, unless a later use has changed them. The snapshot that includes the stamps
    /// is already installed.
    pub(crate) fn settle(&self, committed: &[UseStamp]) {
        if committed.is_empty() {
            return;
        }
        let mut stamps = self.stamps.lock();
        for stamp in committed {
            if stamps.get(&stamp.key) == Some(&(stamp.sequence, stamp.expires_at)) {
                stamps.remove(&stamp.key);
            }
        }
        self.len.store(stamps.len(), Ordering::Release);
    }

    #[cold]
    pub(crate) fn note_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// Returns how many uses were not stamped, because the list was full or a record could not be read
    /// again.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(7);
    const LATER: Timestamp = Timestamp::from_millis(8);

    #[test]
    fn a_stamp_that_a_later_use_has_changed_stays() {
        let stamps = UseStamps::default();
        assert_eq!(stamps.add(b"one", 1, AT), Stamped::Added);
        assert_eq!(stamps.add(b"two", 2, AT), Stamped::Added);
        let batch = stamps.batch(9);
        assert_eq!((batch.len(), stamps.batch(1).len()), (2, 1));
        assert_eq!(stamps.add(b"two", 2, LATER), Stamped::Added);
        stamps.settle(&batch);
        assert_eq!(stamps.expiry_of(b"one", 1), None);
        assert_eq!(stamps.expiry_of(b"two", 2), Some(LATER));
        assert_eq!(stamps.expiry_of(b"two", 1), None, "of another entry of the key");
        stamps.settle(&stamps.batch(9));
        assert!(stamps.is_empty() && stamps.batch(9).is_empty());
    }

    #[test]
    fn a_full_list_counts_what_it_does_not_take() {
        let stamps = UseStamps::default();
        for number in 0..MAX_STAMPS {
            let half = if number + 1 >= MAX_STAMPS / 2 { Stamped::HalfFull } else { Stamped::Added };
            assert_eq!(stamps.add(&number.to_be_bytes(), 1, AT), half);
        }
        assert_eq!(stamps.add(b"one more", 1, AT), Stamped::Full);
        assert_eq!(stamps.add(&0_usize.to_be_bytes(), 2, LATER), Stamped::Added, "it has room already");
        assert_eq!((stamps.dropped(), stamps.batch(usize::MAX).len()), (1, MAX_STAMPS));
    }
}
