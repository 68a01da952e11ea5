//! Opens a cache: its file, its tiers and its threads.
//!
//! 1. Check the settings, and adapt them to the process's limit on file sizes.
//! 2. Take the owner lock, and open the store. An error in this step leaves no new directory and no lock
//!    behind.
//! 3. Initialize the tiers from the file: its last sequence, its pending range removals, and its clock
//!    watermark.
//! 4. Start the writer thread, then the sweeper thread.

use std::path::Path;

use super::{CacheIdentity, Shared, SharedSettings};
use crate::config::CacheBuilder;
use crate::disk::disk_status::DiskStatus;
use crate::disk::file::ballast::Ballast;
use crate::disk::file::cache_file::CacheFile;
use crate::disk::file::directories::{absolute, in_real_directory, syncs_directory_of};
use crate::disk::file::io_error::io_error;
use crate::disk::file::lock::{OwnerLock, lock_refusal};
use crate::disk::file::names::refuse_too_long;
use crate::disk::file::new_directories::NewDirectories;
use crate::disk::file::open::OpenedFile;
use crate::disk::store::database::OpenOptions;
use crate::disk::store::extent::Extent;
use crate::disk::store::new_file::PAGE_SHARE;
use crate::engine::absent_keys::AbsentKeys;
use crate::engine::capacity::{group_limits, live_limit, max_batch_bytes, max_changes};
use crate::engine::closing::Closing;
use crate::engine::disk_tier::DiskTier;
use crate::engine::keyspaces::counter_registry::CounterRegistry;
use crate::engine::keyspaces::registry::KeyspaceRegistry;
use crate::engine::load_pool::LoadPool;
#[cfg(feature = "async")]
use crate::engine::load_tasks::LoadTasks;
use crate::engine::store_opening::{OpenStore, open_store};
use crate::engine::sweeper::Sweeper;
use crate::engine::sweeper::message::SweeperMessage;
use crate::engine::threads::{Threads, spawn};
use crate::engine::tiers::Tiers;
use crate::engine::turns::Turns;
use crate::engine::writer::Writer;
use crate::engine::writer::limits::WriterLimits;
use crate::error::Error;
use crate::event::Event;
use crate::memory::Memory;
use crate::stats::cumulative::CumulativeStats;
use crate::stats::observe::Observer;
use crate::stats::opened::OpenedWith;
use crate::sys::clock::cache_time::CacheTime;
use crate::sys::sync::channel::{Receiver, unbounded};
use crate::sys::sync::thread::JoinHandle;
use crate::sys::sync::{Arc, AtomicBool};
use crate::sys::volume::Volume;
use crate::sys::volume::tracked::TrackedVolume;
use crate::units::Timestamp;

/// The cause in the event that reports that the file system can't make file names durable.
const NO_DIRECTORY_SYNC: &str = "the file system of the cache file can't sync a directory, so that a loss of power \
    may bring back a file that was discarded, with what was removed meanwhile; put the file on a local disk";

/// The tiers of a new cache, and the values from which `Shared::open` builds the other parts.
struct OpenTiers {
    tiers: Arc<Tiers>,
    messages: Receiver<SweeperMessage>,
    writer: Option<JoinHandle<()>>,
    files: Option<Arc<TrackedVolume>>,
    /// The counters in the file when it was opened. `None` in a cache without a file.
    before: Option<CumulativeStats>,
    max_page: u64,
}

impl Shared {
    pub(crate) fn open(mut config: CacheBuilder) -> Result<Arc<Self>, Error> {
        // Step 1.
        config.validate()?;
        #[cfg(all(unix, feature = "control"))]
        config.check_socket_options()?;
        let limit = config.volume.file_size_limit();
        let limited = config.fit_file_size_limit(limit)?;
        // Steps 2 and 3.
        let opened = match &config.path {
            None => open_in_memory(&config)?,
            // The path is made absolute, because the process may change its working directory later.
            Some(path) => open_with_file(&config, &absolute(path)?)?,
        };
        let OpenTiers { tiers, messages, writer, files, before, max_page } = opened;
        if let Some(cause) = limited {
            tiers.sweeper.tell(Event::DiskLimited { cause });
        }
        let counters = Arc::<CounterRegistry>::default();
        if let Some(before) = before {
            let counters = counters.clone();
            tiers.begin_totals(before, Box::new(move |max_asked| counters.sum_of_some(max_asked)));
        }
        let waker = Arc::downgrade(&tiers);
        tiers.time.clock().on_jump(Box::new(move || {
            if let Some(tiers) = waker.upgrade() {
                tiers.check_retry();
            }
        }));
        // Step 4. The writer thread has already started.
        let shared = Arc::new(Self {
            tiers: tiers.clone(),
            opened: OpenedWith::now(&config),
            observer: Observer::new(config.sample_keys, &**tiers.time.clock()),
            keyspaces: KeyspaceRegistry::new(counters),
            turns: Turns::new(tiers.process.clone()),
            identity: CacheIdentity::new(),
            #[cfg(feature = "async")]
            changes: Arc::default(),
            is_closed: AtomicBool::new(false),
            closing: Closing::default(),
            threads: Threads::new(writer),
            load_pool: LoadPool::new(config.load_threads, tiers.process.clone()),
            #[cfg(feature = "async")]
            load_tasks: LoadTasks::new(config.load_tasks.spawner, config.load_tasks.max),
            files,
            settings: SharedSettings {
                load_timeout: config.load_timeout,
                lease_timeout: config.lease_timeout,
                disk_capacity: config.disk_capacity.as_u64(),
                max_page,
                max_group: group_limits(config.disk_capacity.as_u64()),
                slow_load: config.slow_load,
                logs_keys: config.log_keys,
                checks_every_value: config.check_every_value || cfg!(debug_assertions),
                #[cfg(all(unix, feature = "control"))]
                control_values: config.control_values,
                weigher: config.weigher,
            },
        });
        let mut sweeper = Sweeper::new(tiers, config.sweep_interval);
        if config.hash_seed.is_some() {
            // Only tests set a seed, and they run the steps of the sweeper themselves. A first sweep by the
            // thread would race with them.
            sweeper = sweeper.without_first_sweep();
        }
        shared.threads.add_sweeper(spawn("larder-sweeper", move || sweeper.run(messages))?);
        Ok(shared)
    }
}

fn open_in_memory(config: &CacheBuilder) -> Result<OpenTiers, Error> {
    let time = CacheTime::new(config.clock.clone(), Timestamp::ZERO);
    let memory = new_memory(config, 0);
    let (tiers, messages) =
        Tiers::new(memory, time, DiskTier::absent(), None, config.listener.clone(), config.remote.clone());
    tiers.attach_to_remote()?;
    let max_page = config.disk_capacity.as_u64() / PAGE_SHARE;
    Ok(OpenTiers { tiers, messages, writer: None, files: None, before: None, max_page })
}

/// Runs steps 2 and 3 for a cache with a file, and starts its writer thread.
fn open_with_file(config: &CacheBuilder, path: &Path) -> Result<OpenTiers, Error> {
    let files = TrackedVolume::new(config.volume.clone(), path);
    let volume: Arc<dyn Volume> = files.clone();
    let directories = NewDirectories::create(&*volume, path)?;
    let path = &*in_real_directory(&*volume, path)?;
    refuse_too_long(&*volume, path)?;
    let socket = config.socket().map(absolute).transpose()?;
    let lock = OwnerLock::acquire(&*volume, path, socket.as_deref(), config.open_timeout, &*config.clock);
    let lock = lock.map_err(|refused| lock_refusal(&*volume, path, refused))?;
    let (options, store) = match open_store(config, path, &volume, &lock) {
        Ok(opened) => opened,
        Err(refused) => {
            lock.withdraw(&*volume);
            return Err(refused);
        }
    };
    directories.keep();
    start(config, options, store, lock, files)
}

/// Creates the tiers for an open store, and starts the writer thread.
fn start(
    config: &CacheBuilder,
    options: OpenOptions,
    store: OpenStore,
    lock: OwnerLock,
    files: Arc<TrackedVolume>,
) -> Result<OpenTiers, Error> {
    let OpenStore { opened: OpenedFile { mut store, quarantined }, clock_watermark, snapshot } = store;
    let (volume, path) = (options.volume.clone(), options.path.clone());
    let (capacity, counts_blocks) = (options.capacity, options.counts_blocks);
    let max_page = (config.disk_capacity.as_u64() / PAGE_SHARE).min(store.largest_page());
    let time = CacheTime::new(config.clock.clone(), clock_watermark);
    let memory = new_memory(config, store.last_sequence());
    // The range removals are inserted before the first lookup. They are already committed, so no lookup may
    // find an entry that they cover.
    memory.insert_range_tombstones(store.ranges());
    let before = store.cumulative_stats().cloned().unwrap_or_default();
    let status = DiskStatus {
        extent: Extent::of(&*volume, &path).unwrap_or_default(),
        quarantines: u64::from(quarantined.is_some()),
        quarantined,
        shown_at: time.now(),
        ..store.view()
    };
    let (entries, bytes, usable) = (status.entries, status.bytes, status.usable);
    let live_limit = live_limit(capacity, counts_blocks);
    let absent_keys = AbsentKeys::of_file(&store.catalog, live_limit, config.filter);
    let file = CacheFile::new(store, options, Ballast::new(&path, capacity), lock)
        .map_err(|error| io_error("look at", &path, error))?;
    let disk = DiskTier::open(Some(snapshot), status, config.ranges.rows, absent_keys);
    disk.uses.size_for(live_limit);
    disk.uses.grow_for(entries, bytes, usable);
    let (commands, inbox) = unbounded();
    let (tiers, messages) = Tiers::new(memory, time, disk, Some(commands), config.listener.clone(), None);
    if !syncs_directory_of(&*volume, &path) {
        tiers.sweeper.tell(Event::DiskLimited { cause: NO_DIRECTORY_SYNC.to_owned() });
    }
    let limits = WriterLimits {
        flush_interval: config.flush_interval,
        max_changes: max_changes(capacity),
        max_bytes: max_batch_bytes(capacity),
        deletes_between_steps: config.ranges.between_steps,
    };
    let writer = Writer::new(tiers.clone(), file, limits);
    let writer = Some(spawn("larder-writer", move || writer.run(&inbox))?);
    Ok(OpenTiers { tiers, messages, writer, files: Some(files), before: Some(before), max_page })
}

fn new_memory(config: &CacheBuilder, last_sequence: u64) -> Memory {
    let capacity = config.memory_capacity.as_u64();
    let write_buffer = config.write_buffer_or_default().as_u64();
    let memory = Memory::new(config.shards_or_default(), capacity, write_buffer, last_sequence);
    match config.hash_seed {
        Some(seed) => memory.seeded(seed),
        None => memory,
    }
}
