//! Changes of one key at the server.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::keyspace::Keyspace;
use crate::api::keyspace::prepare::EncodedValue;
use crate::api::keyspace::read::LeasedRead;
use crate::api::keyspace::read::ReadValue;
use crate::api::keyspace::ttl::Ttl;
use crate::api::keyspace::write::{InsertOutcome, ReadCondition, WriteCondition};
use crate::engine::promotion::Lease;
use crate::engine::remote::batch_room::{BatchRoom, TakenRoom};
use crate::engine::remote::link::RemoteLink;
use crate::engine::remote::lookup::{RemoteRead, checked_key, is_plain};
use crate::error::Error;
use crate::error::remote_error::{RemoteError, RemoteErrorKind};
use crate::format::codec;
use crate::format::key::Key;
use crate::format::record;
use crate::format::record::{FORMAT, Header, record_len};
use crate::memory::evicted_values::EvictedValues;
use crate::memory::extras::EntryExtras;
use crate::memory::lookup::ReadEntry;
use crate::memory::slot_key::SlotKey;
use crate::remote::tier::{CommitChange, HardLimit, IdleLife, Life, RemoteTier, SetCondition};
use crate::sys::sync::Arc;
use crate::sys::user_code::HeldValue;
use crate::units::Timestamp;

/// Maximum number of rounds that an atomic change may lose. In each of them, another client has changed the
/// key at the server. Even if 100 other clients change the key, a change does not lose so many rounds. So the
/// server must be broken.
pub(super) const MAX_LOST: u32 = 10_000;

pub(super) struct OutgoingRecord {
    pub(super) bytes: Vec<u8>,
    pub(super) encoded_len: usize,
    pub(super) life: Life,
    pub(super) expires_at: Timestamp,
    pub(super) extras: Option<EntryExtras>,
}

/// When a record is written, and when it expires.
#[derive(Clone, Copy)]
pub(super) struct OutgoingLife {
    written_at: Timestamp,
    expires_at: Timestamp,
    extras: EntryExtras,
    /// Whether the hard limit is that of the record that is replaced.
    keeps_limit: bool,
}

impl OutgoingLife {
    /// For a value, `expires_at` and `extras` come from [`first_expiry`](Keyspace::first_expiry) or
    /// [`shortened_expiry`](Keyspace::shortened_expiry).
    fn new(
        written_at: Timestamp,
        (expires_at, extras): (Timestamp, Option<EntryExtras>),
        load_time: Option<Duration>,
    ) -> Self {
        let extras = extras.unwrap_or_else(|| EntryExtras::new(written_at, load_time, Timestamp::ZERO));
        Self { written_at, expires_at, extras, keeps_limit: false }
    }

    /// Returns how long the server keeps the record: for its life, and then for `grace`. Returns `None` if
    /// both have already ended.
    fn at_server(self, grace: Duration) -> Option<Life> {
        let Self { written_at, expires_at, extras, keeps_limit } = self;
        if extras.is_extended_by_uses() && expires_at > written_at {
            let limit = match extras.ends_at {
                _ if keeps_limit => HardLimit::Keep,
                Timestamp::NEVER => HardLimit::Never,
                ends_at => HardLimit::For(ends_at.since(written_at)),
            };
            return Some(Life::WhileUsed(IdleLife { left: expires_at.since(written_at), limit, grace }));
        }
        if expires_at == Timestamp::NEVER {
            return Some(Life::Never);
        }
        let ends_at = expires_at.after(grace);
        (ends_at > written_at).then(|| Life::For(ends_at.since(written_at)))
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Returns the life of a record that is written now, and that has the hard limit `ends_at`. An absence
    /// has no time to idle.
    pub(super) fn outgoing_life(
        &self,
        value: Option<&Arc<V>>,
        (now, ends_at): (Timestamp, Timestamp),
        load_time: Option<Duration>,
    ) -> OutgoingLife {
        let expiry = match value {
            Some(_) => self.first_expiry(now, ends_at, load_time),
            None => (ends_at, None),
        };
        OutgoingLife::new(now, expiry, load_time)
    }

    /// Returns the record of a value or an absence. Returns `None` if its expiry is in the past, and so is
    /// the end of its grace.
    pub(super) fn outgoing(
        &self,
        key: SlotKey<'_>,
        value: Option<&Arc<V>>,
        written: OutgoingLife,
    ) -> Result<Option<OutgoingRecord>, Error> {
        let encoded = value.map(|value| self.encode_to_send(value)).transpose()?;
        Ok(self.outgoing_encoded(key, encoded, written))
    }

    /// Like [`outgoing`](Self::outgoing), for a value that is already encoded.
    pub(super) fn outgoing_encoded(
        &self,
        key: SlotKey<'_>,
        encoded: Option<EncodedValue>,
        written: OutgoingLife,
    ) -> Option<OutgoingRecord> {
        let format = self.opened.kind.format;
        let has_grace = encoded.is_some() && !is_plain(format);
        let grace = if has_grace { self.definition.stale_for() } else { Duration::ZERO };
        let life = written.at_server(grace)?;
        let sequence = self.link().map_or(1, RemoteLink::unique);
        let (expires_at, extras) = (written.expires_at, written.extras.of_near_copy(sequence));
        let encoded_len = encoded.as_ref().map_or(0, |encoded| encoded.bytes.len());
        let bytes = match encoded {
            Some(encoded) if is_plain(format) => encoded.bytes.into_bytes(),
            encoded => self.record_bytes(key, encoded, (sequence, expires_at, grace), extras),
        };
        Some(OutgoingRecord { bytes, encoded_len, life, expires_at, extras: Some(extras) })
    }

    /// Returns the change at the server that stores an encoded value in place of `read`, whose record is
    /// `record`. If the expiry of the value has passed, the change is a removal.
    pub(in crate::api::keyspace) fn outgoing_change(
        &self,
        key: SlotKey<'_>,
        encoded: EncodedValue,
        ttl: Ttl,
        (read, record): (Option<ReadEntry>, Option<&[u8]>),
    ) -> CommitChange {
        let now = self.now();
        let (_, ends_at) = self.expiry_after_write(key, ttl, read);
        if ends_at <= now {
            return CommitChange::Remove;
        }
        let mut written = OutgoingLife::new(now, self.first_expiry(now, ends_at, None), None);
        written.keeps_limit = read.is_some_and(|read| read.ends_at == written.extras.ends_at);
        let Some(mut outgoing) = self.outgoing_encoded(key, Some(encoded), written) else {
            return CommitChange::Remove;
        };
        self.keep_life(key, ttl, (read, record), &mut outgoing);
        CommitChange::Set(outgoing.bytes, outgoing.life)
    }

    /// Encodes and checks a value, and compresses it if the keyspace compresses its values. A value in the
    /// raw format is not compressed.
    pub(in crate::api::keyspace) fn encode_to_send(&self, value: &Arc<V>) -> Result<EncodedValue, Error> {
        let format = self.opened.kind.format;
        let encode_error = |cause| Error::Encode { keyspace: self.opened.name.clone(), cause };
        let encoded = codec::encode(format, &**value).map_err(encode_error)?;
        self.check_len(encoded.payload.len())?;
        self.opened.checks.check(format, &**value, &encoded).map_err(encode_error)?;
        Ok(if is_plain(format) { EncodedValue::plain(encoded.payload) } else { self.compress(encoded) })
    }

    /// Encodes a value like [`encode_to_send`](Self::encode_to_send). The value of a batch waits for its turn
    /// and for room. `None` is an absence, or a value that is not stored. Returns `None` if the batch has
    /// ended. The caller must determine the life of the value afterwards, so that it is counted from then.
    pub(super) async fn encode_in_batch(
        &self,
        value: Option<&Arc<V>>,
        batch: Option<&Arc<BatchRoom>>,
    ) -> Result<Option<(Option<EncodedValue>, Option<TakenRoom>)>, Error> {
        let encode = || value.map(|value| self.encode_to_send(value)).transpose();
        let Some(batch) = batch else { return Ok(Some((encode()?, None))) };
        let len_of = |encoded: &Option<EncodedValue>| encoded.as_ref().map_or(0, |value| value.bytes.len());
        let encoded = batch.encode(encode, len_of).await?;
        Ok(encoded.map(|(encoded, room)| (encoded, Some(room))))
    }

    fn record_bytes(
        &self,
        key: SlotKey<'_>,
        encoded: Option<EncodedValue>,
        (sequence, expires_at, grace): (u64, Timestamp, Duration),
        extras: EntryExtras,
    ) -> Vec<u8> {
        let EncodedValue { kind, bytes: payload, compression, extension, .. } =
            encoded.unwrap_or_else(EncodedValue::absence);
        let extension = extras.extend(extension);
        let header = Header {
            format: FORMAT,
            kind,
            compression,
            version: self.opened.kind.version,
            sequence,
            written_at: extras.written_at,
            expires_at,
            delete_after: expires_at.after(grace),
        };
        let mut bytes = vec![0; record_len(&extension, payload.len())];
        record::write(&mut bytes, &checked_key(&self.opened, key), &header, &extension, &payload);
        bytes
    }

    /// Like [`write_if`](Keyspace::write_if), but stores the value at the server. Ignores the lease of a
    /// load, because [`super::fill`] stores the values of loads.
    pub(in crate::api::keyspace) async fn write_remote(
        &self,
        key: SlotKey<'_>,
        value: &Arc<V>,
        ttl: Ttl,
        condition: WriteCondition<'_>,
    ) -> Result<InsertOutcome, Error> {
        let change = if let WriteCondition::Unchanged(change) = condition { Some(change) } else { None };
        let read = change.and_then(|change| change.read);
        let load_time = read.filter(|_| change.is_some_and(|change| change.keeps_value));
        let load_time = load_time.and_then(|read| read.load_time);
        let now = self.now();
        let (_, ends_at) = self.expiry_after_write(key, ttl, read);
        // A change that keeps the value but ends its life begins the grace of the value. Any other value
        // whose expiry has passed is not stored.
        let begins_grace = change.is_some_and(|change| change.keeps_value);
        let mut written = match (change, read) {
            (Some(change), Some(read)) if change.shortens_life => {
                OutgoingLife::new(now, self.shortened_expiry(now, ends_at, read), load_time)
            }
            _ => self.outgoing_life(Some(value), (now, ends_at), load_time),
        };
        written.keeps_limit = read.is_some_and(|read| read.ends_at == written.extras.ends_at);
        let outgoing =
            if ends_at > now || begins_grace { self.outgoing(key, Some(value), written)? } else { None };
        let Some(mut outgoing) = outgoing else { return self.end_remote(key, condition).await };
        let replaced = change.and_then(|change| change.record).filter(|_| read.is_some());
        self.keep_life(key, ttl, (read, replaced), &mut outgoing);
        let condition = match condition {
            WriteCondition::Unchanged(ReadCondition { record: Some(record), .. }) => {
                SetCondition::Unchanged(record.to_vec())
            }
            WriteCondition::Unchanged(_) => SetCondition::Absent,
            WriteCondition::Always | WriteCondition::Lease(_) => SetCondition::Always,
        };
        self.set_remote(key, outgoing, condition).await
    }

    /// Stores a record at the server if the condition holds.
    pub(super) async fn set_remote(
        &self,
        key: SlotKey<'_>,
        outgoing: OutgoingRecord,
        condition: SetCondition,
    ) -> Result<InsertOutcome, Error> {
        let Some(link) = self.link() else { return Err(Error::Closed) };
        let OutgoingRecord { bytes, life, .. } = outgoing;
        let set = |tier: &dyn RemoteTier, reply| tier.set(key.bytes.into(), bytes, life, condition, reply);
        let is_stored = self.change_remote(link, key, set).await;
        let is_stored = is_stored.map_err(|cause| link.error("store a value", cause))?;
        Ok(if is_stored { InsertOutcome::Saved } else { InsertOutcome::Revoked })
    }

    /// Lets a record with [`Ttl::Keep`] keep the remaining time of the record that it replaces, under three
    /// conditions:
    ///
    /// - Uses extend the life of neither record.
    /// - The server keeps both records for the same time after their expiries.
    /// - The keyspace has no `max_age`.
    fn keep_life(
        &self,
        key: SlotKey<'_>,
        ttl: Ttl,
        (read, replaced): (Option<ReadEntry>, Option<&[u8]>),
        outgoing: &mut OutgoingRecord,
    ) {
        let is_fixed = !matches!(outgoing.life, Life::WhileUsed(_))
            && read.is_some_and(|read| read.ends_at == read.expires_at);
        if ttl == Ttl::Keep && is_fixed && self.definition.age_limit().is_none() {
            let graces =
                replaced.map(|record| (self.grace_of(key, record), self.grace_of(key, &outgoing.bytes)));
            if graces.is_some_and(|(before, after)| before == after) {
                outgoing.life = Life::Keep;
            }
        }
    }

    fn grace_of(&self, key: SlotKey<'_>, record: &[u8]) -> Duration {
        if is_plain(self.opened.kind.format) {
            return Duration::ZERO;
        }
        let parts = record::read(&checked_key(&self.opened, key), record);
        parts.map_or(Duration::ZERO, |(header, ..)| header.delete_after.since(header.expires_at))
    }

    /// Removes the entry, for a write whose expiry has already passed and that begins no grace. Otherwise
    /// the previous value would still be there after the write has returned `Ok`.
    pub(super) async fn end_remote(
        &self,
        key: SlotKey<'_>,
        condition: WriteCondition<'_>,
    ) -> Result<InsertOutcome, Error> {
        let is_removed = match condition {
            WriteCondition::Unchanged(ReadCondition { record: Some(record), .. }) => {
                self.remove_remote_unchanged(key, record).await?
            }
            WriteCondition::Unchanged(_) => true,
            WriteCondition::Always | WriteCondition::Lease(_) => {
                let Some(link) = self.link() else { return Err(Error::Closed) };
                let remove = |tier: &dyn RemoteTier, reply| tier.remove(vec![key.bytes.into()], reply);
                let removed = self.change_remote(link, key, remove).await;
                removed.map_err(|cause| link.error("remove a key", cause))?;
                true
            }
        };
        Ok(if is_removed { InsertOutcome::Saved } else { InsertOutcome::Revoked })
    }

    /// Returns an error if an atomic change at the server has lost too many rounds.
    pub(in crate::api::keyspace) fn refuse_endless_rounds(&self, lost: u32) -> Result<(), Error> {
        let Some(link) = self.link().filter(|_| lost >= MAX_LOST) else { return Ok(()) };
        let cause = format!("the server says after each of {lost} rounds that the key was changed meanwhile");
        Err(link.error("change a key", RemoteError::new(RemoteErrorKind::Refused, cause)))
    }

    /// Removes a record at the server if its bytes equal `record`. Returns whether they were equal.
    pub(in crate::api::keyspace) async fn remove_remote_unchanged(
        &self,
        key: SlotKey<'_>,
        record: &[u8],
    ) -> Result<bool, Error> {
        let Some(link) = self.link() else { return Err(Error::Closed) };
        let remove = |tier: &dyn RemoteTier, reply| {
            tier.remove_unchanged(key.bytes.into(), record.to_vec(), reply);
        };
        let removed = self.change_remote(link, key, remove).await;
        removed.map_err(|cause| link.error("remove a key", cause))
    }

    /// Reads a key at the server, for a caller that changes it. Memory is not read, because the change must
    /// specify the bytes at the server that it replaces.
    pub(in crate::api::keyspace) async fn read_to_change<'a>(
        &'a self,
        key: SlotKey<'a>,
    ) -> Result<LeasedRead<'a, V>, Error> {
        let Some(link) = self.link() else { return Err(Error::Closed) };
        let memory = &self.shared.tiers.memory;
        let (id, _, _) = memory.lease_over(key, self.now());
        let lease = Lease::new(memory, key, id);
        let read = self.shared.read_remote(&self.opened, key, link).await;
        let RemoteRead { record, decoded } = read.map_err(|cause| link.error("read a key", cause))?;
        let read = decoded.and_then(|decoded| {
            let (value, entry) = (decoded.value.clone()?, decoded.entry());
            Some(ReadValue { value: HeldValue::new(value), entry, is_in_memory: true, decoded: None })
        });
        let mut evicted_values = EvictedValues::default();
        if read.is_none() {
            // The server pushes no eviction of a range's generation. Without this, a later lookup would find
            // the near copy of an entry that this change has found missing.
            memory.drop_near(key, &mut evicted_values);
        }
        Ok(LeasedRead { lease, read, is_unread: false, record })
    }
}
