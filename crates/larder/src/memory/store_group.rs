//! Storing a group: values of several keys that one call stores, and that one transaction commits.
//!
//! After a crash, the file contains every value of a group, or none (contract 4):
//!
//! 1. Everything that can fail or wait comes first. The values are encoded, and room for all of them is
//!    reserved in the write buffer.
//! 2. The caller stores the values, one key after another. Meanwhile it holds the *gate* shared. Each value
//!    refers to its group.
//! 3. The writer holds the gate exclusively while it drains the shards. So a drain contains every value of
//!    a group, or none. Sealing the shards and starting to save also hold the gate exclusively. So either
//!    the first value of a group is refused, or none.
//! 4. The writer commits the values of a group in one transaction (`engine/writer/units.rs`).
//!
//! A key of a group may change again before the commit. The drain of (3) contains the newest change of each
//! key of the group. These changes are handled as follows:
//!
//! - A newer value is committed in the transaction of the group. If it were committed in a later
//!   transaction, a crash in between would leave the value from before the group.
//! - A removal is committed in the transaction of the group, or before it, like all other removals. A crash
//!   between the commit of the removal and the commit of the group leaves no value of the group. If another
//!   call stores a value after this removal, the value is drained with the removal.
//! - If every value of the group has been replaced, the group has ended.
//!
//! After a failed commit the values are still in their shards, and the next drain returns them again, with
//! their group.
//!
//! Lookups may see a part of a group while it is being stored, because contract 1 promises no order across
//! keys. The gate is taken before the lock of a shard. While the gate is held, no caller waits for room, and
//! no user code runs.

use super::Memory;
use super::entry::{IncomingEntry, Refused};
use super::evicted_values::EvictedValues;
use super::slot_key::SlotKey;
use crate::sys::sync::RwLockWriteGuard;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::units::Timestamp;

impl Memory {
    /// Stores the entries of a group, each like [`store_entry`](Memory::store_entry). Apart from entries
    /// without room in memory, either the first entry is refused and nothing is stored, or every entry is
    /// stored.
    ///
    /// If an entry will not be committed and memory has no room for it, its key's previous value is removed.
    /// The other entries are still stored, and this function returns [`Refused::NoRoom`].
    pub(crate) fn store_group<'a>(
        &self,
        entries: impl IntoIterator<Item = (SlotKey<'a>, IncomingEntry)>,
        now: Timestamp,
        evicted_values: &mut EvictedValues,
    ) -> Result<(), Refused> {
        let _gate = self.group_gate.read();
        let mut stored = Ok(());
        for (key, entry) in entries {
            match self.store_entry(key, entry, now, evicted_values) {
                Ok(_) => {}
                Err(Refused::NoRoom) => stored = Err(Refused::NoRoom),
                Err(refused) => return Err(refused),
            }
        }
        stored
    }

    /// Waits until no group is being stored. While the guard is held, no group can be stored.
    pub(super) fn close_group_gate(&self) -> Option<RwLockWriteGuard<'_, ()>> {
        (!failpoint_is_set(Failpoint::OpenGroupGate)).then(|| self.group_gate.write())
    }
}
