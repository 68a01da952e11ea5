//! Leases for loads. A load takes its lease with a lookup under the exclusive lock, and releases it at the
//! end.

use std::time::Duration;

use super::Memory;
use super::evicted_values::EvictedValues;
use super::key_leases::{AttachedFlight, LeaseId};
use crate::memory::entry::Value;
use crate::memory::lookup::{Lookup, MissToken};
use crate::memory::slot_key::SlotKey;
use crate::sys::clock::Deadline;
use crate::units::Timestamp;

/// The answer to a caller that may fill a key, found under the exclusive lock of the shard.
#[derive(Debug)]
pub(crate) enum LeaseOutcome {
    /// The value that another caller has stored in the meantime, and its expiry.
    Value(Value, Timestamp),
    /// The key has an absence, which lasts until the given time. Only a caller that accepts absences gets
    /// this answer.
    Absent(Timestamp),
    /// A load of the key has failed recently. The caller answers with the stale value, if there is one.
    CoolingDown,
    /// Another caller is loading the key. The caller joins this flight.
    Flight(Value),
    /// The lease was taken. With a `miss_token`, the caller reads the disk next. Without it, the key has no
    /// live value on disk. In a remote tier, the caller asks the server in both cases. `replaced` is the
    /// flight of a load that this lease replaces. The caller must complete that flight.
    Lease { id: LeaseId, miss_token: Option<MissToken>, replaced: Option<Value> },
}

/// The answers that a caller accepts instead of a lease, besides the flight of a load that can't end with
/// an absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an answer of its own")]
pub(crate) struct HeededAnswers {
    /// A value or an absence in memory. If the keyspace belongs to a remote tier, a caller that has already
    /// looked in memory does not accept them. Such a caller must not answer from memory.
    pub(crate) entry: bool,
    /// An absence. A caller that does not accept it loads the key as if there were no entry.
    pub(crate) absence: bool,
    pub(crate) cool_down: bool,
    /// The flight of a load that may end with an absence. A caller that does not accept the flight replaces
    /// the load.
    pub(crate) optional_flight: bool,
}

impl Memory {
    /// Takes a lease to load a key, and attaches `flight` to the lease, unless the key has a pass. `flight`
    /// also says whether the load may end with an absence. If the key already has a flight, or if the
    /// caller accepts another answer ([`HeededAnswers`]), returns that instead. Takes over a load whose
    /// lease has passed its deadline. The caller reads the disk only after this call (invariant 4 of
    /// `docs/design.md`).
    pub(crate) fn lease_to_load(
        &self,
        key: SlotKey<'_>,
        now: Timestamp,
        deadline: Deadline,
        heeds: HeededAnswers,
        flight: impl FnOnce() -> (Value, bool),
    ) -> LeaseOutcome {
        self.lease_or_take_over(key, now, deadline, heeds, |_| false, flight)
    }

    /// Like [`lease_to_load`](Self::lease_to_load), but may replace a load in flight. If `take_over` returns
    /// true for the flight, its lease is revoked, and the new flight is attached. After this call returns,
    /// the caller completes the old flight without the lock. In the other order, the waiters of the old
    /// flight would look the key up again, and find the completed flight.
    pub(crate) fn lease_or_take_over(
        &self,
        key: SlotKey<'_>,
        now: Timestamp,
        deadline: Deadline,
        heeds: HeededAnswers,
        take_over: impl FnOnce(&Value) -> bool,
        flight: impl FnOnce() -> (Value, bool),
    ) -> LeaseOutcome {
        let mut evicted_values = EvictedValues::default();
        let mut locked = self.lock(key, &mut evicted_values);
        let miss_token = match locked.shard.get(key, now) {
            _ if !heeds.entry => Some(locked.shard.miss_token(key)),
            Lookup::Value(value, expires_at) => return LeaseOutcome::Value(value, expires_at),
            Lookup::Absent(expires_at) if heeds.absence => return LeaseOutcome::Absent(expires_at),
            Lookup::Absent(_) | Lookup::Negative => None,
            Lookup::Unknown(token) => Some(token),
        };
        if !heeds.optional_flight {
            locked.shard.leases.detach_optional(key, &mut locked.released.deferred);
        }
        let replaced = match locked.shard.leases.flight(key, &mut locked.released.deferred) {
            Some(flight) if !take_over(&flight) => return LeaseOutcome::Flight(flight),
            found => found,
        };
        let leases = &mut locked.shard.leases;
        if replaced.is_some() {
            leases.detach(key, &mut locked.released.deferred);
        } else if heeds.cool_down && leases.is_cooling_down(key) {
            return LeaseOutcome::CoolingDown;
        }
        let has_flight = !leases.has_pass(key);
        let id = leases.take(key, deadline);
        if has_flight {
            let (flight, may_be_absent) = flight();
            leases.attach(key, AttachedFlight { lease: id, flight, deadline, may_be_absent });
        }
        LeaseOutcome::Lease { id, miss_token, replaced }
    }

    pub(crate) fn cool_down(&self, key: SlotKey<'_>, lease: LeaseId, length: Duration) {
        self.shard(key).write().leases.cool_down(key, lease, length);
    }

    /// Gives a key a pass, if the lease is valid. For a while, callers load the key without waiting for each
    /// other.
    pub(crate) fn give_pass(&self, key: SlotKey<'_>, lease: LeaseId) {
        self.shard(key).write().leases.give_pass(key, lease);
    }

    /// Gives a key a pass, even if no lease is valid.
    pub(crate) fn give_pass_now(&self, key: SlotKey<'_>) {
        self.shard(key).write().leases.give_pass_now(key);
    }

    pub(crate) fn release(&self, key: SlotKey<'_>, lease: LeaseId) {
        let mut evicted_values = EvictedValues::default();
        let mut locked = self.lock(key, &mut evicted_values);
        locked.shard.leases.release(key, lease, &mut locked.released.deferred);
    }
}
