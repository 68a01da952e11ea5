//! Limits on an entry's life: `max_age` after a write, and `time_to_idle` after a use. Also `in_all_tiers`,
//! which undoes `memory_only`, and `jitter_percent`.

use std::time::Duration;

use super::KeyspaceDefinition;

impl<K, V> KeyspaceDefinition<K, V> {
    /// Undoes [`memory_only`](Self::memory_only): the entries of this keyspace are in all tiers of the cache.
    ///
    /// ```
    /// # use larder::KeyspaceDefinition;
    /// const LOGIN: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("login").memory_only();
    /// assert!(!LOGIN.in_all_tiers().is_memory_only());
    /// ```
    #[must_use]
    pub const fn in_all_tiers(mut self) -> Self {
        self.memory_only = false;
        self
    }

    /// Sets the maximum life of an entry: 1 ms to ten years, and not less than the keyspace's TTL and
    /// [`absent_ttl`](Self::absent_ttl). By default, there is no limit.
    ///
    /// An insert, touch, atomic change or load gives an entry at most this life, counted from the call. A
    /// longer [`Ttl`](crate::Ttl) is shortened, including [`Ttl::Never`](crate::Ttl::Never). An entry that
    /// was written before the limit was set keeps its expiry until the entry is written again or touched.
    /// Entries that a tool imports are not limited.
    ///
    /// The limit applies to the TTL of each call, not to the age of a value: a touch begins a new life. A
    /// [`grace`](Self::grace) is added to the limit.
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

    /// Returns the maximum life of an entry, if one is set.
    #[must_use]
    pub const fn age_limit(&self) -> Option<Duration> {
        self.max_age
    }

    /// Makes an entry expire if it is not used for the given time: 1 ms to ten years, and less than the
    /// keyspace's TTL and `max_age`. The TTL remains a hard limit: an entry expires at the earlier of the two
    /// times. If the keyspace has no TTL, only the time to idle applies. By default, there is no time to
    /// idle.
    ///
    /// An entry expires between 1 and 9/8 of the time to idle after its last use. A use is a hit of
    /// [`get`](crate::Keyspace::get), [`find`](crate::Keyspace::find),
    /// [`get_many`](crate::Keyspace::get_many), [`lookup`](crate::Keyspace::lookup) or
    /// [`get_or_load`](crate::Keyspace::get_or_load) and their variants, in any tier, also in a transaction.
    /// [`peek`](crate::Keyspace::peek), [`contains_key`](crate::Keyspace::contains_key),
    /// [`ttl`](crate::Keyspace::ttl) and iterations are not uses. A write or a touch starts the time to idle
    /// again. [`ttl`](crate::Keyspace::ttl) returns the time until the earlier of the two expiries.
    ///
    /// A use does not immediately write to the disk. The writer records uses in bounded batches: with the
    /// next commit, or otherwise within ten seconds (or a sweep interval, if it is longer) and a flush
    /// interval. A flush and the close of the cache also record them. After the disk was full, only these
    /// two do. A crash loses the uses that are not recorded yet. So after a crash an entry may expire
    /// earlier, but never later.
    ///
    /// Over a remote tier, a use on any machine extends the life of the entry for all of them, by the clock
    /// of the server. The hit does not wait for the server. A keyspace in the format
    /// [`Raw`](crate::Format::Raw) cannot have a time to idle there ([`Error::NotRemote`]).
    ///
    /// [`Error::NotRemote`]: crate::Error::NotRemote
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
    /// Each hit encodes the key, and costs one comparison. At most once in an eighth of the time to idle, a
    /// hit of an entry also takes the exclusive lock of a shard, or sends a request to the server. Each entry
    /// takes 72 additional bytes in memory, 11 in the file, and 27 at the server.
    #[must_use]
    pub const fn time_to_idle(mut self, time_to_idle: Duration) -> Self {
        self.time_to_idle = Some(time_to_idle);
        self
    }

    /// Returns the time to idle, if it is set.
    #[must_use]
    pub const fn idle_limit(&self) -> Option<Duration> {
        self.time_to_idle
    }

    /// Returns the jitter: the maximum percentage by which a TTL is shortened.
    #[must_use]
    pub const fn jitter_percent(&self) -> u8 {
        self.jitter
    }
}
