//! Helpers that several tests share: directories for a cache, values that detect damage, random numbers, and
//! user code that runs during a drop.

pub(crate) mod child;
pub(crate) mod harness;
pub(crate) mod panics;
pub(crate) mod seeds;
pub(crate) mod simulated;
pub(crate) mod skip;
pub(crate) mod tasks;
pub(crate) mod warnings;
pub(crate) mod watchdog;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use larder::clock::{Clock, ManualClock, SystemClock};
use larder::{Cache, CacheBuilder, KeyspaceDefinition};
use serde::{Deserialize, Serialize};

use crate::support::watchdog::{Watch, patience};

/// Timeout for a lock that was just released. A child process of another test inherits the lock, and holds it
/// until it executes its own program. See
/// [`crate::concurrency::races::a_cache_can_be_reopened_while_other_threads_start_processes`].
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Timeout for a call that may hang, far longer than the call takes on a busy machine.
pub(crate) const WATCHDOG: Duration = Duration::from_mins(2);

pub(crate) const HOUR: Duration = Duration::from_hours(1);

/// The keyspace of most tests. Its keys and values are texts.
pub(crate) const NAMES: KeyspaceDefinition<String, String> = KeyspaceDefinition::new("name").ttl(HOUR);
/// A keyspace for tests of ordering. Its values are version numbers that only increase.
pub(crate) const VERSIONS: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("version").ttl(HOUR);
/// A keyspace for tests that fill a cache. Its keys are numbers, and its values are bytes.
pub(crate) const BLOBS: KeyspaceDefinition<u64, Vec<u8>> = KeyspaceDefinition::new("blob").ttl(HOUR);

/// A keyspace with which [`assert_capacity_is_usable`] fills memory.
const FILLER: KeyspaceDefinition<u64, Vec<u8>> = KeyspaceDefinition::new("filler").memory_only();

/// A key of [`Written`]: a group, and a number in that group.
pub(crate) type Key = (u64, u64);

/// A value that contains its key and its version. A test can check whether the value is damaged, and whether
/// it was written under another key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Written {
    key: Key,
    pub(crate) version: u64,
    filler: Vec<u8>,
}

impl Written {
    /// Returns the value for a key and a version. Most values are small, and one in 16 is larger than a page.
    pub(crate) fn new(key: Key, version: u64) -> Self {
        let mixed = (version ^ (key.0 << 32) ^ (key.1 << 40)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let len = if mixed.is_multiple_of(16) { 9_000 } else { usize::try_from(mixed >> 56).unwrap() };
        Self { key, version, filler: vec![u8::try_from(version % 251).unwrap(); len] }
    }

    pub(crate) fn key(&self) -> Key {
        self.key
    }

    /// Returns whether this value was written under `key` and is unchanged.
    pub(crate) fn is_whole(&self, key: Key) -> bool {
        *self == Self::new(key, self.version)
    }
}

/// A keyspace of values that detect whether they are damaged.
pub(crate) const WRITTEN: KeyspaceDefinition<Key, Written> = KeyspaceDefinition::new("written").ttl(HOUR);

/// A directory for a cache file.
pub(crate) struct Place {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) clock: Arc<ManualClock>,
    /// Ends the process if the test hangs.
    _watch: Watch,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::within(tempfile::tempdir().unwrap())
    }

    fn within(dir: tempfile::TempDir) -> Self {
        Self::at(dir, ManualClock::new())
    }

    /// Returns a place in a directory, with its own clock.
    pub(crate) fn at(dir: tempfile::TempDir, clock: ManualClock) -> Self {
        Self { dir, clock: Arc::new(clock), _watch: watch_this_test() }
    }

    /// Returns a place on a file system in memory, if there is one. Tests that simulate crashes by copying
    /// the file need no real disk.
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

    /// Returns a builder for a cache at this place with this clock. Its flush interval is an hour, so that
    /// most commits are requested.
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

/// Fills memory with entries of equal weight, and checks that the whole capacity is usable. A wrong sum of
/// weights would reduce the usable capacity.
///
/// # Panics
/// Panics if memory then holds more than its capacity, or less than its capacity minus one entry. `heaviest`
/// is the weight of the heaviest entry.
pub(crate) fn assert_capacity_is_usable(cache: &Cache, heaviest: u64) {
    let filler = cache.keyspace(FILLER).unwrap();
    let capacity = cache.stats().memory.capacity.as_u64();
    for key in 0..2 * capacity / 1_000 {
        filler.insert(&key, vec![0; 1_000]).unwrap();
    }
    let held = cache.stats().memory.weight.as_u64();
    assert!(held <= capacity && held > capacity - heaviest, "memory holds {held} of {capacity}");
    filler.clear().unwrap();
}

/// Returns the number of bytes that a file occupies on its disk, as `du` reports it.
pub(crate) fn taken(path: &std::path::Path) -> u64 {
    let found = std::fs::metadata(path).unwrap();
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::blocks(&found) * 512;
    #[cfg(not(unix))]
    found.len()
}

/// Watches the current test from now on. If the test hangs, the watchdog ends the process.
pub(crate) fn watch_this_test() -> Watch {
    let thread = std::thread::current();
    // A test's thread has the name of the test. A thread that a test starts has no name.
    Watch::over(thread.name().unwrap_or("a thread of some test").to_owned(), patience())
}

pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// Returns a generator for one round of a harness. The seeds of rounds are consecutive, so they are mixed
    /// with the finisher of `SplitMix64` (Steele, Lea and Flood, 2014).
    pub(crate) fn of_round(seed: u64) -> Self {
        let mut mixed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self::new(mixed ^ (mixed >> 31))
    }

    /// Returns a number below `end`. The algorithm is Xorshift64 (Marsaglia, "Xorshift RNGs", 2003).
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Keeps this thread busy for `micros` microseconds. Sleeping would be too coarse to choose the moment of a
/// crash.
pub(crate) fn spin(micros: u64) {
    let clock = SystemClock::new();
    while clock.monotonic() < Duration::from_micros(micros) {
        std::hint::spin_loop();
    }
}

/// A value whose `Drop` runs a function.
pub(crate) struct OnDrop(pub(crate) Box<dyn Fn() + Send + Sync>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Sets a flag when it is dropped, even if a check fails. The flag ends the other threads of a test.
pub(crate) struct SetOnDrop<'a>(pub(crate) &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Runs a call. Returns the message of its panic, or `None` if it has returned.
pub(crate) fn panic_of<T>(call: impl FnOnce() -> T) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(call)).err()?;
    Some(panics::message(&*panic).to_owned())
}

/// Returns whether a call panics with this text in its message. Another panic does not count, because it may
/// have another reason.
pub(crate) fn panics_with<T>(expected: &str, call: impl FnOnce() -> T) -> bool {
    let message = panic_of(call);
    if let Some(message) = message.as_ref().filter(|message| !message.contains(expected)) {
        eprintln!("panicked with another message than {expected:?}: {message}");
    }
    message.is_some_and(|message| message.contains(expected))
}
