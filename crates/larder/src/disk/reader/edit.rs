//! An offline edit: changes a file that no process has open, without a cache. The edit needs no memory tier,
//! no threads, and no types of the application.
//!
//! Each change is a batch for [`Store::commit`], as in the writer of a cache. So entries, expiry rows,
//! counts, the sequence and the clock watermark agree as after a cache's commit. A removal is durable when
//! the call returns.
//!
//! 1. The file is examined in the same way as by an inspector. A file that is foreign, damaged, of a newer
//!    format or in use is refused. Before step 2, neither the file nor its lock file is changed.
//! 2. The owner's lock is taken. The file is examined again, because it may have been replaced.
//! 3. The file is opened for writing. Damage that is found now is an error: only a cache moves a file aside.

use std::path::Path;
use std::time::Duration;

use super::edited_file::{EditState, EditedFile};
use super::file_snapshot::{Condition, FileSnapshot};
use super::keyspace_info::KeyspaceInfo;
use crate::disk::file::ballast::Ballast;
use crate::disk::file::compact::{CopyReport, take_place, write_copy};
use crate::disk::file::create::{refuse_unless_unfinished, remove_unfinished};
use crate::disk::file::evidence::{Accepted, FilePlace};
use crate::disk::file::lock::OwnerLock;
use crate::disk::file::names::refuse_too_long;
use crate::disk::file::path_state::{PathState, path_state, refuse_mount_point};
use crate::disk::store::batch::range_removal::RangeRemoval;
use crate::disk::store::catalog::Catalog;
use crate::disk::store::charging::page_of;
use crate::disk::store::entry_change::EntryChange;
use crate::disk::store::guard::{StoreError, StoreErrorKind};
use crate::disk::store::identity::FileIdentity;
use crate::disk::store::redb_store::Store;
use crate::disk::store::redb_store::commit::{Batch, CommitOutcome};
use crate::disk::store::registration::Registration;
use crate::error::Error;
use crate::format::key::scope::Scope;
use crate::format::range_tombstone::RangeTombstone;
use crate::format::record;
use crate::sys::clock::Clock;
use crate::sys::volume::os::OsVolume;
use crate::units::{ByteSize, Timestamp};

/// Maximum number of expired entries that one transaction deletes.
const SWEEP_ROWS: usize = 1000;

#[derive(Debug)]
pub(crate) struct OfflineEdit {
    file: EditedFile,
    sequence: u64,
    now: Timestamp,
    lock: OwnerLock,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compaction {
    pub(crate) len_before: u64,
    pub(crate) len: u64,
    pub(crate) expired: u64,
}

impl OfflineEdit {
    /// Opens an existing file. If `makes` is set and no file is at the path, creates a new file.
    pub(crate) fn open(
        path: &Path,
        clock: &dyn Clock,
        verify_up_to: u64,
        makes: bool,
    ) -> Result<Self, Error> {
        let is_new = makes && path_state(&OsVolume, path)? == PathState::Nothing;
        if !is_new && let Condition::Owned(owner) = FileSnapshot::open(path)?.contents.condition {
            return Err(owner.in_use(path));
        }
        refuse_too_long(&OsVolume, path)?;
        refuse_mount_point(&OsVolume, path)?;
        let lock = OwnerLock::acquire(&OsVolume, path, None, Duration::ZERO, clock)?;
        match EditedFile::open(path, clock, (verify_up_to, is_new), &lock) {
            Ok((file, sequence, watermark)) => {
                Ok(Self { file, sequence, now: clock.wall().max(watermark), lock })
            }
            Err(refused) => {
                lock.withdraw(&OsVolume);
                Err(refused)
            }
        }
    }

    /// Returns the time that is compared with the expiry of entries: the time of opening, or the file's
    /// clock watermark if that is later.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn catalog(&self) -> Result<&Catalog, Error> {
        self.file.catalog()
    }

    pub(crate) fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Finds or creates a keyspace. A keyspace of this name with a different version, shape or format of
    /// values is retired.
    pub(crate) fn register(&mut self, wanted: Registration) -> Result<KeyspaceInfo, Error> {
        let name = wanted.name.clone();
        self.commit(&[], &[], &[wanted], 0)?;
        let row = self.catalog()?.keyspaces.get(&name);
        Ok(KeyspaceInfo::of_row(&name, row.expect("the commit has entered the keyspace in the catalog")))
    }

    /// Returns the header of each key's record, if the value or the absence is live. A damaged record is not
    /// live: for every lookup it is a miss.
    pub(crate) fn live(&mut self, keys: &[&[u8]]) -> Result<Vec<Option<record::Header>>, Error> {
        let read = self.file.read(|store| {
            let snapshot = store.snapshot(0)?;
            keys.iter().map(|key| snapshot.get(key)).collect::<Result<Vec<_>, StoreError>>()
        })?;
        let records = read.map_err(|error| self.file.refused(error))?;
        let live = |(key, record): (&&[u8], Option<Vec<u8>>)| {
            let (header, ..) = record::read(key, &record?).ok()?;
            (header.expires_at > self.now).then_some(header)
        };
        Ok(keys.iter().zip(records).map(live).collect())
    }

    /// Commits all changes or none.
    pub(crate) fn apply(&mut self, changes: &[EntryChange<'_>]) -> Result<(), Error> {
        self.refuse_beyond_region(changes)?;
        self.commit(changes, &[], &[], 0).map(drop)
    }

    /// Refuses values that need a larger page than the largest page of this file. The file may have been
    /// created for a small capacity.
    fn refuse_beyond_region(&mut self, changes: &[EntryChange<'_>]) -> Result<(), Error> {
        let largest = self.file.read(Store::largest_page)?;
        let page = |change: &EntryChange<'_>| {
            change.value.as_ref().map(|value| page_of(change.key.len(), value.record_len()))
        };
        match changes.iter().filter_map(page).max() {
            Some(page) if page > largest => {
                let cause = format!(
                    "a value takes a page of {}, and the largest page of this file is {}: make a new file with a \
                     larger capacity",
                    ByteSize::bytes(page),
                    ByteSize::bytes(largest)
                );
                Err(Error::io("change", self.file.path().to_owned(), cause))
            }
            _ => Ok(()),
        }
    }

    /// Deletes every key in a scope. Returns the number of deleted live entries.
    pub(crate) fn remove_scope(&mut self, scope: Scope) -> Result<u64, Error> {
        let range = RangeTombstone { scope, sequence: self.next_sequence() };
        let removal = RangeRemoval { range, memory_keys: Vec::new(), unlisted: 0, on_disk: 0 };
        let removed = self.commit(&[], &[removal], &[], 0)?.removed.first().copied().unwrap_or(0);
        // A large removal is now durable as a row of the file. The entries that it covers are deleted in
        // parts.
        let deleted = self.file.change(|mut store, _| {
            let deleted = store.delete_pending_ranges()?;
            Ok((store, deleted))
        })?;
        Ok(removed + deleted)
    }

    /// Deletes expired entries and the entries of retired keyspaces, until all are deleted or `go_on`
    /// returns false. Returns the number of expired entries.
    pub(crate) fn sweep(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<u64, Error> {
        let mut swept = 0;
        loop {
            let outcome = self.commit(&[], &[], &[], SWEEP_ROWS)?;
            swept += outcome.swept;
            if !outcome.more_to_sweep || !go_on() {
                return Ok(swept);
            }
        }
    }

    /// Makes the file as short as its entries need ([`crate::disk::file::compact`]). Returns `None`, and
    /// leaves the file unchanged, if `go_on` returned false.
    pub(crate) fn compact(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<Option<Compaction>, Error> {
        let store = self.file.take_store()?;
        let written = refuse_unless_unfinished(self.file.options()).and_then(|()| {
            let written = write_copy(&store, self.file.options(), self.now, go_on);
            written.map_err(|error| self.not_compacted(error))
        });
        let copied = match written {
            Ok(Some(copied)) => copied,
            unchanged => {
                self.file.put(EditState::Open(store));
                return unchanged.map(|_| None);
            }
        };
        let old = store.catalog.clone();
        let closed = store.close().and_then(|()| Ok(self.file.len()?));
        let len_before = closed.map_err(|error| {
            drop(remove_unfinished(self.file.options()));
            self.failed_to_compact(error)
        })?;
        let is_taken =
            take_place(self.file.options(), &copied).map_err(|error| self.failed_to_compact(error))?;
        if is_taken {
            self.note_accepted(copied.catalog.identity);
        }
        Ok(Some(if is_taken {
            let CopyReport { len, expired, catalog, .. } = copied;
            self.file.put(EditState::Compacted(catalog));
            Compaction { len_before, len, expired }
        } else {
            self.file.put(EditState::Compacted(old));
            Compaction { len_before, len: len_before, expired: 0 }
        }))
    }

    /// Records the identity and the place of the file in the lock file, so that the file is recognized even
    /// if most of it is lost. Best effort, as in a cache.
    fn note_accepted(&mut self, identity: Option<FileIdentity>) {
        let metadata = self.file.metadata().ok().flatten();
        if let (Some(identity), Some(metadata)) = (identity, metadata) {
            drop(self.lock.note_accepted(Accepted { identity, place: FilePlace::of(&metadata) }));
        }
    }

    fn failed_to_compact(&mut self, error: StoreError) -> Error {
        self.file.put(EditState::Failed(error.clone()));
        self.not_compacted(error)
    }

    fn not_compacted(&self, error: StoreError) -> Error {
        let path = self.file.path().to_owned();
        match error.kind {
            StoreErrorKind::Full => {
                let len = ByteSize::bytes(self.file.len().unwrap_or(0));
                let remedy = format!(
                    "a copy that takes up to {len} is written beside the file before it takes its place: free so \
                     much room"
                );
                Error::io("compact", path, error.cause.with_remedy(&remedy))
            }
            StoreErrorKind::Io => Error::io("compact", path, error.cause),
            _ => self.file.refused(error),
        }
    }

    /// Makes a closing commit and closes the file, as a cache does. A compacted file is already closed.
    pub(crate) fn close(mut self) -> Result<(), Error> {
        if self.file.is_compacted() {
            return self.file.refuse_if_forked();
        }
        let batch = Batch { closing: true, ..self.batch(&[], &[], &[], 0) };
        let mut store = self.file.take_store()?;
        store.commit(&batch).and_then(|_| store.close()).map_err(|error| self.file.refused(error))
    }

    fn batch<'a>(
        &self,
        changes: &'a [EntryChange<'a>],
        ranges: &'a [RangeRemoval],
        register: &'a [Registration],
        sweep: usize,
    ) -> Batch<'a> {
        let empty = Batch::without_changes(self.now, self.sequence);
        Batch { changes, ranges, register, sweep, ..empty }
    }

    fn commit(
        &mut self,
        changes: &[EntryChange<'_>],
        ranges: &[RangeRemoval],
        register: &[Registration],
        sweep: usize,
    ) -> Result<CommitOutcome, Error> {
        let batch = self.batch(changes, ranges, register, sweep);
        self.file.change(|mut store, options| {
            let committed = match store.commit(&batch) {
                // Even deletions need room. After a failure the store accepts no more calls, but the file can
                // be opened again.
                Err(error)
                    if error.kind == StoreErrorKind::Full
                        && Ballast::delete_left_over(&OsVolume, &options.path) =>
                {
                    let left = store.close_to_reopen()?;
                    store = Store::open_as_left(options, u64::MAX, left.as_ref())?;
                    store.commit(&batch)
                }
                committed => committed,
            };
            Ok((store, committed?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::cache::Cache;
    use crate::sys::clock::system::SystemClock;

    #[test]
    fn after_a_failed_change_every_call_returns_the_failure() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shop.larder");
        Cache::builder().path(&path).open().unwrap().close().unwrap();
        let mut edit = OfflineEdit::open(&path, &SystemClock::new(), 0, false).unwrap();
        let full = || StoreError::from(std::io::Error::from_raw_os_error(28));
        let answers = [
            edit.file.change(|_, _| Err::<(Store, ()), _>(full())).map(drop),
            edit.catalog().map(drop),
            edit.live(&[b"key"]).map(drop),
            edit.apply(&[]),
            edit.remove_scope(Scope::prefix([])).map(drop),
            edit.sweep(&mut || true).map(drop),
            edit.compact(&mut || true).map(drop),
            edit.close(),
        ];
        for answer in answers {
            let Err(Error::Io { source: Some(source), .. }) = &answer else { panic!("{answer:?}") };
            assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
        }
        // The file itself is undamaged.
        let mut edit = OfflineEdit::open(&path, &SystemClock::new(), 0, false).unwrap();
        assert_eq!(edit.sweep(&mut || true).unwrap(), 0);
        edit.close().unwrap();
    }
}
