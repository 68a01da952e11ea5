//! Settings about single keys: whether they are sampled, and whether the log names them.

use super::CacheBuilder;

impl CacheBuilder {
    /// Sets whether the keys of a few operations are sampled, for
    /// [`Cache::hot_keys`](crate::Cache::hot_keys), and for `larder hot` and `larder monitor`. Default: off.
    ///
    /// A process that may write to the control socket can then see which keys the application asks for. It
    /// can list the keys in any case.
    ///
    /// ```
    /// let cache = larder::Cache::builder().sample_keys(true).open()?;
    /// assert!(cache.hot_keys(None, 10).is_some());
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Cost
    /// One hit in 64 and one miss in 8 is sampled, at about 300 instructions each. At most 1,024 keys are
    /// kept: about 100 KiB of memory with keys of usual length, 4 MiB with the longest.
    pub fn sample_keys(mut self, is_wanted: bool) -> Self {
        self.sample_keys = is_wanted;
        self
    }

    /// Sets whether warnings in the log name the keys they are about (slow loads, values that are not cached,
    /// records that do not decode). Default: off, because a key may be a secret.
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
