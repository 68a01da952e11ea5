//! The calls that report on single keys: hot keys and slow loads.

use super::Cache;
use crate::stats::observe::hot::HotKeys;
use crate::stats::observe::slow::SlowLoads;

impl Cache {
    /// Returns the keys with the most hits or misses in the last few minutes: of all keyspaces, or of the
    /// keyspace with this name. Returns up to `max` keys for hits and up to `max` keys for misses, and at
    /// most [`MAX_HOT_KEYS`](crate::MAX_HOT_KEYS) of each. Returns `None` if keys are not sampled
    /// ([`CacheBuilder::sample_keys`](crate::CacheBuilder::sample_keys)), and in a forked child.
    ///
    /// Each share has an error bound: the sum of the maximum counting error and the sampling error at 95 %
    /// confidence.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// let cache = Cache::builder().sample_keys(true).open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    /// prices.get("MTNVTU");
    /// if let Some(hot) = cache.hot_keys(Some("price"), 10) {
    ///     println!("{:?}", hot.hits);
    /// }
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Cost
    /// Takes about 100 µs. Lookups continue during the call, but are not sampled.
    #[must_use]
    pub fn hot_keys(&self, keyspace: Option<&str>, max: usize) -> Option<HotKeys> {
        if self.shared.is_forked() {
            return None;
        }
        let id = |name: &str| self.shared.keyspaces.by_name.lock().get(name).map(|open| open.id);
        match keyspace.map(|name| (name, id(name))) {
            None => self.shared.hot_keys(None, max),
            // A keyspace that is not open has no lookups. The call still returns the totals of all lookups.
            Some((_, None)) => self.shared.hot_keys(None, 0).map(|mut hot| {
                hot.hits.keyspaces.clear();
                hot.misses.keyspaces.clear();
                hot
            }),
            Some((_, id)) => self.shared.hot_keys(id, max),
        }
    }

    /// Returns up to `max` of the latest loads that took [`slow_load`](crate::CacheBuilder::slow_load) or
    /// longer, newest first: of all keyspaces, or of the keyspace with this name. Returns no loads in a
    /// forked child.
    ///
    /// The cache keeps the latest [`MAX_SLOW_LOADS`](crate::MAX_SLOW_LOADS) slow loads.
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
    pub fn slow_loads(&self, keyspace: Option<&str>, max: usize) -> SlowLoads {
        if self.shared.is_forked() { SlowLoads::default() } else { self.shared.slow_loads(keyspace, max) }
    }
}
