//! The latest expiry of an entry whose life is extended by uses: step (5) of
//! [`crate::memory::use_stamps`], and the request for a commit of the stamps.

use std::sync::Weak;
use std::time::Duration;

use super::tiers::Tiers;
use crate::disk::store::snapshot::StoreSnapshot;
use crate::format::record;
use crate::format::record::Header;
use crate::memory::idle::UsedRecord;
use crate::memory::slot_key::SlotKey;
use crate::memory::use_stamps::Stamped;
use crate::sys::sync::Arc;
use crate::units::Timestamp;

impl Tiers {
    /// Returns the expiry that uses have given to an entry whose record was found expired. Looks in its slot,
    /// at its stamp, and in the current snapshot, in this order.
    pub(super) fn extended_expiry(&self, key: SlotKey<'_>, sequence: u64) -> Option<Timestamp> {
        self.memory.extended_expiry(key, sequence).or_else(|| {
            let (bytes, _) = self.read_bytes(key)?;
            let (header, ..) = record::read(key.bytes, &bytes).ok()?;
            (header.sequence == sequence).then_some(header.expires_at)
        })
    }

    /// Returns the header of a record with the expiry of its stamp, if there is one.
    pub(super) fn stamped(&self, key: SlotKey<'_>, header: Header) -> Header {
        let stamped = self.memory.use_stamps.expiry_of(key.bytes, header.sequence);
        stamped.map_or(header, |expires_at| header.extended_to(expires_at))
    }

    /// Returns a token of the snapshot that a record was read from, if the record may have a stamp.
    pub(super) fn token(&self, snapshot: &Arc<StoreSnapshot>) -> Option<Weak<StoreSnapshot>> {
        self.memory.use_stamps.is_on().then(|| Arc::downgrade(snapshot))
    }

    /// Extends the life of an entry that is used now to `life` from now. `record` is its record, if it was
    /// found on disk.
    pub(crate) fn extend_life(&self, key: SlotKey<'_>, life: Duration, record: Option<UsedRecord<'_>>) {
        // A forked child must not wait for the lock of a shard.
        if !self.process.is_current() {
            return;
        }
        let stamped = self.memory.extend_life(key, life, || self.time.now(), record);
        if stamped == Some(Stamped::HalfFull) {
            self.wake_writer();
        }
    }

    /// Makes the writer commit the stamps of uses, if there are any, within the flush interval.
    pub(super) fn commit_stamps(&self) {
        if self.disk.is_on() && !self.memory.use_stamps.is_empty() {
            self.wake_writer();
        }
    }
}
