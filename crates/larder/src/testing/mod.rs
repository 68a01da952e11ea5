//! Support for tests, such as a cache that runs step by step, disks that fail or stall on demand, a
//! simulated remote tier, and access to larder's encodings.
//!
//! This module requires the feature `test-util`, which only tests need. It may change in any release.

#[doc(hidden)]
pub mod bytes;
pub mod remote;
mod stall;
pub(crate) mod volume;

#[cfg(all(not(shuttle), feature = "failpoints"))]
#[doc(hidden)]
pub use crate::sys::sync::failpoint::{Failpoint, set_failpoint};
pub use crate::testing::volume::act::Act;
pub use crate::testing::volume::operation::{DiskOperation, Failure};
pub use stall::StallingDisk;
pub use volume::SimulatedVolume;
pub use volume::power::Loss;

use std::time::Duration;

use crate::config::CacheBuilder;

/// The longest flush interval and sweep interval that the builder accepts.
const AN_HOUR: Duration = Duration::from_hours(1);

impl CacheBuilder {
    /// Makes the cache deterministic, for tests of an application's caching. The writer and the sweeper run
    /// when the test tells them to.
    ///
    /// Hashes are seeded with `seed`, so each run has the same shards and the same evictions. The intervals
    /// of the writer and the sweeper are set to an hour, and opening starts no sweep. Instead,
    /// [`flush`](crate::Cache::flush) runs a step of the writer, and [`sweep`](crate::Cache::sweep) a step of
    /// the sweeper. The writer still commits by itself for a call that waits for its commit, such as a
    /// removal, and when the write buffer is half full.
    ///
    /// With a [`ManualClock`](crate::clock::ManualClock) and a [`SimulatedVolume`], the test also controls
    /// time and the disk.
    ///
    /// ```
    /// use std::{sync::Arc, time::Duration};
    /// use larder::testing::SimulatedVolume;
    /// use larder::{Cache, KeyspaceDefinition, clock::ManualClock};
    ///
    /// const PRICE: KeyspaceDefinition<u64, u64> =
    ///     KeyspaceDefinition::new("price").ttl(Duration::from_secs(60));
    ///
    /// let clock = Arc::new(ManualClock::new());
    /// let disk = SimulatedVolume::new();
    /// let builder = Cache::builder().path("/shop.larder").volume(&disk).clock(clock.clone());
    /// let cache = builder.stepped(42).open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert(&1, 100)?;
    /// assert_eq!(cache.stats().disk.map(|disk| disk.entries), Some(0), "the writer has not made its step");
    /// cache.flush()?;
    /// assert_eq!(cache.stats().disk.map(|disk| disk.entries), Some(1));
    /// clock.advance(Duration::from_secs(61));
    /// assert!(prices.get(&1).is_none());
    /// let swept = cache.sweep()?;
    /// assert_eq!((swept.memory, swept.disk), (1, 1));
    /// # Ok::<(), larder::Error>(())
    /// ```
    pub fn stepped(mut self, seed: u64) -> Self {
        self.hash_seed = Some(seed);
        (self.flush_interval, self.sweep_interval) = (AN_HOUR, AN_HOUR);
        self.parts_with_steps()
    }

    /// Sets the number of rows above which a range removal is large. The default is 1000, and zero counts
    /// as one. The entries of a large removal are deleted after it is acknowledged, in parts of this many
    /// rows.
    pub fn range_rows(mut self, rows: usize) -> Self {
        self.ranges.rows = rows.max(1);
        self
    }

    /// Sets when a new filter of absent keys is built: after `min_unfound` reads of the file that found
    /// nothing, in parts of `part_keys` keys. The defaults are 1000 reads and 512 keys. Zero keys count as
    /// one.
    pub fn filter_builds(mut self, min_unfound: u64, part_keys: usize) -> Self {
        (self.filter.min_unfound, self.filter.part_keys) = (min_unfound, part_keys.max(1));
        self
    }

    /// Runs one part of a large range removal with each commit, and no part between commits.
    /// [`stepped`](Self::stepped) includes this setting.
    pub fn parts_with_steps(mut self) -> Self {
        self.ranges.between_steps = false;
        self
    }
}

/// Waits until the first sweep of a cache has begun, and then runs a sweep. The first sweep begins when the
/// cache is opened. A [stepped](CacheBuilder::stepped) cache has none, so only the second sweep runs. Entries
/// that expire later stay on disk until the next sweep.
///
/// # Errors
/// Returns the same errors as [`Cache::sweep`](crate::Cache::sweep).
pub fn await_first_sweep(cache: &crate::api::cache::Cache) -> Result<(), crate::error::Error> {
    while cache.shared().tiers.sweeper.has_not_swept() {
        crate::sys::sync::thread::yield_now();
    }
    // The first sweep may still wait for the writer. This sweep runs after it.
    cache.sweep().map(drop)
}

/// Returns the answer of a cache's control socket to a line, without a socket. The fuzzer uses it.
#[cfg(all(unix, feature = "control"))]
#[doc(hidden)]
#[must_use]
pub fn answer_line(cache: &crate::api::cache::Cache, line: &[u8]) -> Vec<u8> {
    crate::ops::control::answer::answer(&crate::sys::sync::Arc::downgrade(cache.shared()), line)
}

#[cfg(test)]
mod tests {
    use crate::api::cache::Cache;
    use crate::api::keyspace::definition::KeyspaceDefinition;

    const NUMBERS: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("numbers").memory_only();

    #[test]
    fn a_seed_decides_what_is_evicted() {
        let survivors = |seed| {
            let cache = Cache::builder().memory_capacity(1 << 16).shards(4).stepped(seed).open().unwrap();
            let numbers = cache.keyspace(NUMBERS).unwrap();
            for number in 0..5_000 {
                numbers.insert(&(number * number % 997), number).unwrap();
                numbers.get(&(number % 61));
            }
            numbers.keys().collect::<Vec<u64>>()
        };
        assert_eq!(survivors(1), survivors(1));
        assert_ne!(survivors(1), survivors(2));
    }
}
