//! Checks and publishes a change that was computed from the content of its key
//! ([`crate::memory::publication`]).

use super::Shard;
use crate::memory::deferred_drops::DeferredDrops;
use crate::memory::entry::{IncomingEntry, Refused};
use crate::memory::key_leases::NO_LEASE;
use crate::memory::publication::Publication;
use crate::memory::slot::SlotState;
use crate::memory::slot_key::SlotKey;
use crate::sys::sync::AtomicU64;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::units::Timestamp;

impl Shard {
    /// Checks the conditions of step 3 of [`crate::memory::publication`]. Returns the time of the check.
    ///
    /// # Errors
    /// Returns [`Refused::Closed`] if the shard is sealed, and [`Refused::Revoked`] if the key has changed or
    /// the entry has expired. Returns [`Refused::Unconfirmed`] if the entry may exist only on disk, and the
    /// caller has not confirmed it in the current snapshot.
    pub(crate) fn confirm(
        &self,
        key: SlotKey<'_>,
        publication: Publication<'_>,
    ) -> Result<Timestamp, Refused> {
        let Publication { lease, read, now, is_on_disk } = publication;
        if self.is_closed() {
            return Err(Refused::Closed);
        }
        // (a)
        let is_unchecked = failpoint_is_set(Failpoint::FillWithoutLease);
        let is_without_lease = lease == NO_LEASE;
        let is_allowed = if is_without_lease {
            !self.leases.is_behind_barrier(key) || failpoint_is_set(Failpoint::ChangeBehindBarrier)
        } else {
            self.leases.holds(key, lease)
        };
        if !is_allowed && !is_unchecked {
            return Err(Refused::Revoked);
        }
        let now = now();
        let Some(read) = read else {
            let is_live = self.find(key).is_some_and(|(_, slot)| slot.has_value() && slot.expires_at > now);
            return if is_live { Err(Refused::Revoked) } else { Ok(now) };
        };
        // (b)
        if read.expires_at <= now && !failpoint_is_set(Failpoint::PublishExpired) {
            return Err(Refused::Revoked);
        }
        // (c)
        match self.find(key) {
            Some((_, slot)) if slot.has_value() && (slot.sequence == read.sequence || is_unchecked) => {
                Ok(now)
            }
            Some(_) => Err(Refused::Revoked),
            None if is_on_disk() || failpoint_is_set(Failpoint::PublishEvicted) => Ok(now),
            None if is_without_lease => Err(Refused::Revoked),
            None => Err(Refused::Unconfirmed),
        }
    }

    /// Publishes a value with a new sequence, if [`confirm`](Shard::confirm) succeeds.
    pub(crate) fn publish(
        &mut self,
        key: SlotKey<'_>,
        publication: Publication<'_>,
        entry: IncomingEntry,
        counter: &AtomicU64,
        deferred: &mut DeferredDrops,
    ) -> Result<u64, Refused> {
        if let Err(refused) = self.confirm(key, publication) {
            deferred.refused(entry);
            return Err(refused);
        }
        self.store(key, entry, counter, deferred)
    }

    /// Returns the weight of a key's clean value in the budget, or zero if the key has no clean value.
    pub(crate) fn weight_of_clean(&self, key: SlotKey<'_>) -> u64 {
        let clean = self.find(key).filter(|(_, slot)| slot.state == SlotState::Clean);
        clean.map_or(0, |(id, _)| self.policy.weight_of(id).bytes())
    }

    /// Returns the sequence of a key's latest change, or zero if the shard does not have the key.
    pub(crate) fn sequence_of(&self, key: SlotKey<'_>) -> u64 {
        self.find(key).map_or(0, |(_, slot)| slot.sequence)
    }
}
