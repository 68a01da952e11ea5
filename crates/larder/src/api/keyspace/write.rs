//! The calls that store a value. They prepare the value, reserve room for it in the write buffer, and store
//! it in its shard.
//!
//! Every step that can fail comes before the change of the shard. So an insert that returns an error has
//! changed nothing, unless the error is [`Error::NotDurable`] or [`Error::Remote`].

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::change::Change;
use super::change_commit::ChangeCommit;
use super::insert_options::{Durability, InsertOptions};
use super::prepare::{PreparedValue, room_for};
use super::ttl::Ttl;
use crate::engine::closure_keys;
use crate::engine::promotion::Lease;
use crate::error::Error;
use crate::format::key::buffer::KeyBuffer;
use crate::format::key::{EncodeKey, Key};
use crate::format::keyspace_id::LowestTier;
use crate::memory::buffer::BufferRoom;
use crate::memory::entry::{IncomingEntry, Refused, Value};
use crate::memory::evicted_values::EvictedValues;
use crate::memory::grace::Grace;
use crate::memory::lookup::ReadEntry;
use crate::memory::publication::Publication;
use crate::memory::slot_key::SlotKey;
use crate::stats::count::Count;
use crate::sys::at_once::at_once;
use crate::sys::sync::{Arc, thread};
use crate::sys::user_code::HeldValue;

/// The outcome of storing a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InsertOutcome {
    /// The value is stored, and will be committed. In a remote tier, the server has stored the value.
    Saved,
    /// The value is kept in memory only, if memory has room for it.
    InMemory,
    /// The value is not stored, because its lease was revoked, or the entry that was read has changed,
    /// expired or been evicted.
    Revoked,
    /// A loaded value is not stored, because it would be in memory only, and memory has no room for it.
    NoRoom,
    /// The value is not stored, because the caller would have to wait for room in the write buffer, and must
    /// not wait.
    WouldWait,
}

impl InsertOutcome {
    pub(super) fn is_stored(self) -> bool {
        matches!(self, Self::Saved | Self::InMemory)
    }
}

/// The condition under which a value is stored.
#[derive(Clone, Copy)]
pub(super) enum WriteCondition<'a> {
    /// No condition. Used by explicit writes.
    Always,
    /// The lease is still valid. Used by loads.
    Lease(&'a Lease<'a>),
    /// The entry is still the one that was read under a lease. Used by atomic changes.
    Unchanged(ReadCondition<'a>),
}

/// The lease and the entry from which a change was computed.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact about the change, independent of the others"
)]
#[derive(Clone, Copy)]
pub(super) struct ReadCondition<'a> {
    pub(super) lease: &'a Lease<'a>,
    pub(super) read: Option<ReadEntry>,
    /// Whether the entry may be only on disk, so that it must be confirmed there.
    pub(super) may_be_on_disk: bool,
    /// Whether the change keeps the value and changes only its TTL. Then the entry also keeps its load time.
    pub(super) keeps_value: bool,
    /// Whether the change shortens the entry's life. Then the entry also keeps its earlier limits.
    pub(super) shortens_life: bool,
    /// Whether the caller waits for room in the write buffer if the buffer is full.
    pub(super) waits_for_room: bool,
    /// The record that was read from a remote tier.
    pub(super) record: Option<&'a [u8]>,
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Stores a value with the keyspace's TTL. Replaces any previous value of the key.
    ///
    /// When the call returns, every thread sees the value. The value reaches the disk within the flush
    /// interval. A crash before the commit loses the value, and the previous value may then be back
    /// ([contract 4](crate#the-contract)). In a remote tier, the server has the value when the call returns.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    /// prices.insert("MTNVTU", 120)?; // replaces the value
    /// assert_eq!(prices.get("MTNVTU").as_deref(), Some(&120));
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`Error::KeyTooLarge`], [`Error::ValueTooLarge`] (with the setting to raise),
    /// [`Error::Encode`], [`Error::Closed`] or [`Error::Forked`]. Returns [`Error::Reentrant`] in the closure
    /// of an atomic change of the same key. After an error nothing is stored, and the previous entry stays.
    /// But after [`Error::Remote`], the server of a remote tier may have the value. An insert that succeeds
    /// while the cache is being closed is part of the last commit.
    ///
    /// # Cost
    /// Costs one encoding and one exclusive lock of a shard. While the write buffer is full, the insert waits
    /// without holding a lock. A value that is larger than the buffer waits until the buffer is empty. In a
    /// remote tier, the insert waits for the answer to one request.
    pub fn insert(&self, key: impl EncodeKey<K>, value: impl Into<Arc<V>>) -> Result<(), Error> {
        self.insert_with(key, value, InsertOptions::new())
    }

    /// Stores a value with the given TTL and durability.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use larder::{Cache, Durability, InsertOptions, KeyspaceDefinition};
    /// # const TOKEN: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("token");
    /// # let cache = Cache::builder().open()?;
    /// let tokens = cache.keyspace(TOKEN)?;
    /// let options = InsertOptions::new().ttl(Duration::from_secs(30)).durability(Durability::Immediate);
    /// tokens.insert_with(&7, "secret".to_owned(), options)?;
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`insert`](Keyspace::insert). Also returns [`Error::InvalidSetting`] for a
    /// TTL out of range. With [`Durability::Immediate`], returns [`Error::NotDurable`] if the value is in
    /// memory but could not be committed. With a time in the past ([`Ttl::Until`]), returns the same errors
    /// as [`remove`](Keyspace::remove).
    pub fn insert_with(
        &self,
        key: impl EncodeKey<K>,
        value: impl Into<Arc<V>>,
        options: InsertOptions,
    ) -> Result<(), Error> {
        let value = HeldValue::new(value.into());
        self.shared.refuse_if_unusable()?;
        let mut full = KeyBuffer::default();
        self.encode_into(&key, &mut full)?;
        let full = full.as_slice();
        // Most inserts into memory take this shorter path.
        if self.lowest_tier() == LowestTier::Memory && matches!(options.ttl, Ttl::Default) {
            return self.insert_full_in_memory(full, value);
        }
        self.insert_checked(full, value, options, &mut ChangeCommit::OnThread)
    }

    /// Stores the value of a full key. The caller must already have checked for a fork and for a closed
    /// cache. The check is not repeated here, because it would add to the cost of every insert.
    pub(super) fn insert_checked(
        &self,
        full: &[u8],
        value: HeldValue<Arc<V>>,
        options: InsertOptions,
        wait: &mut ChangeCommit,
    ) -> Result<(), Error> {
        let InsertOptions { ttl, durability } = options;
        closure_keys::refuse_in_closure(&self.shared.tiers.memory, |key| key == full)?;
        if !matches!(ttl, Ttl::Default) {
            ttl.check(|| self.now())?;
            if ttl == Ttl::Keep {
                let mut replace = |_: Option<&Arc<V>>, _| Change::Insert(Arc::clone(&value), ttl);
                self.change_by(full, durability, wait, &mut replace)?.drop_caught();
                return Ok(());
            }
            if ttl.is_past(|| self.now()) {
                return self.remove_full(full).map(drop);
            }
        }
        let key = self.slot_key(full);
        match self.lowest_tier() {
            LowestTier::Memory => return self.insert_in_memory(key, value, ttl),
            LowestTier::Remote => return at_once(self.insert_at_server(key, &value, ttl, None)),
            LowestTier::File => {}
        }
        let is_durable = durability == Durability::Immediate && self.is_in_file();
        let created = if is_durable { self.create_file() } else { Ok(()) };
        let write = self.write_to_come(durability);
        let outcome = self.write(key, &value, ttl, durability, None)?;
        self.shared.count(&self.opened.counters, Count::Inserts, key.bytes);
        let is_saved = outcome == InsertOutcome::Saved;
        if is_durable { self.commit_insert((write, is_saved), created, wait) } else { Ok(()) }
    }

    /// Gives a key's live entry the keyspace's TTL, counted from the call. Returns whether there was a live
    /// entry.
    ///
    /// # Errors
    /// Returns the same errors as [`insert`](Keyspace::insert).
    ///
    /// # Cost
    /// Costs a lookup and an insert: the entry is written again.
    pub fn touch(&self, key: impl EncodeKey<K>) -> Result<bool, Error> {
        self.touch_with(key, Ttl::Default)
    }

    /// Sets the TTL of a key's live entry, and keeps its value. Returns whether there was a live entry.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use larder::{Cache, KeyspaceDefinition, Remaining};
    /// # const TOKEN: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("token");
    /// # let cache = Cache::builder().open()?;
    /// let tokens = cache.keyspace(TOKEN)?;
    /// tokens.insert(&7, "secret".to_owned())?;
    /// assert!(tokens.touch_with(&7, Duration::from_secs(30))?);
    /// assert!(tokens.ttl(&7).and_then(Remaining::duration) <= Some(Duration::from_secs(30)));
    /// assert!(!tokens.touch_with(&8, Duration::from_secs(30))?);
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`insert`](Keyspace::insert). Also returns [`Error::InvalidSetting`] for a
    /// TTL out of range. With a time in the past ([`Ttl::Until`]), returns the same errors as
    /// [`remove`](Keyspace::remove).
    ///
    /// # Cost
    /// Costs a lookup and an insert: the entry is written again.
    pub fn touch_with(&self, key: impl EncodeKey<K>, ttl: impl Into<Ttl>) -> Result<bool, Error> {
        let (full, ttl) = (self.encode(&key)?, ttl.into());
        ttl.check(|| self.now())?;
        let mut touch = |value: Option<&Arc<V>>, _| match value {
            Some(value) => Change::Insert(value.clone(), ttl),
            None if ttl.is_past(|| self.now()) => Change::Remove,
            None => Change::Keep,
        };
        let touched = self.change(full.as_slice(), Durability::Buffered, &mut touch)?;
        let is_changed = touched.is_changed();
        touched.drop_caught();
        Ok(is_changed)
    }

    /// Stores a value. With a `lease`, stores it only if the lease is still valid.
    pub(super) fn write(
        &self,
        key: SlotKey<'_>,
        value: &Arc<V>,
        ttl: Ttl,
        durability: Durability,
        lease: Option<&Lease<'_>>,
    ) -> Result<InsertOutcome, Error> {
        let condition = lease.map_or(WriteCondition::Always, WriteCondition::Lease);
        self.write_if(key, value, ttl, durability, condition)
    }

    pub(super) fn write_if(
        &self,
        key: SlotKey<'_>,
        value: &Arc<V>,
        ttl: Ttl,
        durability: Durability,
        mut condition: WriteCondition<'_>,
    ) -> Result<InsertOutcome, Error> {
        if self.is_remote() {
            return at_once(self.write_remote(key, value, ttl, condition));
        }
        loop {
            let mut prepared = self.prepare(key, value, durability)?;
            if let WriteCondition::Unchanged(ReadCondition { waits_for_room: false, .. }) = condition
                && !self.reserve_at_once(key, &mut prepared)
            {
                return Ok(InsertOutcome::WouldWait);
            }
            match self.store(key, Some(value.clone()), prepared, ttl, condition) {
                Ok(outcome) => return Ok(outcome),
                Err(Refused::Revoked) => return Ok(InsertOutcome::Revoked),
                Err(Refused::Unconfirmed) => match &mut condition {
                    WriteCondition::Unchanged(read) if !read.may_be_on_disk && self.is_in_file() => {
                        read.may_be_on_disk = true;
                    }
                    _ => return Ok(InsertOutcome::Revoked),
                },
                Err(Refused::NoRoom) if matches!(condition, WriteCondition::Lease(_)) => {
                    return Ok(InsertOutcome::NoRoom);
                }
                Err(Refused::NoRoom) => return Ok(InsertOutcome::InMemory),
                // The disk tier recovered after the value was prepared. Prepare the value again, so that it
                // is saved.
                Err(Refused::Unsaved) => thread::yield_now(),
                Err(Refused::Closed) => return Err(Error::Closed),
            }
        }
    }

    /// Stores a value, or an absence, under a condition.
    pub(super) fn store(
        &self,
        key: SlotKey<'_>,
        value: Option<Arc<V>>,
        prepared: PreparedValue,
        ttl: Ttl,
        condition: WriteCondition<'_>,
    ) -> Result<InsertOutcome, Refused> {
        let tiers = &self.shared.tiers;
        // Dropped last, because a user's `Drop` may wait for room. Before that, the value must be stored and
        // the writer thread must be awake, so that it can free room.
        let mut evicted_values = EvictedValues::default();
        let PreparedValue { weight, payload, page_beyond_file, room } = prepared;
        let read = if let WriteCondition::Unchanged(read) = condition { read.read } else { None };
        let (now, ends_at) = self.expiry_after_write(key, ttl, read);
        let load_time = match condition {
            WriteCondition::Lease(lease) => lease.load_time,
            WriteCondition::Unchanged(change) if change.keeps_value => read.and_then(|read| read.load_time),
            WriteCondition::Unchanged(_) | WriteCondition::Always => None,
        };
        let (expires_at, extras) = match (&value, condition) {
            (None, _) => (ends_at, None),
            (_, WriteCondition::Unchanged(ReadCondition { shortens_life: true, read: Some(read), .. })) => {
                self.shortened_expiry(now, ends_at, read)
            }
            _ => self.first_expiry(now, ends_at, load_time),
        };
        let unsaved = payload.and_then(|payload| {
            let bytes = room_for(key.bytes.len(), &payload.bytes, weight);
            let room = room.or_else(|| self.reserve(bytes, &mut evicted_values))?;
            Some(self.unsaved((weight, payload), now, room, None, extras))
        });
        let is_saved = unsaved.is_some();
        let grace = value.as_ref().map_or(Grace::NONE, |_| Grace::at_least(self.definition.stale_for()));
        let value = value.map(|value| value as Value);
        let entry = IncomingEntry { value, expires_at, grace, weight, unsaved, extras };
        let stored = match condition {
            WriteCondition::Always => tiers.memory.store_entry(key, entry, now, &mut evicted_values),
            WriteCondition::Lease(lease) => {
                tiers.memory.fill_entry(key, lease.id, entry, &mut evicted_values)
            }
            WriteCondition::Unchanged(read) => self.publish(key, read, |publication| {
                tiers.memory.publish_entry(key, publication, entry, &mut evicted_values)
            }),
        };
        if is_saved {
            self.wake_writer();
        }
        stored?;
        tiers.sweeper.plan(grace.after(expires_at));
        if let Some(page) = page_beyond_file.filter(|_| is_saved) {
            self.note_beyond_file(key, page);
        }
        Ok(if is_saved { InsertOutcome::Saved } else { InsertOutcome::InMemory })
    }

    /// Calls `publish` with the conditions for a change. If the entry may be only on disk, first confirms it
    /// there.
    pub(super) fn publish<R>(
        &self,
        key: SlotKey<'_>,
        condition: ReadCondition<'_>,
        publish: impl FnOnce(Publication<'_>) -> R,
    ) -> R {
        let tiers = &self.shared.tiers;
        let ReadCondition { lease, read, may_be_on_disk, .. } = condition;
        let sequence = read.filter(|_| may_be_on_disk).map(|read| read.sequence);
        let snapshot = sequence.and_then(|sequence| tiers.confirm(key, sequence));
        let is_on_disk = || snapshot.as_ref().is_some_and(|snapshot| tiers.may_change_from(snapshot));
        publish(Publication { lease: lease.id, read, now: &|| self.now(), is_on_disk: &is_on_disk })
    }

    /// See [`Tiers::wake_writer_for_room`](crate::engine::tiers::Tiers::wake_writer_for_room).
    pub(super) fn wake_writer(&self) {
        self.shared.tiers.wake_writer_for_room();
    }

    /// See [`Tiers::reserve`](crate::engine::tiers::Tiers::reserve).
    pub(super) fn reserve(&self, bytes: u64, evicted_values: &mut EvictedValues) -> Option<BufferRoom> {
        self.shared.tiers.reserve(bytes, evicted_values)
    }
}
