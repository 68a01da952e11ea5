//! Whether single keys are seen: by sampling, and in the log.

use super::CacheBuilder;

impl CacheBuilder {
    /// Whether the keys of a few operations are looked at, for [`Cache::hot_keys`](crate::Cache::hot_keys), and for
    /// `larder hot` and `larder monitor`: not unless set.
    ///
    /// Who may write the control socket then sees which keys the application asks for, as they
    /// also see which there are.
    ///
    /// ```
    /// let cache = larder::Cache::builder().sample_keys(true).open()?;
    /// assert!(cache.hot_keys(None, 10).is_some());
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Cost
    /// One hit in 64 and one miss in 8 is sampled, which takes some 300 instructions. At most 1,024 keys are kept:
    /// some 100 KiB of memory with keys of usual length, 4 MiB with the longest.
    pub fn sample_keys(mut self, is_wanted: bool) -> Self {
        self.sample_keys = is_wanted;
        self
    }

    /// Whether warnings in the log name the keys that they are about (slow loads, values that are not cached, records
    /// that do not decode): not unless set, because a key may be a secret.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// // "a load was slow keyspace=product key=MTNVTU took_ms=341 failed=false"
    /// let cache = larder::Cache::builder().log_keys(true).slow_load(Duration::from_millis(300)).open()?;
    /// # Ok::<(), larder::Error>(())
    /// ```
    pub fn log_keys(mut self, is_wanted: bool) -> Self {
        self.log_keys = is_wanted;
        self
    }
}
