//! What all handles of one cache share, and how its threads begin. How they end: [`closing`].
//!
//! Handles own this; the threads own only the tiers, so that the last handle to go ends them. That may happen
//! inside a user's `Drop` on one of those very threads: a thread is told to end, and joined by anybody but
//! itself.

mod closing;
mod observing;
mod opening;

use std::collections::BTreeMap;
use std::time::Duration;

use super::open_keyspace::{CounterRegistry, OpenKeyspace, Openings};
use super::service_thread::ServiceThread;
use super::sweeper::{Sweeper, SweeperMessage};
use super::tiers::Tiers;
use super::writer::command::Acknowledge;
use super::writer::{Limits, Writer};
use crate::config::{CacheBuilder, Weigher};
use crate::disk::disk_status::DiskStatus;
use crate::disk::file::ballast::Ballast;
use crate::disk::file::cache_file::CacheFile;
use crate::disk::file::directories::{absolute, in_real_directory, syncs_directory_of};
use crate::disk::file::lock::{OwnerLock, lock_refusal};
use crate::disk::file::names::refuse_too_long;
use crate::disk::file::new_directories::NewDirectories;
use crate::disk::file::open::OpenedFile;
use crate::disk::store::extent::Extent;
use crate::disk::store::limits::StoreLimits;
use crate::disk::store::new_file::PAGE_SHARE;
use crate::disk::store::registration::Registration;
use crate::error::Error;
use crate::event::Event;
use crate::format::keyspace_id::KeyspaceId;
use crate::memory::Memory;
use crate::stats::cumulative::CumulativeStats;
use crate::stats::observe::Observer;
use crate::stats::opened::OpenedWith;
use crate::sys::clock::cache_time::CacheTime;
use crate::sys::sync::channel::unbounded;
use crate::sys::sync::thread::{JoinHandle, ThreadId};
use crate::sys::sync::{Arc, AtomicBool, Mutex, Ordering, thread};
use crate::sys::volume::Volume;
use crate::sys::volume::tracked::TrackedVolume;
use crate::units::Timestamp;
use closing::Closing;
use opening::{OpenStore, open_store};

/// The part of the file's capacity that entries may be charged for where its blocks are counted, in
/// sixteenths. The rest is for the pages that two transactions replace and that are not free yet, for the
/// store's own tables, and for gaps. `docs/adr/0009` gives the measurement.
const LIVE_SIXTEENTHS: u64 = 13;
/// The same where its length is bounded: one part in so many. redb doubles a file that must grow, so what is
/// in use has to stay below half of the capacity: entries in pages that are two thirds full, and two
/// transactions' worth of pages that are replaced and not yet free.
const LIVE_SHARE: u64 = 4;
/// The part of the file's capacity that one transaction may write as values, and whose pages it may replace
/// to evict: one in so many.
const BATCH_SHARE: u64 = 32;
/// The part of the file's capacity whose pages the changes of one transaction may replace: one in so many.
/// Small values replace most, and what is replaced and not free yet is room that entries do not have.
const CHANGE_SHARE: u64 = 64;
/// Pages that a change may replace: a leaf of each table, for the entry it writes and for one it evicts.
const BYTES_PER_CHANGE: u64 = 4 * 4096;
/// Pages that an eviction may replace: a leaf of each table.
const BYTES_PER_EVICTION: u64 = 2 * 4096;
const MIN_CHANGES: u64 = 16;
const MAX_CHANGES: u64 = 1 << 16;
/// What is told of a file system that can't make names durable.
const NO_DIRECTORY_SYNC: &str = "the file system of the cache file can't sync a directory, so that a loss of power \
    may bring back a file that was discarded, with what was removed meanwhile; put the file on a local disk";
/// A time mark this far ahead of the wall clock says that one of them is wrong: no entry's age can be told.
const MAX_WATERMARK_AHEAD_MS: u64 = 3_600_000;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) tiers: Arc<Tiers>,
    pub(crate) load_timeout: Option<Duration>,
    pub(crate) disk_capacity: u64,
    pub(crate) opened: OpenedWith,
    /// The largest page of a value that the file takes.
    max_page: u64,
    pub(crate) slow_load: Duration,
    logs_keys: bool,
    pub(crate) observer: Observer,
    pub(crate) checks_every_value: bool,
    #[cfg(all(unix, feature = "control"))]
    pub(crate) control_values: bool,
    weigher: Option<WeigherBox>,
    /// By name.
    pub(crate) open_keyspaces: Mutex<BTreeMap<String, Arc<OpenKeyspace>>>,
    pub(crate) openings: Openings,
    /// The same, for those who only count.
    pub(crate) registry: Arc<CounterRegistry>,
    next_memory_only: Mutex<u32>,
    is_closed: AtomicBool,
    workers: Mutex<Workers>,
    worker_ids: Mutex<Vec<ThreadId>>,
    writer_id: Option<ThreadId>,
    /// Threads that serve the cache to others; they may hold it.
    service_threads: Mutex<Vec<ServiceThread>>,
    closing: Closing,
    /// The files that it has open; none without a file.
    pub(crate) files: Option<Arc<TrackedVolume>>,
}

struct WeigherBox(Weigher);

impl std::fmt::Debug for WeigherBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Weigher")
    }
}

#[derive(Debug, Default)]
struct Workers {
    sweeper: Option<JoinHandle<()>>,
    writer: Option<JoinHandle<()>>,
}

impl Shared {
    pub(crate) fn open(mut config: CacheBuilder) -> Result<Arc<Self>, Error> {
        config.validate()?;
        let limit = config.volume.file_size_limit();
        let limited = config.fit_file_size_limit(limit)?;
        let mut workers = Workers::default();
        let mut files = None;
        let mut max_page = config.disk_capacity.as_u64() / PAGE_SHARE;
        let (tiers, messages, before) = match &config.path {
            None => {
                let time = CacheTime::new(config.clock.clone(), Timestamp::ZERO);
                let listener = config.listener.clone();
                let (tiers, messages) =
                    Tiers::new(memory(&config, 0), time, None, None, DiskStatus::default(), listener, 0);
                (tiers, messages, None)
            }
            Some(path) => {
                // A process may change its directory; its cache file stays where it is.
                let path = absolute(path)?;
                let volume = TrackedVolume::new(config.volume.clone(), &path);
                let (tiers, messages, before, largest_page) =
                    open_tiers(&config, &path, &volume, &mut workers)?;
                files = Some(volume);
                max_page = max_page.min(largest_page);
                (tiers, messages, before)
            }
        };
        if let Some(cause) = limited {
            tiers.tell(Event::DiskLimited { cause });
        }
        let registry = Arc::<CounterRegistry>::default();
        if let Some(before) = before {
            let registry = registry.clone();
            tiers.count(before, Box::new(move |most_asked| registry.sum_of_some(most_asked)));
        }
        let waker = Arc::downgrade(&tiers);
        tiers.time.clock().on_jump(Box::new(move || {
            if let Some(tiers) = waker.upgrade() {
                tiers.check_retry();
            }
        }));
        let shared = Arc::new(Self {
            tiers: tiers.clone(),
            load_timeout: config.load_timeout,
            disk_capacity: config.disk_capacity.as_u64(),
            opened: OpenedWith::now(&config),
            max_page,
            slow_load: config.slow_load,
            #[cfg(all(unix, feature = "control"))]
            control_values: config.control_values,
            logs_keys: config.log_keys,
            observer: Observer::new(config.sample_keys, &**tiers.time.clock()),
            checks_every_value: config.check_every_value || cfg!(debug_assertions),
            weigher: config.weigher.map(WeigherBox),
            open_keyspaces: Mutex::new(BTreeMap::new()),
            openings: Openings::default(),
            registry: registry.clone(),
            next_memory_only: Mutex::new(0),
            is_closed: AtomicBool::new(false),
            worker_ids: Mutex::new(workers.writer.iter().map(|writer| writer.thread().id()).collect()),
            writer_id: workers.writer.as_ref().map(|writer| writer.thread().id()),
            workers: Mutex::new(workers),
            service_threads: Mutex::new(Vec::new()),
            closing: Closing::default(),
            files,
        });
        let sweeper = Sweeper::new(tiers, config.sweep_interval);
        let handle = spawn("larder-sweeper", move || sweeper.run(messages))?;
        shared.worker_ids.lock().push(handle.thread().id());
        shared.workers.lock().sweeper = Some(handle);
        Ok(shared)
    }

    pub(crate) fn weigher(&self) -> Option<&Weigher> {
        self.weigher.as_ref().map(|weigher| &weigher.0)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Whether this process is a fork of the one that opened the cache. It must not wait for a lock, nor for
    /// a thread.
    pub(crate) fn is_forked(&self) -> bool {
        !self.tiers.process.is_current()
    }

    /// What every verb asks that waits, writes or counts, before its first lock.
    pub(crate) fn refuse_if_unusable(&self) -> Result<(), Error> {
        if self.is_forked() { Err(Error::Forked) } else { self.refuse_if_closed() }
    }

    pub(crate) fn refuse_if_closed(&self) -> Result<(), Error> {
        if self.is_closed() { Err(Error::Closed) } else { Ok(()) }
    }

    /// The number of a keyspace: from the file, or for as long as the process lives.
    pub(crate) fn number(&self, memory_only: bool, registration: Registration) -> Result<KeyspaceId, Error> {
        if !memory_only && self.tiers.has_disk() {
            return self.tiers.register(registration);
        }
        let mut next = self.next_memory_only.lock();
        *next += 1;
        Ok(KeyspaceId::memory_only(*next))
    }

    /// The largest page of one value that the file takes.
    pub(crate) const fn max_page(&self) -> u64 {
        self.max_page
    }

    /// The least capacity with which the file takes a value with such a page.
    pub(crate) const fn disk_capacity_for(page: u64) -> u64 {
        page.saturating_mul(PAGE_SHARE)
    }

    /// Has a thread told to end, and joined, when the cache is closed.
    #[cfg_attr(not(all(unix, feature = "control")), expect(dead_code, reason = "for the control socket"))]
    pub(crate) fn attend(&self, service_thread: ServiceThread) {
        self.worker_ids.lock().push(service_thread.thread.thread().id());
        self.service_threads.lock().push(service_thread);
    }

    /// Commits what is dirty.
    pub(crate) fn flush(&self) -> Result<(), Error> {
        self.refuse_if_unusable()?;
        if self.tiers.has_disk() { self.tiers.commit(Acknowledge::Flush) } else { Ok(()) }
    }

    /// Closes what a fork has left this process with: see [`crate::sys::volume`]. Without waiting, writing or
    /// unlocking.
    pub(crate) fn abandon(&self) -> Result<(), Error> {
        if !self.is_forked() {
            return Err(Error::NotForked);
        }
        let Some(files) = &self.files else { return Ok(()) };
        files.release().map_err(|error| Error::Io {
            action: "close",
            path: files.path().to_owned(),
            cause: error.to_string(),
        })
    }

    /// Leaves what the threads of the parent have as it is, when a fork drops its last handle.
    fn leave_to_parent(&mut self) {
        // The tiers are dropped by nobody: a drop of theirs takes locks.
        std::mem::forget(self.tiers.clone());
        // To drop a handle is to detach the thread, and there is none.
        std::mem::forget(std::mem::take(self.workers.get_mut()));
        for ServiceThread { stop, thread } in std::mem::take(self.service_threads.get_mut()) {
            std::mem::forget(thread);
            // Not called: the thread is another process's. Its end of the socket is closed here.
            drop(stop);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.is_forked() {
            return self.leave_to_parent();
        }
        // Best effort: whoever wants to know calls `close`.
        drop(self.close());
        // A sum that is wrong shows in no answer, so every test of anything looks here. The last handle has
        // gone: no call is under way.
        #[cfg(any(test, feature = "test-util"))]
        if !std::thread::panicking() && !self.is_worker() {
            self.tiers.validate_at_end();
        }
    }
}

pub(crate) fn spawn(
    name: &'static str,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, Error> {
    thread::Builder::new().name(name.to_owned()).spawn(run).map_err(|source| Error::Thread { name, source })
}

fn memory(config: &CacheBuilder, last_sequence: u64) -> Memory {
    let (capacity, write_buffer) = (config.memory_capacity.as_u64(), config.write_buffer.as_u64());
    let memory = Memory::new(config.shards_or_default(), capacity, write_buffer, last_sequence);
    match config.hash_seed {
        Some(seed) => memory.seeded(seed),
        None => memory,
    }
}

/// Bytes that entries may be charged for, all together.
fn live_limit(capacity: u64, counts_blocks: bool) -> u64 {
    if counts_blocks { capacity / 16 * LIVE_SIXTEENTHS } else { capacity / LIVE_SHARE }
}

/// What may be live in a file of this capacity.
fn room(capacity: u64, counts_blocks: bool) -> StoreLimits {
    let evictions = (capacity / BATCH_SHARE / BYTES_PER_EVICTION).clamp(MIN_CHANGES, MAX_CHANGES);
    StoreLimits {
        live_limit: live_limit(capacity, counts_blocks),
        max_evictions: usize::try_from(evictions).unwrap_or(usize::MAX),
    }
}

type SweeperMessages = crate::sys::sync::channel::Receiver<SweeperMessage>;

fn open_tiers(
    config: &CacheBuilder,
    path: &std::path::Path,
    files: &Arc<TrackedVolume>,
    workers: &mut Workers,
) -> Result<(Arc<Tiers>, SweeperMessages, Option<CumulativeStats>, u64), Error> {
    let volume: Arc<dyn Volume> = files.clone();
    // A refusal leaves nothing: neither the directories, nor the lock.
    let directories = NewDirectories::create(&*volume, path)?;
    let path = &*in_real_directory(&*volume, path)?;
    refuse_too_long(&*volume, path)?;
    let socket = config.socket().map(absolute).transpose()?;
    let lock = OwnerLock::acquire(&*volume, path, socket.as_deref(), config.open_timeout, &*config.clock);
    let lock = lock.map_err(|refused| lock_refusal(&*volume, path, refused))?;
    let (options, opened) = match open_store(config, path, &volume, &lock) {
        Ok(opened) => opened,
        Err(refused) => {
            lock.withdraw(&*volume);
            return Err(refused);
        }
    };
    directories.keep();
    let OpenStore { opened: OpenedFile { mut store, quarantined }, clock_watermark, snapshot } = opened;
    let (capacity, counts_blocks) = (options.capacity, options.counts_blocks);
    let largest_page = store.largest_page();
    let time = CacheTime::new(config.clock.clone(), clock_watermark);
    let memory = memory(config, store.last_sequence());
    // Before the first lookup: what these cover is gone for those who removed it.
    memory.insert_range_tombstones(store.ranges());
    let quarantines = u64::from(quarantined.is_some());
    let before = store.cumulative_stats().cloned().unwrap_or_default();
    let shown_at = time.now();
    let extent = Extent::of(&*volume, path).unwrap_or_default();
    let view = DiskStatus { extent, quarantined, quarantines, shown_at, ..store.view() };
    let file = CacheFile::new(store, options, Ballast::new(path, capacity), lock)
        .map_err(|error| Error::Io { action: "look at", path: path.to_owned(), cause: error.to_string() })?;
    let (commands, inbox) = unbounded();
    let (listener, range_rows) = (config.listener.clone(), config.ranges.rows);
    let (tiers, messages) =
        Tiers::new(memory, time, Some(snapshot), Some(commands), view, listener, range_rows);
    if !syncs_directory_of(&*volume, path) {
        tiers.tell(Event::DiskLimited { cause: NO_DIRECTORY_SYNC.to_owned() });
    }
    tiers.note_uses(live_limit(capacity, counts_blocks));
    let changes = (capacity / CHANGE_SHARE / BYTES_PER_CHANGE).clamp(MIN_CHANGES, MAX_CHANGES);
    let limits = Limits {
        flush_interval: config.flush_interval,
        most_changes: usize::try_from(changes).unwrap_or(usize::MAX),
        most_bytes: usize::try_from(capacity / BATCH_SHARE).unwrap_or(usize::MAX),
        deletes_between_steps: config.ranges.between_steps,
    };
    let writer = Writer::new(tiers.clone(), file, limits);
    workers.writer = Some(spawn("larder-writer", move || writer.run(&inbox))?);
    Ok((tiers, messages, Some(before), largest_page))
}
