//! Changes an entry under the lock of its shard, for example to increment a counter.

use super::Memory;
use super::evicted_values::EvictedValues;
use crate::memory::entry::{IncomingEntry, Refused, Value};
use crate::memory::extras::EntryExtras;
use crate::memory::lookup::Lookup;
use crate::memory::slot_key::SlotKey;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::units::Timestamp;

impl Memory {
    /// Replaces the live value of a key. Returns `None` if the shard has no live value, if `change` returns
    /// `None`, if a range removal of the key is in progress, or if the new value needs more weight in the
    /// budget than the old value has there.
    ///
    /// `now` and `change` run under the lock, so they must not run a user's code. `change` gets the value,
    /// the hard limit of the entry, and the current time.
    pub(crate) fn replace_in_place(
        &self,
        key: SlotKey<'_>,
        now: impl FnOnce() -> Timestamp,
        evicted_values: &mut EvictedValues,
        change: impl FnOnce(&Value, Timestamp, Timestamp) -> Option<IncomingEntry>,
    ) -> Option<Result<u64, Refused>> {
        let mut locked = self.lock(key, evicted_values);
        if locked.shard.is_closed() {
            return Some(Err(Refused::Closed));
        }
        // The range removal has its sequence already, so it would not remove the new value, although that is
        // computed from a value which it removes.
        if locked.shard.leases.is_behind_barrier(key) && !failpoint_is_set(Failpoint::IncrementBehindBarrier)
        {
            return None;
        }
        let now = now();
        let Lookup::Value(value, expires_at) = locked.shard.get(key, now) else { return None };
        let ends_at = EntryExtras::hard_limit(locked.shard.extras_of(key), expires_at);
        let entry = change(&value, ends_at, now)?;
        drop(value);
        let weight = entry.clean_weight();
        if locked.shard.weight_of_clean(key) < weight {
            return None;
        }
        let deferred = &mut locked.released.deferred;
        let stored = locked.shard.store(key, entry, &self.sequence, deferred);
        if stored.is_ok() {
            // The new value reuses the weight of the old value.
            deferred.give_room(weight);
        }
        Some(stored)
    }
}
