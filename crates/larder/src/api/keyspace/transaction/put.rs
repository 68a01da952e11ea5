//! A value that a transaction will store.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::keyspace::Keyspace;
use crate::api::keyspace::insert_options::Durability;
use crate::api::keyspace::prepare::{EncodedValue, PreparedValue, room_for};
use crate::api::keyspace::ttl::Ttl;
use crate::error::Error;
use crate::format::key::Key;
use crate::memory::buffer::BufferRoom;
use crate::memory::entry::{IncomingEntry, Value};
use crate::memory::grace::Grace;
use crate::memory::group::Group;
use crate::memory::lookup::ReadEntry;
use crate::memory::slot_key::SlotKey;
use crate::remote::tier::CommitChange;
use crate::sys::sync::Arc;
use crate::units::Timestamp;

/// The sizes of a value that will be saved.
#[derive(Debug, Clone, Copy)]
pub(super) struct PutSize {
    /// The length of the encoding in bytes.
    pub(super) payload: u64,
    /// The number of bytes in the write buffer.
    pub(super) room: u64,
}

/// A value to store. The trait hides the types of its keyspace.
pub(super) trait PendingPut {
    fn value(&self) -> Value;

    fn ttl(&self) -> Ttl;

    /// Returns the expiry that the entry would have if it replaced `read` now.
    fn ends_at(&self, key: SlotKey<'_>, read: Option<ReadEntry>) -> Timestamp;

    /// Prepares the value, for the current state of the disk tier. Refuses a value that is too large for the
    /// file, because a crash would lose it.
    fn prepare(&mut self, key: SlotKey<'_>) -> Result<(), Error>;

    /// Returns the size of the prepared value for a key of this length, or `None` if it will not be saved.
    fn size(&self, key_len: usize) -> Option<PutSize>;

    fn weight(&self) -> u64;

    /// Converts the prepared value into an entry that replaces `read`. `saved` is the room and the group of a
    /// value that will be saved.
    fn take_entry(
        &mut self,
        key: SlotKey<'_>,
        read: Option<ReadEntry>,
        saved: Option<(BufferRoom, Option<Arc<Group>>)>,
    ) -> Option<IncomingEntry>;

    /// Converts the prepared value into the change at the server that replaces `read`, whose record is
    /// `record`.
    fn take_change(
        &mut self,
        key: SlotKey<'_>,
        read: Option<ReadEntry>,
        record: Option<&[u8]>,
    ) -> Option<CommitChange>;
}

pub(super) struct TypedPut<K, V> {
    keyspace: Keyspace<K, V>,
    value: Arc<V>,
    ttl: Ttl,
    prepared: Option<PreparedValue>,
    /// The encoding for the server, in a remote keyspace.
    encoded: Option<EncodedValue>,
}

impl<K, V> TypedPut<K, V> {
    pub(super) fn new(keyspace: Keyspace<K, V>, value: Arc<V>, ttl: Ttl) -> Self {
        Self { keyspace, value, ttl, prepared: None, encoded: None }
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> PendingPut for TypedPut<K, V> {
    fn value(&self) -> Value {
        self.value.clone()
    }

    fn ttl(&self) -> Ttl {
        self.ttl
    }

    fn ends_at(&self, key: SlotKey<'_>, read: Option<ReadEntry>) -> Timestamp {
        let (now, ends_at) = self.keyspace.expiry_after_write(key, self.ttl, read);
        self.keyspace.first_expiry(now, ends_at, None).0
    }

    fn prepare(&mut self, key: SlotKey<'_>) -> Result<(), Error> {
        if self.keyspace.is_remote() {
            self.encoded = Some(self.keyspace.encode_to_send(&self.value)?);
            return Ok(());
        }
        self.prepared = Some(self.keyspace.prepare(key, &self.value, Durability::Immediate)?);
        Ok(())
    }

    fn size(&self, key_len: usize) -> Option<PutSize> {
        let PreparedValue { weight, payload, .. } = self.prepared.as_ref()?;
        let bytes = &payload.as_ref()?.bytes;
        Some(PutSize { payload: bytes.len() as u64, room: room_for(key_len, bytes, *weight) })
    }

    fn weight(&self) -> u64 {
        self.prepared.as_ref().map_or(0, |prepared| prepared.weight.bytes())
    }

    fn take_entry(
        &mut self,
        key: SlotKey<'_>,
        read: Option<ReadEntry>,
        saved: Option<(BufferRoom, Option<Arc<Group>>)>,
    ) -> Option<IncomingEntry> {
        let PreparedValue { weight, payload, .. } = self.prepared.take()?;
        let (now, ends_at) = self.keyspace.expiry_after_write(key, self.ttl, read);
        let (expires_at, extras) = self.keyspace.first_expiry(now, ends_at, None);
        let grace = Grace::at_least(self.keyspace.definition.stale_for());
        let unsaved = payload.zip(saved).map(|(payload, (room, group))| {
            self.keyspace.unsaved((weight, payload), now, room, group, extras)
        });
        let value = Some(self.value.clone() as Value);
        Some(IncomingEntry { value, expires_at, grace, weight, unsaved, extras })
    }
    fn take_change(
        &mut self,
        key: SlotKey<'_>,
        read: Option<ReadEntry>,
        record: Option<&[u8]>,
    ) -> Option<CommitChange> {
        let encoded = self.encoded.take()?;
        Some(self.keyspace.outgoing_change(key, encoded, self.ttl, (read, record)))
    }
}
