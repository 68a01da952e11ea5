//! The open read transaction that all lookups share.
//!
//! Opening a transaction costs more than a lookup. So one transaction is kept open, and replaced after each
//! commit. A lookup holds the transaction only while it copies a record. If it were held during many
//! commits, the old pages of all these commits would stay allocated.

use std::ops::{Bound, Deref};
use std::time::Duration;

use redb::{ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, StorageError};

use super::guard::{Guarded, StoreError, guarded};
use super::tables::{ENTRIES, after_prefix};
use crate::sys::clock::pause;
use crate::sys::sync::{Arc, AtomicSnapshot, AtomicU64, Ordering, RwLock, RwLockReadGuard, thread};

/// Maximum number of yields before each pause, while the writer waits for lookups that hold a snapshot.
const MAX_YIELDS: u32 = 1_000;
/// Maximum number of pauses while waiting for lookups.
const MAX_PAUSES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(5);

/// The committed entries at one moment.
pub(crate) struct StoreSnapshot {
    entries: Guarded<ReadOnlyTable<&'static [u8], &'static [u8]>>,
    /// The number of the file's handle to which this snapshot belongs. An error of an older handle does not
    /// count as an error of the current handle (invariant 7 of `docs/design.md`).
    pub(crate) generation: u64,
    /// The number of evictions when this snapshot was installed ([`SnapshotCell`]).
    evictions: u64,
}

/// Identifies the snapshots between two evictions. While the current snapshot has the same epoch as an
/// earlier one, no entry of the earlier one has been evicted from disk, and its file has not been discarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EvictionEpoch {
    generation: u64,
    evictions: u64,
}

impl std::fmt::Debug for StoreSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreSnapshot").finish_non_exhaustive()
    }
}

impl StoreSnapshot {
    pub(crate) fn take(db: &impl ReadableDatabase, generation: u64) -> Result<Self, StoreError> {
        let txn = Guarded::new(guarded(|| Ok(db.begin_read()?))?);
        Self::at(&txn, generation)
    }

    /// Creates a snapshot with the entries that a transaction sees.
    pub(crate) fn at(txn: &ReadTransaction, generation: u64) -> Result<Self, StoreError> {
        let entries = guarded(|| Ok(txn.open_table(ENTRIES)?))?;
        Ok(Self { entries: Guarded::new(entries), generation, evictions: 0 })
    }

    pub(crate) fn eviction_epoch(&self) -> EvictionEpoch {
        EvictionEpoch { generation: self.generation, evictions: self.evictions }
    }

    pub(crate) fn rows(
        &self,
        keys: (Bound<&[u8]>, Bound<&[u8]>),
    ) -> Result<redb::OwnedRange<&'static [u8], &'static [u8]>, StorageError> {
        self.entries.range_owned::<&[u8]>(keys)
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        // `get_owned` is not used, because it would count one more reference to the transaction for each
        // lookup.
        guarded(|| Ok(ReadableTable::get(&*self.entries, key)?.map(|record| record.value().to_vec())))
    }

    /// Calls `show` with the records whose keys start with `prefix` and follow the key `after`, in key order,
    /// until `show` returns false. If `after` is `None`, begins with the first record. Returns whether `show`
    /// returned true for all records.
    #[cfg(all(unix, feature = "control"))]
    pub(crate) fn show(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        show: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<bool, StoreError> {
        let end = after_prefix(prefix);
        let start = after.map_or(Bound::Included(prefix), Bound::Excluded);
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut last: Option<Vec<u8>> = after.map(<[u8]>::to_vec);
        let mut is_ordered = true;
        let shown = guarded(|| {
            for row in self.entries.range_owned::<&[u8]>((start, end))? {
                let (key, record) = row?;
                // On a damaged page the keys may be in any order. A caller that continues after the last key
                // might never reach the end.
                is_ordered = last.as_deref().is_none_or(|last| last < key.value());
                if !is_ordered {
                    return Ok(false);
                }
                last = Some(key.value().to_vec());
                if !show(key.value(), record.value()) {
                    return Ok(false);
                }
            }
            Ok(true)
        })?;
        if is_ordered { Ok(shown) } else { Err(StoreError::damage("keys are out of order")) }
    }

    /// Returns up to `limit` keys that start with `prefix` and follow the key `after`, in order. If `after`
    /// is `None`, begins with the first key.
    pub(crate) fn keys(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Arc<[u8]>>, StoreError> {
        self.keys_until(prefix, after, limit, &|| false)
    }

    /// Like [`keys`](Self::keys), but stops after the first key for which `is_over` returns true.
    pub(crate) fn keys_until(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        is_over: &dyn Fn() -> bool,
    ) -> Result<Vec<Arc<[u8]>>, StoreError> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let end = after_prefix(prefix);
        let start = after.map_or(Included(prefix), Excluded);
        let end = end.as_deref().map_or(Unbounded, Excluded);
        let keys: Vec<Arc<[u8]>> = guarded(|| {
            let mut keys = Vec::new();
            for row in self.entries.range_owned::<&[u8]>((start, end))?.take(limit) {
                keys.push(row?.0.value().into());
                if is_over() {
                    break;
                }
            }
            Ok(keys)
        })?;
        // On a damaged page the keys may be in any order. A caller that continues after the last key might
        // never reach the end.
        let is_ordered = keys.is_sorted_by(|one, next| one < next)
            && keys.first().zip(after).is_none_or(|(first, after)| **first > *after);
        if is_ordered { Ok(keys) } else { Err(StoreError::damage("keys are out of order")) }
    }
}

/// Holds the current snapshot. Empty while the disk tier is off, and while the writer makes room in the
/// file.
#[derive(Debug)]
pub(crate) struct SnapshotCell {
    latest: AtomicSnapshot<StoreSnapshot>,
    withdrawals: AtomicU64,
    /// Number of entries that were evicted from disk, plus the number of withdrawals. Lookups and changes
    /// compare it (`engine::promotion`).
    evictions: Arc<AtomicU64>,
    /// Held shared by a caller that needs the snapshot to stay current, and exclusively while the snapshot
    /// is replaced.
    gate: RwLock<()>,
}

impl SnapshotCell {
    pub(crate) fn new(snapshot: Option<StoreSnapshot>) -> Self {
        let latest = AtomicSnapshot::new(snapshot.map(Arc::new));
        Self { latest, withdrawals: AtomicU64::new(0), evictions: Arc::default(), gate: RwLock::new(()) }
    }

    /// Returns how often the snapshot was withdrawn. If a lookup reads the same number before and after it
    /// loads a snapshot, no snapshot was withdrawn in between.
    pub(crate) fn withdrawals(&self) -> u64 {
        self.withdrawals.load(Ordering::SeqCst)
    }

    /// Returns the counter of the evictions that have begun.
    pub(crate) fn evictions(&self) -> &Arc<AtomicU64> {
        &self.evictions
    }

    /// Returns whether no eviction has begun since the snapshot with this epoch was installed, and a snapshot
    /// with this epoch is the current one. While the snapshot is being replaced by one with fewer entries,
    /// returns false.
    pub(crate) fn is_in(&self, epoch: EvictionEpoch) -> bool {
        let current = self.current();
        current.as_ref().is_some_and(|current| current.eviction_epoch() == epoch)
            && self.evictions.load(Ordering::SeqCst) == epoch.evictions
    }

    /// Returns the current snapshot. The caller must hold it for one lookup only.
    #[inline]
    pub(crate) fn current(&self) -> impl Deref<Target = Option<Arc<StoreSnapshot>>> {
        self.latest.load()
    }

    /// Prevents the snapshot from being replaced while the guard is held. Meanwhile the writer must wait
    /// before it answers the callers of a commit, so a caller may hold the guard only for some
    /// milliseconds. During that time the caller must not wait for another thread. It may take a lock, but
    /// no lock that the writer holds while replacing a snapshot.
    pub(crate) fn keep_current(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read()
    }

    /// Replaces the snapshot, or removes it if `snapshot` is `None`. The old snapshot is dropped when its
    /// last lookup ends.
    pub(crate) fn install(&self, snapshot: Option<StoreSnapshot>) {
        drop(self.replace(snapshot, 0));
    }

    /// Replaces the snapshot by that of a commit which has evicted this number of entries.
    pub(crate) fn install_commit(&self, snapshot: StoreSnapshot, evicted: u64) {
        drop(self.replace(Some(snapshot), evicted));
    }

    /// Removes the snapshot, and waits for the lookups that hold it. A lookup releases the snapshot as soon
    /// as it has copied a record. Returns whether all lookups have released the snapshot in time.
    pub(crate) fn withdraw(&self) -> bool {
        let Some(old) = self.replace(None, 0) else { return true };
        for _ in 0..MAX_PAUSES {
            for _ in 0..MAX_YIELDS {
                if Arc::strong_count(&old) == 1 {
                    return true;
                }
                thread::yield_now();
            }
            // On a busy machine, the thread of the lookup may not be running. The pause gives it time to
            // run.
            pause(PAUSE);
        }
        false
    }

    /// Counts the evictions, and then replaces the snapshot: steps 4 and 5 of `engine::promotion`.
    fn replace(&self, snapshot: Option<StoreSnapshot>, evicted: u64) -> Option<Arc<StoreSnapshot>> {
        let _gate = self.gate.write();
        // The next snapshot may be of a new file, so a withdrawal counts as an eviction.
        let begun = if snapshot.is_none() { 1 } else { evicted };
        // The counters are incremented before the swap, so a lookup that finds no snapshot, or a snapshot
        // without the entries, reads the new numbers afterwards.
        if snapshot.is_none() {
            self.withdrawals.fetch_add(1, Ordering::SeqCst);
        }
        let evictions = self.evictions.fetch_add(begun, Ordering::SeqCst) + begun;
        self.latest.swap(snapshot.map(|snapshot| Arc::new(StoreSnapshot { evictions, ..snapshot })))
    }
}
