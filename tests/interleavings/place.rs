//! The file, the cache and the clock of a scenario.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::clock::Clock;
use larder::testing::SimulatedVolume;
use larder::{ByteSize, Cache, CacheBuilder, Follower, Keyspace, KeyspaceDefinition, Timestamp};

use crate::harness::cache_path;

pub(crate) const TTL: Duration = Duration::from_secs(100);
/// The keyspace of most scenarios. Its keys and values are small numbers.
pub(crate) const VERSIONS: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("version").ttl(TTL);

/// A keyspace whose keys are two numbers. A removal by prefix names only the first number.
pub(crate) const PAIRS: KeyspaceDefinition<(u64, u64), u64> = KeyspaceDefinition::new("pair").ttl(TTL);

/// A keyspace whose expired entries are kept for a grace.
pub(crate) const STALE: KeyspaceDefinition<u64, u64> =
    KeyspaceDefinition::new("stale").ttl(TTL).grace(Duration::from_hours(1));

pub(crate) const IDLE: Duration = Duration::from_secs(40);

/// A keyspace whose entries expire if they are not used.
pub(crate) const IDLING: KeyspaceDefinition<u64, u64> =
    KeyspaceDefinition::new("idling").ttl(TTL).time_to_idle(IDLE);

/// Weight of an entry in a cache whose memory or write buffer should hold one entry only.
const HEAVY: u64 = 40 << 10;

/// A clock that a scenario sets. Reading it is not a point at which other threads may run.
#[derive(Debug, Default)]
pub(crate) struct SetTime(AtomicU64);

impl SetTime {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for SetTime {
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(1_893_456_000_000 + self.0.load(Ordering::SeqCst))
    }
}

/// The path and the clock of a cache file that has keyspaces, but no entries.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    pub(crate) time: Arc<SetTime>,
    /// The simulated disk, or `None` for a real file.
    disk: Option<SimulatedVolume>,
}

thread_local! {
    /// The bytes of a file with the keyspaces of most scenarios. If each schedule made the file itself, it
    /// would spend half of its time on the file.
    static BEGINNING: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
    /// A simulated disk with the same file.
    static BEGINNING_DISK: RefCell<Option<SimulatedVolume>> = const { RefCell::new(None) };
}

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self { path: cache_path(), time: Arc::default(), disk: None };
        let file = BEGINNING.take().unwrap_or_else(|| {
            drop(std::fs::remove_file(&place.path));
            place.make();
            std::fs::read(&place.path).unwrap()
        });
        std::fs::write(&place.path, &file).unwrap();
        BEGINNING.set(Some(file));
        place
    }

    pub(crate) fn on_a_disk() -> (Self, SimulatedVolume) {
        let place = |disk: &SimulatedVolume| Self {
            path: "/cache/shop.larder".into(),
            time: Arc::default(),
            disk: Some(disk.clone()),
        };
        let beginning = BEGINNING_DISK.take().unwrap_or_else(|| {
            let disk = SimulatedVolume::new();
            place(&disk).make();
            disk.copy()
        });
        let disk = beginning.copy();
        BEGINNING_DISK.set(Some(beginning));
        (place(&disk), disk)
    }

    fn make(&self) {
        let cache = self.open();
        cache.keyspace(VERSIONS).unwrap();
        cache.keyspace(PAIRS).unwrap();
        cache.keyspace(STALE).unwrap();
        cache.keyspace(IDLING).unwrap();
        cache.close().unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the same path and clock on another disk.
    pub(crate) fn on(&self, disk: SimulatedVolume) -> Self {
        Self { path: self.path.clone(), time: self.time.clone(), disk: Some(disk) }
    }

    /// Returns the same path and clock on a copy of the disk, as after a restart.
    pub(crate) fn restarted(&self) -> Self {
        let disk = self.disk.as_ref().map(SimulatedVolume::copy);
        Self { path: self.path.clone(), time: self.time.clone(), disk }
    }

    pub(crate) fn builder(&self) -> CacheBuilder {
        let small = ByteSize::kib(64);
        let builder = Cache::builder().path(&self.path);
        let builder = match &self.disk {
            Some(disk) => builder.volume(disk),
            None => builder,
        };
        builder
            .clock(self.time.clone())
            .shards(1)
            .memory_capacity(small)
            .write_buffer(ByteSize::kib(512))
            .page_cache(ByteSize::kib(256))
            .disk_capacity(ByteSize::mib(1))
            .verify_on_open(ByteSize::bytes(0))
            .flush_interval(Duration::from_millis(10))
            .sweep_interval(Duration::from_millis(10))
            // A removal of two keys deletes their entries after the call has returned.
            .range_rows(1)
    }

    /// Opens a cache whose memory has room for all entries.
    pub(crate) fn open(&self) -> Cache {
        settled(self.builder())
    }

    /// Opens a cache like [`open_tight`](Self::open_tight), but a removal of more than two keys is executed
    /// in several parts.
    pub(crate) fn open_in_pairs(&self) -> Cache {
        settled(self.builder().weigher(|_| HEAVY).range_rows(2))
    }

    /// Opens a cache whose memory holds one clean entry, so that a second entry evicts the first.
    pub(crate) fn open_tight(&self) -> Cache {
        settled(self.builder().weigher(|_| HEAVY))
    }

    /// Opens a cache like [`open_tight`](Self::open_tight), but the first read that finds nothing begins a
    /// new filter of absent keys, in parts of one key.
    pub(crate) fn open_to_build(&self) -> Cache {
        settled(self.builder().weigher(|_| HEAVY).filter_builds(1, 1))
    }

    /// Opens a cache like [`open_tight`](Self::open_tight), but its write buffer has room for only one
    /// entry. A second entry waits for a commit.
    pub(crate) fn open_full(&self) -> Cache {
        settled(self.builder().weigher(|_| HEAVY).write_buffer(ByteSize::kib(64)))
    }

    /// Opens a cache with a write buffer of the same size as in [`open_full`](Self::open_full). Values of at
    /// least [`LARGE`] are larger than this buffer. Such a value is alone in the buffer, and needs nearly
    /// all of memory when it is committed.
    pub(crate) fn open_with_large(&self) -> Cache {
        let weigh = |weighed: &larder::EntryInfo<'_>| match weighed
            .value
            .and_then(|value| value.downcast_ref::<u64>())
        {
            Some(&value) if value >= LARGE => (64 << 10) - 1,
            _ => HEAVY / 2,
        };
        settled(self.builder().weigher(weigh).write_buffer(ByteSize::kib(64)))
    }

    /// Returns the committed value of a key, as another process sees it.
    pub(crate) fn committed(&self, key: u64) -> Option<u64> {
        self.committed_in(VERSIONS, key)
    }

    /// Like [`committed`](Self::committed), for any keyspace.
    pub(crate) fn committed_in(&self, keyspace: KeyspaceDefinition<u64, u64>, key: u64) -> Option<u64> {
        let follower = Follower::open_with_clock(&self.path, self.time.clone()).unwrap();
        follower.keyspace(keyspace).get(&key).unwrap()
    }
}

/// In a cache of [`Place::open_with_large`], the smallest value that weighs nearly as much as memory can
/// hold.
pub(crate) const LARGE: u64 = 1_000;

/// Opens a cache, and lets its threads start. The first steps of these threads need no exploration.
fn settled(builder: CacheBuilder) -> Cache {
    let cache = builder.open().unwrap();
    let_others_go_on();
    cache
}

/// Lets every other thread run until it must wait. Scenarios call it before or after a contest.
pub(crate) fn let_others_go_on() {
    for _ in 0..4 {
        shuttle::thread::yield_now();
    }
}

pub(crate) fn versions(cache: &Cache) -> Keyspace<u64, u64> {
    cache.keyspace(VERSIONS).unwrap()
}
