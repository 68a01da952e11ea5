//! The time of a cache.

use super::Cache;
use crate::units::Timestamp;

impl Cache {
    /// Returns the current time of the cache, with which all expiries are compared. It never goes back, also
    /// when the system's clock was set back, or when the file was written at a later time.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use larder::{Cache, InsertOptions, KeyspaceDefinition};
    /// # const TOKEN: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("token");
    /// # let cache = Cache::builder().open()?;
    /// let end = cache.now().after(Duration::from_secs(30));
    /// let tokens = cache.keyspace(TOKEN)?;
    /// tokens.insert_with(&7, "secret".to_owned(), InsertOptions::new().ttl(end))?;
    /// assert_eq!(cache.transaction(|tx| tx.expires_at(&tokens, &7))?, Some(end));
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Cost
    /// Costs a read of the system's clocks, and no lock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.tiers.time.now()
    }
}
