//! The side table of the extras of entries ([`crate::memory::extras`]).

use super::Shard;
use crate::memory::extras::EntryExtras;
use crate::memory::lookup::Lookup;
use crate::memory::policy::slot_id::SlotId;
use crate::memory::slot_key::SlotKey;
use crate::units::Timestamp;

impl Shard {
    /// Looks up a key, and also returns the extras of its live entry. Counts a use.
    pub(crate) fn get_with_extras(&self, key: SlotKey<'_>, now: Timestamp) -> (Lookup, Option<EntryExtras>) {
        let found = self.get(key, now);
        let extras = if let Lookup::Value(..) = found { self.extras_of(key) } else { None };
        (found, extras)
    }

    /// Returns the extras of a key's entry, live or expired.
    pub(crate) fn extras_of(&self, key: SlotKey<'_>) -> Option<EntryExtras> {
        if self.extras.is_empty() {
            return None;
        }
        let (id, _) = self.find(key)?;
        self.extras_of_slot(id)
    }

    pub(super) fn extras_of_slot(&self, id: SlotId) -> Option<EntryExtras> {
        if self.extras.is_empty() { None } else { self.extras.get(&id).copied() }
    }

    pub(super) fn take_extras(&mut self, id: SlotId) {
        // Most shards have no extras. The check avoids hashing the id.
        if !self.extras.is_empty() {
            self.extras.remove(&id);
        }
    }
}
