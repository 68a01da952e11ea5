//! Limits of an entry's life: the longest life, however it is written, and the longest time without a use.

use std::time::Duration;

use super::KeyspaceDefinition;

impl<K, V> KeyspaceDefinition<K, V> {
    /// Sets the longest life of an entry: from 1 ms to ten years, and no less than the keyspace's TTL
    /// and its [`absent_ttl`](Self::absent_ttl). Default: no limit.
    ///
    /// No call gives an entry more life than this, counted from the call: no insert, touch, atomic change or
    /// load, whatever its [`Ttl`](crate::Ttl). A longer TTL is shortened, and so is
    /// [`Ttl::Never`](crate::Ttl::Never). An entry that was written before the keyspace had this limit keeps
    /// its expiry, until it is written again or touched. Entries that a tool imports are not limited.
    ///
    /// It limits what a call may ask for, not the age of a value: a touch begins it anew. A
    /// [`grace`](Self::grace) comes on top.
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

    /// Ends an entry that is not used for this time: from 1 ms to ten years, and shorter than the keyspace's
    /// TTL and its `max_age`. The TTL stays a hard limit: an entry ends at the earlier of the two. An entry
    /// that never expires ends by this alone. Default: no such limit.
    ///
    /// An entry ends between one and 9/8 of this time after its last use. A use is a hit of
    /// [`get`](crate::Keyspace::get), [`find`](crate::Keyspace::find),
    /// [`get_many`](crate::Keyspace::get_many), [`lookup`](crate::Keyspace::lookup) or
    /// [`get_or_load`](crate::Keyspace::get_or_load) and its variants, in memory or on disk.
    /// [`peek`](crate::Keyspace::peek), [`contains_key`](crate::Keyspace::contains_key),
    /// [`ttl`](crate::Keyspace::ttl) and iterations are none. A write, and a touch, begin a new time.
    /// [`ttl`](crate::Keyspace::ttl) tells the nearer of both ends.
    ///
    /// A use writes nothing to disk. The disk learns of uses in bounded batches: with the next commit, within
    /// ten seconds or a sweep interval, and by a flush or the close of the cache. After a crash, later uses
    /// are forgotten: an entry may end earlier, and never later.
    ///
    /// ```
    /// # use std::{sync::Arc, time::Duration};
    /// # use larder::{Cache, KeyspaceDefinition, clock::ManualClock};
    /// const SESSION: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("session")
    ///     .ttl(Duration::from_secs(12 * 3600))
    ///     .time_to_idle(Duration::from_secs(1800));
    /// # let clock = Arc::new(ManualClock::new());
    /// # let cache = Cache::builder().clock(clock.clone()).open()?;
    /// let sessions = cache.keyspace(SESSION)?;
    /// sessions.insert(7, "Ada".to_owned())?;
    /// for _ in 0..20 {
    ///     clock.advance(Duration::from_secs(1700));
    ///     assert!(sessions.get(7).is_some(), "it is used");
    /// }
    /// clock.advance(Duration::from_secs(1800 * 9 / 8));
    /// assert!(sessions.get(7).is_none(), "it was idle");
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Cost
    /// In a hit of such a keyspace, one comparison. For each entry, at most once in an eighth of this time,
    /// one exclusive lock of a shard. Each entry takes 72 bytes more in memory, and 11 in the file.
    #[must_use]
    pub const fn time_to_idle(mut self, time_to_idle: Duration) -> Self {
        self.time_to_idle = Some(time_to_idle);
        self
    }

    /// Returns the time without a use that ends an entry, if there is such a limit.
    #[must_use]
    pub const fn idle_limit(&self) -> Option<Duration> {
        self.time_to_idle
    }
}
