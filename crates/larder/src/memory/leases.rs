//! Leases: the permissions that loads and promotions hold to fill a key.
//!
//! A lease is taken under the shard's lock before the disk is read, a server is asked or a loader runs. When
//! the fill is published, the lease is checked under the lock again. A write or an invalidation of the key
//! revokes every lease on the key, so the result of an earlier load is not stored. A flight is a load that
//! several callers wait for. It is attached to the lease of the caller that runs the loader. Revoking the
//! lease detaches the flight. So a caller after an invalidation never joins a load that began before the
//! invalidation.
//!
//! The promotion of a lookup has no flight, and from disk it lasts a microsecond. An [`EpochToken`] is
//! enough for it, and taking the token costs almost nothing.
//!
//! The lease of a load has a deadline on the real clock. After its deadline the lease is no longer valid,
//! and the next caller of the key detaches the flight and loads the key. So a lease that is never released
//! delays no caller beyond its deadline. [`Leases::drop_overdue`] then removes the lease. A lease to change
//! a key's content ends within one call of the cache, and needs no deadline.
//!
//! The holder of a lease may decline to fill. Then the key has a *pass* for [`PASS_TIME`]: callers take
//! leases without a flight, so no caller waits for another.
//!
//! If a load fails and the key has a stale value, the key has a *cool-down*: callers get the stale value
//! without a load. The cool-down is stored in the row of the key, so that any change of the key ends it.
//!
//! Detached flights are added to [`DeferredDrops`], because dropping a flight's last holder drops a user's
//! value or error.
//!
//! A *fence* prevents fills of one key, but not loads. A lease to fill that is taken while the key has a
//! fence is never valid. A *barrier* does the same for all keys in a scope, while a range removal visits one
//! shard after another. A barrier also invalidates leases to change a key's content.

use std::time::Duration;

use hashbrown::HashTable;
use smallvec::SmallVec;

use super::epochs::{EpochToken, Epochs};
use super::key_leases::{AttachedFlight, HeldLease, KeyLeases, LeaseId};
use crate::format::key::scope::Scope;
use crate::memory::deferred_drops::DeferredDrops;
use crate::memory::entry::Value;
use crate::memory::slot_key::SlotKey;
use crate::sys::clock::Deadline;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};

/// The time after a declined fill during which callers do not wait for each other.
const PASS_TIME: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Leases {
    keys: HashTable<KeyLeases>,
    barriers: Vec<Scope>,
    last_id: LeaseId,
    epochs: Epochs,
}

/// The permission of a promotion: an epoch token, or the lease of the load that makes the promotion.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Permit {
    EpochToken(EpochToken),
    Lease(LeaseId),
}

impl Leases {
    /// Takes a lease to fill a key. If the key is behind a fence or a barrier now, the lease is never valid.
    pub(crate) fn take(&mut self, key: SlotKey<'_>, deadline: Deadline) -> LeaseId {
        self.take_unless(key, Some(deadline), |leases| leases.fences > 0)
    }

    /// Takes a lease to change the content of a key. A fence does not prevent this lease, but a barrier does.
    pub(super) fn take_over(&mut self, key: SlotKey<'_>) -> LeaseId {
        self.take_unless(key, None, |_| false)
    }

    /// Returns whether a refresh of a key may begin. A fence, a barrier, a flight, a pass, a cool-down or a
    /// pause of refreshes prevents it.
    pub(super) fn may_refresh(&self, key: SlotKey<'_>) -> bool {
        let ignores_fence = failpoint_is_set(Failpoint::RefreshIgnoresFence);
        let is_fenced = |leases: &KeyLeases| leases.fences > 0 && !ignores_fence;
        !self.is_behind_barrier(key)
            && !self.find(key).is_some_and(is_fenced)
            && !self.has_flight(key)
            && !self.has_pass(key)
            && !self.is_cooling_down(key)
            && !self.is_refresh_paused(key)
    }

    pub(super) fn take_to_refresh(&mut self, key: SlotKey<'_>, deadline: Deadline) -> Option<LeaseId> {
        let ignores_fence = failpoint_is_set(Failpoint::RefreshIgnoresFence);
        let is_barred = |leases: &KeyLeases| leases.fences > 0 && !ignores_fence;
        self.may_refresh(key).then(|| self.take_unless(key, Some(deadline), is_barred))
    }

    fn take_unless(
        &mut self,
        key: SlotKey<'_>,
        deadline: Option<Deadline>,
        is_barred: impl FnOnce(&KeyLeases) -> bool,
    ) -> LeaseId {
        self.last_id += 1;
        let id = self.last_id;
        let is_behind_barrier = self.is_behind_barrier(key);
        let leases = self.of(key);
        if !is_behind_barrier && !is_barred(leases) {
            leases.holders.push(HeldLease { id, deadline });
        }
        id
    }

    /// Adds a barrier: revokes every lease on keys in a scope, and prevents new valid leases.
    pub(super) fn raise_barrier(&mut self, scope: &Scope, deferred: &mut DeferredDrops) {
        self.barriers.push(scope.clone());
        self.revoke_scope(scope, deferred);
    }

    /// Removes one barrier, and revokes every lease on keys in its scope. So later callers do not join
    /// flights that began behind the barrier.
    pub(super) fn lower_barrier(&mut self, scope: &Scope, deferred: &mut DeferredDrops) {
        if let Some(at) = self.barriers.iter().position(|barrier| barrier == scope) {
            self.barriers.swap_remove(at);
        }
        self.revoke_scope(scope, deferred);
    }

    /// Returns the flight that a caller of this key may join. Detaches a flight whose lease has passed its
    /// deadline.
    pub(crate) fn flight(&mut self, key: SlotKey<'_>, deferred: &mut DeferredDrops) -> Option<Value> {
        self.change(key, |leases| leases.drop_overdue(deferred));
        let leases = self.find(key)?;
        leases.flight.as_ref().map(|attached| attached.flight.clone())
    }

    /// Returns whether callers must load the key without a flight, because a holder has declined to fill.
    pub(super) fn has_pass(&self, key: SlotKey<'_>) -> bool {
        let until = self.find(key).and_then(|leases| leases.pass_until);
        until.is_some_and(|until| !until.is_over())
    }

    /// Gives the key a pass, if the lease is valid. If a change has revoked the lease, the holder declined
    /// to fill an outdated value, so the key gets no pass.
    pub(super) fn give_pass(&mut self, key: SlotKey<'_>, id: LeaseId) {
        if self.holds(key, id) {
            self.give_pass_now(key);
        }
    }

    pub(super) fn give_pass_now(&mut self, key: SlotKey<'_>) {
        self.of(key).pass_until = Some(Deadline::after(PASS_TIME));
    }

    /// Returns whether callers should get a stale value without a load, because a load has failed recently.
    pub(super) fn is_cooling_down(&self, key: SlotKey<'_>) -> bool {
        let until = self.find(key).and_then(|leases| leases.cool_until);
        until.is_some_and(|until| !until.is_over())
    }

    /// Begins a cool-down of the key, if the lease is valid. If a change has revoked the lease, the stale
    /// value is no longer the key's content.
    pub(crate) fn cool_down(&mut self, key: SlotKey<'_>, id: LeaseId, length: Duration) {
        if self.holds(key, id) {
            self.cool_down_now(key, length);
        }
    }

    pub(super) fn cool_down_now(&mut self, key: SlotKey<'_>, length: Duration) {
        self.of(key).cool_until = Some(Deadline::after(length));
    }

    /// Prevents refreshes of the key for this time. Loads are not affected.
    pub(super) fn pause_refreshes(&mut self, key: SlotKey<'_>, length: Duration) {
        self.of(key).paused_until = Some(Deadline::after(length));
    }

    fn is_refresh_paused(&self, key: SlotKey<'_>) -> bool {
        let until = self.find(key).and_then(|leases| leases.paused_until);
        until.is_some_and(|until| !until.is_over())
    }

    /// Removes every lease whose deadline has passed, and every pass, cool-down and pause that has ended.
    pub(super) fn drop_overdue(&mut self, deferred: &mut DeferredDrops) {
        self.keys.retain(|leases| {
            leases.drop_overdue(deferred);
            !leases.is_idle()
        });
    }

    /// Returns whether no key has a lease, fence, flight, pass, cool-down or pause.
    pub(super) fn has_none(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn has_flight(&self, key: SlotKey<'_>) -> bool {
        let attached = self.find(key).and_then(|leases| leases.flight.as_ref());
        attached.is_some_and(|attached| !attached.deadline.is_over())
    }

    /// Detaches the flight of a key if its load may end with an absence, and revokes its lease. The callers
    /// that already wait for the flight still get its outcome.
    pub(super) fn detach_optional(&mut self, key: SlotKey<'_>, deferred: &mut DeferredDrops) {
        self.detach_if(key, |attached| attached.may_be_absent, deferred);
    }

    pub(super) fn detach(&mut self, key: SlotKey<'_>, deferred: &mut DeferredDrops) {
        self.detach_if(key, |_| true, deferred);
    }

    fn detach_if(
        &mut self,
        key: SlotKey<'_>,
        is_it: impl FnOnce(&AttachedFlight) -> bool,
        deferred: &mut DeferredDrops,
    ) {
        self.change(key, |leases| {
            let Some(attached) = leases.flight.take_if(|attached| is_it(attached)) else { return };
            leases.holders.retain(|held| held.id != attached.lease);
            deferred.flight(Some(attached.flight));
        });
    }

    /// Attaches a flight to a lease that was just taken.
    pub(super) fn attach(&mut self, key: SlotKey<'_>, attached: AttachedFlight) {
        let leases = self.of(key);
        debug_assert!(leases.flight.is_none(), "a caller that finds a flight joins it");
        leases.flight = Some(attached);
    }

    /// Returns a permission to copy a key from disk or from a server into memory. The shared lock of the
    /// shard is enough.
    pub(crate) fn epoch_token(&self, key: SlotKey<'_>) -> EpochToken {
        self.epochs.take(key)
    }

    /// Returns whether data that was read under this permit may be published.
    pub(super) fn permits(&self, key: SlotKey<'_>, permit: Permit) -> bool {
        match permit {
            Permit::Lease(id) => self.holds(key, id),
            // A token that was taken behind a fence or a barrier is refused here while the fence or barrier
            // exists. Removing the fence or barrier revokes the token.
            Permit::EpochToken(epoch_token) => self.is_current(key, epoch_token) && !self.is_fenced(key),
        }
    }

    /// Returns whether what was read under this token may be answered: no removal has begun since. A fence
    /// does not refuse the answer, because values that were stored during an update are valid. It only
    /// refuses to copy them into memory.
    pub(super) fn is_current(&self, key: SlotKey<'_>, epoch_token: EpochToken) -> bool {
        self.epochs.holds(key, epoch_token) && !self.is_behind_barrier(key)
    }

    pub(super) fn is_behind_barrier(&self, key: SlotKey<'_>) -> bool {
        self.barriers.iter().any(|scope| scope.covers(key.bytes))
    }

    fn is_fenced(&self, key: SlotKey<'_>) -> bool {
        self.find(key).is_some_and(|leases| leases.fences > 0)
    }

    pub(crate) fn holds(&self, key: SlotKey<'_>, id: LeaseId) -> bool {
        self.find(key).is_some_and(|leases| leases.holds(id))
    }

    pub(super) fn release(&mut self, key: SlotKey<'_>, id: LeaseId, deferred: &mut DeferredDrops) {
        self.change(key, |leases| {
            leases.holders.retain(|held| held.id != id);
            let attached = leases.flight.take_if(|attached| attached.lease == id);
            deferred.flight(attached.map(|attached| attached.flight));
        });
    }

    /// Revokes every lease on a key, detaches its flight, and ends its pass, cool-down and pause.
    #[inline]
    pub(super) fn revoke(&mut self, key: SlotKey<'_>, deferred: &mut DeferredDrops) {
        self.epochs.revoke(key);
        self.change(key, |leases| leases.revoke(deferred));
    }

    /// Revokes the epoch tokens of a key. Leases and the flight stay valid.
    pub(super) fn revoke_tokens(&mut self, key: SlotKey<'_>) {
        self.epochs.revoke(key);
    }

    fn revoke_scope(&mut self, scope: &Scope, deferred: &mut DeferredDrops) {
        self.epochs.revoke_all();
        self.keys.retain(|leases| {
            if scope.covers(&leases.key) {
                leases.revoke(deferred);
            }
            !leases.is_idle()
        });
    }

    pub(super) fn raise_fence(&mut self, key: SlotKey<'_>, deferred: &mut DeferredDrops) {
        self.epochs.revoke(key);
        let leases = self.of(key);
        leases.fences += 1;
        leases.revoke(deferred);
    }

    /// Removes one fence. Loads that began behind the fence are not cached, and later callers do not join
    /// them.
    pub(super) fn lower_fence(&mut self, key: SlotKey<'_>, deferred: &mut DeferredDrops) {
        self.epochs.revoke(key);
        self.change(key, |leases| {
            leases.fences = leases.fences.saturating_sub(1);
            leases.revoke(deferred);
        });
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.barriers.is_empty()
    }

    /// Returns whether the table has no fences, no barriers, and no leases except those of loads.
    #[cfg(any(test, feature = "test-util"))]
    pub(super) fn has_only_loads(&self) -> bool {
        let is_load = |leases: &KeyLeases| {
            leases.fences == 0 && leases.holders.iter().all(|held| held.deadline.is_some())
        };
        self.barriers.is_empty() && self.keys.iter().all(is_load)
    }

    fn find(&self, key: SlotKey<'_>) -> Option<&KeyLeases> {
        self.keys.find(key.hash, |leases| *leases.key == *key.bytes)
    }

    fn of(&mut self, key: SlotKey<'_>) -> &mut KeyLeases {
        self.keys
            .entry(key.hash, |leases| *leases.key == *key.bytes, |leases| leases.hash)
            .or_insert_with(|| KeyLeases {
                hash: key.hash,
                key: key.bytes.into(),
                holders: SmallVec::new(),
                fences: 0,
                flight: None,
                pass_until: None,
                cool_until: None,
                paused_until: None,
            })
            .into_mut()
    }

    #[inline]
    fn change(&mut self, key: SlotKey<'_>, change: impl FnOnce(&mut KeyLeases)) {
        if !self.keys.is_empty() {
            self.change_row(key, change);
        }
    }

    #[inline(never)]
    fn change_row(&mut self, key: SlotKey<'_>, change: impl FnOnce(&mut KeyLeases)) {
        if let Ok(mut found) = self.keys.find_entry(key.hash, |leases| *leases.key == *key.bytes) {
            change(found.get_mut());
            if found.get().is_idle() {
                found.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests;
