//! The latest expiry of an entry whose life is extended by uses: step (5) of
//! [`crate::memory::use_stamps`], and the request for a commit of the stamps.

use std::sync::Weak;
use std::time::Duration;

use super::tiers::Tiers;
use super::writer::command::Command;
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

    /// Extends the life of an entry that is used now to `life` from now. `record` is its record, if it was
    /// found on disk.
    ///
    /// A commit may have installed another snapshot since the record was read. Then the entry is looked up
    /// once more in the current snapshot. If there is a newer one even now, the use is counted as not stamped.
    pub(crate) fn extend_life(&self, key: SlotKey<'_>, life: Duration, record: Option<UsedRecord<'_>>) {
        let extend = |record| self.memory.extend_life(key, life, || self.time.now(), record);
        let mut stamped = extend(record);
        if stamped == Some(Stamped::NotCurrent)
            && let Some(record) = record
        {
            // An entry that is not there any more was removed, evicted or replaced. The use is no longer due.
            let Some(snapshot) = self.confirm(key, record.sequence) else { return };
            let is_current = || self.reads_from(&snapshot);
            stamped = extend(Some(UsedRecord { is_current: &is_current, ..record }));
        }
        match stamped {
            Some(Stamped::NotCurrent) => self.memory.use_stamps.count_dropped(),
            Some(Stamped::HalfFull | Stamped::Full) => self.commit_stamps(),
            Some(Stamped::Added) | None => {}
        }
    }

    /// Makes the writer commit the stamps of uses, if there are any, within the flush interval. They are no
    /// inserts, so the flush lag does not count them.
    pub(super) fn commit_stamps(&self) {
        if self.disk.is_on() && !self.memory.use_stamps.is_empty() && self.writer.arm_for_stamps() {
            self.writer.send(Command::Wake);
        }
    }
}

/// Returns a token of the snapshot that a record was read from, if uses extend the life of its entry. The
/// records of other entries need none, and must not pay for it.
pub(super) fn token(snapshot: &Arc<StoreSnapshot>, record: &[u8]) -> Option<Weak<StoreSnapshot>> {
    record::is_extended_by_uses(record).then(|| Arc::downgrade(snapshot))
}
