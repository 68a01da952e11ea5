//! The definition of a keyspace, declared once as a constant.

mod limits;
mod ranges;

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use super::ttl::Ttl;
use crate::config::validate::{
    check_absent_ttl, check_grace, check_jitter, check_max_age, check_name, check_time_to_idle, check_ttl,
};
use crate::error::Error;
use crate::format::codec::compression::Compression;
use crate::format::codec::format::Format;
use crate::memory::heap;
use crate::memory::heap::HeapSize;

/// The default TTL of entries: one day.
pub const DEFAULT_TTL: Duration = Duration::from_hours(24);

/// The default cool-down after a failed load: one second. Only keyspaces with a grace have a cool-down.
pub const DEFAULT_COOL_DOWN: Duration = Duration::from_secs(1);

/// The name, the types and the settings of a keyspace.
///
/// ```
/// use std::time::Duration;
/// use larder::KeyspaceDefinition;
///
/// const PRODUCT: KeyspaceDefinition<String, (String, u64)> =
///     KeyspaceDefinition::new("product").ttl(Duration::from_secs(3600)).version(2);
/// assert_eq!(PRODUCT.default_ttl(), Duration::from_secs(3600));
/// ```
pub struct KeyspaceDefinition<K, V> {
    name: &'static str,
    ttl: Ttl,
    version: u32,
    format: Format,
    compression: Option<(Compression, usize)>,
    memory_only: bool,
    schema: Option<&'static str>,
    weigher: Option<fn(&V) -> u64>,
    grace: Option<Duration>,
    cool_down: Option<Duration>,
    jitter: u8,
    pub(super) absent_ttl: Option<Duration>,
    max_age: Option<Duration>,
    time_to_idle: Option<Duration>,
    range_parts: u8,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> KeyspaceDefinition<K, V> {
    /// Returns a definition with the given name, 1 to 255 bytes. By default, a keyspace has a TTL of one day,
    /// has version 0, and is in all tiers of the cache.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            ttl: Ttl::For(DEFAULT_TTL),
            version: 0,
            format: Format::Bincode,
            compression: None,
            memory_only: false,
            schema: None,
            weigher: None,
            grace: None,
            cool_down: None,
            jitter: 0,
            absent_ttl: None,
            max_age: None,
            time_to_idle: None,
            range_parts: 0,
            types: PhantomData,
        }
    }

    /// Sets the TTL of entries, from 1 ms to ten years. An insert may set another TTL for its entry.
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Ttl::For(ttl);
        self
    }

    /// Lets entries live until they are removed, replaced or evicted. An insert may still set a TTL for its
    /// entry.
    ///
    /// ```
    /// use larder::{KeyspaceDefinition, Ttl};
    ///
    /// const VISITS: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("visits").never_expires();
    /// assert_eq!(VISITS.default_ttl(), Ttl::Never);
    /// ```
    #[must_use]
    pub const fn never_expires(mut self) -> Self {
        self.ttl = Ttl::Never;
        self
    }

    /// Sets the version of the value type. Increase the version whenever the fields of `V` change. Entries of
    /// another version are misses.
    ///
    /// ```
    /// use larder::KeyspaceDefinition;
    ///
    /// // Version 0 had no second field.
    /// const PRODUCT: KeyspaceDefinition<String, (String, u64)> = KeyspaceDefinition::new("product").version(1);
    /// ```
    #[must_use]
    pub const fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// Sets the format in which values are encoded. The default is [`Format::Bincode`]. A keyspace with
    /// another format begins empty, like a keyspace with another version.
    #[must_use]
    pub const fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Compresses values on disk and at a server if their encoding is longer than `above` bytes. By default,
    /// no value is compressed.
    ///
    /// If compression does not make a value shorter, the value is stored uncompressed. At a server, a value
    /// in the format [`Raw`](Format::Raw) is always uncompressed. Memory holds decoded values, so compression
    /// does not change their weight. The setting may be changed at any time, because each record states its
    /// compression.
    ///
    /// ```
    /// use larder::{Compression, KeyspaceDefinition};
    ///
    /// const PAGE: KeyspaceDefinition<String, String> =
    ///     KeyspaceDefinition::new("page").compress(Compression::Lz4, 512);
    /// ```
    ///
    /// # Cost
    /// The times are measured with JSON of 4 KiB, on two cores (`cargo bench -p larder-benches --bench
    /// compression`):
    ///
    /// | | write and commit | read from disk | size |
    /// |---|---|---|---|
    /// | uncompressed | 20 µs | 1.7 µs | 100 % |
    /// | LZ4 | 8 µs | 1.6 µs | 14 % |
    /// | Zstandard | 27 µs | 18 µs | 9 % |
    #[must_use]
    pub const fn compress(mut self, how: Compression, above: usize) -> Self {
        self.compression = Some((how, above));
        self
    }

    /// Keeps the entries of this keyspace in memory only, for example if they are secrets.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # let dir = tempfile::tempdir()?;
    /// # let cache = Cache::builder().path(dir.path().join("shop.larder")).open()?;
    /// const SESSION: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("session").memory_only();
    ///
    /// cache.keyspace(SESSION)?.insert(&7, "secret".to_owned())?;
    /// cache.flush()?;
    /// assert_eq!(cache.stats().disk.unwrap().entries, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn memory_only(mut self) -> Self {
        self.memory_only = true;
        self
    }

    /// Sets the name of the schema crate that declares the keyspace, 1 to 255 bytes. The file records the
    /// name, so that tools can find the schema crate that describes the entries.
    ///
    /// The file keeps the schema name of the first definition that has one. A later definition with another
    /// schema name uses the same entries, and does not change the recorded name. The recorded name changes
    /// only if a later definition has another version, key shape or format, and so replaces the keyspace.
    #[must_use]
    pub const fn schema(mut self, name: &'static str) -> Self {
        self.schema = Some(name);
        self
    }

    /// Sets a function that returns the weight of a value in memory, in bytes. The weight must include the
    /// size of the value's type (`size_of`). The cache adds the key and the overhead.
    ///
    /// Without this function, [`CacheBuilder::weigher`](crate::CacheBuilder::weigher) applies. Without
    /// either function, a value weighs the size of its type plus its encoded length. If the type needs no
    /// drop, the value weighs the larger of these two numbers. See also
    /// [`weigh_heap`](KeyspaceDefinition::weigh_heap).
    ///
    /// If a [memory-only](KeyspaceDefinition::memory_only) keyspace has this function, its values are not
    /// serialized when they are stored. So a value's weight is the only limit on its size.
    ///
    /// ```
    /// use larder::KeyspaceDefinition;
    ///
    /// const PHOTO: KeyspaceDefinition<u64, Vec<u8>> =
    ///     KeyspaceDefinition::new("photo").weigher(|photo| (size_of::<Vec<u8>>() + photo.capacity()) as u64);
    /// ```
    #[must_use]
    pub const fn weigher(mut self, weigher: fn(&V) -> u64) -> Self {
        self.weigher = Some(weigher);
        self
    }

    /// Weighs values by the memory that they own, as [`HeapSize`] reports it. This weight is more exact than
    /// the encoded length. For example, a `Vec<String>` with short strings uses much more memory than its
    /// encoding has bytes.
    ///
    /// ```
    /// use larder::KeyspaceDefinition;
    ///
    /// const CODES: KeyspaceDefinition<u64, Vec<String>> = KeyspaceDefinition::new("codes").weigh_heap();
    /// ```
    ///
    /// # Cost
    /// Costs one pass over the value when it is stored, and each time that it is copied into memory from disk
    /// or from a server.
    #[must_use]
    pub const fn weigh_heap(self) -> Self
    where
        V: HeapSize,
    {
        self.weigher(heap::weight::<V>)
    }

    /// Allows a failing load to return a stale value: an entry that expired at most `grace` ago. A grace may
    /// be from 1 ms to ten years. By default, there is no grace.
    ///
    /// [`get_or_load`](crate::Keyspace::get_or_load) returns the stale value if the loader returns an error,
    /// or if the call waits for another caller's load and that load panics or takes too long. For the
    /// [`cool_down`](Self::cool_down) after a failure, callers of `get_or_load` and
    /// [`lookup`](crate::Keyspace::lookup) get the stale value without a load. A removed value is never
    /// served stale. Other calls, such as [`get`](crate::Keyspace::get), return no stale values.
    ///
    /// During the grace, an expired entry still takes space in every tier, and may be evicted.
    ///
    /// ```
    /// # use std::{sync::Arc, time::Duration};
    /// # use larder::{Cache, KeyspaceDefinition, clock::ManualClock};
    /// const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price")
    ///     .ttl(Duration::from_secs(60))
    ///     .grace(Duration::from_secs(3600));
    /// # let clock = Arc::new(ManualClock::new());
    /// # let cache = Cache::builder().clock(clock.clone()).open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    /// clock.advance(Duration::from_secs(61));
    /// assert!(prices.get("MTNVTU").is_none(), "it has expired");
    /// let price = prices.get_or_load("MTNVTU", || Err::<u64, _>("the database is away")).unwrap();
    /// assert_eq!(*price, 100);
    /// # Ok::<(), larder::Error>(())
    /// ```
    #[must_use]
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// Sets how long a failed load is not repeated while there is a stale value: 1 ms to an hour, in real
    /// time. The default is 1 s. Requires a [`grace`](Self::grace).
    #[must_use]
    pub const fn cool_down(mut self, cool_down: Duration) -> Self {
        self.cool_down = Some(cool_down);
        self
    }

    /// Shortens the TTL of each entry by a random amount, at most `percent` % of the TTL. The setting may be
    /// from 0 to 100, and is 0 by default. Jitter prevents entries that were written together from expiring
    /// together, and so from being loaded all at once.
    ///
    /// Jitter only shortens, so no entry lives longer than its TTL. It applies to every TTL that is a
    /// duration, such as the TTL of the keyspace, of an insert, of a touch or of a load. It does not apply
    /// to a point in time ([`Ttl::Until`]), or to an entry that keeps the remaining TTL of the replaced
    /// entry ([`Ttl::Keep`]).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use larder::{Cache, KeyspaceDefinition};
    /// const PRICE: KeyspaceDefinition<u64, u64> =
    ///     KeyspaceDefinition::new("price").ttl(Duration::from_secs(3600)).jitter(10);
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert(1, 100)?;
    /// let left = prices.ttl(1).and_then(larder::Remaining::duration).expect("it does not live for ever");
    /// assert!(left > Duration::from_secs(3600 * 9 / 10 - 1) && left <= Duration::from_secs(3600));
    /// # Ok::<(), larder::Error>(())
    /// ```
    #[must_use]
    pub const fn jitter(mut self, percent: u8) -> Self {
        self.jitter = percent;
        self
    }

    /// Returns the name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the TTL of entries whose insert sets no TTL: [`Ttl::For`] or [`Ttl::Never`].
    #[must_use]
    pub const fn default_ttl(&self) -> Ttl {
        self.ttl
    }

    /// Returns the version of the value type.
    #[must_use]
    pub const fn schema_version(&self) -> u32 {
        self.version
    }

    /// Returns the name of the schema crate that declares the keyspace, if it is set.
    #[must_use]
    pub const fn schema_name(&self) -> Option<&'static str> {
        self.schema
    }

    /// Returns whether entries are kept in memory only.
    #[must_use]
    pub const fn is_memory_only(&self) -> bool {
        self.memory_only
    }

    /// Returns the format in which values are encoded.
    #[must_use]
    pub const fn value_format(&self) -> Format {
        self.format
    }

    /// Returns the compression of values on disk and at a server, and the encoded length in bytes above
    /// which it applies.
    #[must_use]
    pub const fn compression(&self) -> Option<(Compression, usize)> {
        self.compression
    }

    /// Returns the grace: how long after an entry's expiry a failing load may return the entry. Zero if no
    /// grace is set.
    #[must_use]
    pub const fn stale_for(&self) -> Duration {
        match self.grace {
            Some(grace) => grace,
            None => Duration::ZERO,
        }
    }

    pub(super) fn cool_down_length(&self) -> Option<Duration> {
        self.grace.map(|_| self.cool_down.unwrap_or(DEFAULT_COOL_DOWN))
    }

    pub(super) const fn own_weigher(&self) -> Option<fn(&V) -> u64> {
        self.weigher
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        check_name("keyspace name", self.name)?;
        if let Some(schema) = self.schema {
            check_name("schema name", schema)?;
        }
        if let Ttl::For(ttl) = self.ttl {
            check_ttl(ttl)?;
        }
        check_jitter(self.jitter)?;
        let ttl = if let Ttl::For(ttl) = self.ttl { Some(ttl) } else { None };
        check_max_age(self.max_age, ttl)?;
        check_absent_ttl(self.absent_ttl, self.max_age)?;
        check_time_to_idle(self.time_to_idle, ttl)?;
        check_grace(self.grace, self.cool_down)
    }
}

impl<K, V> Clone for KeyspaceDefinition<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for KeyspaceDefinition<K, V> {}

impl<K, V> fmt::Debug for KeyspaceDefinition<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyspaceDefinition")
            .field("name", &self.name)
            .field("ttl", &self.ttl)
            .field("version", &self.version)
            .field("format", &self.format)
            .field("compression", &self.compression)
            .field("memory_only", &self.memory_only)
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}
