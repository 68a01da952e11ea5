//! What tests need: a cache that goes step by step, a disk that fails on demand, and a way to larder's bytes.
//!
//! Behind the feature `test-util`, which no program needs. It is for tests, and may change without a new version.

#[doc(hidden)]
pub mod bytes;
mod stall;
pub(crate) mod volume;

pub use crate::testing::volume::act::Act;
pub use crate::testing::volume::operation::{Failure, Operation};
pub use stall::StallingDisk;
pub use volume::SimulatedVolume;
pub use volume::power::Loss;

use std::time::Duration;

use crate::config::CacheBuilder;

/// The longest that a worker may be told to wait.
const AN_HOUR: Duration = Duration::from_hours(1);

impl CacheBuilder {
    /// A cache whose workers go step by step, and that does the same in each run: for tests of an application's own caching.
    ///
    /// Hashes come from `seed`, so that which shard a key is in, and what is evicted, is the same each time. The writer and the
    /// sweeper do nothing of their own accord: [`flush`](crate::Cache::flush) is a step of the one, [`sweep`](crate::Cache::sweep) of the other.
    /// (The writer still commits for a removal, and when the write buffer is half full; both would wake after an hour.) It sets the intervals
    /// of both; with a [`ManualClock`](crate::clock::ManualClock) and a [`SimulatedVolume`], time and the disk are the test's as well.
    ///
    /// ```
    /// use std::{sync::Arc, time::Duration};
    /// use larder::{Cache, KeyspaceDefinition, clock::ManualClock, testing::SimulatedVolume};
    ///
    /// const PRICE: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("price").ttl(Duration::from_secs(60));
    ///
    /// let clock = Arc::new(ManualClock::new());
    /// let disk = SimulatedVolume::new();
    /// let cache = Cache::builder().path("/shop.larder").volume(&disk).clock(clock.clone()).stepped(42).open()?;
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

    /// Makes range removals large that look at more than so many rows, where a program's take some hundreds:
    /// their
    /// entries are deleted behind the answer, in parts of so many rows.
    pub fn range_rows(mut self, rows: usize) -> Self {
        self.ranges.rows = rows.max(1);
        self
    }

    /// Makes a part of a large range removal with each commit, in place of parts between them: so it is in a
    /// cache
    /// that is [`stepped`](Self::stepped).
    pub fn parts_with_steps(mut self) -> Self {
        self.ranges.between_steps = false;
        self
    }
}

/// Waits until the sweeper of a cache has looked for the first time, which it does of its own accord: what
/// expires later stays on disk until the next sweep.
///
/// # Errors
/// Those of [`Cache::sweep`](crate::Cache::sweep).
pub fn await_first_sweep(cache: &crate::api::cache::Cache) -> Result<(), crate::error::Error> {
    while cache.shared().tiers.sweeper.has_not_swept() {
        crate::sys::sync::thread::yield_now();
    }
    // Behind the question that the first sweep may still have with the writer.
    cache.sweep().map(drop)
}

/// Returns what the control socket of a cache answers to a line, without a socket: for the fuzzer.
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
