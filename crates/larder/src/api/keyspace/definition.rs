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

/// The lifetime of entries whose keyspace sets none: a day.
pub const DEFAULT_TTL: Duration = Duration::from_hours(24);

/// A keyspace's name, types, lifetime and schema version.
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
    /// A keyspace of this name, 1 to 255 bytes, with a lifetime of a day, at version 0, in both tiers.
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

    /// How long entries live from their write, unless an insert says otherwise: 1 ms to ten years.
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// The version of the values' shape. Raise it with every change of `V`'s fields: entries of another
    /// version are misses.
    #[must_use]
    pub const fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// How values become bytes: [`Format::Bincode`] unless set. Another format begins empty, as another
    /// version does.
    #[must_use]
    pub const fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Compresses values on disk whose encoding is longer than `above`, in bytes. None is unless set.
    ///
    /// A value that becomes no shorter is stored as it is. Memory holds values decoded, and weighs them by
    /// their uncompressed length; the disk is charged what is stored. May be changed at any time: each record
    /// says how it is compressed.
    ///
    /// ```
    /// use larder::{Compression, KeyspaceDefinition};
    ///
    /// const PAGE: KeyspaceDefinition<String, String> = KeyspaceDefinition::new("page").compress(Compression::Lz4, 512);
    /// ```
    ///
    /// # Cost
    /// JSON of 4 KiB, on two cores: with LZ4 it is written and committed in 8 µs and read from disk in 1.6
    /// µs, where it takes 20 and 1.7 uncompressed, and 14 % of the room; with Zstandard 27 and 18 µs, and 9 %
    /// (`cargo bench -p larder-benches --bench compression`).
    #[must_use]
    pub const fn compress(mut self, how: Compression, above: usize) -> Self {
        self.compression = Some((how, above));
        self
    }

    /// Keeps entries in memory, and off the disk: for secrets.
    #[must_use]
    pub const fn memory_only(mut self) -> Self {
        self.memory_only = true;
        self
    }

    /// The name of the schema crate that declares it, 1 to 255 bytes; recorded in the file so that tools know
    /// whose spelling applies.
    ///
    /// The file keeps the schema of the definition that made the keyspace. A later definition of another
    /// schema shares the entries, and changes the record only when it makes the keyspace anew, with another
    /// version or other types.
    #[must_use]
    pub const fn schema(mut self, name: &'static str) -> Self {
        self.schema = Some(name);
        self
    }

    /// What a value weighs in memory, in bytes, with its own place: instead of `size_of` its type and its
    /// encoded length. Key and overhead are added. See also [`weigh_heap`](KeyspaceDefinition::weigh_heap).
    #[must_use]
    pub const fn weigher(mut self, weigher: fn(&V) -> u64) -> Self {
        self.weigher = Some(weigher);
        self
    }

    /// Weighs values by the memory that they own, which a value can say that has [`HeapSize`]: about what
    /// it takes, where the encoded length of a `Vec<String>` is a fifth of that.
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

    /// The name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// How long entries live unless an insert says otherwise.
    #[must_use]
    pub const fn default_ttl(&self) -> Duration {
        self.ttl
    }

    /// The version of the values' shape.
    #[must_use]
    pub const fn schema_version(&self) -> u32 {
        self.version
    }

    /// The name of the schema crate that declares it, if one does.
    #[must_use]
    pub const fn schema_name(&self) -> Option<&'static str> {
        self.schema
    }

    /// Whether entries are kept off the disk.
    #[must_use]
    pub const fn is_memory_only(&self) -> bool {
        self.memory_only
    }

    /// How values become bytes.
    #[must_use]
    pub const fn value_format(&self) -> Format {
        self.format
    }

    /// How values are compressed on disk, and above how many bytes.
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
    /// When memory has the value; the disk has it within the flush interval.
    #[default]
    Buffered,
    /// When the disk has it: after a commit, shared with whoever else waits for one.
    Immediate,
}

/// How [`insert_with`](crate::Keyspace::insert_with) differs from `insert`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use = "options do nothing until they are passed to insert_with"]
pub struct InsertOptions {
    pub(super) lifetime: Option<Duration>,
    pub(super) durability: Durability,
}

impl InsertOptions {
    /// The keyspace's lifetime, buffered.
    pub const fn new() -> Self {
        Self { lifetime: None, durability: Durability::Buffered }
    }

    /// A lifetime for this entry: 1 ms to ten years.
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.lifetime = Some(ttl);
        self
    }

    /// When the insert returns.
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }
}
