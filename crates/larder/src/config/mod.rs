//! The settings of a cache, and what they may be.

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
/// What the file may take of its disk. Default 1 GiB.
pub const DEFAULT_DISK_CAPACITY: ByteSize = ByteSize::gib(1);
/// Bytes acknowledged and not yet committed before writers wait. Default 8 MiB: a second of heavy writing on
/// a slow disk.
pub const DEFAULT_WRITE_BUFFER: ByteSize = ByteSize::mib(8);
/// redb's own cache of pages. Default 64 MiB. A page that is not in it is read from the operating system,
/// which about doubles what a hit on disk costs (`docs/benchmarks.md`): give a busy cache the size of its
/// file, if there is memory for it.
pub const DEFAULT_PAGE_CACHE: ByteSize = ByteSize::mib(64);
/// A file up to this length is verified page by page when it is opened. Default 16 MiB: 16 ms.
pub const DEFAULT_VERIFY_ON_OPEN: ByteSize = ByteSize::mib(16);
/// The longest an insert waits for its commit. Default 100 ms.
pub const DEFAULT_FLUSH_INTERVAL: Duration = Duration::from_millis(100);
/// The least time between two sweeps. Default 1 s.
pub const DEFAULT_SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// A load that takes as long is told in the log. Default 1 s.
pub const DEFAULT_SLOW_LOAD: Duration = Duration::from_secs(1);

const MIN_CAPACITY: ByteSize = ByteSize::kib(64);
const MAX_CAPACITY: ByteSize = ByteSize::gib(1 << 14);
const MIN_DISK: ByteSize = ByteSize::mib(1);
const MIN_INTERVAL: Duration = Duration::from_millis(1);
const MAX_INTERVAL: Duration = Duration::from_hours(1);
const MAX_SHARDS: usize = 1 << 12;
/// Capacity of a shard, at the least, unless the number of shards is set.
const MIN_SHARD: ByteSize = ByteSize::mib(1);

/// The shortest lifetime an entry may be given.
pub const MIN_TTL: Duration = Duration::from_millis(1);
/// The longest lifetime an entry may be given: ten years.
pub const MAX_TTL: Duration = Duration::from_hours(87840);

/// What a [`weigher`](CacheBuilder::weigher) may weigh an entry by.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct EntryInfo<'a> {
    /// The keyspace's name.
    pub keyspace: &'a str,
    /// Bytes of the key, encoded.
    pub key_len: usize,
    /// Bytes of the value, encoded.
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

/// What [`on_event`](CacheBuilder::on_event) listens with.
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

/// Settings of a [`Cache`](crate::Cache), each with a default; [`open`](CacheBuilder::open) checks them all.
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
    /// For tests that are to go the same way each time.
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
    /// The cache file; made if it is missing, with its directories. Without a path the cache is only in
    /// memory.
    ///
    /// Beside it stand `<path>.lock`, which says who owns it, and `<path>.ballast`, a little room kept for
    /// deletions on a full disk; and after damage, up to three files named `<path>.damaged-<time>`.
    pub fn path(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// The weight that committed entries may have in memory, in bytes: 64 KiB to 16 TiB, 64 MiB unless set.
    ///
    /// An entry weighs its encoded key, its value and [`ENTRY_OVERHEAD`](crate::ENTRY_OVERHEAD). A value
    /// weighs its own place, and the length of its encoding if its type owns anything, unless a weigher says
    /// otherwise. The bound is for the whole cache: one value may take all of it. Entries that are not
    /// committed yet stand in the write buffer instead.
    pub fn memory_capacity(mut self, bytes: impl Into<ByteSize>) -> Self {
        self.memory_capacity = bytes.into();
        self
    }

    /// What the file may take of its disk, in bytes: 1 MiB to 16 TiB, 1 GiB unless set.
    ///
    /// Counted are allocated blocks, as `du` does; the file's length may be twice as much. Where the file
    /// system is not known to count blocks truly (one that compresses, network and FUSE file systems), the
    /// length is what counts, and far less fits.
    ///
    /// Of 64 MiB, live keys and values take 30 % at 100 B, 48 % at 1 kB, 50 % at 5 kB and 74 % at 33 kB; less
    /// of a small capacity. `stats` says "live X of usable Y": a full cache has about as much live as is
    /// usable.
    ///
    /// Entries that were written first are deleted for room; what memory holds, or was read from disk lately,
    /// is spared. A value whose page (its record, rounded up to a power of two) is more than a sixteenth of
    /// the capacity is kept in memory alone.
    pub fn disk_capacity(mut self, bytes: impl Into<ByteSize>) -> Self {
        self.disk_capacity = bytes.into();
        self
    }

    /// Bytes that may be acknowledged and not yet committed: values in memory, their encodings, and what is
    /// kept of each until then (288 bytes). 64 KiB to 16 TiB, 8 MiB unless set.
    ///
    /// When it is full, inserts wait for a commit. A value that is larger than all of it, with its encoding,
    /// waits until it is empty and goes alone; until its commit, the part beyond the buffer counts against
    /// the [memory capacity](CacheBuilder::memory_capacity).
    pub fn write_buffer(mut self, bytes: impl Into<ByteSize>) -> Self {
        self.write_buffer = bytes.into();
        self
    }

    /// Memory for the store's own cache of pages, in bytes: 64 KiB to 16 TiB, 64 MiB unless set. It adds to
    /// the memory capacity.
    pub fn page_cache(mut self, bytes: impl Into<ByteSize>) -> Self {
        self.page_cache = bytes.into();
        self
    }

    /// Up to which length a file is verified page by page when it is opened: any, 16 MiB unless set. About a
    /// second for a gigabyte.
    ///
    /// Records are checked at every lookup in any case; this finds damage in the pages that lead to them.
    pub fn verify_on_open(mut self, up_to: impl Into<ByteSize>) -> Self {
        self.verify_on_open = up_to.into();
        self
    }

    /// The longest an insert waits for its commit, and so what a crash may lose: 1 ms to an hour, 100 ms
    /// unless set.
    pub fn flush_interval(mut self, interval: Duration) -> Self {
        self.flush_interval = interval;
        self
    }

    /// The least time between two sweeps: 1 ms to an hour, 1 s unless set. Expired entries are never served,
    /// swept or not.
    pub fn sweep_interval(mut self, interval: Duration) -> Self {
        self.sweep_interval = interval;
        self
    }

    /// Listens to what happens to the disk tier: that it failed, that it works again. None unless set.
    ///
    /// Called on a thread of the cache, one event after another, with no lock held: it may call the cache.
    /// While it runs nothing is swept, and values that are evicted are not dropped, so it should not take
    /// long. A panic in it is caught. What happens while the cache is being closed is told by the answer of
    /// [`close`](crate::Cache::close) instead.
    ///
    /// ```
    /// let cache = larder::Cache::builder().on_event(|event| eprintln!("cache: {event}")).open()?;
    /// # Ok::<(), larder::Error>(())
    /// ```
    pub fn on_event(mut self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.listener = Some(Listener(Arc::new(listener)));
        self
    }

    /// Whether each value that is stored is first decoded from its bytes and compared: in debug builds,
    /// unless set.
    ///
    /// Otherwise the first values of each keyspace are, and those that have a part which none before them
    /// had. It costs what decoding and two passes over the value take: for staging, where no value may be
    /// found to be refused by a reader in production.
    pub fn check_every_value(mut self, is_wanted: bool) -> Self {
        self.check_every_value = is_wanted;
        self
    }

    /// How long to wait for another owner of the file to leave: up to an hour, not at all unless set.
    pub fn open_timeout(mut self, timeout: Duration) -> Self {
        self.open_timeout = timeout;
        self
    }

    /// How long a loader may take before it is kept among the [slow loads](crate::Cache::slow_loads), and a warning
    /// in the log names its keyspace: any time, 1 s unless set; [`Duration::MAX`] for never.
    pub fn slow_load(mut self, threshold: Duration) -> Self {
        self.slow_load = threshold;
        self
    }

    /// The longest that a caller of [`get_or_load`](crate::Keyspace::get_or_load) waits for the load of
    /// another caller: 1 ms to an hour, as long as it takes unless set. Then it gets
    /// [`LoadError::Timeout`](crate::LoadError::Timeout). The loader itself is not stopped: bound what it
    /// asks.
    ///
    /// It also ends the one wait that can last for ever: a loader that joins a thread which asks for the
    /// loader's own key. (A loader that asks for it directly, or through other loads, is told at once.)
    ///
    /// Real time, whatever the [`clock`](CacheBuilder::clock).
    pub fn load_timeout(mut self, timeout: Duration) -> Self {
        self.load_timeout = Some(timeout);
        self
    }

    /// Into how many parts memory is divided, each with its own lock: 1 to 4,096, rounded up to a power of
    /// two. Unless set, eight for each processor, but none of less than 1 MiB of the memory capacity: each
    /// shard chooses what to evict among its own.
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = Some(shards);
        self
    }

    /// Weighs entries for the memory capacity, in bytes; a keyspace's own weigher goes before it.
    ///
    /// Its answer is the whole weight of the entry, and counts as at least 1. Called once for each value
    /// stored or promoted, with no lock held.
    pub fn weigher(mut self, weigher: impl Fn(&EntryInfo<'_>) -> u64 + Send + Sync + 'static) -> Self {
        self.weigher = Some(Arc::new(weigher));
        self
    }

    /// Where time comes from: the operating system unless set. [`ManualClock`](crate::clock::ManualClock) is
    /// for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The number of shards that was set, or that suits the capacity and the processors.
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
