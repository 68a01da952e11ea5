//! The settings of a cache, with their defaults and ranges.

pub(crate) mod file_size;
mod keys;
pub(crate) mod ranges;
pub(crate) mod settings;
pub(crate) mod url;
pub(crate) mod validate;

use std::any::Any;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::event::Event;
use crate::sys::clock::Clock;
use crate::sys::clock::system::SystemClock;
use crate::sys::sync::{Arc, thread};
use crate::sys::volume::Volume;
use crate::sys::volume::os::OsVolume;
use crate::units::ByteSize;

use ranges::RangeSettings;

/// Weight of the entries in memory. Default 64 MiB.
pub const DEFAULT_MEMORY_CAPACITY: ByteSize = ByteSize::mib(64);
/// Size of the file on its disk. Default 1 GiB.
pub const DEFAULT_DISK_CAPACITY: ByteSize = ByteSize::gib(1);
/// Bytes that may be acknowledged and not yet committed before writers wait. Default 8 MiB: a second of heavy
/// writing on a slow disk.
pub const DEFAULT_WRITE_BUFFER: ByteSize = ByteSize::mib(8);
/// redb's own cache of pages. Default 64 MiB. A page that is not in it is read from the operating system,
/// which about doubles the cost of a hit on disk (`docs/benchmarks.md`). If there is memory for it, give a
/// busy cache the size of its file.
pub const DEFAULT_PAGE_CACHE: ByteSize = ByteSize::mib(64);
/// A file up to this length is verified page by page when it is opened. Default 16 MiB: 16 ms.
pub const DEFAULT_VERIFY_ON_OPEN: ByteSize = ByteSize::mib(16);
/// Maximum time that an insert waits for its commit. Default 100 ms.
pub const DEFAULT_FLUSH_INTERVAL: Duration = Duration::from_millis(100);
/// Minimum time between two sweeps. Default 1 s.
pub const DEFAULT_SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// A load that takes at least this long is logged. Default 1 s.
pub const DEFAULT_SLOW_LOAD: Duration = Duration::from_secs(1);

const MIN_CAPACITY: ByteSize = ByteSize::kib(64);
const MAX_CAPACITY: ByteSize = ByteSize::gib(1 << 14);
const MIN_DISK: ByteSize = ByteSize::mib(1);
const MIN_INTERVAL: Duration = Duration::from_millis(1);
const MAX_INTERVAL: Duration = Duration::from_hours(1);
const MAX_SHARDS: usize = 1 << 12;
/// Minimum capacity of a shard, unless the number of shards is set.
const MIN_SHARD: ByteSize = ByteSize::mib(1);

/// Minimum TTL of an entry.
pub const MIN_TTL: Duration = Duration::from_millis(1);
/// Maximum TTL of an entry: ten years.
pub const MAX_TTL: Duration = Duration::from_hours(87840);

/// An entry, as a [`weigher`](CacheBuilder::weigher) gets it.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct EntryInfo<'a> {
    /// The keyspace's name.
    pub keyspace: &'a str,
    /// Length of the encoded key, in bytes.
    pub key_len: usize,
    /// Length of the encoded value, in bytes.
    pub encoded_len: usize,
    /// The value, of the keyspace's type.
    pub value: &'a (dyn Any + Send + Sync),
}

impl fmt::Debug for EntryInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keyspace, key_len, encoded_len, .. } = self;
        f.debug_struct("EntryInfo")
            .field("keyspace", keyspace)
            .field("key_len", key_len)
            .field("encoded_len", encoded_len)
            .finish_non_exhaustive()
    }
}

pub(crate) type Weigher = Arc<dyn Fn(&EntryInfo<'_>) -> u64 + Send + Sync>;

/// The function that [`on_event`](CacheBuilder::on_event) sets.
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

/// The settings of a [`Cache`](crate::Cache). Each has a default, and [`open`](CacheBuilder::open) checks
/// them all.
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
    pub(crate) memory_capacity: ByteSize,
    pub(crate) disk_capacity: ByteSize,
    pub(crate) write_buffer: ByteSize,
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
    pub(crate) shards: Option<usize>,
    /// For tests that must run the same way each time.
    pub(crate) hash_seed: Option<u64>,
    pub(crate) ranges: RangeSettings,
    pub(crate) weigher: Option<Weigher>,
    pub(crate) listener: Option<Listener>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) volume: Arc<dyn Volume>,
    #[cfg(all(unix, feature = "control"))]
    pub(crate) control_socket: Option<PathBuf>,
    #[cfg(all(unix, feature = "control"))]
    pub(crate) control_values: bool,
}

impl Default for CacheBuilder {
    fn default() -> Self {
        Self {
            path: None,
            memory_capacity: DEFAULT_MEMORY_CAPACITY,
            disk_capacity: DEFAULT_DISK_CAPACITY,
            write_buffer: DEFAULT_WRITE_BUFFER,
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
            shards: None,
            hash_seed: None,
            ranges: RangeSettings::default(),
            weigher: None,
            listener: None,
            clock: Arc::new(SystemClock::new()),
            volume: Arc::new(OsVolume),
            #[cfg(all(unix, feature = "control"))]
            control_socket: None,
            #[cfg(all(unix, feature = "control"))]
            control_values: false,
        }
    }
}

impl CacheBuilder {
    /// Sets the path of the cache file. If the file is missing, it is made with its directories. Without a
    /// path the cache is only in memory.
    ///
    /// Two files stand beside it: `<path>.lock` says who owns it, and `<path>.ballast` reserves a little room
    /// for deletions on a full disk. After damage there are up to three files named `<path>.damaged-<time>`.
    pub fn path(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Sets the maximum weight of committed entries in memory, in bytes: 64 KiB to 16 TiB. Default 64 MiB.
    ///
    /// The weight of an entry is its encoded key, its value and [`ENTRY_OVERHEAD`](crate::ENTRY_OVERHEAD).
    /// Unless a weigher says otherwise, a value weighs the size of its type, plus the length of its encoding
    /// if the type owns anything. The limit is for the whole cache, so one value may take all of it. Entries
    /// that are not committed yet are in the write buffer instead.
    pub fn memory_capacity(mut self, bytes: impl Into<ByteSize>) -> Self {
        self.memory_capacity = bytes.into();
        self
    }

    /// Sets the maximum size of the file on its disk, in bytes: 1 MiB to 16 TiB. Default 1 GiB.
    ///
    /// Allocated blocks are counted, as `du` does. The file's length may be twice as much. Where the file
    /// system may not count blocks correctly (one that compresses, network and FUSE file systems), the length
    /// is counted, and far less fits.
    ///
    /// Of 64 MiB, live keys and values take 30 % at 100 B, 48 % at 1 kB, 50 % at 5 kB and 74 % at 33 kB. Of a
    /// smaller capacity they take less. `stats` says "live X of usable Y": a full cache has about as much
    /// live as is usable.
    ///
    /// When room is needed, the entries that were written first are deleted. Entries that are in memory, or
    /// were read from disk lately, are spared. A value whose page (its record, rounded up to a power of two)
    /// is more than a sixteenth of the capacity is kept in memory alone.
    pub fn disk_capacity(mut self, bytes: impl Into<ByteSize>) -> Self {
        self.disk_capacity = bytes.into();
        self
    }

    /// Sets how many bytes may be acknowledged and not yet committed: values in memory, their encodings, and
    /// 288 bytes of bookkeeping for each. 64 KiB to 16 TiB. Default 8 MiB.
    ///
    /// When it is full, inserts wait for a commit. A value that, with its encoding, is larger than all of it
    /// waits until it is empty, and goes alone. Until its commit, the part beyond the buffer counts against
    /// the [memory capacity](CacheBuilder::memory_capacity).
    pub fn write_buffer(mut self, bytes: impl Into<ByteSize>) -> Self {
        self.write_buffer = bytes.into();
        self
    }

    /// Sets the memory for the store's own cache of pages, in bytes: 64 KiB to 16 TiB. Default 64 MiB. It
    /// adds to the memory capacity.
    pub fn page_cache(mut self, bytes: impl Into<ByteSize>) -> Self {
        self.page_cache = bytes.into();
        self
    }

    /// Sets up to which length a file is verified page by page when it is opened: any length. Default 16 MiB.
    /// It takes about a second for a gigabyte.
    ///
    /// Records are checked at every lookup in any case. This finds damage in the pages that lead to them.
    pub fn verify_on_open(mut self, up_to: impl Into<ByteSize>) -> Self {
        self.verify_on_open = up_to.into();
        self
    }

    /// Sets the maximum time that an insert waits for its commit, and so how much a crash may lose: 1 ms to
    /// an hour. Default 100 ms.
    pub fn flush_interval(mut self, interval: Duration) -> Self {
        self.flush_interval = interval;
        self
    }

    /// Sets the minimum time between two sweeps: 1 ms to an hour. Default 1 s. Expired entries are never
    /// served, even if they are not swept yet.
    pub fn sweep_interval(mut self, interval: Duration) -> Self {
        self.sweep_interval = interval;
        self
    }

    /// Sets a function that is called for each event of the disk tier: that it failed, or that it works
    /// again. Default: none.
    ///
    /// It is called on a thread of the cache, for one event after another, with no lock held, and it may call
    /// the cache. While it runs, nothing is swept and evicted values are not dropped, so it should not take
    /// long. A panic in it is caught. Events while the cache is being closed are not passed to it:
    /// [`close`](crate::Cache::close) returns them.
    ///
    /// ```
    /// let cache = larder::Cache::builder().on_event(|event| eprintln!("cache: {event}")).open()?;
    /// # Ok::<(), larder::Error>(())
    /// ```
    pub fn on_event(mut self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.listener = Some(Listener(Arc::new(listener)));
        self
    }

    /// Sets whether each value that is stored is first decoded from its bytes and compared. Default: in debug
    /// builds.
    ///
    /// Otherwise only some values are: the first ones of each keyspace, and those with a part that no earlier
    /// value had. The cost is decoding, and two passes over the value. Use it in staging, to find a value
    /// that can't be read back before production does.
    pub fn check_every_value(mut self, is_wanted: bool) -> Self {
        self.check_every_value = is_wanted;
        self
    }

    /// Sets how long to wait for another owner of the file to leave: up to an hour. Default: no wait.
    pub fn open_timeout(mut self, timeout: Duration) -> Self {
        self.open_timeout = timeout;
        self
    }

    /// Sets how long a loader may take before it counts as a [slow load](crate::Cache::slow_loads), and a
    /// warning in the log names its keyspace: any time. Default 1 s. [`Duration::MAX`] means never.
    pub fn slow_load(mut self, threshold: Duration) -> Self {
        self.slow_load = threshold;
        self
    }

    /// Sets the maximum time that a caller of [`get_or_load`](crate::Keyspace::get_or_load) waits for the
    /// load of another caller: 1 ms to an hour. Default: no limit. After that time the caller gets
    /// [`LoadError::Timeout`](crate::LoadError::Timeout). The loader itself is not stopped, so limit the time
    /// of its queries.
    ///
    /// It also ends the one wait that could last for ever: a loader joins a thread, and that thread asks for
    /// the loader's own key. (A loader that asks for its own key directly, or through other loads, gets an
    /// error at once.)
    ///
    /// This is real time, whatever the [`clock`](CacheBuilder::clock) is.
    pub fn load_timeout(mut self, timeout: Duration) -> Self {
        self.load_timeout = Some(timeout);
        self
    }

    /// Sets the number of parts of the memory tier, each with its own lock: 1 to 4,096, rounded up to a power
    /// of two. The default is eight for each processor, but each has at least 1 MiB of the memory capacity,
    /// because each shard chooses victims among its own entries.
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = Some(shards);
        self
    }

    /// Sets a function that weighs entries for the memory capacity, in bytes. A keyspace's own weigher takes
    /// precedence.
    ///
    /// Its result is the whole weight of the entry, and counts as at least 1. It is called once for each
    /// value that is stored or promoted, with no lock held.
    pub fn weigher(mut self, weigher: impl Fn(&EntryInfo<'_>) -> u64 + Send + Sync + 'static) -> Self {
        self.weigher = Some(Arc::new(weigher));
        self
    }

    /// Sets the source of time. Default: the operating system. [`ManualClock`](crate::clock::ManualClock) is
    /// for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Returns the number of shards that was set, or one that suits the capacity and the processors.
    pub(crate) fn shards_or_default(&self) -> usize {
        self.shards.unwrap_or_else(|| {
            let suits_threads = thread::available_parallelism().map_or(4, std::num::NonZero::get) * 8;
            let most = self.memory_capacity.as_u64() / MIN_SHARD.as_u64();
            // Rounded down to a power of two here, because it is rounded up later.
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
            .field("write_buffer", &self.write_buffer)
            .field("flush_interval", &self.flush_interval)
            .field("sweep_interval", &self.sweep_interval)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
