//! The calls of an untyped handle on a keyspace: those that need the types of the application, through
//! [`TypedCalls`], and those that need no types, through a [`BytesKeyspace`].
//!
//! All handles of a keyspace must have the same types, because memory holds values of one type. A
//! [`BytesKeyspace`] is not in the list of open keyspaces, and puts no value into memory. So it may have
//! other types.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::calls_of_types::CallsOfTypes;
use super::change::Change;
use super::definition::KeyspaceDefinition;
use super::insert_options::Durability;
use super::ttl::Ttl;
use crate::engine::keyspaces::open_keyspace::{MemoryLookup, OpenKeyspace, Shortened, TypedCalls};
use crate::engine::shared::Shared;
use crate::error::Error;
use crate::format::codec;
use crate::format::codec::format::Format;
use crate::format::key::bytes::{KeyReader, KeyWriter};
use crate::format::key::error::KeyError;
use crate::format::key::{EncodeKey, Key};
use crate::memory::evicted_values::EvictedValues;
use crate::memory::lookup::Lookup;
use crate::sys::sync::Arc;
use crate::sys::user_code::HeldValue;
use crate::units::Timestamp;

/// The encoded bytes of a key of any type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EncodedKey(pub(crate) Vec<u8>);

impl Key for EncodedKey {
    fn shape() -> String {
        String::new()
    }

    fn decode(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
        Ok(Self(reader.rest().to_vec()))
    }
}

impl EncodeKey<Self> for EncodedKey {
    fn encode(&self, out: &mut KeyWriter) {
        out.push(&self.0);
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct EncodedKeyRef<'a>(pub(crate) &'a [u8]);

impl EncodeKey<EncodedKey> for EncodedKeyRef<'_> {
    fn encode(&self, out: &mut KeyWriter) {
        out.push(self.0);
    }
}

/// A keyspace whose keys are encoded bytes. If only the file has the keyspace, its values are the encoded
/// bytes too, because a record of any format decodes as raw bytes.
pub(crate) type BytesKeyspace = Keyspace<EncodedKey, Box<[u8]>>;

impl BytesKeyspace {
    const DEFINITION: KeyspaceDefinition<EncodedKey, Box<[u8]>> =
        KeyspaceDefinition::new("untyped").never_expires().format(Format::Raw);

    /// Returns a handle to a detached keyspace.
    pub(crate) fn of_bytes(shared: &Arc<Shared>, detached: Arc<OpenKeyspace>) -> Self {
        Self::of(shared.clone(), detached, Self::DEFINITION)
    }

    /// Returns the encoded value of a full key from the file. The caller checks that the application has not
    /// opened the keyspace meanwhile, because this call does not find a value of another type in memory.
    pub(crate) fn read_bytes(&self, full: &[u8]) -> Option<Vec<u8>> {
        let (found, _) = self.look_in_both(|| self.peek_full(full));
        found.map(|value| value.to_vec())
    }

    pub(crate) fn expires_at_full(&self, full: &[u8]) -> Option<Timestamp> {
        let now = self.now();
        self.look_in_both(|| self.expiry_of(full, now)).0
    }

    /// Returns the expiry of a full key, if memory has the entry.
    pub(crate) fn expiry_in_memory(&self, full: &[u8]) -> MemoryLookup<Timestamp> {
        self.peek_expiry(full).map_or_else(|found| self.without_value(full, &found), MemoryLookup::Found)
    }

    /// Returns whether memory knows that a full key is absent, for a keyspace that only the file has. If
    /// memory has a value, the application has opened the keyspace meanwhile, and only its types can encode
    /// the value.
    pub(crate) fn presence_in_memory(&self, full: &[u8]) -> MemoryLookup<Vec<u8>> {
        self.peek_expiry(full)
            .map_or_else(|found| self.without_value(full, &found), |_| MemoryLookup::Unknown)
    }

    /// Takes no handle of the value. It could become the last handle, and only code that knows the value's
    /// type can pass the value to another thread to drop it there.
    fn peek_expiry(&self, full: &[u8]) -> Result<Timestamp, Lookup> {
        let memory = &self.shared.tiers.memory;
        memory.peek_expiry(memory.key(full), self.now())
    }
}

impl<K: Key, V: Send + Sync + 'static> Keyspace<K, V> {
    /// Converts the result of a lookup in memory that has found no value of this type.
    fn without_value<R>(&self, full: &[u8], found: &Lookup) -> MemoryLookup<R> {
        let tiers = &self.shared.tiers;
        let may_be_on_disk = |miss| {
            self.is_in_file() && tiers.has_disk() && tiers.may_be_on_disk(tiers.memory.key(full), miss)
        };
        match found {
            Lookup::Unknown(miss) if may_be_on_disk(*miss) => MemoryLookup::Unknown,
            Lookup::Absent(_) | Lookup::Negative | Lookup::Unknown(_) => MemoryLookup::Absent,
            Lookup::Value(..) => MemoryLookup::Unknown,
        }
    }

    /// Calls `read` with a value, on an event loop. If `value` is the last handle afterwards, the sweeper
    /// thread drops the value, because the user's `Drop` may wait for the disk.
    fn read_lent<R>(&self, value: Arc<V>, read: impl FnOnce(&V) -> R) -> R {
        let result = catch_unwind(AssertUnwindSafe(|| read(&value)));
        // Of two threads that drop their handles at the same time, exactly one drops the value.
        if let Some(value) = Arc::into_inner(value) {
            let mut dropped = EvictedValues::default();
            dropped.push(Arc::new(value));
            self.shared.tiers.sweeper.drop_values(dropped);
        }
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> CallsOfTypes<K, V> {
    fn keyspace(&self, detached: &Arc<OpenKeyspace>) -> Result<Keyspace<K, V>, Error> {
        let shared = self.shared.upgrade().ok_or(Error::Closed)?;
        Ok(Keyspace::of(shared, detached.clone(), self.definition))
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> TypedCalls for CallsOfTypes<K, V> {
    fn read(&self, detached: &Arc<OpenKeyspace>, full: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let keyspace = self.keyspace(detached)?;
        let (found, _) = keyspace.look_in_both(|| keyspace.peek_full(full));
        let Some(value) = found.map(HeldValue::new) else { return Ok(None) };
        let encoded = codec::encode(detached.kind.format, &**value);
        let encoded = encoded.map_err(|cause| Error::Encode { keyspace: detached.name.clone(), cause })?;
        Ok(Some(encoded.payload))
    }

    fn try_read(
        &self,
        detached: &Arc<OpenKeyspace>,
        full: &[u8],
        max_len: usize,
    ) -> Result<MemoryLookup<Vec<u8>>, Error> {
        let keyspace = self.keyspace(detached)?;
        let memory = &keyspace.shared.tiers.memory;
        let value = match memory.peek(memory.key(full), keyspace.now()) {
            Lookup::Value(value, _) => Keyspace::<K, V>::typed(value),
            found => return Ok(keyspace.without_value(full, &found)),
        };
        let Some(value) = value else { return Ok(MemoryLookup::Unknown) };
        let encode = |value: &V| codec::encode_up_to(detached.kind.format, value, max_len);
        let encoded = keyspace.read_lent(value, encode);
        let encoded = encoded.map_err(|cause| Error::Encode { keyspace: detached.name.clone(), cause })?;
        Ok(encoded.map_or(MemoryLookup::TooLong, MemoryLookup::Found))
    }

    fn shorten(
        &self,
        detached: &Arc<OpenKeyspace>,
        full: &[u8],
        expires_at: Timestamp,
    ) -> Result<Shortened, Error> {
        let keyspace = self.keyspace(detached)?;
        let ttl = Ttl::Until(expires_at);
        ttl.check(|| keyspace.now())?;
        if ttl.is_past(|| keyspace.now()) {
            let removed = keyspace.change(full, Durability::Buffered, &mut |_, _| Change::Remove)?;
            let shortened = if removed.is_changed() { Shortened::Done } else { Shortened::Missing };
            removed.drop_caught();
            return Ok(shortened);
        }
        keyspace.shorten_life(full, |entry| (entry.ends_at > expires_at).then_some(expires_at))
    }
}
