//! The cache of a scenario, and its clock.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::clock::Clock;
use larder::testing::SimulatedVolume;
use larder::{ByteSize, Cache, CacheBuilder, Follower, Keyspace, KeyspaceDefinition, Timestamp};

use crate::harness::cache_path;

pub(crate) const TTL: Duration = Duration::from_secs(100);
/// The keyspace of most scenarios: numbers that only grow, by a small number.
pub(crate) const VERSIONS: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("version").ttl(TTL);

/// Numbers by two numbers. A removal names the first.
pub(crate) const PAIRS: KeyspaceDefinition<(u64, u64), u64> = KeyspaceDefinition::new("pair").ttl(TTL);

/// The weight of an entry, if memory and the write buffer should hold one of them.
const HEAVY: u64 = 40 << 10;

/// A clock that a scenario sets. It is not interleaved by itself: a reading is one step of its thread.
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

/// The place of a file. The file has keyspaces and no entries.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    pub(crate) time: Arc<SetTime>,
    /// None for a real file.
    disk: Option<SimulatedVolume>,
}

thread_local! {
    /// A file with the keyspaces of all scenarios, made once. Otherwise half of a schedule's time would go
    /// into making it.
    static BEGINNING: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
    /// The same on a simulated disk.
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

    /// Makes a place on a disk that can be made to fail.
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
        cache.close().unwrap();
    }

    /// Returns the same place and time after a power loss, with the content of the disk.
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
            // A removal of two keys is deleted after the call returns.
            .range_rows(1)
    }

    /// Opens a cache in which every entry fits.
    pub(crate) fn open(&self) -> Cache {
        settled(self.builder())
    }

    /// As [`open_tight`](Self::open_tight), and the third key of a removal is deleted in a part of its own.
    pub(crate) fn open_in_pairs(&self) -> Cache {
        settled(self.builder().weigher(|_| HEAVY).range_rows(2))
    }

    /// Opens a cache whose memory holds one clean entry: a second one evicts the first.
    pub(crate) fn open_tight(&self) -> Cache {
        settled(self.builder().weigher(|_| HEAVY))
    }

    /// As `open_tight`, and its write buffer holds one entry too: a second one waits for a commit.
    pub(crate) fn open_full(&self) -> Cache {
        settled(self.builder().weigher(|_| HEAVY).write_buffer(ByteSize::kib(64)))
    }

    /// As `open_full`. Values from [`LARGE`] on are larger than the write buffer: they go alone, and take
    /// memory's room.
    pub(crate) fn open_with_large(&self) -> Cache {
        let weigh = |weighed: &larder::EntryInfo<'_>| match weighed.value.downcast_ref::<u64>() {
            Some(&value) if value >= LARGE => (64 << 10) - 1,
            _ => HEAVY / 2,
        };
        settled(self.builder().weigher(weigh).write_buffer(ByteSize::kib(64)))
    }

    /// Returns what another process would see of a key now: the committed value.
    pub(crate) fn committed(&self, key: u64) -> Option<u64> {
        let follower = Follower::open_with_clock(&self.path, self.time.clone()).unwrap();
        follower.keyspace(VERSIONS).get(&key).unwrap()
    }
}

/// Values from here on weigh nearly all that memory may hold, in a cache of [`Place::open_with_large`].
pub(crate) const LARGE: u64 = 1_000;

/// Opens a cache, and lets its threads begin: their first steps should not be explored.
fn settled(builder: CacheBuilder) -> Cache {
    let cache = builder.open().unwrap();
    let_others_go_on();
    cache
}

/// Outside a contest: lets every other thread go on until it has to wait.
pub(crate) fn let_others_go_on() {
    for _ in 0..4 {
        shuttle::thread::yield_now();
    }
}

/// Opens the keyspace of versions.
pub(crate) fn versions(cache: &Cache) -> Keyspace<u64, u64> {
    cache.keyspace(VERSIONS).unwrap()
}
