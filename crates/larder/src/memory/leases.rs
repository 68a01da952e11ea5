//! Leases: the permissions that loads and promotions hold to fill a key.
//!
//! A lease is taken under the shard's lock before the disk is read or a loader runs. When the fill is
//! published, the lease is checked under the lock again. A write or an invalidation of the key revokes every
//! lease on the key, so the lease of an earlier load is no longer valid. A flight is a load for which several
//! callers wait. It is attached to the lease of the caller that runs the loader. Revoking the lease detaches
//! the flight. So a caller after an invalidation never joins a load that began before the invalidation.
//!
//! A promotion has no flight and lasts a microsecond. An [`EpochToken`] is enough for a promotion, and taking
//! it costs almost nothing.
//!
//! Detached flights are added to [`DeferredDrops`], because the last holder of a flight drops a user's value
//! or error.
//!
//! A *fence* bars fills of one key, but not loads. A lease that is taken while the key has a fence is never
//! valid. A *barrier* does the same for all keys in a scope, while a range removal visits the shards one
//! after another.

use hashbrown::HashTable;
use smallvec::SmallVec;

use super::epochs::{EpochToken, Epochs};
use crate::format::key::scope::Scope;
use crate::format::stored_key::StoredKey;
use crate::memory::deferred_drops::DeferredDrops;
use crate::memory::entry::Value;
use crate::memory::slot_key::SlotKey;

use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};

/// The number of a lease. It is unique in its shard.
pub(crate) type LeaseId = u64;

#[derive(Debug, Default)]
pub(crate) struct Leases {
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

#[derive(Debug)]
struct KeyLeases {
    hash: u64,
    key: StoredKey,
    /// Ids of the leases that are still valid.
    holders: SmallVec<[LeaseId; 2]>,
    fences: u32,
    flight: Option<(LeaseId, Value)>,
}

impl Leases {
    /// Takes a lease to fill a key. If the key has a fence or a barrier at this time, the lease is never
    /// valid.
    pub(crate) fn take(&mut self, key: SlotKey<'_>) -> LeaseId {
        self.take_unless(key, |leases| leases.fences > 0)
    }

    /// Takes a lease to write the present value of a key again. A fence does not bar this lease.
    pub(crate) fn take_over(&mut self, key: SlotKey<'_>) -> LeaseId {
        self.take_unless(key, |_| false)
    }

    fn take_unless(&mut self, key: SlotKey<'_>, is_barred: impl FnOnce(&KeyLeases) -> bool) -> LeaseId {
        self.last_id += 1;
        let id = self.last_id;
        let is_behind_barrier = self.is_behind_barrier(key);
        let leases = self.of(key);
        if !is_behind_barrier && !is_barred(leases) {
            leases.holders.push(id);
        }
        id
    }

    /// Revokes every lease on keys in a scope, and bars new leases.
    pub(crate) fn raise_barrier(&mut self, scope: &Scope, deferred: &mut DeferredDrops) {
        self.barriers.push(scope.clone());
        self.revoke_scope(scope, deferred);
    }

    /// Removes one barrier, and revokes every lease on keys in its scope. So later callers do not join
    /// flights that began behind the barrier.
    pub(crate) fn lower_barrier(&mut self, scope: &Scope, deferred: &mut DeferredDrops) {
        if let Some(at) = self.barriers.iter().position(|barrier| barrier == scope) {
            self.barriers.swap_remove(at);
        }
        self.revoke_scope(scope, deferred);
    }

    /// Returns the flight that a caller of this key may join.
    pub(crate) fn flight(&self, key: SlotKey<'_>) -> Option<Value> {
        let leases = self.keys.find(key.hash, |leases| *leases.key == *key.bytes)?;
        leases.flight.as_ref().map(|(_, flight)| flight.clone())
    }

    /// Returns whether a caller is loading this key.
    #[cfg(all(unix, feature = "control"))]
    pub(crate) fn has_flight(&self, key: SlotKey<'_>) -> bool {
        let found = self.keys.find(key.hash, |leases| *leases.key == *key.bytes);
        found.is_some_and(|leases| leases.flight.is_some())
    }

    /// Attaches a flight to a lease that was just taken.
    pub(crate) fn attach(&mut self, key: SlotKey<'_>, id: LeaseId, flight: Value) {
        let leases = self.of(key);
        debug_assert!(leases.flight.is_none(), "a caller that finds a flight joins it");
        leases.flight = Some((id, flight));
    }

    /// Returns a permission to copy a key from disk into memory. The shared lock of the shard is enough.
    pub(crate) fn epoch_token(&self, key: SlotKey<'_>) -> EpochToken {
        self.epochs.take(key)
    }

    /// Returns whether data that was read since the permit was given may be published.
    pub(crate) fn permits(&self, key: SlotKey<'_>, permit: Permit) -> bool {
        match permit {
            Permit::Lease(id) => self.holds(key, id),
            // If a token was taken behind a fence or a barrier, this check finds the fence or barrier. If the
            // fence or barrier was lowered since, the lowering has revoked the token.
            Permit::EpochToken(epoch_token) => {
                self.epochs.holds(key, epoch_token) && !self.is_behind_barrier(key) && !self.is_fenced(key)
            }
        }
    }

    fn is_behind_barrier(&self, key: SlotKey<'_>) -> bool {
        self.barriers.iter().any(|scope| scope.covers(key.bytes))
    }

    fn is_fenced(&self, key: SlotKey<'_>) -> bool {
        let found = self.keys.find(key.hash, |leases| *leases.key == *key.bytes);
        found.is_some_and(|leases| leases.fences > 0)
    }

    pub(crate) fn holds(&self, key: SlotKey<'_>, id: LeaseId) -> bool {
        self.keys
            .find(key.hash, |leases| *leases.key == *key.bytes)
            .is_some_and(|leases| leases.holders.contains(&id))
    }

    /// Releases a lease, with its flight.
    pub(crate) fn release(&mut self, key: SlotKey<'_>, id: LeaseId, deferred: &mut DeferredDrops) {
        self.change(key, |leases| {
            leases.holders.retain(|holder| *holder != id);
            let flight = leases.flight.take_if(|(lease, _)| *lease == id);
            deferred.flight(flight.map(|(_, flight)| flight));
        });
    }

    /// Revokes every lease on a key, and detaches its flight.
    pub(crate) fn revoke(&mut self, key: SlotKey<'_>, deferred: &mut DeferredDrops) {
        self.epochs.revoke(key);
        self.change(key, |leases| leases.revoke(deferred));
    }

    /// Revokes every lease on keys in a scope.
    fn revoke_scope(&mut self, scope: &Scope, deferred: &mut DeferredDrops) {
        self.epochs.revoke_all();
        self.keys.retain(|leases| {
            if scope.covers(&leases.key) {
                leases.revoke(deferred);
            }
            !leases.is_idle()
        });
    }

    pub(crate) fn raise_fence(&mut self, key: SlotKey<'_>, deferred: &mut DeferredDrops) {
        self.epochs.revoke(key);
        let leases = self.of(key);
        leases.fences += 1;
        leases.revoke(deferred);
    }

    /// Removes one fence. Loads that began behind the fence are not cached, and later callers do not join
    /// these loads.
    pub(crate) fn lower_fence(&mut self, key: SlotKey<'_>, deferred: &mut DeferredDrops) {
        self.epochs.revoke(key);
        self.change(key, |leases| {
            leases.fences = leases.fences.saturating_sub(1);
            leases.revoke(deferred);
        });
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.barriers.is_empty()
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
            })
            .into_mut()
    }

    fn change(&mut self, key: SlotKey<'_>, change: impl FnOnce(&mut KeyLeases)) {
        if let Ok(mut found) = self.keys.find_entry(key.hash, |leases| *leases.key == *key.bytes) {
            change(found.get_mut());
            if found.get().is_idle() {
                found.remove();
            }
        }
    }
}

impl KeyLeases {
    fn revoke(&mut self, deferred: &mut DeferredDrops) {
        self.holders.clear();
        if !failpoint_is_set(Failpoint::KeepFlight) {
            deferred.flight(self.flight.take().map(|(_, flight)| flight));
        }
    }

    fn is_idle(&self) -> bool {
        self.holders.is_empty() && self.fences == 0 && self.flight.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::sync::Arc;

    const KEY: SlotKey<'static> = SlotKey { hash: 7, bytes: b"key" };
    const OTHER: SlotKey<'static> = SlotKey { hash: 7, bytes: b"other" };

    #[test]
    fn revoking_a_key_leaves_other_keys_of_the_same_hash_alone() {
        let mut leases = Leases::default();
        let (one, two, other) = (leases.take(KEY), leases.take(KEY), leases.take(OTHER));
        leases.revoke(KEY, &mut DeferredDrops::default());
        assert!(!leases.holds(KEY, one) && !leases.holds(KEY, two));
        assert!(leases.holds(OTHER, other));
        leases.raise_barrier(&Scope::prefix(*b"ot"), &mut DeferredDrops::default());
        let behind = leases.take(OTHER);
        assert!(!leases.holds(OTHER, behind), "a lease taken behind a barrier never holds");
        leases.lower_barrier(&Scope::prefix(*b"ot"), &mut DeferredDrops::default());
        assert!(!leases.holds(OTHER, behind) && leases.is_empty());
    }

    #[test]
    fn revoking_detaches_the_flight_and_a_late_release_does_not_touch_the_next() {
        let mut leases = Leases::default();
        let old = leases.take(KEY);
        leases.attach(KEY, old, Arc::new("old flight"));
        leases.revoke(KEY, &mut DeferredDrops::default());
        assert!(leases.flight(KEY).is_none());
        let new = leases.take(KEY);
        leases.attach(KEY, new, Arc::new("new flight"));
        leases.release(KEY, old, &mut DeferredDrops::default());
        assert!(leases.flight(KEY).is_some() && leases.holds(KEY, new));
    }

    #[test]
    fn a_lease_taken_behind_a_fence_never_holds() {
        let mut leases = Leases::default();
        leases.raise_fence(KEY, &mut DeferredDrops::default());
        leases.raise_fence(KEY, &mut DeferredDrops::default());
        let behind = leases.take(KEY);
        let over = leases.take_over(KEY);
        assert!(leases.holds(KEY, over), "what is there may be written again");
        leases.lower_fence(KEY, &mut DeferredDrops::default());
        let still_behind = leases.take(KEY);
        leases.lower_fence(KEY, &mut DeferredDrops::default());
        assert!(!leases.holds(KEY, behind) && !leases.holds(KEY, still_behind));
        let after = leases.take(KEY);
        assert!(leases.holds(KEY, after));
        leases.release(KEY, after, &mut DeferredDrops::default());
        assert!(leases.is_empty());
    }

    #[test]
    fn an_epoch_token_does_not_outlast_a_fence_or_a_barrier() {
        let mut leases = Leases::default();
        let permits = |leases: &Leases, epoch_token| leases.permits(KEY, Permit::EpochToken(epoch_token));
        let before = leases.epoch_token(KEY);
        assert!(permits(&leases, before));
        leases.raise_fence(KEY, &mut DeferredDrops::default());
        let behind = leases.epoch_token(KEY);
        assert!(!permits(&leases, before) && !permits(&leases, behind));
        leases.lower_fence(KEY, &mut DeferredDrops::default());
        assert!(!permits(&leases, behind));
        let before = leases.epoch_token(KEY);
        leases.raise_barrier(&Scope::prefix(*b"k"), &mut DeferredDrops::default());
        let behind = leases.epoch_token(KEY);
        assert!(!permits(&leases, before) && !permits(&leases, behind));
        leases.lower_barrier(&Scope::prefix(*b"k"), &mut DeferredDrops::default());
        assert!(!permits(&leases, behind));
        let after = leases.epoch_token(KEY);
        assert!(permits(&leases, after));
        leases.revoke(OTHER, &mut DeferredDrops::default());
        leases.revoke(KEY, &mut DeferredDrops::default());
        assert!(!permits(&leases, after));
    }
}
