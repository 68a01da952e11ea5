//! Applies changes at the server to memory: the implementation of [`NearTier`].
//!
//! The tier calls these functions in the order of the connection's stream, before it delivers any later
//! answer. So if the answer to a request comes after a push of its key, the token of the request is void, and
//! the answer is not copied into memory.

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
            self.drop_copies(|| self.memory.drop_near(self.memory.key(key), &mut dropped));
            if let Some(remote) = self.remote() {
                self.end_parked(remote.waits.note_push(Some(key)));
            }
        }
        // The `Drop` of a value may send a request to the server. The calling thread reads the answers, so
        // it must not wait for an answer.
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
    /// Drops all near copies in a scope, and voids the leases and tokens of its keys. Ends all waits for
    /// other machines.
    fn drop_scope(&self, scope: Scope) {
        let mut dropped = EvictedValues::default();
        self.drop_copies(|| self.purge(scope, false, self.time.now(), 0, &mut dropped));
        if let Some(remote) = self.remote() {
            self.end_parked(remote.waits.note_push(None));
        }
        self.sweeper.drop_values(dropped);
    }

    /// Drops near copies. Meanwhile the counters of memory may disagree, so the checks of tests wait for
    /// the end of this call.
    #[cfg_attr(
        not(any(test, feature = "test-util")),
        expect(clippy::unused_self, reason = "only a check in tests waits for the drops")
    )]
    fn drop_copies<R>(&self, drop_copies: impl FnOnce() -> R) -> R {
        #[cfg(any(test, feature = "test-util"))]
        let _dropping = self.remote().map(|remote| remote.drops.read());
        drop_copies()
    }

    /// Ends all waits for other machines. The waiting callers look their keys up again.
    pub(crate) fn end_waits_for_pushes(&self) {
        if let Some(remote) = self.remote() {
            self.end_parked(remote.waits.note_push(None));
        }
    }

    /// Ends flights that represent loads of other machines. Releases the lease before it lands the flight.
    /// Otherwise a caller that looks the key up again could find the landed flight.
    pub(crate) fn end_parked(&self, ended: Vec<ParkedFlight>) {
        for ParkedFlight { key, lease, flight, .. } in ended {
            self.memory.release(self.memory.key(&key), lease);
            // The calling thread may be the one that reads the connection.
            flight.abandon_on_any_thread();
        }
    }

    /// Returns whether the connection of an answer is still the current one.
    pub(in crate::engine) fn is_generation(&self, generation: u64) -> bool {
        self.remote().is_some_and(|remote| remote.tier.generation() == generation)
    }
}
