//! Uses of entries that have a time to idle: the steps (1) and (4) of [`super::use_stamps`].

use std::time::Duration;

use super::Memory;
use super::use_stamps::Stamped;
use crate::memory::slot_key::SlotKey;
use crate::units::Timestamp;

/// A live record that a lookup has found on disk.
#[derive(Clone, Copy)]
pub(crate) struct UsedRecord<'a> {
    pub(crate) sequence: u64,
    pub(crate) expires_at: Timestamp,
    pub(crate) ends_at: Timestamp,
    /// Returns whether the record was read from the snapshot that is still the current one. Called under the
    /// shard's lock.
    pub(crate) is_current: &'a dyn Fn() -> bool,
}

/// The record of an entry that was used is not of the current snapshot. A commit has come in between, and may
/// have changed or deleted the record.
#[derive(Debug)]
pub(crate) struct RecordIsOld;

impl Memory {
    /// Extends the life of an entry that is used now. `now` is called under the shard's lock. `record` is the
    /// record of the entry, if it was found on disk: memory may have had no room for it.
    ///
    /// Takes the exclusive lock only if the entry can live longer. Near its hard limit, uses only read.
    ///
    /// # Errors
    /// [`RecordIsOld`], and nothing is extended. Read the record again.
    pub(crate) fn extend_life(
        &self,
        key: SlotKey<'_>,
        life: Duration,
        now: impl FnOnce() -> Timestamp,
        record: Option<UsedRecord<'_>>,
    ) -> Result<Option<Stamped>, RecordIsOld> {
        let Some(can_extend) = self.read(key.hash).map(|shard| shard.can_extend(key)) else {
            return Ok(None);
        };
        if !can_extend.unwrap_or(record.is_some()) {
            return Ok(None);
        }
        let mut shard = self.shard(key).write();
        let now = now();
        let expires_at = now.expiry_after(life);
        let (sequence, expires_at) = match (shard.can_extend(key), record) {
            (Some(_), _) => match shard.extend(key, now, expires_at) {
                Some(extended) => extended,
                None => return Ok(None),
            },
            (None, Some(record)) if !shard.is_closed() => {
                if !(record.is_current)() {
                    return Err(RecordIsOld);
                }
                let of_stamp = self.use_stamps.expiry_of(key.bytes, record.sequence);
                let before = of_stamp.map_or(record.expires_at, |at| at.max(record.expires_at));
                let new = expires_at.min(record.ends_at);
                if before <= now || new <= before {
                    return Ok(None);
                }
                (record.sequence, new)
            }
            (None, _) => return Ok(None),
        };
        let is_on_disk = shard.must_save(key);
        let stamped = is_on_disk.then(|| self.use_stamps.add(key.bytes, sequence, expires_at));
        // The stamp is added under the lock. Otherwise the entry could be evicted in between, and found
        // expired on disk.
        drop(shard);
        Ok(stamped)
    }

    /// Returns the expiry that a use has given to an entry with this sequence: that in its slot, or that of
    /// its stamp.
    pub(crate) fn extended_expiry(&self, key: SlotKey<'_>, sequence: u64) -> Option<Timestamp> {
        let in_slot = self.read(key.hash)?.expiry_of(key, sequence);
        in_slot.or_else(|| self.use_stamps.expiry_of(key.bytes, sequence))
    }
}
