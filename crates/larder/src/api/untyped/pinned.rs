//! The calls on a keyspace without its types.
//!
//! A key is encoded for one version of the keyspace, and its bytes may be another key of another version. So
//! a caller pins a version, encodes the keys for it, and uses it for the whole command. A version that was
//! replaced refuses its calls.
//!
//! The file or the application may have the version:
//!
//! 1. If the application has opened it, a call uses the types of the application, and looks in memory like
//!    the handles of the application.
//! 2. If only the file has it, a call reads records and removes keys. No value is put into memory, because a
//!    later handle of the application could not read a value of another type.
//!
//! A lookup checks afterwards that the version is still there, and whether (1) or (2) still holds:
//!
//! - When a version is replaced, memory loses its entries, and the lookup may have found an older value on
//!   disk. The check comes after the lookup, and the replacement leaves the list of open keyspaces before
//!   it removes the entries ([`crate::engine::keyspaces::registry`]). So the check detects the replacement.
//! - The application may have opened the version during a lookup of (2), which does not find its values in
//!   memory. Then the lookup is repeated.
//!
//! [`super::changes`] has the calls that change entries.

use super::search::{FoundKeyspace, KeyspaceSearch};
use crate::api::keyspace::iterate::Keys;
use crate::api::keyspace::untyped_calls::{EncodedKey, EncodedKeyRef};
use crate::engine::keyspaces::open_keyspace::MemoryLookup;
use crate::engine::shared::Shared;
use crate::error::Error;
use crate::format::keyspace_id::LowestTier;
use crate::sys::sync::Arc;
use crate::units::Timestamp;

/// One version of a keyspace, without its types. [`UntypedKeyspace::pin`](crate::UntypedKeyspace::pin)
/// returns it.
///
/// Keys are encoded bytes: [`KeyShape`](crate::inspect::KeyShape) encodes and spells them, for the
/// [`key_shape`](UntypedInfo::key_shape) of this version. Values are encoded bytes too. The calls can read,
/// remove, and shorten the life of an entry. They can't store values, because only the application's types
/// can tell whether bytes are a value.
///
/// The application may open another version. From then on, each call returns [`Error::KeyspaceReplaced`] and
/// changes nothing. Pin the keyspace again then. Don't keep this value for long.
///
/// Removals have the contract of [`Keyspace::remove`](crate::Keyspace::remove): they are durable when the
/// call returns, and a load that began before can't bring the old value back. They remove the named keys
/// only. If an application removes further entries together with a key, such as the lists that contain a
/// product, its own calls must do this.
///
/// Statistics count neither the lookups nor the removals of these calls.
#[derive(Debug, Clone)]
pub struct PinnedKeyspace {
    pub(super) search: Arc<KeyspaceSearch>,
    found: Arc<FoundKeyspace>,
}

/// The description of a keyspace, from [`PinnedKeyspace::info`] or
/// [`UntypedKeyspace::info`](crate::UntypedKeyspace::info).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UntypedInfo {
    /// The name of the keyspace.
    pub name: String,
    /// Whether the application has opened the keyspace.
    pub is_open: bool,
    /// Whether the keyspace is in memory only.
    pub is_memory_only: bool,
    /// The version of the value type.
    pub version: u32,
    /// The shape of the keys, such as `(string, u64)`.
    pub key_shape: String,
    /// The format of the values: 0 bincode, 1 MessagePack, 2 raw bytes.
    pub value_format: u8,
    /// The name of the schema, if there is one.
    pub schema: Option<String>,
    /// Number of entries in the file, including expired entries that are not swept yet.
    pub disk_entries: u64,
}

impl PinnedKeyspace {
    pub(super) const fn new(search: Arc<KeyspaceSearch>, found: Arc<FoundKeyspace>) -> Self {
        Self { search, found }
    }

    /// Returns the description of the keyspace.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let _prices = cache.keyspace(PRICE.version(2))?;
    /// let info = cache.untyped_keyspace("price").pin()?.info()?;
    /// assert_eq!((info.version, info.key_shape.as_str()), (2, "string"));
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`Error::KeyspaceReplaced`] if the application has opened another version. Also returns
    /// [`Error::Closed`] and [`Error::Forked`], and [`Error::UnknownKeyspace`] while another version of a
    /// memory-only keyspace is being opened.
    pub fn info(&self) -> Result<UntypedInfo, Error> {
        let found = self.current()?;
        let (of, name) = (&found.detached, &self.search.name);
        let row = self.shared().tiers.disk.with_status(|status| status.keyspaces.get(name).cloned());
        let row = row.filter(|row| row.id == of.id);
        // The schema in the file takes precedence over the definition's, as for a reader of the file.
        let schema = row.as_ref().map_or(of.schema.map(str::to_owned), |row| row.schema.clone());
        Ok(UntypedInfo {
            name: name.clone(),
            is_open: found.typed.is_some(),
            is_memory_only: of.id.lowest_tier() == LowestTier::Memory,
            version: of.kind.version,
            key_shape: of.shape.clone(),
            value_format: row.as_ref().map_or(of.kind.format.code(), |row| row.format),
            schema,
            disk_entries: row.map_or(0, |row| row.entries),
        })
    }

    /// Returns the current time of the cache, with which all expiries are compared. It never goes back.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use larder::{Cache, InsertOptions, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// use larder::inspect::KeyShape;
    ///
    /// let options = InsertOptions::new().ttl(Duration::from_secs(60));
    /// cache.keyspace(PRICE)?.insert_with("MTNVTU", 100, options)?;
    /// let prices = cache.untyped_keyspace("price").pin()?;
    /// let key = prices.info()?.key_shape.parse::<KeyShape>()?.parse_key("MTNVTU")?;
    /// let expires_at = prices.expires_at(&key)?.expect("it is there");
    /// assert!(expires_at.since(prices.now()) <= Duration::from_secs(60));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    /// Costs a read of the system's clocks, and no lock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared().tiers.time.now()
    }

    /// Returns the live value of a key, as the keyspace's format encodes it, uncompressed.
    ///
    /// A key without a live entry, a damaged record and a failing disk are misses, as in a lookup of the
    /// application. The lookup copies nothing into memory.
    ///
    /// ```
    /// # use larder::{Cache, Format, KeyspaceDefinition};
    /// # let cache = Cache::builder().open()?;
    /// use larder::inspect::KeyShape;
    ///
    /// const PAGE: KeyspaceDefinition<String, String> = KeyspaceDefinition::new("page").format(Format::Raw);
    /// cache.keyspace(PAGE)?.insert("/", "home".to_owned())?;
    /// let pages = cache.untyped_keyspace("page").pin()?;
    /// let shape: KeyShape = pages.info()?.key_shape.parse()?;
    /// assert_eq!(pages.get(&shape.parse_key("/")?)?.as_deref(), Some(&b"home"[..]));
    /// assert_eq!(pages.get(&shape.parse_key("/cart")?)?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`info`](Self::info), and [`Error::KeyTooLarge`]. Returns
    /// [`Error::Encode`] if the keyspace's format can't encode the value.
    ///
    /// # Cost
    /// A value in memory is encoded. A value on disk is read and decoded, with its type if the keyspace is
    /// open.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.look(key, |found, full| match &found.typed {
            Some(typed) => typed.read(&found.detached, full),
            None => Ok(found.keyspace.read_bytes(full)),
        })
    }

    /// Like [`get`](Self::get), but reads memory only, and encodes a value only up to `max_len` bytes. So the
    /// call never waits for the disk, and an event loop can make it. The value's `Serialize` runs on the
    /// calling thread, so it must not block. The value's `Drop` never runs there.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// use larder::MemoryLookup;
    /// use larder::inspect::KeyShape;
    ///
    /// cache.keyspace(PRICE)?.insert("MTNVTU", 100)?;
    /// let prices = cache.untyped_keyspace("price").pin()?;
    /// let key = prices.info()?.key_shape.parse::<KeyShape>()?.parse_key("MTNVTU")?;
    /// assert_eq!(prices.try_get(&key, 4096)?, MemoryLookup::Found(vec![100]));
    /// assert_eq!(prices.try_get(&key, 0)?, MemoryLookup::TooLong);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`get`](Self::get).
    ///
    /// # Cost
    /// Costs one lookup in memory, and the encoding of up to `max_len` bytes. A value of [`Format::Raw`] that
    /// is no byte vector, boxed slice or string is encoded as a whole.
    ///
    /// [`Format::Raw`]: crate::Format::Raw
    pub fn try_get(&self, key: &[u8], max_len: usize) -> Result<MemoryLookup<Vec<u8>>, Error> {
        self.look(key, |found, full| match &found.typed {
            Some(typed) => typed.try_read(&found.detached, full, max_len),
            None => Ok(found.keyspace.presence_in_memory(full)),
        })
    }

    /// Returns the time at which the live entry of a key expires: [`Timestamp::NEVER`] if it never expires.
    /// Returns `None` if the key has no live entry. [`now`](Self::now) has an example.
    ///
    /// # Errors
    /// Returns the same errors as [`info`](Self::info), and [`Error::KeyTooLarge`].
    pub fn expires_at(&self, key: &[u8]) -> Result<Option<Timestamp>, Error> {
        self.look(key, |found, full| Ok(found.keyspace.expires_at_full(full)))
    }

    /// Like [`expires_at`](Self::expires_at), but reads memory only. So the call never waits for the disk.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition, Timestamp};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price").never_expires();
    /// # let cache = Cache::builder().open()?;
    /// use larder::MemoryLookup;
    /// use larder::inspect::KeyShape;
    ///
    /// cache.keyspace(PRICE)?.insert("MTNVTU", 100)?;
    /// let prices = cache.untyped_keyspace("price").pin()?;
    /// let shape: KeyShape = prices.info()?.key_shape.parse()?;
    /// let expires_at = prices.try_expires_at(&shape.parse_key("MTNVTU")?)?;
    /// assert_eq!(expires_at, MemoryLookup::Found(Timestamp::NEVER));
    /// assert_eq!(prices.try_expires_at(&shape.parse_key("GLO")?)?, MemoryLookup::Absent);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`expires_at`](Self::expires_at).
    pub fn try_expires_at(&self, key: &[u8]) -> Result<MemoryLookup<Timestamp>, Error> {
        self.look(key, |found, full| Ok(found.keyspace.expiry_in_memory(full)))
    }

    /// Returns how often a key was used recently, from 0 to 15, as the eviction policy estimates it. Reads
    /// memory only.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let _prices = cache.keyspace(PRICE)?;
    /// let prices = cache.untyped_keyspace("price").pin()?;
    /// assert_eq!(prices.use_frequency(&7_u64.to_be_bytes())?, 0, "memory was never full");
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`info`](Self::info).
    pub fn use_frequency(&self, key: &[u8]) -> Result<u64, Error> {
        Ok(self.current()?.keyspace.use_frequency(EncodedKeyRef(key)))
    }

    /// Returns an iterator over the encoded keys of the live entries, in the order of their bytes. With
    /// `after`, the iterator begins after this key.
    ///
    /// If the application opens another version while the iterator is in use, keys may be missing. A call of
    /// [`info`](Self::info) after the last key then returns [`Error::KeyspaceReplaced`].
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # let cache = Cache::builder().open()?;
    /// use larder::inspect::KeyShape;
    ///
    /// const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// cache.keyspace(PRICE)?.insert_many([("MTNVTU", 100), ("GLO", 90)])?;
    /// let prices = cache.untyped_keyspace("price").pin()?;
    /// let shape: KeyShape = prices.info()?.key_shape.parse()?;
    /// let keys: Vec<_> = prices.keys_after(None)?.map(|key| shape.spell_key(&key)).collect();
    /// assert_eq!(keys, ["GLO", "MTNVTU"]);
    /// assert_eq!(prices.keys_after(Some(&shape.parse_key("GLO")?))?.count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`info`](Self::info), and [`Error::KeyTooLarge`].
    pub fn keys_after(&self, after: Option<&[u8]>) -> Result<UntypedKeys, Error> {
        let keyspace = &self.current()?.keyspace;
        let keys = match after {
            Some(after) => keyspace.keys_after(EncodedKeyRef(after))?,
            None => keyspace.keys(),
        };
        Ok(UntypedKeys(keys))
    }

    /// Looks up a key. If the application has opened the pinned version meanwhile, repeats the lookup.
    pub(super) fn look<R>(
        &self,
        key: &[u8],
        look: impl Fn(&FoundKeyspace, &[u8]) -> Result<R, Error>,
    ) -> Result<R, Error> {
        self.shared().refuse_if_unusable()?;
        let full = self.found.full_key(key)?;
        let mut found = self.found.clone();
        loop {
            let seen = look(&found, full.as_slice());
            let current = self.current()?;
            if Arc::ptr_eq(&current, &found) {
                return seen;
            }
            found = current;
        }
    }

    /// Returns the state of the pinned version. The application may have opened it since.
    pub(super) fn current(&self) -> Result<Arc<FoundKeyspace>, Error> {
        let found = self.search.find()?;
        if found.detached.id == self.found.detached.id {
            Ok(found)
        } else {
            Err(Error::KeyspaceReplaced { name: self.search.name.clone() })
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.search.shared
    }
}

/// An iterator over the encoded keys of the live entries of a keyspace, in the order of their bytes.
/// Returned by [`PinnedKeyspace::keys_after`].
#[derive(Debug)]
pub struct UntypedKeys(Keys<EncodedKey, Box<[u8]>>);

impl UntypedKeys {
    /// Returns whether the iterator has yielded everything so far. Returns false if the file could not be
    /// read, so that keys may be missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.0.is_complete()
    }
}

impl Iterator for UntypedKeys {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        self.0.next().map(|key| key.0)
    }
}
