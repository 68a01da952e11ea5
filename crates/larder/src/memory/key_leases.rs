//! The row of one key in the table of leases. A key without leases, fences and a pass has no row.

use smallvec::SmallVec;

use super::deferred_drops::DeferredDrops;
use super::entry::Value;
use crate::format::stored_key::StoredKey;
use crate::sys::clock::Deadline;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};

/// The number of a lease. It is unique in its shard.
pub(crate) type LeaseId = u64;

/// The leases, the fences, the flight and the pass of one key.
#[derive(Debug)]
pub(super) struct KeyLeases {
    pub(super) hash: u64,
    pub(super) key: StoredKey,
    /// Ids of the leases that are still valid.
    pub(super) holders: SmallVec<[LeaseId; 2]>,
    pub(super) fences: u32,
    pub(super) flight: Option<AttachedFlight>,
    /// The end of the key's pass.
    pub(super) pass_until: Option<Deadline>,
    /// The end of the key's cool-down.
    pub(super) cool_until: Option<Deadline>,
}

/// A flight, and the lease of the caller that runs the loader.
#[derive(Debug)]
pub(super) struct AttachedFlight {
    pub(super) lease: LeaseId,
    pub(super) flight: Value,
    /// The deadline of the lease.
    pub(super) deadline: Deadline,
}

impl KeyLeases {
    pub(super) fn revoke(&mut self, deferred: &mut DeferredDrops) {
        self.holders.clear();
        (self.pass_until, self.cool_until) = (None, None);
        if !failpoint_is_set(Failpoint::KeepFlight) {
            deferred.flight(self.flight.take().map(|attached| attached.flight));
        }
    }

    pub(super) fn is_overdue(&self, id: LeaseId) -> bool {
        if failpoint_is_set(Failpoint::FillLate) {
            return false;
        }
        let attached = self.flight.as_ref().filter(|attached| attached.lease == id);
        attached.is_some_and(|attached| attached.deadline.is_over())
    }

    /// Revokes the lease with the flight if it is past its deadline, and ends a pass that is over.
    pub(super) fn drop_overdue(&mut self, deferred: &mut DeferredDrops) {
        self.pass_until.take_if(|until| until.is_over());
        self.cool_until.take_if(|until| until.is_over());
        if let Some(attached) = self.flight.take_if(|attached| attached.deadline.is_over()) {
            self.holders.retain(|holder| *holder != attached.lease);
            deferred.flight(Some(attached.flight));
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.holders.is_empty()
            && self.fences == 0
            && self.flight.is_none()
            && self.pass_until.is_none()
            && self.cool_until.is_none()
    }
}
