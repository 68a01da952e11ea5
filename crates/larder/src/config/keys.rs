//! Settings that expose single keys: sampling, and keys in the log.

use super::CacheBuilder;

impl CacheBuilder {
    /// Sets whether the keys of some operations are sampled, for [`Cache::hot_keys`](crate::Cache::hot_keys),
    /// `larder hot` and `larder monitor`. Default: off.
    ///
    /// If sampling is on, a process that can write to the control socket can see which keys the application
    /// looks up. Even without sampling, it can list the stored keys.
    ///
    /// ```
    /// let cache = larder::Cache::builder().sample_keys(true).open()?;
    /// assert!(cache.hot_keys(None, 10).is_some());
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Cost
    /// One hit in 64 and one miss in 8 are sampled, at about 300 instructions per sample. At most 1,024 keys
    /// are kept, which take about 100 KiB of memory at usual lengths and 4 MiB at the maximum length.
    pub fn sample_keys(mut self, is_wanted: bool) -> Self {
        self.sample_keys = is_wanted;
        self
    }

    /// Sets whether warnings in the log contain the affected keys: warnings about slow loads, about values
    /// that are not cached or are kept only in memory, and about records that can't be decoded. Also sets
    /// whether [`Error::Overflow`](crate::Error::Overflow) contains its key. Default: off, because a key
    /// may be a secret.
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
