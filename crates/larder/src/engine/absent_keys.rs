//! Answers lookups of keys that the file does not have, without reading the file.
//!
//! A filter in memory contains the keys in the file ([`KeyFilter`]). If it lacks a key, the file lacks the
//! key, too. The steps:
//!
//! 1. Before a transaction writes entries, the writer thread inserts their keys into the filter.
//! 2. The writer thread commits, and installs the snapshot.
//! 3. The writer thread marks the entries clean. From then on, memory may lack them.
//! 4. A lookup looks in memory.
//! 5. If memory does not have the key, the lookup asks the filter. If the filter lacks the key, the lookup is
//!    a miss. Otherwise it reads the snapshot.
//!
//! If (1) came after (3), an entry could be neither in memory nor in the filter. If (5) came before (4), the
//! entry could be written, committed and evicted from memory in between. An entry of the file that memory
//! lacks in (4) has left its shard under the lock that (4) takes, so (5) sees the bits of (1).
//!
//! The filter answers only for keyspaces of which it has all keys. It has them if the file had no entry of
//! the keyspace when this process opened the file. Numbers of keyspaces are never used again. So all
//! keyspaces from a certain number on are known: from the next number that the file would have assigned when
//! it was opened. Those are all keyspaces of a new file. For the other keyspaces the filter has no answer,
//! and the file is read. Only the writer thread adds entries to a file, and each of them passes step (1).
//! Compactions and the deletions of ranges, of evicted and of expired entries add none. Their keys stay in
//! the filter, so a lookup of such a key may read the file and find nothing.
//!
//! **A new filter** with all keys of the file is built when many reads find nothing
//! ([`AbsentKeys::needs_build`]). In this case, either the file had keyspaces before, or many keys were
//! deleted since. Opening the file does not build a filter, because its time must not depend on the size of
//! the file. The writer thread builds it in parts:
//!
//! - (a) Begin with an empty filter. From now on, step 1 inserts keys into both filters.
//! - (b) In the order of the keys, read a part of the keys from the current snapshot, and insert them.
//! - (c) After the last part, install the new filter. It knows all keyspaces.
//!
//! A key that the file has at (c) was either written after (a), or the file had it from (a) on, so a part has
//! found it. The writer thread itself builds the parts, so each part reads a snapshot that is not older than
//! (a).
//!
//! The build reads pages that no lookup may ever need. So a page that can't be read ends the build, and is
//! not reported as a fault of the file. The cache builds no filter for this file again. A lookup that needs
//! the page reports it. No lock is held during the reads, because the disk may take long.
//!
//! After an outage:
//!
//! - A new file is empty, so all keyspaces are known. Its filter is new as well. It is installed before the
//!   first transaction of the new file, and while there is no snapshot.
//! - A file that was suspended may have been changed by another process if the owner's lock was lost. So the
//!   cache gives up the filter's answers before it reads the file again.
//! - In both cases, an unfinished filter is given up.

use crate::config::filter::FilterSettings;
use crate::disk::store::catalog::Catalog;
use crate::disk::store::key_filter::KeyFilter;
use crate::disk::store::snapshot::StoreSnapshot;
use crate::format::keyspace_id::KeyspaceId;
use crate::memory::slot_key::SlotKey;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::sync::{Arc, AtomicBool, AtomicSnapshot, Mutex, Ordering, StatisticU64};

/// The filter takes at most the maximum size of all live entries divided by this number. Entries take at
/// least about 100 bytes in the file, and a key takes 2 to 6 bytes in the filter.
const SHARE_OF_LIVE_BYTES: u64 = 32;
const MAX_BYTES: u64 = 64 << 20;
/// Before a new filter is built, there must be one read that found nothing for each [`ENTRIES_PER_READ`]
/// entries, and for each [`BYTES_PER_READ`] bytes of entries. So building the filter costs at most a few
/// times as much as these reads did: each of them has read a page, and the build reads all pages.
const ENTRIES_PER_READ: u64 = 8;
const BYTES_PER_READ: u64 = 8 * 4096;

#[derive(Debug)]
pub(crate) struct AbsentKeys {
    /// `None` in a cache without a file.
    known: AtomicSnapshot<KnownKeys>,
    /// The unfinished filter. Only the writer thread takes this lock.
    build: Mutex<Option<FilterBuild>>,
    /// Size of the unfinished filter in bytes, for the statistics.
    built_bytes: StatisticU64,
    /// Whether a page could not be read during a build.
    is_unreadable: AtomicBool,
    max_bytes: u64,
    settings: FilterSettings,
    filtered: StatisticU64,
    unfound: StatisticU64,
    /// The value of `unfound` at the end of the last build, or at the last outage.
    unfound_before: StatisticU64,
}

#[derive(Debug)]
struct FilterBuild {
    filter: KeyFilter,
    /// The last key of the previous part.
    after: Option<Arc<[u8]>>,
}

/// A filter, and the keyspaces that it knows.
#[derive(Debug, Clone)]
pub(crate) struct KnownKeys {
    filter: Arc<KeyFilter>,
    /// The filter has all keys of the keyspaces with this number or a higher one.
    from: u32,
}

impl KnownKeys {
    /// A number that no keyspace in a file has.
    const NO_KEYSPACE: u32 = u32::MAX;

    /// Returns whether the filter shows that the file has no record of a key. Must be called after memory was
    /// found to lack the key.
    pub(crate) fn lack(&self, key: SlotKey<'_>) -> bool {
        let id = KeyspaceId::of(key.bytes);
        id.is_in_file() && id.number() >= self.from && !self.filter.contains(key.hash)
    }
}

impl AbsentKeys {
    /// Returns the state of a cache without a file, which has no filter.
    pub(super) fn without_file() -> Self {
        Self::new(None, 0, FilterSettings::default())
    }

    /// Returns the state of a file that was opened with this catalog. The charge of its entries is at most
    /// `live_limit`.
    pub(super) fn of_file(catalog: &Catalog, live_limit: u64, settings: FilterSettings) -> Self {
        let max_bytes = (live_limit / SHARE_OF_LIVE_BYTES).min(MAX_BYTES);
        let filter = Arc::new(KeyFilter::new(max_bytes, 0));
        Self::new(Some(KnownKeys { filter, from: first_unused_number(catalog) }), max_bytes, settings)
    }

    fn new(known: Option<KnownKeys>, max_bytes: u64, settings: FilterSettings) -> Self {
        let known = AtomicSnapshot::new(known.map(Arc::new));
        Self {
            known,
            build: Mutex::new(None),
            built_bytes: StatisticU64::new(0),
            is_unreadable: AtomicBool::new(false),
            max_bytes,
            settings,
            filtered: StatisticU64::new(0),
            unfound: StatisticU64::new(0),
            unfound_before: StatisticU64::new(0),
        }
    }

    /// Runs step 5 for a key that memory lacks. Returns whether the filter shows that the file lacks the key,
    /// too. If so, counts the lookup.
    pub(crate) fn lack(&self, key: SlotKey<'_>) -> bool {
        let lacks = self.known.load().as_ref().is_some_and(|known| known.lack(key));
        if lacks {
            self.note_filtered(1);
        }
        lacks
    }

    /// Returns the current filter, for a lookup of several keys that must all be absent at the same moment.
    /// The lookup takes the filter before it looks in memory, and afterwards checks that the filter is
    /// still the current one. Otherwise the file could be replaced in between, and a key would be absent
    /// only after that.
    #[cfg(feature = "async")]
    pub(crate) fn current(&self) -> Option<Arc<KnownKeys>> {
        self.known.load().clone()
    }

    /// Returns whether a filter is still the current one. If it is not, it lacks the keys that were written
    /// since it was replaced.
    #[cfg(feature = "async")]
    pub(crate) fn is_current(&self, known: &Arc<KnownKeys>) -> bool {
        self.known.load().as_ref().is_some_and(|current| Arc::ptr_eq(current, known))
    }

    /// Counts lookups that a filter has answered.
    pub(crate) fn note_filtered(&self, lookups: u64) {
        self.filtered.fetch_add(lookups, Ordering::Relaxed);
    }

    /// Counts a lookup that has read the file, and found no record.
    pub(super) fn note_unfound(&self) {
        self.unfound.fetch_add(1, Ordering::Relaxed);
    }

    /// Runs step 1. Only the writer thread calls this.
    pub(super) fn insert(&self, hashes: impl Iterator<Item = u64>) {
        if let Some(known) = self.known.load().as_ref() {
            let build = self.build.lock();
            for hash in hashes {
                known.filter.insert(hash);
                if let Some(FilterBuild { filter, .. }) = &*build
                    && !failpoint_is_set(Failpoint::BuildWithoutWrites)
                {
                    filter.insert(hash);
                }
            }
            self.note_size(build.as_ref());
        }
    }

    /// Returns whether a new filter pays for a file with this number of entries and bytes. Many reads must
    /// have found nothing since the last build. Also, the current filter must be incomplete, or most of its
    /// keys must have been deleted.
    pub(super) fn needs_build(&self, entries: u64, bytes: u64) -> bool {
        let unfound = self.unfound.load(Ordering::Relaxed) - self.unfound_before.load(Ordering::Relaxed);
        let needed = self.settings.min_unfound.max(entries / ENTRIES_PER_READ).max(bytes / BYTES_PER_READ);
        if unfound < needed || self.is_building() || self.is_unreadable.load(Ordering::Relaxed) {
            return false;
        }
        let is_incomplete = |known: &Arc<KnownKeys>| known.from > 0 || known.filter.keys() / 2 > entries;
        self.known.load().as_ref().is_some_and(is_incomplete)
    }

    /// Runs step (a).
    pub(super) fn begin_build(&self, entries: u64) {
        let filter = KeyFilter::new(self.max_bytes, entries.saturating_add(entries / 4));
        let build = self.build.lock().insert(FilterBuild { filter, after: None }).filter.bytes();
        self.built_bytes.store(build, Ordering::Relaxed);
    }

    pub(super) fn is_building(&self) -> bool {
        self.build.lock().is_some()
    }

    /// Runs step (b) for one part, or step (c) if no key is left. Returns whether there is more to do. The
    /// part ends after the first key for which `is_over` returns true. `hash` returns the hash of a key.
    pub(super) fn build_part(
        &self,
        snapshot: &StoreSnapshot,
        hash: impl Fn(&[u8]) -> u64,
        is_over: &dyn Fn() -> bool,
    ) -> bool {
        let Some(after) = self.build.lock().as_ref().map(|build| build.after.clone()) else { return false };
        let part_keys = self.settings.part_keys;
        let Ok(keys) = snapshot.keys_until(&[], after.as_deref(), part_keys, is_over) else {
            self.is_unreadable.store(true, Ordering::Relaxed);
            self.end_build(&mut self.build.lock());
            return false;
        };
        let mut build = self.build.lock();
        let Some(FilterBuild { filter, after }) = &mut *build else { return false };
        for key in &keys {
            filter.insert(hash(key));
        }
        if let Some(last) = keys.last() {
            *after = Some(last.clone());
            self.note_size(build.as_ref());
            return true;
        }
        if let Some(FilterBuild { filter, .. }) = self.end_build(&mut build) {
            drop(self.known.swap(Some(Arc::new(KnownKeys { filter: Arc::new(filter), from: 0 }))));
        }
        false
    }

    fn note_size(&self, build: Option<&FilterBuild>) {
        self.built_bytes.store(build.map_or(0, |build| build.filter.bytes()), Ordering::Relaxed);
    }

    fn end_build(&self, build: &mut Option<FilterBuild>) -> Option<FilterBuild> {
        self.unfound_before.store(self.unfound.load(Ordering::Relaxed), Ordering::Relaxed);
        self.built_bytes.store(0, Ordering::Relaxed);
        build.take()
    }

    /// Begins a filter for a new file, which has no entries. The previous file must be out of service.
    pub(super) fn begin_again(&self) {
        self.is_unreadable.store(false, Ordering::Relaxed);
        self.end_build(&mut self.build.lock());
        let filter = Arc::new(KeyFilter::new(self.max_bytes, 0));
        drop(self.known.swap(Some(Arc::new(KnownKeys { filter, from: 0 }))));
    }

    /// Gives up all answers, because the file may have keys that this process has not written.
    pub(super) fn forget(&self) {
        self.end_build(&mut self.build.lock());
        self.known.update(|known| {
            let known = known.as_ref()?;
            Some(Arc::new(KnownKeys { filter: known.filter.clone(), from: KnownKeys::NO_KEYSPACE }))
        });
    }

    /// Returns how many lookups a filter has answered, how many have read the file in vain, and the size of
    /// the filters in bytes. Waits for no other thread.
    pub(super) fn statistics(&self) -> (u64, u64, u64) {
        let bytes = self.built_bytes.load(Ordering::Relaxed)
            + self.known.load().as_ref().map_or(0, |known| known.filter.bytes());
        (self.filtered.load(Ordering::Relaxed), self.unfound.load(Ordering::Relaxed), bytes)
    }
}

/// Returns the lowest number from which on the file has used no number of a keyspace. In a damaged file, a
/// row may have a higher number than the next one to assign.
fn first_unused_number(catalog: &Catalog) -> u32 {
    let rows = catalog.keyspaces.values().map(|row| row.id);
    let used = rows.chain(catalog.retired.keys().copied()).map(|id| id.number().saturating_add(1));
    used.fold(catalog.state.next_keyspace, u32::max)
}

#[cfg(test)]
mod tests;
