//! A shard under its exclusive lock, with the values that leave the shard while it is locked.
//!
//! Dropping the guard unlocks the shard first. After that, the released weight is returned to the budget, and
//! the released values are added to the caller's list. The caller drops these values when it holds no lock
//! and no reserved weight (invariant 5 of `docs/design.md`). A user's `Drop` may call the cache, or wait
//! for room.

#![expect(clippy::inline_always, reason = "the path of an insert leads through this file")]

use super::budget::Budget;
use super::deferred_drops::DeferredDrops;
use super::evicted_values::EvictedValues;
use super::shard::Shard;
use super::slot_key::SlotKey;
use crate::sys::sync::{RwLock, RwLockWriteGuard};

/// A locked shard and its released values. Fields drop in declaration order, so the lock is released before
/// the values are passed on.
pub(super) struct LockedShard<'a> {
    pub(super) shard: RwLockWriteGuard<'a, Shard>,
    pub(super) released: Released<'a>,
}

pub(super) struct Released<'a> {
    pub(super) deferred: DeferredDrops,
    budget: &'a Budget,
    /// The list that receives the values. `None` after [`LockedShard::unlock`].
    evicted_values: Option<&'a mut EvictedValues>,
}

impl<'a> LockedShard<'a> {
    #[inline]
    pub(super) fn new(
        shard: &'a RwLock<Shard>,
        budget: &'a Budget,
        evicted_values: &'a mut EvictedValues,
    ) -> Self {
        let deferred = DeferredDrops::default();
        let released = Released { deferred, budget, evicted_values: Some(evicted_values) };
        Self { shard: shard.write(), released }
    }

    pub(super) fn evict(&mut self) -> bool {
        self.shard.evict(&mut self.released.deferred)
    }

    /// Like [`evict`](Self::evict), but evicts no entry of the keys in `spared`.
    pub(super) fn evict_beside(&mut self, spared: &[SlotKey<'_>]) -> bool {
        self.shard.evict_beside(spared, &mut self.released.deferred)
    }

    /// Evicts one clean entry, and keeps `weight` of its weight reserved for an entry of `key`. Returns
    /// whether the evicted weight was enough. If not, keeps nothing reserved.
    pub(super) fn evict_for(&mut self, key: SlotKey<'_>, weight: u64) -> bool {
        self.shard.prefetch_home(key);
        self.evict() && self.released.deferred.give_room(weight)
    }

    /// Evicts one clean entry, but not that of `key`, and keeps `weight` of its weight reserved for a heavier
    /// value of `key`. Returns whether the evicted weight was enough. If not, keeps nothing reserved.
    pub(super) fn evict_for_growth(&mut self, key: SlotKey<'_>, weight: u64) -> bool {
        self.evict_beside(&[key]) && self.released.deferred.give_room(weight)
    }

    /// Unlocks the shard. Returns the list that received the released values, so that the caller can reuse
    /// it.
    pub(super) fn unlock(self) -> &'a mut EvictedValues {
        let Self { shard, mut released } = self;
        drop(shard);
        released.pass_on();
        released.evicted_values.take().expect("only this method takes it, and it consumes the guard")
    }
}

impl Released<'_> {
    #[inline(always)]
    fn pass_on(&mut self) {
        if let Some(evicted_values) = &mut self.evicted_values {
            pass_on(&mut self.deferred, self.budget, evicted_values);
        }
    }
}

impl Drop for Released<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.pass_on();
    }
}

/// Returns the released weight to the budget, and adds the released values to a list. The caller must not
/// hold the lock of a shard.
#[inline(always)]
pub(super) fn pass_on(deferred: &mut DeferredDrops, budget: &Budget, evicted_values: &mut EvictedValues) {
    let DeferredDrops { values, room_holders, weight } = deferred;
    // In full memory, almost every insert releases one value, and gives its weight to the new entry. The
    // lists are borrowed, because moving and dropping empty lists would slow the insert down.
    if *weight > 0 {
        budget.release(std::mem::take(weight));
    }
    evicted_values.take(values);
    // These are dropped last, because dropping the last handle of one wakes the callers that wait for its
    // room.
    if !room_holders.is_empty() {
        room_holders.drain(drop);
    }
}
