//! The lease of a refresh: a load that begins while its key still has a live value.
//!
//! 1. Under the shared lock, a caller sees that a refresh may begin ([`Memory::may_refresh`]). So the callers
//!    that find an old value during a refresh take no exclusive lock.
//! 2. Under the exclusive lock, the lease is taken, and a flight is attached to it, if all of these
//!    conditions hold:
//!    - (a) The shard has a live value. The caller gets this value from the slot. An expired value is loaded,
//!      not refreshed. The value must also be the one that the caller found old. Otherwise a caller that
//!      comes just after a refresh would begin another refresh.
//!    - (b) The key has no flight. So only one caller begins, and loads and refreshes of a key never run at
//!      the same time.
//!    - (c) The key has no fence and no barrier, no cool-down, no pass and no pause. A refresh under a fence
//!      would read the source while the application changes it.
//! 3. The source is queried, with no lock held. Lookups find the live value meanwhile. If it expires, a load
//!    finds the flight of (2) and waits for it, or takes over from a refresh that has not begun.
//! 4. The new value is published like the value of any load: under the lock, if the lease still holds. A
//!    write or a removal after (2) has revoked the lease and detached the flight. So a refresh never brings
//!    back an invalidated value, neither by storing a value nor by extending the life of the old value.
//!
//! The value of (2) is the key's content until (4), because every change of the content revokes the lease.
//! Eviction and expiry do not revoke the lease. This does no harm, because the source has confirmed the new
//! value in (3).
//!
//! A refresh may publish nothing: its value is too large, finds no room, or comes after the deadline. Then
//! the next hit must not begin the next refresh. So a pause begins between (3) and (4), in which no refresh
//! of the key begins ([`Memory::pause_refreshes_of`]). The lease may be past its deadline by then. So the
//! condition for the pause is not the lease but the value: the slot must still have the value of (2). A
//! change of the key ends the pause, and (4) is a change. If the pause began after (4), a hit in between
//! could begin a refresh.

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
    /// Returns whether `present` is the same entry. A use may have extended its life meanwhile.
    fn is_same_entry(self, present: Self) -> bool {
        let is_extended = present.extras.is_some_and(EntryExtras::is_extended_by_uses);
        self.extras == present.extras && (is_extended || self.expires_at == present.expires_at)
    }
}

impl Memory {
    /// Returns whether a refresh of a key may begin. The answer may be outdated when it arrives.
    pub(crate) fn may_refresh(&self, key: SlotKey<'_>) -> bool {
        self.read(key.hash).is_some_and(|shard| shard.leases.may_refresh(key))
    }

    /// Takes a lease to refresh a key, and attaches `flight` to it. Returns the lease and the live value.
    /// Without `found_old`, any live value is refreshed.
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

    /// Begins a pause of the refreshes of a key, if its slot has this value.
    pub(crate) fn pause_refreshes_of(&self, key: SlotKey<'_>, value: &Value, length: Duration) {
        let mut shard = self.shard(key).write();
        if matches!(shard.stale(key), StaleLookup::Value(present, _) if Arc::ptr_eq(&present, value)) {
            shard.leases.pause_refreshes(key, length);
        }
    }

    /// Returns whether a lease holds. The answer may be outdated when it arrives.
    pub(crate) fn is_leased(&self, key: SlotKey<'_>, lease: LeaseId) -> bool {
        self.read(key.hash).is_some_and(|shard| shard.leases.holds(key, lease))
    }

    /// Returns whether a load or a refresh of a key is in progress.
    pub(crate) fn has_flight(&self, key: SlotKey<'_>) -> bool {
        self.read(key.hash).is_some_and(|shard| shard.leases.has_flight(key))
    }

    /// Looks a key up, and returns the extras of its live entry too. Counts a use.
    pub(crate) fn get_with_extras(&self, key: SlotKey<'_>, now: Timestamp) -> (Lookup, Option<EntryExtras>) {
        self.read(key.hash).map_or((Lookup::Negative, None), |shard| shard.get_with_extras(key, now))
    }

    /// Begins a cool-down of a key whose load has timed out, and whose caller was answered with a stale
    /// value. The lease of that load may already be revoked, so it is not checked. The stale value may be on
    /// disk alone. If the key was changed since that answer, its slot has, or had, a live value or a removal.
    /// In this case the cool-down finds no stale value, and a lookup loads the key. A later change of the key
    /// ends the cool-down.
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
