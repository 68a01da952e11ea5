//! What a keyspace is, declared once as a constant.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use crate::config::validate::{check_name, check_ttl};
use crate::error::Error;
use crate::format::codec::compression::Compression;
use crate::format::codec::format::Format;
use crate::memory::heap;
use crate::memory::heap::HeapSize;

/// The TTL of entries whose keyspace sets none: a day.
pub const DEFAULT_TTL: Duration = Duration::from_hours(24);

/// A keyspace's name, types, TTL and schema version.
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
    ttl: Duration,
    version: u32,
    format: Format,
    compression: Option<(Compression, usize)>,
    memory_only: bool,
    schema: Option<&'static str>,
    weigher: Option<fn(&V) -> u64>,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> KeyspaceDefinition<K, V> {
    /// Returns the definition of a keyspace of this name, 1 to 255 bytes. It has a TTL of a day, is at
    /// version 0, and is in both tiers.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            ttl: DEFAULT_TTL,
            version: 0,
            format: Format::Bincode,
            compression: None,
            memory_only: false,
            schema: None,
            weigher: None,
            types: PhantomData,
        }
    }

    /// Sets how long entries live from their write, unless an insert says otherwise: 1 ms to ten years.
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Sets the version of the values' shape. Raise it with every change of `V`'s fields: entries of another
    /// version are misses.
    #[must_use]
    pub const fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// Sets how values are encoded: [`Format::Bincode`] unless set. A keyspace with another format begins
    /// empty, as one with another version does.
    #[must_use]
    pub const fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Compresses values on disk whose encoding is longer than `above` bytes. Unless this is set, no value is
    /// compressed.
    ///
    /// A value that becomes no shorter is stored uncompressed. Memory holds decoded values, and weighs them
    /// by their uncompressed length. The disk is charged the stored length. The setting may be changed at any
    /// time: each record says how it is compressed.
    ///
    /// ```
    /// use larder::{Compression, KeyspaceDefinition};
    ///
    /// const PAGE: KeyspaceDefinition<String, String> = KeyspaceDefinition::new("page").compress(Compression::Lz4, 512);
    /// ```
    ///
    /// # Cost
    /// JSON of 4 KiB, on two cores (`cargo bench -p larder-benches --bench compression`):
    ///
    /// | | write and commit | read from disk | room |
    /// |---|---|---|---|
    /// | uncompressed | 20 µs | 1.7 µs | 100 % |
    /// | LZ4 | 8 µs | 1.6 µs | 14 % |
    /// | Zstandard | 27 µs | 18 µs | 9 % |
    #[must_use]
    pub const fn compress(mut self, how: Compression, above: usize) -> Self {
        self.compression = Some((how, above));
        self
    }

    /// Keeps entries in memory and off the disk: for secrets.
    #[must_use]
    pub const fn memory_only(mut self) -> Self {
        self.memory_only = true;
        self
    }

    /// Sets the name of the schema crate that declares the keyspace, 1 to 255 bytes. The file records it, so
    /// that tools know which spelling applies.
    ///
    /// The file keeps the schema of the definition that made the keyspace. A later definition with another
    /// schema shares the entries. It changes the recorded schema only when it replaces the keyspace, with
    /// another version or other types.
    #[must_use]
    pub const fn schema(mut self, name: &'static str) -> Self {
        self.schema = Some(name);
        self
    }

    /// Sets a function that returns what a value weighs in memory, in bytes, including its own size. Without
    /// it, a value weighs the `size_of` its type and its encoded length. Key and overhead are added. See also
    /// [`weigh_heap`](KeyspaceDefinition::weigh_heap).
    #[must_use]
    pub const fn weigher(mut self, weigher: fn(&V) -> u64) -> Self {
        self.weigher = Some(weigher);
        self
    }

    /// Weighs values by the memory that they own, which [`HeapSize`] tells. That is about what they take. The
    /// encoded length of a `Vec<String>`, for example, is only a fifth of it.
    ///
    /// ```
    /// use larder::KeyspaceDefinition;
    ///
    /// const CODES: KeyspaceDefinition<u64, Vec<String>> = KeyspaceDefinition::new("codes").weigh_heap();
    /// ```
    ///
    /// # Cost
    /// A walk over the value when it is stored, and when it is read from disk into memory.
    #[must_use]
    pub const fn weigh_heap(self) -> Self
    where
        V: HeapSize,
    {
        self.weigher(heap::weight::<V>)
    }

    /// Returns the name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns how long entries live unless an insert says otherwise.
    #[must_use]
    pub const fn default_ttl(&self) -> Duration {
        self.ttl
    }

    /// Returns the version of the values' shape.
    #[must_use]
    pub const fn schema_version(&self) -> u32 {
        self.version
    }

    /// Returns the name of the schema crate that declares the keyspace, if one does.
    #[must_use]
    pub const fn schema_name(&self) -> Option<&'static str> {
        self.schema
    }

    /// Returns whether entries are kept off the disk.
    #[must_use]
    pub const fn is_memory_only(&self) -> bool {
        self.memory_only
    }

    /// Returns how values are encoded.
    #[must_use]
    pub const fn value_format(&self) -> Format {
        self.format
    }

    /// Returns how values are compressed on disk, and above how many bytes.
    #[must_use]
    pub const fn compression(&self) -> Option<(Compression, usize)> {
        self.compression
    }

    pub(super) const fn own_weigher(&self) -> Option<fn(&V) -> u64> {
        self.weigher
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        check_name("keyspace name", self.name)?;
        if let Some(schema) = self.schema {
            check_name("schema name", schema)?;
        }
        check_ttl(self.ttl)
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

/// When an insert returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// When memory has the value. The disk has it within the flush interval.
    #[default]
    Buffered,
    /// When the disk has the value: after a commit, shared with other waiting callers.
    Immediate,
}

/// How [`insert_with`](crate::Keyspace::insert_with) stores a value, where it differs from `insert`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use = "options do nothing until they are passed to insert_with"]
pub struct InsertOptions {
    pub(super) ttl: Option<Duration>,
    pub(super) durability: Durability,
}

impl InsertOptions {
    /// Returns the options of `insert`: the keyspace's TTL, buffered.
    pub const fn new() -> Self {
        Self { ttl: None, durability: Durability::Buffered }
    }

    /// Sets a TTL for this entry: 1 ms to ten years.
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Sets when the insert returns.
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }
}
