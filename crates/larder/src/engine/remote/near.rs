//! Applies changes at the server to memory: the implementation of [`NearTier`].
//!
//! The tier calls it in the order of the stream, before it answers any later request. So if a request was
//! sent before a push and is answered after the push, its token is void, and the answer is not filled into
//! memory.

use crate::engine::flights::FlightOutcome;
use crate::engine::remote::push_waits::ParkedFlight;
use crate::engine::tiers::Tiers;
use crate::format::key::scope::Scope;
use crate::format::keyspace_id::KeyspaceId;
use crate::memory::evicted_values::EvictedValues;
use crate::remote::near::NearTier;

impl NearTier for Tiers {
    fn invalidate(&self, keys: &[&[u8]]) {
        let mut dropped = EvictedValues::default();
        for key in keys {
            self.memory.drop_near(self.memory.key(key), &mut dropped);
            if let Some(remote) = self.remote() {
                self.end_parked(remote.waits.note_push(Some(key)));
            }
        }
        // The `Drop` of a value may ask the server. The calling thread reads the answers, so it must not wait
        // for one.
        self.sweeper.drop_values(dropped);
    }

    fn invalidate_range(&self, prefix: &[u8]) {
        self.drop_scope(Scope::prefix(prefix));
    }

    fn invalidate_all(&self) {
        self.drop_scope(Scope::prefix(KeyspaceId::ALL_REMOTE));
    }
}

impl Tiers {
    /// Drops all near copies in a scope. Voids the loads and the tokens of the keys in the scope.
    fn drop_scope(&self, scope: Scope) {
        let mut dropped = EvictedValues::default();
        self.memory.purge(scope, false, self.time.now(), 0, &mut dropped);
        if let Some(remote) = self.remote() {
            self.end_parked(remote.waits.note_push(None));
        }
        self.sweeper.drop_values(dropped);
    }

    /// Ends the waits for other machines. Their callers look again.
    pub(crate) fn end_waits_for_pushes(&self) {
        if let Some(remote) = self.remote() {
            self.end_parked(remote.waits.note_push(None));
        }
    }

    /// Ends flights that stand for the loads of other machines. The lease is given back first. Otherwise a
    /// caller would look again, and find the flight that has landed.
    pub(crate) fn end_parked(&self, ended: Vec<ParkedFlight>) {
        for ParkedFlight { key, lease, flight, .. } in ended {
            self.memory.release(self.memory.key(&key), lease);
            flight.land(FlightOutcome::Abandoned);
        }
    }

    /// Returns whether the connection of an answer is still the present one.
    pub(in crate::engine) fn is_generation(&self, generation: u64) -> bool {
        self.remote().is_some_and(|remote| remote.tier.generation() == generation)
    }
}
