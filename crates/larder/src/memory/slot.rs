//! What a shard knows of one key, and what is handed in and out of it.

use std::any::Any;
use std::collections::HashMap;

use smallvec::SmallVec;

use super::buffer::BufferRoom;
use super::epochs::EpochToken;
use super::leases::LeaseId;
use super::weight::Weight;
use crate::format::keyspace_id::KeyspaceId;
use crate::format::range_tombstone::RangeTombstone;
use crate::format::record::{Compression, Extension};
use crate::format::stored_key::StoredKey;
use crate::sys::sync::Arc;
use crate::units::Timestamp;

/// A user's value, of the type its keyspace knows.
pub(crate) type Value = Arc<dyn Any + Send + Sync>;

/// A whole key (its keyspace's number, then its own bytes) with its hash: computed once a lookup.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SlotKey<'a> {
    pub(crate) hash: u64,
    pub(crate) bytes: &'a [u8],
}

impl SlotKey<'_> {
    /// The half of the hash that does not choose the shard: the shard's table and its policy go by it.
    pub(crate) const fn short_hash(self) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "the lower half is wanted")]
        let short = self.hash as u32;
        short
    }
}

/// A value that is acknowledged and not yet committed: what the writer needs to make its record.
#[derive(Debug)]
pub(crate) struct Unsaved {
    pub(crate) payload: Vec<u8>,
    pub(crate) compression: Compression,
    pub(crate) extension: Extension,
    pub(crate) version: u32,
    pub(crate) written_at: Timestamp,
    /// Whether the file takes it. One that is too large has no payload: its commit deletes what it replaces.
    pub(crate) fits_file: bool,
    /// Held for as long as the payload is.
    pub(crate) room: BufferRoom,
}

#[cfg(test)]
impl Unsaved {
    pub(crate) fn uncompressed(
        payload: Vec<u8>,
        version: u32,
        written_at: Timestamp,
        room: BufferRoom,
    ) -> Self {
        let (compression, extension) = (Compression::None, Extension::default());
        Self { payload, compression, extension, version, written_at, fits_file: true, room }
    }
}

/// An entry to be stored.
#[derive(Debug)]
pub(crate) struct IncomingEntry {
    pub(crate) value: Value,
    pub(crate) expires_at: Timestamp,
    pub(crate) weight: Weight,
    /// `None` for an entry that is only ever in memory; its weight is then already reserved in the budget.
    pub(crate) unsaved: Option<Arc<Unsaved>>,
}

/// Why a value was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Its lease was revoked.
    Revoked,
    /// It is to be saved, and was not made to be: the disk tier came back meanwhile.
    Unsaved,
    /// Memory has no room for it, and it has no other place.
    NoRoom,
    /// The cache is closed.
    Closed,
}

/// A key of a shard. One line of the processor's cache, and all that a lookup reads.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Slot {
    pub(super) key: StoredKey,
    /// There is one if the slot is clean or dirty.
    pub(super) value: Option<Value>,
    pub(super) expires_at: Timestamp,
    pub(super) sequence: u64,
    /// [`SlotKey::short_hash`]; in a vacant slot, the next vacant one.
    pub(super) hash: u32,
    pub(super) state: SlotState,
    /// Whether a removal that is not committed yet stood here before this: somebody may wait for it, and only
    /// this key's commit makes it hold.
    pub(super) hides_removal: bool,
    /// Whether the slot stands in the dirty list.
    pub(super) is_listed: bool,
}

const _: () = assert!(size_of::<Slot>() == 64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SlotState {
    /// No key's.
    Vacant,
    /// Evictable: on disk, or never to be there. Its weight is charged to the budget.
    Clean,
    /// Pinned until committed. Charged to the write buffer.
    Dirty,
    /// Removed, and pinned until that is committed.
    Tombstone,
}

/// What a dirty slot's value needs besides.
#[derive(Debug)]
pub(super) struct DirtyValue {
    pub(super) unsaved: Arc<Unsaved>,
    pub(super) weight: Weight,
}

/// What a lookup finds in a shard.
#[derive(Debug)]
pub(crate) enum Lookup {
    /// A live value.
    Value(Value, Timestamp),
    /// Nothing live, and nothing live on disk either.
    Negative,
    /// Nothing: the disk knows.
    Unknown(MissToken),
}

/// What is to be known of a key that its shard knows nothing of, before the disk is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MissToken {
    /// The sequence that a record must exceed to be believed.
    pub(crate) min_visible_sequence: u64,
    /// The permission to copy what is found into memory.
    pub(crate) epoch_token: EpochToken,
}

/// What stood in a shard before a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PreviousState {
    /// A live value.
    Live,
    /// An expired value or a tombstone.
    Dead,
    /// Nothing: the disk knows.
    Nothing,
}

/// A dirty key, as the writer gets it.
#[derive(Debug, Clone)]
pub(crate) struct Mutation {
    pub(crate) key: StoredKey,
    pub(crate) sequence: u64,
    pub(crate) change: Change,
    /// Whether a removal that is not committed yet is made by this, if not the change itself.
    pub(crate) hides_removal: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Change {
    Put { unsaved: Arc<Unsaved>, expires_at: Timestamp, weight: Weight },
    Delete,
}

impl Mutation {
    pub(crate) fn is_put(&self) -> bool {
        matches!(self.change, Change::Put { .. })
    }

    /// What the value weighs that becomes clean with this.
    pub(crate) fn weight(&self) -> u64 {
        match &self.change {
            Change::Put { weight, .. } => weight.bytes(),
            Change::Delete => 0,
        }
    }

    /// Whether a removal becomes durable with this, so that somebody may wait for it.
    pub(crate) fn removes(&self) -> bool {
        self.hides_removal || matches!(self.change, Change::Delete)
    }
}

/// What a purge took out of the shards.
#[derive(Debug, Default)]
pub(crate) struct Purged {
    /// Live entries of memory-only keyspaces.
    pub(crate) memory_only: u64,
    /// Keys of the disk tier that memory knew, and whether they were live: what the disk says of these does
    /// not count. All that were not committed yet, and of the others the first, up to a bound.
    pub(crate) memory_keys: Vec<(StoredKey, bool)>,
    /// Live entries beyond that bound. They were committed: the disk has them, unless it evicted them.
    pub(crate) unlisted: u64,
    /// Range removals that were made before and are still pending: what they cover was not there any more.
    pub(crate) earlier: Vec<RangeTombstone>,
}

/// What is to be dropped once the lock is released: a user's `Drop` may call the cache.
#[derive(Debug, Default)]
pub(crate) struct DeferredDrops {
    pub(super) values: SmallVec<[Value; 2]>,
    /// Dropping the last holder of one wakes those who wait for room in the write buffer.
    pub(super) unsaved: SmallVec<[Arc<Unsaved>; 1]>,
    /// Weight to give back to the budget.
    pub(super) weight: u64,
}

impl DeferredDrops {
    /// Takes an entry that was refused.
    pub(super) fn refused(&mut self, entry: IncomingEntry) {
        self.values.push(entry.value);
        self.unsaved.extend(entry.unsaved);
    }

    /// Takes a flight from the lease that it hung on. It may hold a value or an error.
    pub(super) fn flight(&mut self, flight: Option<(LeaseId, Value)>) {
        self.values.extend(flight.map(|(_, flight)| flight));
    }

    /// Keeps that much of the weight that is to be given back for somebody else; all or nothing.
    pub(super) fn give_room(&mut self, weight: u64) -> bool {
        let left = self.weight.checked_sub(weight);
        self.weight = left.unwrap_or(self.weight);
        left.is_some()
    }
}

/// What one keyspace holds in a shard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct KeyspaceUsage {
    pub(crate) entries: u64,
    /// What the clean entries weigh.
    pub(crate) weight: u64,
    /// What the dirty entries weigh, without their encodings.
    pub(crate) unsaved_weight: u64,
    /// Entries removed for room.
    pub(crate) evictions: u64,
    /// Entries removed for age.
    pub(crate) expirations: u64,
}

impl KeyspaceUsage {
    pub(super) fn add(&mut self, other: Self) {
        self.entries += other.entries;
        self.weight += other.weight;
        self.unsaved_weight += other.unsaved_weight;
        self.evictions += other.evictions;
        self.expirations += other.expirations;
    }
}

/// KeyspaceUsages by keyspace, and what all keyspaces have lost.
#[derive(Debug)]
pub(crate) struct KeyspaceUsages {
    by_keyspace: HashMap<KeyspaceId, KeyspaceUsage, ahash::RandomState>,
    evictions: u64,
    expirations: u64,
}

impl Default for KeyspaceUsages {
    fn default() -> Self {
        // Numbers of keyspaces follow one another: nobody can choose them.
        let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
        Self { by_keyspace: HashMap::with_hasher(hasher), evictions: 0, expirations: 0 }
    }
}

impl KeyspaceUsages {
    pub(super) fn add_clean(&mut self, key: &[u8], weight: Weight) {
        let usage = self.of(key);
        (usage.entries, usage.weight) = (usage.entries + 1, usage.weight + weight.bytes());
    }

    pub(super) fn add_dirty(&mut self, key: &[u8], weight: Weight) {
        let usage = self.of(key);
        (usage.entries, usage.unsaved_weight) = (usage.entries + 1, usage.unsaved_weight + weight.bytes());
    }

    pub(super) fn subtract_clean(&mut self, key: &[u8], weight: Weight) {
        let usage = self.of(key);
        (usage.entries, usage.weight) = (usage.entries - 1, usage.weight - weight.bytes());
    }

    pub(super) fn subtract_dirty(&mut self, key: &[u8], weight: Weight) {
        let usage = self.of(key);
        (usage.entries, usage.unsaved_weight) = (usage.entries - 1, usage.unsaved_weight - weight.bytes());
    }

    /// Counts an entry as clean that was counted as dirty.
    pub(super) fn mark_clean(&mut self, key: &[u8], weight: Weight) {
        let (usage, bytes) = (self.of(key), weight.bytes());
        (usage.unsaved_weight, usage.weight) = (usage.unsaved_weight - bytes, usage.weight + bytes);
    }

    fn of(&mut self, key: &[u8]) -> &mut KeyspaceUsage {
        self.by_keyspace.entry(KeyspaceId::of(key)).or_default()
    }

    /// Counts an entry that was removed for room.
    pub(super) fn evicted(&mut self, key: &[u8]) {
        self.of(key).evictions += 1;
        self.evictions += 1;
    }

    /// Counts an entry that was removed for age.
    pub(super) fn expired(&mut self, key: &[u8]) {
        self.of(key).expirations += 1;
        self.expirations += 1;
    }

    /// Returns how many entries were removed for room, and for age.
    pub(super) fn removed(&self) -> (u64, u64) {
        (self.evictions, self.expirations)
    }

    /// Returns the tally of a keyspace.
    pub(super) fn get(&self, id: KeyspaceId) -> KeyspaceUsage {
        self.by_keyspace.get(&id).copied().unwrap_or_default()
    }

    /// Forgets a keyspace that was retired, unless it still holds entries.
    pub(super) fn forget(&mut self, id: KeyspaceId) {
        if self.get(id).entries == 0 {
            self.by_keyspace.remove(&id);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (KeyspaceId, KeyspaceUsage)> + '_ {
        self.by_keyspace.iter().map(|(id, usage)| (*id, *usage))
    }
}
