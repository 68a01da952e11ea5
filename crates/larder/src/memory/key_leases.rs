//! The row of one key in the table of leases. A key without a lease, fence, flight, pass, cool-down or pause
//! has no row.

use smallvec::SmallVec;

use super::deferred_drops::DeferredDrops;
use super::entry::Value;
use crate::format::stored_key::StoredKey;
use crate::sys::clock::Deadline;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};

/// The number of a lease, unique within its shard.
pub(crate) type LeaseId = u64;

/// The number of no lease. A shard counts its leases from 1.
pub(crate) const NO_LEASE: LeaseId = 0;

#[derive(Debug)]
pub(super) struct KeyLeases {
    pub(super) hash: u64,
    pub(super) key: StoredKey,
    /// The leases that no change of the key has revoked.
    pub(super) holders: SmallVec<[HeldLease; 2]>,
    pub(super) fences: u32,
    pub(super) flight: Option<AttachedFlight>,
    pub(super) pass_until: Option<Deadline>,
    pub(super) cool_until: Option<Deadline>,
    pub(super) paused_until: Option<Deadline>,
}

#[derive(Debug)]
pub(super) struct HeldLease {
    pub(super) id: LeaseId,
    /// `None` for a lease that ends within one call of the cache.
    pub(super) deadline: Option<Deadline>,
}

impl HeldLease {
    fn is_overdue(&self) -> bool {
        self.deadline.is_some_and(Deadline::is_over)
    }
}

/// A flight, and the lease of the caller that runs the loader.
#[derive(Debug)]
pub(super) struct AttachedFlight {
    pub(super) lease: LeaseId,
    pub(super) flight: Value,
    pub(super) deadline: Deadline,
    pub(super) may_be_absent: bool,
}

impl KeyLeases {
    pub(super) fn revoke(&mut self, deferred: &mut DeferredDrops) {
        self.holders.clear();
        (self.pass_until, self.cool_until, self.paused_until) = (None, None, None);
        if !failpoint_is_set(Failpoint::KeepFlight) {
            deferred.flight(self.flight.take().map(|attached| attached.flight));
        }
    }

    /// Returns whether a lease is valid: no change of the key has revoked it, and its deadline has not
    /// passed.
    pub(super) fn holds(&self, id: LeaseId) -> bool {
        let held = self.holders.iter().find(|held| held.id == id);
        held.is_some_and(|held| !held.is_overdue() || failpoint_is_set(Failpoint::FillLate))
    }

    /// Removes the leases whose deadlines have passed, with their flight. Removes a pass, a cool-down or a
    /// pause that has ended.
    pub(super) fn drop_overdue(&mut self, deferred: &mut DeferredDrops) {
        self.pass_until.take_if(|until| until.is_over());
        self.cool_until.take_if(|until| until.is_over());
        self.paused_until.take_if(|until| until.is_over());
        self.holders.retain(|held| !held.is_overdue());
        let overdue = self.flight.take_if(|attached| attached.deadline.is_over());
        deferred.flight(overdue.map(|attached| attached.flight));
    }

    pub(super) fn is_idle(&self) -> bool {
        self.holders.is_empty()
            && self.fences == 0
            && self.flight.is_none()
            && self.pass_until.is_none()
            && self.cool_until.is_none()
            && self.paused_until.is_none()
    }
}
