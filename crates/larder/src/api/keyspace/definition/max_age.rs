//! The longest life of an entry, however it is written.

use std::time::Duration;

use super::KeyspaceDefinition;

impl<K, V> KeyspaceDefinition<K, V> {
    /// Sets the longest life of an entry: from 1 ms to ten years, and no less than the keyspace's TTL.
    /// Default: no limit.
    ///
    /// No call gives an entry more life than this, counted from the call: no insert, touch, atomic change or
    /// load, whatever its [`Ttl`](crate::Ttl). A longer TTL is shortened, and so is
    /// [`Ttl::Never`](crate::Ttl::Never). An entry that was written before the keyspace had this limit keeps
    /// its expiry, until it is written again or touched. Entries that a tool imports are not limited.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use larder::{Cache, InsertOptions, KeyspaceDefinition, Remaining, Ttl};
    /// const PRICE: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("price")
    ///     .ttl(Duration::from_secs(60))
    ///     .max_age(Duration::from_secs(3600));
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert_with(1, 100, InsertOptions::new().ttl(Ttl::Never))?;
    /// assert!(prices.ttl(1) <= Some(Remaining::For(Duration::from_secs(3600))));
    /// # Ok::<(), larder::Error>(())
    /// ```
    #[must_use]
    pub const fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// Returns the longest life of an entry, if it is limited.
    #[must_use]
    pub const fn age_limit(&self) -> Option<Duration> {
        self.max_age
    }
}
