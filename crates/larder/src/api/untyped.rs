//! A handle to a keyspace by its name, without the types of its keys and values.
//!
//! Each call finds the keyspace again, by its name:
//!
//! 1. If the application has opened the keyspace, the call uses the types of the application, under the locks
//!    and the memory tier that the application's handles use.
//! 2. If only the file has the keyspace, the call reads records and removes keys. No value is put into
//!    memory, because a later handle of the application could not read a value of another type.
//!
//! A handle keeps nothing open. If a lookup finds nothing, the application may have opened the keyspace since
//! (2), so the lookup is repeated if the keyspace is another one by then.

use super::keyspace::iterate::Keys;
use super::keyspace::untyped_calls::{BytesKeyspace, EncodedKey, EncodedKeyRef};
use crate::engine::keyspaces::open_keyspace::{KeyspaceType, OpenKeyspace, Shortened, TypedCalls};
use crate::engine::removal::Removal;
use crate::engine::shared::Shared;
use crate::error::Error;
use crate::format::codec::erased::ErasedCodec;
use crate::format::codec::format::Format;
use crate::format::key::buffer::KeyBuffer;
use crate::format::keyspace_id::LowestTier;
use crate::sys::sync::{Arc, Mutex};
use crate::units::Timestamp;

const NOT_OPENED: &str =
    "this process has not opened it; remove the entry instead, or call in the application";

/// A handle to a keyspace by its name, for code that does not know the keyspace's types, such as a server for
/// other processes. [`Cache::untyped_keyspace`](crate::Cache::untyped_keyspace) returns it.
///
/// Keys are encoded bytes: [`KeyShape`](crate::inspect::KeyShape) encodes and spells them. Values are encoded
/// bytes too. The handle can read, remove, and shorten the life of an entry. It can't store values, because
/// only the application's types can tell whether bytes are a value.
///
/// Removals have the contract of [`Keyspace::remove`](crate::Keyspace::remove): they are durable when the
/// call returns, and a load that began before can't bring the old value back. They remove the named keys
/// only. If an application removes further entries together with a key, such as the lists that contain a
/// product, its own calls must do this.
///
/// Statistics count neither the lookups nor the removals of this handle. A memory-only keyspace can be
/// reached only while it is open. A keyspace in a remote tier is refused.
#[derive(Debug)]
pub struct UntypedKeyspace {
    shared: Arc<Shared>,
    name: String,
    /// The result of the latest search for the keyspace. Reused while the name still belongs to the same
    /// keyspace.
    latest: Mutex<Option<Arc<FoundKeyspace>>>,
}

#[derive(Debug)]
pub(crate) struct FoundKeyspace {
    pub(crate) keyspace: BytesKeyspace,
    detached: Arc<OpenKeyspace>,
    /// The calls with the application's types. `None` if the application has not opened the keyspace.
    typed: Option<Arc<dyn TypedCalls>>,
}

/// The description of a keyspace, from [`UntypedKeyspace::info`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UntypedInfo {
    /// The name of the keyspace.
    pub name: String,
    /// Whether the application has opened the keyspace.
    pub is_open: bool,
    /// Whether the keyspace is in memory only.
    pub is_memory_only: bool,
    /// The version of the values' shape.
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

impl UntypedKeyspace {
    pub(crate) fn new(shared: &Arc<Shared>, name: String) -> Self {
        Self { shared: shared.clone(), name, latest: Mutex::new(None) }
    }

    /// Returns the name of the keyspace.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the description of the keyspace.
    ///
    /// # Errors
    /// Returns [`Error::UnknownKeyspace`] if the application has not opened the keyspace and the file does
    /// not have it. Also returns [`Error::NotRemote`], [`Error::Closed`] and [`Error::Forked`].
    pub fn info(&self) -> Result<UntypedInfo, Error> {
        let found = self.find()?;
        let of = &found.detached;
        let row = self.shared.tiers.disk.with_status(|status| status.keyspaces.get(&self.name).cloned());
        let row = row.filter(|row| row.id == of.id);
        // The schema in the file takes precedence over the definition's, as for a reader of the file.
        let schema = row.as_ref().map_or(of.schema.map(str::to_owned), |row| row.schema.clone());
        Ok(UntypedInfo {
            name: self.name.clone(),
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
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.tiers.time.now()
    }

    /// Returns the live value of a key, as the keyspace's format encodes it, uncompressed.
    ///
    /// A key without a live entry, a damaged record and a failing disk are misses, as in a lookup of the
    /// application. The lookup copies nothing into memory.
    ///
    /// # Errors
    /// Returns the same errors as [`info`](Self::info), and [`Error::KeyTooLarge`]. Returns
    /// [`Error::Encode`] if the value is in memory only and its format can't write it.
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

    /// Returns the time at which the live entry of a key expires: [`Timestamp::NEVER`] if it never expires.
    /// Returns `None` if the key has no live entry.
    ///
    /// # Errors
    /// Returns the same errors as [`info`](Self::info), and [`Error::KeyTooLarge`].
    pub fn expires_at(&self, key: &[u8]) -> Result<Option<Timestamp>, Error> {
        self.look(key, |found, full| Ok(found.keyspace.expires_at_full(full)))
    }

    /// Returns how often a key was used recently, from 0 to 15, as the eviction estimates it.
    ///
    /// # Errors
    /// Returns the same errors as [`info`](Self::info).
    pub fn use_frequency(&self, key: &[u8]) -> Result<u64, Error> {
        Ok(self.find()?.keyspace.use_frequency(EncodedKeyRef(key)))
    }

    /// Returns an iterator over the keys of the live entries, as encoded bytes in their order. With `after`,
    /// the iterator begins after this key.
    ///
    /// # Errors
    /// Returns the same errors as [`info`](Self::info), and [`Error::KeyTooLarge`].
    pub fn keys_after(&self, after: Option<&[u8]>) -> Result<UntypedKeys, Error> {
        let keyspace = &self.find()?.keyspace;
        let keys = match after {
            Some(after) => keyspace.keys_after(EncodedKeyRef(after))?,
            None => keyspace.keys(),
        };
        Ok(UntypedKeys(keys))
    }

    /// Removes the entry of a key. Returns whether the key had a live entry. The removal is durable when the
    /// call returns, as with [`Keyspace::remove`](crate::Keyspace::remove). To remove several keys with one
    /// commit, use [`Invalidation::remove_untyped`](crate::Invalidation::remove_untyped).
    ///
    /// # Errors
    /// Returns the same errors as [`info`](Self::info) and [`Keyspace::remove`](crate::Keyspace::remove).
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub fn remove(&self, key: &[u8]) -> Result<bool, Error> {
        let found = self.find()?;
        let full = found.full_key(key)?;
        let removal = Removal::Key { counters: &found.detached.counters, full: full.as_slice() };
        Ok(self.shared.invalidate([removal])? > 0)
    }

    /// Removes every entry of the keyspace. Returns the number of live entries removed. The removal is
    /// durable when the call returns.
    ///
    /// # Errors
    /// Returns the same errors as [`remove`](Self::remove).
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub fn clear(&self) -> Result<u64, Error> {
        let found = self.find()?;
        let scope = found.keyspace.whole_scope();
        self.shared.invalidate([Removal::Scope { counters: &found.detached.counters, scope }])
    }

    /// Sets the expiry of the live entry of a key, unless the entry expires earlier anyway. A time that has
    /// passed removes the entry, durably.
    ///
    /// A later expiry is refused, because the application decides how long its values are valid. The new
    /// expiry is on disk within the flush interval, as with [`Keyspace::touch`](crate::Keyspace::touch).
    /// Until the call returns, opening another version of the keyspace waits.
    ///
    /// # Errors
    /// Returns the same errors as [`remove`](Self::remove). Returns [`Error::NeedsTypes`] if the application
    /// has not opened the keyspace, and [`Error::InvalidSetting`] for a time more than ten years ahead.
    pub fn shorten(&self, key: &[u8], expires_at: Timestamp) -> Result<Shortened, Error> {
        loop {
            let found = self.find()?;
            let full = found.full_key(key)?;
            let Some(typed) = &found.typed else {
                return Err(Error::NeedsTypes { keyspace: self.name.clone(), cause: NOT_OPENED });
            };
            if let Some(_entered) = found.detached.typed_changes.enter() {
                return typed.shorten(&found.detached, full.as_slice(), expires_at);
            }
            // Another version is being opened. If this fails, the present version stays.
            self.shared.keyspaces.await_opening(&self.name);
        }
    }

    /// Looks up a key. If nothing is found, finds the keyspace again, and repeats the lookup if the keyspace
    /// is another one by then.
    fn look<R>(
        &self,
        key: &[u8],
        look: impl Fn(&FoundKeyspace, &[u8]) -> Result<Option<R>, Error>,
    ) -> Result<Option<R>, Error> {
        let mut found = self.find()?;
        loop {
            if let Some(seen) = look(&found, found.full_key(key)?.as_slice())? {
                return Ok(Some(seen));
            }
            let again = self.find()?;
            if Arc::ptr_eq(&again, &found) {
                return Ok(None);
            }
            found = again;
        }
    }

    pub(crate) fn find(&self) -> Result<Arc<FoundKeyspace>, Error> {
        self.shared.refuse_if_unusable()?;
        let latest = self.latest.lock().clone();
        let found = self.open_by_name(latest.as_ref()).or_else(|| self.in_file(latest.as_ref()));
        let Some(found) = found else { return Err(Error::UnknownKeyspace { name: self.name.clone() }) };
        if found.detached.id.is_remote() {
            let remedy = "ask the server of the remote tier";
            return Err(Error::NotRemote { what: "an untyped handle", remedy });
        }
        if latest.is_none_or(|latest| !Arc::ptr_eq(&latest, &found)) {
            *self.latest.lock() = Some(found.clone());
        }
        Ok(found)
    }

    /// Finds the keyspace if the application has opened it. Returns `latest` if that is still the keyspace.
    fn open_by_name(&self, latest: Option<&Arc<FoundKeyspace>>) -> Option<Arc<FoundKeyspace>> {
        let open_keyspaces = self.shared.keyspaces.by_name.lock();
        let open = open_keyspaces.get(&self.name)?;
        let is_same = |latest: &&Arc<FoundKeyspace>| {
            let of = &latest.detached;
            Arc::ptr_eq(&of.typed_changes, &open.typed_changes) && of.keeps_extras() == open.keeps_extras()
        };
        if let Some(latest) = latest.filter(is_same) {
            return Some(latest.clone());
        }
        let (detached, typed) = (open.detached(), open.typed_calls.clone());
        drop(open_keyspaces);
        Some(self.found(detached, typed))
    }

    /// Finds the keyspace if only the file has it.
    fn in_file(&self, latest: Option<&Arc<FoundKeyspace>>) -> Option<Arc<FoundKeyspace>> {
        let row = self.shared.tiers.disk.with_status(|status| status.keyspaces.get(&self.name).cloned())?;
        let is_same = |latest: &&Arc<FoundKeyspace>| {
            let of = &latest.detached;
            latest.typed.is_none() && of.id == row.id && of.kind.version == row.version
        };
        if let Some(latest) = latest.filter(is_same) {
            return Some(latest.clone());
        }
        let kind = KeyspaceType::new::<EncodedKey, Box<[u8]>>(row.version, Format::Raw, false);
        let codec = ErasedCodec::of::<Box<[u8]>>(Format::Raw);
        Some(self.found(OpenKeyspace::of_file(&self.name, row.id, kind, &row.shape, codec), None))
    }

    fn found(&self, detached: OpenKeyspace, typed: Option<Arc<dyn TypedCalls>>) -> Arc<FoundKeyspace> {
        let detached = Arc::new(detached);
        let keyspace = BytesKeyspace::of_bytes(&self.shared, detached.clone());
        Arc::new(FoundKeyspace { keyspace, detached, typed })
    }
}

impl FoundKeyspace {
    pub(crate) fn full_key(&self, key: &[u8]) -> Result<KeyBuffer, Error> {
        self.keyspace.encode(&EncodedKeyRef(key))
    }
}

/// An iterator over the encoded keys of the live entries of a keyspace, in their order. Returned by
/// [`UntypedKeyspace::keys_after`].
#[derive(Debug)]
pub struct UntypedKeys(Keys<EncodedKey, Box<[u8]>>);

impl UntypedKeys {
    /// Returns whether the iterator has yielded everything so far. Returns false if the file could not be
    /// read, so that keys may be missing.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.0.is_complete()
    }
}

impl Iterator for UntypedKeys {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        self.0.next().map(|key| key.0)
    }
}

#[cfg(test)]
mod tests;
