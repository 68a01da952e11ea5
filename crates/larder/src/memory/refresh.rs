//! The lease of a refresh: a load that begins while its key still has a live value.
//!
//! 1. Under the shared lock, a caller checks whether a refresh may begin ([`Memory::may_refresh`]). So
//!    callers that find an old value during a refresh take no exclusive lock.
//! 2. Under the exclusive lock, the lease is taken, and a flight is attached to it, if all of these
//!    conditions hold:
//!    - (a) The shard has a live value, which the caller gets from the slot. An expired value is loaded, not
//!      refreshed. The value must also be the one that the caller found old. Otherwise a caller that arrives
//!      just after a refresh would begin another refresh.
//!    - (b) The key has no flight. So only one caller begins, and a key never has a load and a refresh in
//!      flight at the same time.
//!    - (c) The key has no fence, barrier, cool-down, pass or pause. A refresh behind a fence would read the
//!      source while the application changes it.
//! 3. The source is queried without a lock. Meanwhile lookups find the live value. If it expires, a load
//!    finds the flight of (2) and waits for it, or takes over from a refresh that has not begun.
//! 4. The new value is published like the value of any load: under the lock, if the lease is still valid. A
//!    write or a removal after (2) has revoked the lease and detached the flight. So a refresh never brings
//!    back an invalidated value, neither by storing a value nor by extending the life of the old value.
//!
//! If (4) stores the new value, the value of (2) was the key's content until then, or was evicted or has
//! expired. Any other change of the content would have revoked the lease. Storing the new value after the old
//! entry is gone does no harm, because the source has confirmed the new value in (3).
//!
//! A refresh may publish nothing, because its value is too large, finds no room, or comes after the
//! deadline. In this case the next hit must not begin another refresh. So between (3) and (4) refreshes of
//! the key are paused ([`Memory::pause_refreshes_of`]). The lease may have expired by then, so the pause
//! depends on the value instead: the slot must still have the value of (2). Any change of the key ends the
//! pause, including (4). If the pause began only after the lease is released, a hit in between could begin
//! another refresh.

use std::time::Duration;

use super::Memory;
use super::evicted_values::EvictedValues;
use super::extras::EntryExtras;
use super::key_leases::{AttachedFlight, LeaseId};
use crate::memory::entry::Value;
use crate::memory::lookup::{Lookup, StaleLookup};
use crate::memory::slot_key::SlotKey;
use crate::sys::clock::Deadline;
use crate::sys::sync::Arc;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::units::Timestamp;

/// An entry that a caller has found old: its expiry and its extras.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FoundOld {
    pub(crate) expires_at: Timestamp,
    pub(crate) extras: Option<EntryExtras>,
}

impl FoundOld {
    /// Returns whether `present` is the same entry. A use may have extended its life in the meantime.
    fn is_same_entry(self, present: Self) -> bool {
        let is_extended = present.extras.is_some_and(EntryExtras::is_extended_by_uses);
        self.extras == present.extras && (is_extended || self.expires_at == present.expires_at)
    }
}

impl Memory {
    /// Returns whether a refresh of a key may begin. The answer may already be outdated.
    pub(crate) fn may_refresh(&self, key: SlotKey<'_>) -> bool {
        self.read(key.hash).is_some_and(|shard| shard.leases.may_refresh(key))
    }

    /// Takes a lease to refresh a key, and attaches `flight` to it. Returns the lease and the live value.
    /// Without `found_old`, refreshes any live value.
    pub(crate) fn lease_to_refresh(
        &self,
        key: SlotKey<'_>,
        now: Timestamp,
        found_old: Option<FoundOld>,
        deadline: Deadline,
        flight: Value,
    ) -> Option<(LeaseId, Value)> {
        let mut evicted_values = EvictedValues::default();
        let mut locked = self.lock(key, &mut evicted_values);
        // (a)
        let Lookup::Value(value, expires_at) = locked.shard.peek(key, now) else { return None };
        let present = FoundOld { expires_at, extras: locked.shard.extras_of(key) };
        let is_another = found_old.is_some_and(|found| !found.is_same_entry(present));
        if is_another && !failpoint_is_set(Failpoint::RefreshWhatIsNew) {
            return None;
        }
        // (b)
        if locked.shard.leases.flight(key, &mut locked.released.deferred).is_some() {
            return None;
        }
        // (c)
        let id = locked.shard.leases.take_to_refresh(key, deadline)?;
        let attached = AttachedFlight { lease: id, flight, deadline, may_be_absent: true };
        locked.shard.leases.attach(key, attached);
        Some((id, value))
    }

    /// Pauses the refreshes of a key, if its slot still has this value.
    pub(crate) fn pause_refreshes_of(&self, key: SlotKey<'_>, value: &Value, length: Duration) {
        let mut shard = self.shard(key).write();
        if matches!(shard.stale(key), StaleLookup::Value(present, _) if Arc::ptr_eq(&present, value)) {
            shard.leases.pause_refreshes(key, length);
        }
    }

    /// Returns whether a lease is valid. The answer may already be outdated.
    pub(crate) fn is_leased(&self, key: SlotKey<'_>, lease: LeaseId) -> bool {
        self.read(key.hash).is_some_and(|shard| shard.leases.holds(key, lease))
    }

    pub(crate) fn has_flight(&self, key: SlotKey<'_>) -> bool {
        self.read(key.hash).is_some_and(|shard| shard.leases.has_flight(key))
    }

    pub(crate) fn get_with_extras(&self, key: SlotKey<'_>, now: Timestamp) -> (Lookup, Option<EntryExtras>) {
        self.read(key.hash).map_or((Lookup::Negative, None), |shard| shard.get_with_extras(key, now))
    }

    /// Begins a cool-down of a key after a load has timed out and its caller got a stale value. The lease
    /// of that load may already be revoked, so it is not checked. The stale value may exist only on disk.
    /// If the key has changed since the caller got the stale value, the cool-down finds no stale value, and
    /// a lookup loads the key. A later change of the key ends the cool-down.
    pub(crate) fn cool_down_after_timeout(&self, key: SlotKey<'_>, now: Timestamp, length: Duration) {
        let mut shard = self.shard(key).write();
        let may_be_stale = match shard.stale(key) {
            StaleLookup::Value(_, expires_at) => expires_at <= now,
            StaleLookup::Unknown(_) => true,
            StaleLookup::NoValue => false,
        };
        if may_be_stale {
            shard.leases.cool_down_now(key, length);
        }
    }
}
