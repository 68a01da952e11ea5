//! The place, the cache and the clock of a scenario.

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
/// The keyspace of most scenarios: its values only increase, and its keys are small numbers.
pub(crate) const VERSIONS: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("version").ttl(TTL);

/// A keyspace whose keys are two numbers. A removal names only the first number.
pub(crate) const PAIRS: KeyspaceDefinition<(u64, u64), u64> = KeyspaceDefinition::new("pair").ttl(TTL);

/// A keyspace whose entries are kept for a grace after their expiry.
pub(crate) const STALE: KeyspaceDefinition<u64, u64> =
    KeyspaceDefinition::new("stale").ttl(TTL).grace(Duration::from_hours(1));

/// The time to idle of [`IDLING`].
pub(crate) const IDLE: Duration = Duration::from_secs(40);

/// A keyspace whose entries end if they are not used.
pub(crate) const IDLING: KeyspaceDefinition<u64, u64> =
    KeyspaceDefinition::new("idling").ttl(TTL).time_to_idle(IDLE);

/// The weight of an entry in a cache whose memory or write buffer should hold one entry.
const HEAVY: u64 = 40 << 10;

/// A clock that a scenario sets. Reading the clock is one step of its thread, without other threads in
/// between.
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

/// The place of a file. The file has keyspaces but no entries.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    pub(crate) time: Arc<SetTime>,
    /// The simulated disk. `None` for a real file.
    disk: Option<SimulatedVolume>,
}

thread_local! {
    /// The content of a file with the keyspaces of all scenarios. The file is made once. Otherwise each
    /// schedule would spend half of its time on making the file.
    static BEGINNING: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
    /// The same file on a simulated disk.
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

    /// Makes a place on a disk that a scenario can make fail.
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

    /// Returns the same place and time on another disk.
    pub(crate) fn on(&self, disk: SimulatedVolume) -> Self {
        Self { path: self.path.clone(), time: self.time.clone(), disk: Some(disk) }
    }

    /// Returns the same place and time after a power loss, with the disk's content.
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
            // The entries of a removal of two keys are deleted after the call returns.
            .range_rows(1)
    }

    /// Opens a cache that has room for every entry.
    pub(crate) fn open(&self) -> Cache {
        settled(self.builder())
    }

    /// Opens a cache like [`open_tight`](Self::open_tight). The third key of a removal is deleted in a
    /// separate part.
    pub(crate) fn open_in_pairs(&self) -> Cache {
        settled(self.builder().weigher(|_| HEAVY).range_rows(2))
    }

    /// Opens a cache whose memory holds one clean entry. A second entry evicts the first.
    pub(crate) fn open_tight(&self) -> Cache {
        settled(self.builder().weigher(|_| HEAVY))
    }

    /// Opens a cache like `open_tight`. The write buffer also holds one entry, and a second entry waits for a
    /// commit.
    pub(crate) fn open_full(&self) -> Cache {
        settled(self.builder().weigher(|_| HEAVY).write_buffer(ByteSize::kib(64)))
    }

    /// Opens a cache like `open_full`. Values from [`LARGE`] on are larger than the write buffer. Such a
    /// value is alone in the buffer, and then needs nearly all of memory.
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

    /// Returns the value of a key that another process would see now: the committed value.
    pub(crate) fn committed(&self, key: u64) -> Option<u64> {
        self.committed_in(VERSIONS, key)
    }

    /// Does the same as [`committed`](Self::committed) for a keyspace.
    pub(crate) fn committed_in(&self, keyspace: KeyspaceDefinition<u64, u64>, key: u64) -> Option<u64> {
        let follower = Follower::open_with_clock(&self.path, self.time.clone()).unwrap();
        follower.keyspace(keyspace).get(&key).unwrap()
    }
}

/// In a cache of [`Place::open_with_large`], values from this value on weigh nearly as much as memory may
/// hold.
pub(crate) const LARGE: u64 = 1_000;

/// Opens a cache, and lets its threads start. Their first steps should not be explored.
fn settled(builder: CacheBuilder) -> Cache {
    let cache = builder.open().unwrap();
    let_others_go_on();
    cache
}

/// Lets every other thread run until it must wait. Called outside a contest.
pub(crate) fn let_others_go_on() {
    for _ in 0..4 {
        shuttle::thread::yield_now();
    }
}

/// Opens the keyspace [`VERSIONS`].
pub(crate) fn versions(cache: &Cache) -> Keyspace<u64, u64> {
    cache.keyspace(VERSIONS).unwrap()
}
