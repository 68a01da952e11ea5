//! An offline edit: changes a closed file without a cache. It needs no memory tier, no threads, and no types
//! of the application.
//!
//! Each change is a batch for [`Store::commit`], as in the writer of a cache. So entries, expiry rows,
//! counts, the sequence and the clock watermark agree as after a commit of a cache. A removal is durable when
//! the call returns.
//!
//! 1. The file is examined in the same way as an inspector examines a file. A file that is foreign, damaged,
//!    of a newer format or in use is refused. Until then, neither the file nor its lock file is changed.
//! 2. The owner's lock is taken. The file is examined again, because it may have been replaced.
//! 3. The file is opened for writing. Damage that is found now is an error: only a cache moves a file aside.

use std::path::Path;
use std::time::Duration;

use super::file_snapshot::{Condition, FileSnapshot};
use crate::config::ranges::RANGE_ROWS;
use crate::disk::file::ballast::Ballast;
use crate::disk::file::compact::{CopyReport, take_place, write_copy};
use crate::disk::file::create::{refuse_unless_unfinished, remove_unfinished};
use crate::disk::file::error_translation::{FileAction, error_of};
use crate::disk::file::evidence::{Accepted, FilePlace};
use crate::disk::file::lock::OwnerLock;
use crate::disk::file::names::refuse_too_long;
use crate::disk::file::open::{OpenedFile, open};
use crate::disk::file::path_state::{PathState, path_state, refuse_mount_point};
use crate::disk::store::batch::range_removal::RangeRemoval;
use crate::disk::store::catalog::Catalog;
use crate::disk::store::charging::page_of;
use crate::disk::store::database::OpenOptions;
use crate::disk::store::entry_change::EntryChange;
use crate::disk::store::guard::{StoreError, StoreErrorKind};
use crate::disk::store::identity::{FileIdentity, Identities};
use crate::disk::store::limits::StoreLimits;
use crate::disk::store::pending_registrations::PendingRegistrations;
use crate::disk::store::redb_store::Store;
use crate::disk::store::redb_store::commit::{Batch, CommitOutcome};
use crate::disk::store::registration::Registration;
use crate::error::Error;
use crate::format::key::scope::Scope;
use crate::format::keyspace_id::KeyspaceId;
use crate::format::range_tombstone::RangeTombstone;
use crate::format::record;
use crate::sys::clock::Clock;
use crate::sys::process::Process;
use crate::sys::sync::Arc;
use crate::sys::volume::Volume;
use crate::sys::volume::os::OsVolume;
use crate::units::{ByteSize, Timestamp};

const PAGE_CACHE: usize = 16 << 20;
/// Maximum number of expired entries that one transaction deletes.
const SWEEP_ROWS: usize = 1000;

/// A file that this process owns and can change.
#[derive(Debug)]
pub(crate) struct OfflineEdit {
    options: OpenOptions,
    /// None after a failed commit, and after a compaction.
    store: Option<Store>,
    /// The catalog of a file that was compacted and closed. The next change opens the file again. A commit
    /// finds no free page in a compacted file and doubles the file. So closing this edit makes no commit.
    compacted: Option<Catalog>,
    sequence: u64,
    now: Timestamp,
    process: Process,
    lock: OwnerLock,
}

/// The result of a compaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compaction {
    pub(crate) len_before: u64,
    pub(crate) len: u64,
    pub(crate) expired: u64,
}

impl OfflineEdit {
    /// Opens an existing file. If `makes` is set and no file is at the path, makes a new file.
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
        match open_locked(path, clock, (verify_up_to, is_new), &lock) {
            Ok((options, store)) => {
                let (sequence, now) = (store.last_sequence(), clock.wall().max(store.clock_watermark()));
                let process = Process::current();
                Ok(Self { options, store: Some(store), compacted: None, sequence, now, process, lock })
            }
            Err(refused) => {
                lock.withdraw(&OsVolume);
                Err(refused)
            }
        }
    }

    /// Returns the time that is compared with the expiry of entries: the time of opening, or the file's clock
    /// watermark if that is later.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns the catalog. None after a failed commit.
    pub(crate) fn catalog(&self) -> Option<&Catalog> {
        self.store.as_ref().map(|store| &store.catalog).or(self.compacted.as_ref())
    }

    /// Allocates and returns the sequence for the next change.
    pub(crate) fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Finds or makes a keyspace. A keyspace of this name with a different version or shape is retired.
    pub(crate) fn register(&mut self, wanted: Registration) -> Result<KeyspaceId, Error> {
        let outcome = self.commit(&[], &[], &[wanted], 0)?;
        outcome.registered.first().copied().ok_or(Error::Closed)
    }

    /// Returns the header of each key's record, if the entry is live.
    pub(crate) fn live(&mut self, keys: &[&[u8]]) -> Result<Vec<Option<record::Header>>, Error> {
        self.open_again()?;
        let store = usable(self.store.as_ref())?;
        let read = store.snapshot(0).and_then(|snapshot| {
            keys.iter().map(|key| snapshot.get(key)).collect::<Result<Vec<_>, StoreError>>()
        });
        let records = read.map_err(|error| refused(&self.options.path, error))?;
        let live = |record: Vec<u8>| record::peek(&record).filter(|header| header.expires_at > self.now);
        Ok(records.into_iter().map(|record| record.and_then(live)).collect())
    }

    /// Commits all changes or none.
    pub(crate) fn apply(&mut self, changes: &[EntryChange<'_>]) -> Result<(), Error> {
        self.refuse_beyond_region(changes)?;
        self.commit(changes, &[], &[], 0).map(drop)
    }

    /// Refuses values that need a larger page than the largest page of this file. The file may have been made
    /// for a small capacity.
    fn refuse_beyond_region(&self, changes: &[EntryChange<'_>]) -> Result<(), Error> {
        let largest = usable(self.store.as_ref())?.largest_page();
        let page = |change: &EntryChange<'_>| {
            change.value.as_ref().map(|value| page_of(change.key.len(), value.record_len()))
        };
        match changes.iter().filter_map(page).max() {
            Some(page) if page > largest => Err(Error::Io {
                action: "change",
                path: self.options.path.clone(),
                cause: format!(
                    "a value takes a page of {}, and the largest page of this file is {}: make a new file with a \
                     larger capacity",
                    ByteSize::bytes(page),
                    ByteSize::bytes(largest)
                ),
            }),
            _ => Ok(()),
        }
    }

    /// Deletes every key in a scope. Returns the number of live entries that were deleted.
    pub(crate) fn remove_scope(&mut self, scope: Scope) -> Result<u64, Error> {
        let range = RangeTombstone { scope, sequence: self.next_sequence() };
        let removal = RangeRemoval { range, memory_keys: Vec::new(), unlisted: 0, on_disk: 0 };
        let removed = self.commit(&[], &[removal], &[], 0)?.removed.first().copied().unwrap_or(0);
        // A large removal is now durable as a row of the file. The entries that it covers are deleted in
        // parts.
        let store = self.store.as_mut().ok_or(Error::Closed)?;
        let deleted = store.delete_pending_ranges().map_err(|error| refused(&self.options.path, error))?;
        Ok(removed + deleted)
    }

    /// Deletes expired entries and the entries of retired keyspaces, until all are deleted or `go_on` returns
    /// false. Returns the number of expired entries.
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

    /// Makes the file as short as its entries need ([`crate::disk::file::compact`]). Returns none, and leaves
    /// the file unchanged, if `go_on` returned false.
    pub(crate) fn compact(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<Option<Compaction>, Error> {
        self.open_again()?;
        refuse_unless_unfinished(&self.options)?;
        let store = usable(self.store.as_ref())?;
        let written = write_copy(store, &self.options, self.now, go_on);
        let Some(copied) = written.map_err(|error| self.not_compacted(error))? else { return Ok(None) };
        let store = self.store.take().ok_or(Error::Closed)?;
        let old = store.catalog.clone();
        let closed = store.close().and_then(|()| Ok(self.len()?));
        let len_before = closed.map_err(|error| {
            drop(remove_unfinished(&self.options));
            self.not_compacted(error)
        })?;
        let is_taken = take_place(&self.options, &copied).map_err(|error| self.not_compacted(error))?;
        if is_taken {
            self.note_accepted(copied.catalog.identity);
        }
        Ok(Some(if is_taken {
            let CopyReport { len, expired, catalog, .. } = copied;
            self.compacted = Some(catalog);
            Compaction { len_before, len, expired }
        } else {
            self.compacted = Some(old);
            Compaction { len_before, len: len_before, expired: 0 }
        }))
    }

    /// Records the identity and the place of the file in the lock file. So the file is recognized even if
    /// most of it is cut off. Best effort, as in a cache.
    fn note_accepted(&mut self, identity: Option<FileIdentity>) {
        let metadata = self.options.volume.metadata(&self.options.path).ok().flatten();
        if let (Some(identity), Some(metadata)) = (identity, metadata) {
            drop(self.lock.note_accepted(Accepted { identity, place: FilePlace::of(&metadata) }));
        }
    }

    fn len(&self) -> std::io::Result<u64> {
        Ok(self.options.volume.metadata(&self.options.path)?.map_or(0, |metadata| metadata.len))
    }

    fn not_compacted(&self, error: StoreError) -> Error {
        let path = self.options.path.clone();
        match error.kind {
            StoreErrorKind::Full => {
                let len = ByteSize::bytes(self.len().unwrap_or(0));
                let cause = format!(
                    "{error}; a copy that takes up to {len} is written beside the file before it takes its \
                     place: free so much room"
                );
                Error::Io { action: "compact", path, cause }
            }
            StoreErrorKind::Io => Error::Io { action: "compact", path, cause: error.cause },
            _ => refused(&path, error),
        }
    }

    /// Opens the file again after a compaction.
    fn open_again(&mut self) -> Result<(), Error> {
        if self.compacted.is_none() {
            return Ok(());
        }
        if !self.process.is_current() {
            return Err(Error::Forked);
        }
        let store =
            Store::open(&self.options, u64::MAX).map_err(|error| refused(&self.options.path, error))?;
        (self.store, self.compacted) = (Some(store), None);
        Ok(())
    }

    /// Closes the file after a closing commit, as a cache does.
    pub(crate) fn close(mut self) -> Result<(), Error> {
        if self.compacted.is_some() {
            return if self.process.is_current() { Ok(()) } else { Err(Error::Forked) };
        }
        usable(self.store.as_ref())?;
        let batch = self.batch(&[], &[], &[], 0);
        let batch = Batch { closing: true, ..batch };
        let store = self.store.as_mut().ok_or(Error::Closed)?;
        store.commit(&batch).map_err(|error| refused(&self.options.path, error))?;
        let store = self.store.take().ok_or(Error::Closed)?;
        store.close().map_err(|error| refused(&self.options.path, error))
    }

    fn batch<'a>(
        &self,
        changes: &'a [EntryChange<'a>],
        ranges: &'a [RangeRemoval],
        register: &'a [Registration],
        sweep: usize,
    ) -> Batch<'a> {
        static NONE: std::sync::LazyLock<PendingRegistrations> =
            std::sync::LazyLock::new(PendingRegistrations::default);
        Batch {
            changes,
            ranges,
            is_first: true,
            pending: &NONE,
            register,
            sweep,
            now: self.now,
            sequence: self.sequence,
            closing: false,
            is_resident: &|_| false,
            take_use: &|_| false,
            part: None,
            range_rows: RANGE_ROWS,
        }
    }

    fn commit(
        &mut self,
        changes: &[EntryChange<'_>],
        ranges: &[RangeRemoval],
        register: &[Registration],
        sweep: usize,
    ) -> Result<CommitOutcome, Error> {
        self.open_again()?;
        usable(self.store.as_ref())?;
        let batch = self.batch(changes, ranges, register, sweep);
        let mut store = self.store.take().ok_or(Error::Closed)?;
        let path = &self.options.path;
        let committed = match store.commit(&batch) {
            // Even deletions need room. After a failure the store accepts no more calls, but the file can be
            // opened again.
            Err(error)
                if error.kind == StoreErrorKind::Full && Ballast::delete_left_over(&OsVolume, path) =>
            {
                drop(store.close());
                store = Store::open(&self.options, u64::MAX).map_err(|error| refused(path, error))?;
                store.commit(&batch)
            }
            committed => committed,
        };
        let outcome = committed.map_err(|error| refused(path, error))?;
        self.store = Some(store);
        Ok(outcome)
    }
}

/// Returns the store if it is open and belongs to this process.
fn usable(store: Option<&Store>) -> Result<&Store, Error> {
    let store = store.ok_or(Error::Closed)?;
    if store.is_inherited() { Err(Error::Forked) } else { Ok(store) }
}

/// Opens the store of a locked file, or makes the file.
fn open_locked(
    path: &Path,
    clock: &dyn Clock,
    (verify_up_to, is_new): (u64, bool),
    lock: &OwnerLock,
) -> Result<(OpenOptions, Store), Error> {
    let options = OpenOptions {
        volume: Arc::new(OsVolume),
        path: path.to_owned(),
        page_cache: PAGE_CACHE,
        verify_up_to,
        // The capacity is a setting of the cache. The cache shrinks the file when it opens the file.
        limits: StoreLimits::UNBOUNDED,
        capacity: u64::MAX,
        counts_blocks: OsVolume.counts_blocks(path),
        charging: None,
        now: clock.wall(),
        identities: Identities::default(),
    };
    let store = if is_new && path_state(&OsVolume, path)? == PathState::Nothing {
        let OpenedFile { store, .. } = open(&options, lock.accepted().as_ref())?;
        store
    } else {
        let len = FileSnapshot::open(path)?.contents.len;
        let opened = match Store::open(&options, len) {
            Err(error)
                if error.kind == StoreErrorKind::Full && Ballast::delete_left_over(&OsVolume, path) =>
            {
                Store::open(&options, len)
            }
            opened => opened,
        };
        opened.map_err(|error| refused(path, error))?
    };
    // Pending range removals are completed before anything is shown or changed.
    let mut store = store;
    store.delete_pending_ranges().map_err(|error| refused(path, error))?;
    Ok((options, store))
}

fn refused(path: &Path, error: StoreError) -> Error {
    error_of(FileAction::Change, path, error)
}
