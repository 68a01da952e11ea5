//! The settings of a cache, with their defaults and ranges.

pub(crate) mod file_size;
pub(crate) mod filter;
mod keys;
pub(crate) mod load_settings;
mod loads;
pub(crate) mod ranges;
pub(crate) mod settings;
pub(crate) mod url;
pub(crate) mod validate;
pub(crate) mod weigher;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::event::Event;
use crate::remote::tier::RemoteTier;
use crate::sys::clock::Clock;
use crate::sys::clock::system::SystemClock;
use crate::sys::sync::{Arc, thread};
use crate::sys::volume::Volume;
use crate::sys::volume::os::OsVolume;
use crate::units::ByteSize;

use filter::FilterSettings;
use load_settings::{DEFAULT_LEASE_TIMEOUT, DEFAULT_LOAD_THREADS};
use ranges::RangeSettings;
use weigher::{EntryInfo, Weigher};

/// The default of [`memory_capacity`](CacheBuilder::memory_capacity): 64 MiB.
pub const DEFAULT_MEMORY_CAPACITY: ByteSize = ByteSize::mib(64);
/// The default of [`disk_capacity`](CacheBuilder::disk_capacity): 1 GiB.
pub const DEFAULT_DISK_CAPACITY: ByteSize = ByteSize::gib(1);
/// The default of [`write_buffer`](CacheBuilder::write_buffer) with a memory capacity of up to 32 MiB: 8 MiB,
/// which is a second of heavy writing on a slow disk. With a larger memory capacity, the default is a quarter
/// of it, up to [`MAX_DEFAULT_WRITE_BUFFER`].
pub const DEFAULT_WRITE_BUFFER: ByteSize = ByteSize::mib(8);
/// The largest default of [`write_buffer`](CacheBuilder::write_buffer): 128 MiB, for a memory capacity of
/// 512 MiB or more. With the smallest values, these are 300,000 entries, whose commit takes about 2.5
/// seconds.
pub const MAX_DEFAULT_WRITE_BUFFER: ByteSize = ByteSize::mib(128);
/// The default of [`page_cache`](CacheBuilder::page_cache): 64 MiB. A page that is not in the page cache is
/// read from the operating system, which about doubles the cost of a disk hit (`docs/benchmarks.md`). For a
/// busy cache, set the page cache to the size of the file if memory allows.
pub const DEFAULT_PAGE_CACHE: ByteSize = ByteSize::mib(64);
/// The default of [`verify_on_open`](CacheBuilder::verify_on_open): 16 MiB. Verifying 16 MiB takes 16 ms.
pub const DEFAULT_VERIFY_ON_OPEN: ByteSize = ByteSize::mib(16);
/// The default of [`flush_interval`](CacheBuilder::flush_interval): 100 ms.
pub const DEFAULT_FLUSH_INTERVAL: Duration = Duration::from_millis(100);
/// The default of [`sweep_interval`](CacheBuilder::sweep_interval): 1 s.
pub const DEFAULT_SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// The default of [`slow_load`](CacheBuilder::slow_load): 1 s.
pub const DEFAULT_SLOW_LOAD: Duration = Duration::from_secs(1);

const MIN_CAPACITY: ByteSize = ByteSize::kib(64);
const MAX_CAPACITY: ByteSize = ByteSize::gib(1 << 14);
const MIN_DISK: ByteSize = ByteSize::mib(1);
pub(crate) const MIN_INTERVAL: Duration = Duration::from_millis(1);
pub(crate) const MAX_INTERVAL: Duration = Duration::from_hours(1);
const MAX_SHARDS: usize = 1 << 12;
/// Minimum memory capacity of a shard, unless the builder sets the number of shards.
const MIN_SHARD: ByteSize = ByteSize::mib(1);

/// Minimum TTL of an entry.
pub const MIN_TTL: Duration = Duration::from_millis(1);
/// Maximum TTL of an entry: ten years.
pub const MAX_TTL: Duration = Duration::from_hours(87840);

#[derive(Clone)]
pub(crate) struct Listener(Arc<dyn Fn(&Event) + Send + Sync>);

impl Listener {
    pub(crate) fn call(&self, event: &Event) {
        (self.0)(event);
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

/// The settings of a [`Cache`](crate::Cache). Every setting has a default. [`open`](CacheBuilder::open)
/// checks all of them.
///
/// ```no_run
/// use std::time::Duration;
/// use larder::{ByteSize, Cache};
///
/// let cache = Cache::builder()
///     .path("var/shop.larder")
///     .memory_capacity(ByteSize::mib(64))
///     .disk_capacity(ByteSize::gib(1))
///     .open_timeout(Duration::from_secs(5)) // a rolling restart: wait for the old process to leave
///     .open()?;
/// # Ok::<(), larder::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until it is opened"]
#[cfg_attr(
    all(unix, feature = "control"),
    expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")
)]
pub struct CacheBuilder {
    pub(crate) path: Option<PathBuf>,
    pub(crate) remote: Option<Arc<dyn RemoteTier>>,
    pub(crate) memory_capacity: ByteSize,
    pub(crate) disk_capacity: ByteSize,
    pub(crate) write_buffer: Option<ByteSize>,
    pub(crate) page_cache: ByteSize,
    pub(crate) verify_on_open: ByteSize,
    pub(crate) flush_interval: Duration,
    pub(crate) sweep_interval: Duration,
    pub(crate) open_timeout: Duration,
    pub(crate) slow_load: Duration,
    pub(crate) sample_keys: bool,
    pub(crate) log_keys: bool,
    pub(crate) check_every_value: bool,
    pub(crate) load_timeout: Option<Duration>,
    pub(crate) lease_timeout: Duration,
    pub(crate) load_threads: usize,
    #[cfg(feature = "async")]
    pub(crate) load_tasks: load_settings::LoadTaskSettings,
    pub(crate) shards: Option<usize>,
    /// A fixed seed, for reproducible tests.
    pub(crate) hash_seed: Option<u64>,
    pub(crate) ranges: RangeSettings,
    pub(crate) filter: FilterSettings,
    pub(crate) weigher: Option<Weigher>,
    pub(crate) listener: Option<Listener>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) volume: Arc<dyn Volume>,
    #[cfg(all(unix, feature = "control"))]
    pub(crate) control_socket: Option<PathBuf>,
    #[cfg(all(unix, feature = "control"))]
    pub(crate) control_values: bool,
    /// Whether `control_values` was an option of the URL.
    #[cfg(all(unix, feature = "control"))]
    pub(crate) has_values_option: bool,
}

impl Default for CacheBuilder {
    fn default() -> Self {
        Self {
            path: None,
            remote: None,
            memory_capacity: DEFAULT_MEMORY_CAPACITY,
            disk_capacity: DEFAULT_DISK_CAPACITY,
            write_buffer: None,
            page_cache: DEFAULT_PAGE_CACHE,
            verify_on_open: DEFAULT_VERIFY_ON_OPEN,
            flush_interval: DEFAULT_FLUSH_INTERVAL,
            sweep_interval: DEFAULT_SWEEP_INTERVAL,
            open_timeout: Duration::ZERO,
            slow_load: DEFAULT_SLOW_LOAD,
            sample_keys: false,
            log_keys: false,
            check_every_value: false,
            load_timeout: None,
            lease_timeout: DEFAULT_LEASE_TIMEOUT,
            load_threads: DEFAULT_LOAD_THREADS,
            #[cfg(feature = "async")]
            load_tasks: load_settings::LoadTaskSettings::default(),
            shards: None,
            hash_seed: None,
            ranges: RangeSettings::default(),
            filter: FilterSettings::default(),
            weigher: None,
            listener: None,
            clock: Arc::new(SystemClock::new()),
            volume: Arc::new(OsVolume),
            #[cfg(all(unix, feature = "control"))]
            control_socket: None,
            #[cfg(all(unix, feature = "control"))]
            control_values: false,
            #[cfg(all(unix, feature = "control"))]
            has_values_option: false,
        }
    }
}

impl CacheBuilder {
    /// Shares the cache with other machines through a server. The entries are at the server, and memory
    /// keeps copies of entries that were read or loaded ([`larder::remote`](crate::remote)). Such a cache
    /// has no file. A [`memory_only`](crate::KeyspaceDefinition::memory_only) keyspace stays in this
    /// process. A tier serves one cache: opening a second cache with it fails.
    #[cfg(any(test, feature = "remote"))]
    pub fn remote(mut self, tier: Arc<dyn RemoteTier>) -> Self {
        self.remote = Some(tier);
        self
    }

    /// Sets the path of the cache file. A missing file is created, with its directories. Without a path and
    /// without a remote tier, the cache is only in memory.
    ///
    /// The cache creates two more files next to the cache file. `<path>.lock` names the owner of the cache
    /// file. `<path>.ballast` reserves a little space for deletions on a full disk. Damaged files are kept as
    /// `<path>.damaged-<time>`, at most three of them.
    pub fn path(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Sets the maximum weight of the entries in memory, in bytes: 64 KiB to 16 TiB. Default 64 MiB.
    ///
    /// The weight of an entry is the length of its encoded key, the weight of its value, and
    /// [`ENTRY_OVERHEAD`](crate::ENTRY_OVERHEAD). Without a weigher, the weight of a value is the size of
    /// its type plus the length of its encoding. If the type has no destructor, the weight is the larger of
    /// the two. In a keyspace with a [`time_to_idle`](crate::KeyspaceDefinition::time_to_idle) or with
    /// refreshes, an entry weighs 72 bytes more. The limit applies to the whole cache, so one value may use
    /// all of it. Entries that are not committed yet count against the write buffer instead.
    pub fn memory_capacity(mut self, bytes: impl Into<ByteSize>) -> Self {
        self.memory_capacity = bytes.into();
        self
    }

    /// Sets the maximum disk space of the file, in bytes: 1 MiB to 16 TiB. Default 1 GiB.
    ///
    /// The disk space of a file is the size of its allocated blocks, as shown by `du`. The length of the file
    /// may be twice as much. Compressing file systems, network file systems and FUSE file systems may report
    /// blocks incorrectly. On these file systems, the length counts instead, and far fewer entries fit.
    ///
    /// Of a capacity of 64 MiB, live keys and values can use 30 % with values of 100 B, 48 % with 1 kB, 50 %
    /// with 5 kB, and 74 % with 33 kB. With a smaller capacity, the share is lower. `stats` shows "live X of
    /// usable Y". In a full cache, X is about Y.
    ///
    /// When space is needed, the entries that were written longest ago are deleted first. Up to a limit,
    /// entries that are in memory or were recently read from disk are spared. The page of a value has the
    /// size of its record, rounded up to a power of two. A value whose page is larger than a sixteenth of
    /// the capacity is kept only in memory.
    pub fn disk_capacity(mut self, bytes: impl Into<ByteSize>) -> Self {
        self.disk_capacity = bytes.into();
        self
    }

    /// Sets the maximum number of bytes that are acknowledged and not yet committed: 64 KiB to 16 TiB.
    /// Default: a quarter of the memory capacity, but at least 8 MiB and at most 128 MiB. The sum includes
    /// the values in memory, their encodings, and 252 bytes of bookkeeping per value. An encoding of up to
    /// 15 bytes is within these 252 bytes, and a longer one counts its bytes in memory plus 24. A
    /// `Box<[u8]>` in [`Format::Raw`](crate::Format::Raw) that is not compressed is its own encoding, and
    /// counts only once if there is no weigher. An encoded key of more than 18 bytes counts once more.
    ///
    /// When changes arrive faster than the disk takes them, the writer commits a full write buffer at a time,
    /// in the order of the keys. More changes share more pages of the file, so each costs less. But a crash
    /// may then lose all of them.
    ///
    /// When the write buffer is full, inserts wait for a commit. A value that exceeds the write buffer
    /// together with its encoding waits until the buffer is empty, and is committed alone. Until it is
    /// committed, the excess counts against the [memory capacity](CacheBuilder::memory_capacity).
    pub fn write_buffer(mut self, bytes: impl Into<ByteSize>) -> Self {
        self.write_buffer = Some(bytes.into());
        self
    }

    /// Sets the size of the store's own cache of pages, in bytes: 64 KiB to 16 TiB. Default 64 MiB. This
    /// memory is not part of the memory capacity.
    pub fn page_cache(mut self, bytes: impl Into<ByteSize>) -> Self {
        self.page_cache = bytes.into();
        self
    }

    /// Sets the maximum length of a file that is verified page by page when it is opened. Any length is
    /// allowed. Default 16 MiB. Verifying takes about one second per gigabyte.
    ///
    /// Every lookup on disk checks its record in any case. The verification also finds damage in the pages of
    /// the index.
    pub fn verify_on_open(mut self, up_to: impl Into<ByteSize>) -> Self {
        self.verify_on_open = up_to.into();
        self
    }

    /// Sets the maximum time that an insert waits for its commit: 1 ms to an hour. Default 100 ms. A crash
    /// may lose the inserts of about the last flush interval.
    pub fn flush_interval(mut self, interval: Duration) -> Self {
        self.flush_interval = interval;
        self
    }

    /// Sets the minimum time between two sweeps: 1 ms to an hour. Default 1 s. Lookups check the expiry
    /// themselves, so an expired entry is never taken for a live one.
    pub fn sweep_interval(mut self, interval: Duration) -> Self {
        self.sweep_interval = interval;
        self
    }

    /// Sets a function that is called for each event of the disk tier, such as a failure or a recovery.
    /// Default: none.
    ///
    /// The cache calls the function for one event at a time, on a thread of the cache, holding no lock. The
    /// function may call the cache. It should be short, because the same thread sweeps and drops evicted
    /// values. A panic in the function is caught. During [`close`](crate::Cache::close), the function may be
    /// called on the closing thread.
    ///
    /// ```
    /// let cache = larder::Cache::builder().on_event(|event| eprintln!("cache: {event}")).open()?;
    /// # Ok::<(), larder::Error>(())
    /// ```
    pub fn on_event(mut self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.listener = Some(Listener(Arc::new(listener)));
        self
    }

    /// Sets whether a release build checks every value before the value is saved: decodes it from its bytes,
    /// and compares it with the original. Default: off. A debug build always checks every value. Values that
    /// are only in memory are not checked.
    ///
    /// If off, only some values are checked, such as the first values of each keyspace, and values with a
    /// part that no earlier value had. A check costs one decoding and two passes over the value. Turn this
    /// on in staging, to find values that cannot be read back before they reach production.
    pub fn check_every_value(mut self, is_wanted: bool) -> Self {
        self.check_every_value = is_wanted;
        self
    }

    /// Sets the maximum time to wait until another owner releases the file: up to an hour. Default: no wait.
    pub fn open_timeout(mut self, timeout: Duration) -> Self {
        self.open_timeout = timeout;
        self
    }

    /// Sets the minimum duration of a [slow load](crate::Cache::slow_loads). Any duration is allowed. Default
    /// 1 s. A warning in the log names the keyspace of each slow load. With [`Duration::MAX`], no load is
    /// slow.
    pub fn slow_load(mut self, threshold: Duration) -> Self {
        self.slow_load = threshold;
        self
    }

    /// Sets the number of shards of the memory tier: 1 to 4,096, rounded up to a power of two. Each shard has
    /// its own lock. The default is eight per processor, but at most one per 1 MiB of memory capacity. A
    /// shard evicts only its own entries, so a smaller shard would evict useful entries too often. A shard
    /// with an entry takes at least 24 KiB beside the memory capacity.
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = Some(shards);
        self
    }

    /// Sets a function that returns the weight of an entry for the memory capacity, in bytes. A keyspace's
    /// own weigher takes precedence.
    ///
    /// The result is the whole weight of the entry. A result of 0 counts as 1. The cache calls the function
    /// for each value that is stored or promoted, holding no lock. It also calls the function for an absence
    /// ([`absent_ttl`](crate::KeyspaceDefinition::absent_ttl)), which takes memory for its key and up to
    /// [`ENTRY_OVERHEAD`](crate::ENTRY_OVERHEAD). A function that counts bytes should count this memory too.
    /// Otherwise absences exceed the capacity.
    ///
    /// ```
    /// # use larder::Cache;
    /// // The capacity is a number of entries.
    /// let cache = Cache::builder().memory_capacity(100_000).weigher(|_| 1).open()?;
    /// # Ok::<(), larder::Error>(())
    /// ```
    pub fn weigher(mut self, weigher: impl Fn(&EntryInfo<'_>) -> u64 + Send + Sync + 'static) -> Self {
        self.weigher = Some(Arc::new(weigher));
        self
    }

    /// Sets the clock. Default: the operating system's. Tests use a
    /// [`ManualClock`](crate::clock::ManualClock).
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Returns the configured number of shards, or the default for the capacity and the number of processors.
    pub(crate) fn shards_or_default(&self) -> usize {
        self.shards.unwrap_or_else(|| {
            let suits_threads = thread::available_parallelism().map_or(4, std::num::NonZero::get) * 8;
            let most = self.memory_capacity.as_u64() / MIN_SHARD.as_u64();
            // Rounded down to a power of two, because the caller rounds up and a shard would become too
            // small.
            let suits_capacity = 1 << most.max(1).ilog2().min(MAX_SHARDS.ilog2());
            suits_threads.min(suits_capacity)
        })
    }
}

impl fmt::Debug for CacheBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheBuilder")
            .field("path", &self.path)
            .field("memory_capacity", &self.memory_capacity)
            .field("disk_capacity", &self.disk_capacity)
            .field("write_buffer", &self.write_buffer_or_default())
            .field("flush_interval", &self.flush_interval)
            .field("sweep_interval", &self.sweep_interval)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
