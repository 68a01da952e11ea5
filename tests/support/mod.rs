//! What the tests share.

pub(crate) mod child;
pub(crate) mod harness;
pub(crate) mod simulated;
pub(crate) mod warnings;
pub(crate) mod watchdog;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use larder::clock::{Clock, ManualClock, SystemClock};
use larder::{Cache, CacheBuilder, KeyspaceDefinition};
use serde::{Deserialize, Serialize};

use crate::support::watchdog::{Watch, patience};

/// How long to wait for a lock that was given up just now: a child that another test is starting inherits it,
/// and holds it until it runs its own program. See
/// [`crate::concurrency::races::a_cache_can_be_reopened_while_other_threads_start_processes`].
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(10);

/// How long a test waits for a call that might hang. Far longer than the call takes, even on a busy machine.
pub(crate) const WATCHDOG: Duration = Duration::from_mins(2);

pub(crate) const HOUR: Duration = Duration::from_hours(1);

/// Names by text: the keyspace of most tests.
pub(crate) const NAMES: KeyspaceDefinition<String, String> = KeyspaceDefinition::new("name").ttl(HOUR);
/// Versions by number: what the tests of ordering count up.
pub(crate) const VERSIONS: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("version").ttl(HOUR);
/// Bytes by number: what fills a cache.
pub(crate) const BLOBS: KeyspaceDefinition<u64, Vec<u8>> = KeyspaceDefinition::new("blob").ttl(HOUR);

/// What [`assert_capacity_is_usable`] fills memory with.
const FILLER: KeyspaceDefinition<u64, Vec<u8>> = KeyspaceDefinition::new("filler").memory_only();

/// The keys of [`Written`]: a group, and which of its keys.
pub(crate) type Key = (u64, u64);

/// A value that shows whether it is whole, and whose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Written {
    key: Key,
    pub(crate) version: u64,
    filler: Vec<u8>,
}

impl Written {
    /// The value of a key at a version: mostly small, now and then larger than a page.
    pub(crate) fn new(key: Key, version: u64) -> Self {
        let mixed = (version ^ (key.0 << 32) ^ (key.1 << 40)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let len = if mixed.is_multiple_of(16) { 9_000 } else { usize::try_from(mixed >> 56).unwrap() };
        Self { key, version, filler: vec![u8::try_from(version % 251).unwrap(); len] }
    }

    pub(crate) fn key(&self) -> Key {
        self.key
    }

    /// Whether it is what was written under this key, every byte.
    pub(crate) fn is_whole(&self, key: Key) -> bool {
        *self == Self::new(key, self.version)
    }
}

/// Values that show whether they are whole.
pub(crate) const WRITTEN: KeyspaceDefinition<Key, Written> = KeyspaceDefinition::new("written").ttl(HOUR);

/// A directory with a place for a cache file.
pub(crate) struct Place {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) clock: Arc<ManualClock>,
    /// A test whose cache hangs fails.
    _watch: Watch,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::within(tempfile::tempdir().unwrap())
    }

    fn within(dir: tempfile::TempDir) -> Self {
        Self::at(dir, ManualClock::new())
    }

    /// A place in a directory, with a time of its own.
    pub(crate) fn at(dir: tempfile::TempDir, clock: ManualClock) -> Self {
        Self { dir, clock: Arc::new(clock), _watch: watch_this_test() }
    }

    /// A place in memory, where there is one: for tests that make their crashes themselves, by copying, and
    /// wait for no disk.
    pub(crate) fn in_memory() -> Self {
        let memory = std::path::Path::new("/dev/shm");
        let dir = tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()).unwrap();
        Self::within(dir)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("shop.larder")
    }

    pub(crate) fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// A cache of this place that keeps the place's time and commits when it is told to.
    pub(crate) fn builder(&self) -> CacheBuilder {
        Cache::builder()
            .path(self.path())
            .clock(self.clock.clone())
            .flush_interval(HOUR)
            .open_timeout(LOCK_WAIT)
    }

    pub(crate) fn open(&self) -> Cache {
        self.builder().open().unwrap()
    }
}

/// Fills memory with entries of one weight, to see that all of its capacity can still be used: a sum that
/// drifts takes it away.
///
/// # Panics
/// When what memory holds then is not its capacity, up to one entry: `heaviest` is what the heaviest weighs.
pub(crate) fn assert_capacity_is_usable(cache: &Cache, heaviest: u64) {
    let filler = cache.keyspace(FILLER).unwrap();
    let capacity = cache.stats().memory.capacity;
    for key in 0..2 * capacity / 1_000 {
        filler.insert(&key, vec![0; 1_000]).unwrap();
    }
    let held = cache.stats().memory.weight;
    assert!(held <= capacity && held > capacity - heaviest, "memory holds {held} of {capacity}");
    filler.clear().unwrap();
}

/// What a file takes of its disk, as `du` counts it.
pub(crate) fn taken(path: &std::path::Path) -> u64 {
    let found = std::fs::metadata(path).unwrap();
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::blocks(&found) * 512;
    #[cfg(not(unix))]
    found.len()
}

/// Watches what the test of this thread does from here on: if it hangs, it fails.
pub(crate) fn watch_this_test() -> Watch {
    let thread = std::thread::current();
    // The test harness names a test's thread after it; threads that a test starts have no name.
    Watch::over(thread.name().unwrap_or("a thread of some test").to_owned(), patience())
}

/// Random numbers that a seed repeats.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// Numbers of a harness's round. Its seeds follow one another, so they are mixed: `SplitMix64`'s finisher
    /// (Steele, Lea and Flood, 2014).
    pub(crate) fn of_round(seed: u64) -> Self {
        let mut mixed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self::new(mixed ^ (mixed >> 31))
    }

    /// A number below `end`. Xorshift64: Marsaglia, "Xorshift RNGs", 2003.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Holds this thread up for so many microseconds, to the microsecond: the moments of a crash are chosen more
/// finely than a thread can be woken.
pub(crate) fn spin(micros: u64) {
    let clock = SystemClock::new();
    while clock.monotonic() < Duration::from_micros(micros) {
        std::hint::spin_loop();
    }
}

/// Values whose `Drop` runs a function: for what user code does at awkward moments.
pub(crate) struct OnDrop(pub(crate) Box<dyn Fn() + Send + Sync>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Ends the threads that look at it, also when a check fails.
pub(crate) struct SetOnDrop<'a>(pub(crate) &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
