//! What a cache tells of single keys: hot ones, and slow loads.

use super::Cache;
use crate::stats::observe::hot::HotKeys;
use crate::stats::observe::slow::SlowLoads;

impl Cache {
    /// Returns the keys that were asked for most in the last few minutes, hits and misses apart, up to `most` of each
    /// (at most [`MAX_HOT_KEYS`](crate::MAX_HOT_KEYS)): of all keyspaces, or of the one of this name. None if keys are
    /// not sampled ([`CacheBuilder::sample_keys`](crate::CacheBuilder::sample_keys)), and in a forked child.
    ///
    /// Each share has an error. It adds up what the counting may be off, for certain, and what sampling adds in 19
    /// cases of 20.
    ///
    /// # Cost
    /// Some 100 µs. Lookups go on meanwhile; those that would be sampled are not.
    #[must_use]
    pub fn hot_keys(&self, keyspace: Option<&str>, most: usize) -> Option<HotKeys> {
        if self.shared.is_forked() {
            return None;
        }
        let id =
            |name: &str| self.shared.open_keyspaces.lock().get(name).map(|open_keyspace| open_keyspace.id);
        match keyspace.map(|name| (name, id(name))) {
            None => self.shared.hot_keys(None, most),
            // Shares are of all lookups: those of a keyspace that is not open are none.
            Some((_, None)) => self.shared.hot_keys(None, 0).map(|mut hot| {
                hot.hits.keyspaces.clear();
                hot.misses.keyspaces.clear();
                hot
            }),
            Some((_, id)) => self.shared.hot_keys(id, most),
        }
    }

    /// Returns the latest loads that took [`slow_load`](crate::CacheBuilder::slow_load) or longer, up to `most`, newest
    /// first: of all keyspaces, or of the one of this name. None in a forked child.
    ///
    /// The latest [`MAX_SLOW_LOADS`](crate::MAX_SLOW_LOADS) are kept.
    ///
    /// ```
    /// use std::{sync::Arc, time::Duration};
    /// use larder::{Cache, KeyspaceDefinition, clock::ManualClock};
    ///
    /// const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    ///
    /// let clock = Arc::new(ManualClock::new());
    /// let cache = Cache::builder().clock(clock.clone()).open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.get_or_load("MTNVTU", || {
    ///     clock.advance(Duration::from_secs(3)); // a slow database
    ///     Ok::<_, std::io::Error>(100)
    /// })?;
    /// let slow = cache.slow_loads(None, 10);
    /// assert_eq!((slow.loads[0].key.as_str(), slow.loads[0].took), ("MTNVTU", Duration::from_secs(3)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn slow_loads(&self, keyspace: Option<&str>, most: usize) -> SlowLoads {
        if self.shared.is_forked() { SlowLoads::default() } else { self.shared.slow_loads(keyspace, most) }
    }
}
