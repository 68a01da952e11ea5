//! A closed file, changed by whoever is not a cache: without memory, threads, or a type of the application's.
//!
//! What changes is a batch of the writer's own ([`Store::commit`]), so rows, expiry rows, counts, the
//! sequence and the time mark agree as they do after a cache's commit, and what is removed is durable when
//! the call returns.
//!
//! 1. The file is looked at, as an inspector does. What is not larder's, damaged, newer or in use is refused
//!    before anything is touched, its lock included.
//! 2. The owner's lock is taken, and the file looked at again: it may be another now.
//! 3. It is opened for writing. Damage that shows now is an error: only a cache moves a file aside.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file_snapshot::{Condition, FileSnapshot, refused};
use crate::config::ranges::RANGE_ROWS;
use crate::disk::file::ballast::Ballast;
use crate::disk::file::compact::{CopyReport, take_place, write_copy};
use crate::disk::file::evidence::{Accepted, FilePlace};
use crate::disk::file::files::{OwnerLock, PathState, io_error, refuse_mount_point, standing};
use crate::disk::file::names::refuse_too_long;
use crate::disk::file::open::{
    OpenOptions, OpenedFile, open, open_ours, refusal, refuse_unless_unfinished, remove_unfinished,
};
use crate::disk::store::batch::range::RangeRemoval;
use crate::disk::store::catalog::{Catalog, PendingRegistrations, Registration};
use crate::disk::store::charging::page_of;
use crate::disk::store::guard::{StoreError, StoreErrorKind};
use crate::disk::store::identity::{FileIdentity, Identities};
use crate::disk::store::redb_store::commit::{Batch, CommitOutcome};
use crate::disk::store::redb_store::{Store, StoreLimits};
use crate::error::Error;
use crate::format::key::scope::Scope;
use crate::format::keyspace_id::KeyspaceId;
use crate::format::record;
use crate::memory::slot::{Change, Mutation, Range};
use crate::sys::clock::Clock;
use crate::sys::process::Process;
use crate::sys::sync::Arc;
use crate::sys::volume::Volume;
use crate::sys::volume::os::OsVolume;
use crate::units::{ByteSize, Timestamp};

const PAGE_CACHE: usize = 16 << 20;
/// Expired entries deleted in one transaction.
const SWEEP_ROWS: usize = 1000;

/// A file that this process owns, open to be changed.
#[derive(Debug)]
pub(crate) struct Edit {
    options: OpenOptions,
    /// None after a fault: what is not closed can't be opened again.
    store: Option<Store>,
    /// What a file says that was compacted and closed. The next change opens it again: a commit finds no free
    /// page in such a file and doubles it, so none is made that changes nothing.
    compacted: Option<Catalog>,
    sequence: u64,
    now: Timestamp,
    process: Process,
    lock: OwnerLock,
}

/// What a compaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compaction {
    pub(crate) len_before: u64,
    pub(crate) len: u64,
    pub(crate) expired: u64,
}

impl Edit {
    /// Opens a file that is there, or, if `makes`, one that is not.
    pub(crate) fn open(
        path: &Path,
        clock: &dyn Clock,
        verify_up_to: u64,
        makes: bool,
    ) -> Result<Self, Error> {
        let is_new = makes && standing(&OsVolume, path)? == PathState::Nothing;
        if !is_new && let Condition::Owned(owner) = FileSnapshot::open(path)?.facts.condition {
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

    /// The time by which entries expire here: the clock's, or that of the last commit if that is later.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// What the file knows of its keyspaces; none after a fault.
    pub(crate) fn catalog(&self) -> Option<&Catalog> {
        self.store.as_ref().map(|store| &store.catalog).or(self.compacted.as_ref())
    }

    /// The number for the next change.
    pub(crate) fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Finds or makes a keyspace. What its name had of another version or shape is retired.
    pub(crate) fn register(&mut self, wanted: Registration) -> Result<KeyspaceId, Error> {
        let outcome = self.commit(&[], &[], &[wanted], 0)?;
        outcome.registered.first().copied().ok_or(Error::Closed)
    }

    /// The header of a key's record, if it is live.
    pub(crate) fn live(&mut self, keys: &[&[u8]]) -> Result<Vec<Option<record::Header>>, Error> {
        self.open_again()?;
        let store = usable(self.store.as_ref())?;
        let read = store.snapshot(0).and_then(|snapshot| {
            keys.iter().map(|key| snapshot.get(key)).collect::<Result<Vec<_>, StoreError>>()
        });
        let records = read.map_err(|fault| told(&self.options.path, fault))?;
        let live = |record: Vec<u8>| record::peek(&record).filter(|header| header.expires_at > self.now);
        Ok(records.into_iter().map(|record| record.and_then(live)).collect())
    }

    /// Commits changes, all or none.
    pub(crate) fn apply(&mut self, mutations: &[Mutation]) -> Result<(), Error> {
        self.refuse_beyond_region(mutations)?;
        self.commit(mutations, &[], &[], 0).map(drop)
    }

    /// A file that was made for a small capacity has no page for a large value.
    fn refuse_beyond_region(&self, mutations: &[Mutation]) -> Result<(), Error> {
        let largest = usable(self.store.as_ref())?.largest_page();
        let page = |mutation: &Mutation| match &mutation.change {
            Change::Put { unsaved, .. } => {
                page_of(mutation.key.len(), record::record_len(&unsaved.extension, unsaved.payload.len()))
            }
            Change::Delete => 0,
        };
        match mutations.iter().map(page).max() {
            Some(page) if page > largest => Err(Error::Io {
                action: "change",
                path: self.options.path.clone(),
                cause: format!(
                    "a value takes a page of {}, and the largest of this file is {}: make the file anew, with a larger capacity",
                    ByteSize::bytes(page),
                    ByteSize::bytes(largest)
                ),
            }),
            _ => Ok(()),
        }
    }

    /// Deletes every key in a scope; how many live ones there were.
    pub(crate) fn remove_scope(&mut self, scope: Scope) -> Result<u64, Error> {
        let range = Range { scope, sequence: self.next_sequence() };
        let removal = RangeRemoval { range, memory_keys: Vec::new(), unlisted: 0, on_disk: 0 };
        let removed = self.commit(&[], &[removal], &[], 0)?.removed.first().copied().unwrap_or(0);
        // A large one has its row now, and so holds. What it covers is deleted in parts.
        let store = self.store.as_mut().ok_or(Error::Closed)?;
        let deleted = store.make_ranges().map_err(|fault| told(&self.options.path, fault))?;
        Ok(removed + deleted)
    }

    /// Deletes what has expired and what is retired; how many expired entries there were.
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

    /// Makes the file as short as its entries need ([`compact`]). None if it was not to go on: then it is as
    /// it was.
    pub(crate) fn compact(&mut self, go_on: &mut dyn FnMut() -> bool) -> Result<Option<Compaction>, Error> {
        self.open_again()?;
        refuse_unless_unfinished(&self.options)?;
        let store = usable(self.store.as_ref())?;
        let written = write_copy(store, &self.options, self.now, go_on);
        let Some(copied) = written.map_err(|fault| self.not_compacted(fault))? else { return Ok(None) };
        let store = self.store.take().ok_or(Error::Closed)?;
        let old = store.catalog.clone();
        let closed = store.close().and_then(|()| Ok(self.len()?));
        let len_before = closed.map_err(|fault| {
            drop(remove_unfinished(&self.options));
            self.not_compacted(fault)
        })?;
        let is_taken = take_place(&self.options, &copied).map_err(|fault| self.not_compacted(fault))?;
        if is_taken {
            self.accept(copied.catalog.identity);
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

    /// The lock names a file by its place, too, by which its stump is known. Best effort, as for a cache.
    fn accept(&mut self, identity: Option<FileIdentity>) {
        let seen = self.options.volume.metadata(&self.options.path).ok().flatten();
        if let (Some(identity), Some(seen)) = (identity, seen) {
            drop(self.lock.accept(Accepted { identity, place: FilePlace::of(&seen) }));
        }
    }

    fn len(&self) -> std::io::Result<u64> {
        Ok(self.options.volume.metadata(&self.options.path)?.map_or(0, |seen| seen.len))
    }

    fn not_compacted(&self, fault: StoreError) -> Error {
        let path = self.options.path.clone();
        match fault.kind {
            StoreErrorKind::Full => {
                let most = ByteSize::bytes(self.len().unwrap_or(0));
                let cause = format!(
                    "{fault}; a copy that takes up to {most} is written beside the file before it takes its \
                     place: free so much room"
                );
                Error::Io { action: "compact", path, cause }
            }
            StoreErrorKind::Io => Error::Io { action: "compact", path, cause: fault.cause },
            _ => told(&path, fault),
        }
    }

    /// Opens a file again that was compacted.
    fn open_again(&mut self) -> Result<(), Error> {
        if self.compacted.is_none() {
            return Ok(());
        }
        if !self.process.is_current() {
            return Err(Error::Forked);
        }
        let store = open_ours(&self.options, u64::MAX).map_err(|fault| told(&self.options.path, fault))?;
        (self.store, self.compacted) = (Some(store), None);
        Ok(())
    }

    /// Closes the file, as a cache that is closed does.
    pub(crate) fn close(mut self) -> Result<(), Error> {
        if self.compacted.is_some() {
            return if self.process.is_current() { Ok(()) } else { Err(Error::Forked) };
        }
        usable(self.store.as_ref())?;
        let batch = self.batch(&[], &[], &[], 0);
        let batch = Batch { closing: true, ..batch };
        let store = self.store.as_mut().ok_or(Error::Closed)?;
        store.commit(&batch).map_err(|fault| told(&self.options.path, fault))?;
        let store = self.store.take().ok_or(Error::Closed)?;
        store.close().map_err(|fault| told(&self.options.path, fault))
    }

    fn batch<'a>(
        &self,
        mutations: &'a [Mutation],
        ranges: &'a [RangeRemoval],
        register: &'a [Registration],
        sweep: usize,
    ) -> Batch<'a> {
        static NONE: std::sync::LazyLock<PendingRegistrations> =
            std::sync::LazyLock::new(PendingRegistrations::default);
        Batch {
            mutations,
            ranges,
            is_first: true,
            adopt: &NONE,
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
        mutations: &[Mutation],
        ranges: &[RangeRemoval],
        register: &[Registration],
        sweep: usize,
    ) -> Result<CommitOutcome, Error> {
        self.open_again()?;
        usable(self.store.as_ref())?;
        let batch = self.batch(mutations, ranges, register, sweep);
        let mut store = self.store.take().ok_or(Error::Closed)?;
        let path = &self.options.path;
        let committed = match store.commit(&batch) {
            // The store takes nothing more after it failed, and can be opened again. Even deletions take
            // room.
            Err(fault) if fault.kind == StoreErrorKind::Full && Ballast::give_up_left(&OsVolume, path) => {
                drop(store.close());
                store = open_ours(&self.options, u64::MAX).map_err(|fault| told(path, fault))?;
                store.commit(&batch)
            }
            committed => committed,
        };
        let outcome = committed.map_err(|fault| told(path, fault))?;
        self.store = Some(store);
        Ok(outcome)
    }
}

/// The store of a file that is open, and is this process's.
fn usable(store: Option<&Store>) -> Result<&Store, Error> {
    let store = store.ok_or(Error::Closed)?;
    if store.is_inherited() { Err(Error::Forked) } else { Ok(store) }
}

/// Opens the store of a file that is locked, or makes it.
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
        // The capacity is a setting of its owner, who brings the file down to it.
        room: StoreLimits::UNBOUNDED,
        capacity: u64::MAX,
        counts_blocks: OsVolume.counts_blocks(path),
        charging: None,
        now: clock.wall(),
        identities: Identities::default(),
        accepted: lock.accepted(),
    };
    let store = if is_new && standing(&OsVolume, path)? == PathState::Nothing {
        let OpenedFile { store, .. } = open(&options)?;
        store
    } else {
        let len = FileSnapshot::open(path)?.facts.len;
        let opened = match open_ours(&options, len) {
            Err(fault) if fault.kind == StoreErrorKind::Full && Ballast::give_up_left(&OsVolume, path) => {
                open_ours(&options, len)
            }
            opened => opened,
        };
        opened.map_err(|fault| told(path, fault))?
    };
    // Before anything is shown or changed.
    let mut store = store;
    store.make_ranges().map_err(|fault| told(path, fault))?;
    Ok((options, store))
}

/// The error of a fault.
fn told(path: &Path, fault: StoreError) -> Error {
    let path: PathBuf = path.to_owned();
    match (fault.kind, OsVolume::open_to_read(&path)) {
        (StoreErrorKind::Damage, Ok(file)) => refused(&path, &file, fault),
        (StoreErrorKind::Damage, Err(error)) => io_error("read", &path, error),
        (
            StoreErrorKind::Io | StoreErrorKind::Full | StoreErrorKind::TooLarge | StoreErrorKind::Unrepaired,
            _,
        ) => Error::Io { action: "change", path, cause: fault.cause },
        _ => refusal(&path, fault),
    }
}
