//! Uses of entries that have a time to idle: steps (1) and (4) of [`super::use_stamps`].

use std::time::Duration;

use super::Memory;
use super::use_stamps::Stamped;
use crate::memory::slot_key::SlotKey;
use crate::units::Timestamp;

/// Where a lookup found the entry that is used.
#[derive(Clone, Copy)]
pub(crate) enum UsedEntry<'a> {
    /// In its slot. The entry may have left memory since.
    InMemory,
    OnDisk(UsedRecord<'a>),
    /// Only a slot or a snapshot that may no longer exist had the expiry with which the entry is live (step
    /// (5) of [`super::use_stamps`]).
    Elsewhere,
}

/// A live record that a lookup found on disk.
#[derive(Clone, Copy)]
pub(crate) struct UsedRecord<'a> {
    pub(crate) sequence: u64,
    pub(crate) expires_at: Timestamp,
    pub(crate) ends_at: Timestamp,
    /// Returns whether the snapshot from which the record was read is still the current one.
    /// [`Memory::extend_life`] calls it under the shard's lock.
    pub(crate) is_current: &'a dyn Fn() -> bool,
}

/// Memory lacks the key, and there is no record of its entry, or the record is not from the current snapshot.
/// A later commit may have changed or deleted the record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NeedsRecord;

impl Memory {
    /// Extends the life of an entry that is used now. `now` is called under the shard's lock. `record` is the
    /// record of the entry, if the entry was found on disk. It counts only if memory has no entry of the key.
    ///
    /// For an entry in memory, takes the exclusive lock only if the entry can live longer. After the expiry
    /// has reached the hard limit of the entry, a use takes only the shared lock.
    ///
    /// # Errors
    /// Returns [`NeedsRecord`] if the record must be read first, or read again. The entry's life was not
    /// extended.
    pub(crate) fn extend_life(
        &self,
        key: SlotKey<'_>,
        life: Duration,
        now: impl FnOnce() -> Timestamp,
        record: Option<UsedRecord<'_>>,
    ) -> Result<Option<Stamped>, NeedsRecord> {
        self.extend_life_until(key, |now| now.expiry_after(life), now, record)
    }

    /// Like [`extend_life`](Self::extend_life), for an entry that was used before. The entry must still be
    /// live. `until` returns its new expiry, and gets the current time.
    pub(crate) fn extend_life_until(
        &self,
        key: SlotKey<'_>,
        until: impl FnOnce(Timestamp) -> Timestamp,
        now: impl FnOnce() -> Timestamp,
        record: Option<UsedRecord<'_>>,
    ) -> Result<Option<Stamped>, NeedsRecord> {
        let Some(can_extend) = self.read(key.hash).map(|shard| shard.can_extend(key)) else {
            return Ok(None);
        };
        // A forked child must not wait for the lock of a shard.
        if can_extend == Some(false) || !self.process.is_current() {
            return Ok(None);
        }
        if can_extend.is_none() && record.is_none() {
            return Err(NeedsRecord);
        }
        let mut shard = self.shard(key).write();
        let now = now();
        let expires_at = until(now);
        let (sequence, expires_at) = match (shard.can_extend(key), record) {
            (Some(_), _) => match shard.extend(key, now, expires_at) {
                Some(extended) => extended,
                None => return Ok(None),
            },
            (None, Some(record)) if !shard.is_closed() => {
                let UsedRecord { sequence, expires_at: in_record, .. } = record;
                let Some(before) = self.latest_expiry(key, sequence, in_record, record.is_current) else {
                    return Err(NeedsRecord);
                };
                let new = expires_at.min(record.ends_at);
                if before <= now || new <= before {
                    return Ok(None);
                }
                (record.sequence, new)
            }
            (None, None) => return Err(NeedsRecord),
            (None, Some(_)) => return Ok(None),
        };
        let is_on_disk = shard.must_save(key);
        let stamped = is_on_disk.then(|| self.use_stamps.add(key.bytes, sequence, expires_at));
        // The stamp is added before the lock is released. Otherwise the entry could be evicted first, and
        // then a lookup would find the record on disk expired.
        drop(shard);
        Ok(stamped)
    }

    /// Returns the expiry of a record, or the expiry of its stamp if the stamp expires later. Returns `None`
    /// if the snapshot of the record is no longer the current one. The caller holds the exclusive lock of
    /// the key's shard.
    ///
    /// The stamp is read before the snapshot is checked. The writer installs a snapshot first, and then
    /// removes the stamps that the snapshot includes. So if the stamp was already removed, either the record
    /// includes it, or the snapshot is not the current one.
    pub(super) fn latest_expiry(
        &self,
        key: SlotKey<'_>,
        sequence: u64,
        in_record: Timestamp,
        is_current: &dyn Fn() -> bool,
    ) -> Option<Timestamp> {
        let of_stamp = self.use_stamps.expiry_of(key.bytes, sequence);
        is_current().then(|| of_stamp.map_or(in_record, |at| at.max(in_record)))
    }

    /// Returns the expiry to which uses have extended an entry with this sequence, from its slot or from its
    /// stamp.
    pub(crate) fn extended_expiry(&self, key: SlotKey<'_>, sequence: u64) -> Option<Timestamp> {
        let in_slot = self.read(key.hash)?.expiry_of(key, sequence);
        in_slot.or_else(|| self.use_stamps.expiry_of(key.bytes, sequence))
    }
}
