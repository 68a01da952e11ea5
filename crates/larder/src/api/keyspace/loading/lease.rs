//! The use of a lease by a registered loader, on a thread of the pool or on the thread of its caller.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::registered::{RegisteredLoader, ThreadLoader};
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::definition::DEFAULT_COOL_DOWN;
use crate::api::keyspace::load::Load;
use crate::api::keyspace::load_lease::LoadLease;
use crate::engine::flights::{Flight, FlightOutcome};
use crate::format::key::Key;
use crate::memory::key_leases::LeaseId;
use crate::memory::slot_key::SlotKey;
use crate::sys::clock::Deadline;
use crate::sys::sync::Arc;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> LoadLease<K, V> {
    /// Returns whether a load with this lease may be cached.
    pub(super) fn is_held(&self) -> bool {
        self.id.is_some()
    }

    /// Returns whether a load with this lease can be cached and waited for now. This is false while an update
    /// of the key is in progress, and shortly after a load of the key was declined.
    pub(super) fn is_of_use(&self, keyspace: &Keyspace<K, V>, key: SlotKey<'_>) -> bool {
        let is_leased = |id| keyspace.shared.tiers.memory.is_leased(key, id);
        self.flight.is_some() && self.id.is_some_and(is_leased)
    }

    /// Returns the flight of this load, so that the caller can wait for it. Creates a flight if the load has
    /// none.
    pub(super) fn flight_to_wait_for(&mut self) -> Arc<Flight> {
        self.flight.get_or_insert_with(|| Flight::queued(self.deadline)).clone()
    }

    /// Turns this lease into the lease of a refresh. A refresh that fails begins a cool-down even without a
    /// grace. Otherwise the next caller would begin the next refresh.
    pub(super) fn of_refresh(mut self) -> Self {
        self.cool_down_length = self.cool_down_length.or(Some(DEFAULT_COOL_DOWN));
        self
    }

    /// Begins the load on the calling thread, which becomes the leader of the flight. Returns false if the
    /// load would be useless, because it is too late, because the cache has no handle any more, or because
    /// another caller has taken the load over.
    fn begin_here(&mut self) -> bool {
        if self.deadline.is_over() {
            return false;
        }
        let Some(keyspace) = self.keyspace() else { return false };
        if self.flight.as_ref().is_some_and(|flight| !flight.begin()) {
            return false;
        }
        self.begin_on_this_thread(&keyspace);
        true
    }

    /// Tells the waiting callers that the loader has returned [`Load::Unchanged`] without a stale value.
    pub(super) fn end_without_value(mut self) {
        self.outcome = Some(FlightOutcome::NothingUnchanged);
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static, E: Send + Sync + 'static>
    RegisteredLoader<ThreadLoader<K, V, E>>
{
    /// Runs the loader, and ends the load according to the result. `live` is the live value of a refresh.
    ///
    /// Holds no handle of the cache while the loader runs. If the loader panics, the panic drops the lease,
    /// and the lease answers the waiting callers.
    pub(super) fn load(&self, mut lease: LoadLease<K, V>, key: &K, live: Option<Arc<V>>) {
        // Dropped when the loader returns, or if it does not run, or panics. A publication ends the pause.
        let pause = live.clone().map(|live| lease.pause_after(live));
        if !lease.begin_here() {
            return;
        }
        let known = live.or_else(|| lease.stale());
        // A failure of the cache is not an error. The lease counts it.
        let decision = lease.run_loader(|| (self.loader)(key, known.clone()));
        drop(pause);
        match decision {
            Ok(Load::Cache(value)) => drop(lease.fill(value)),
            Ok(Load::CacheFor(value, ttl)) => drop(lease.fill_with(value, ttl)),
            // If the lease holds, the content of the key is still the value that the loader got.
            Ok(Load::Unchanged) => match known {
                Some(value) => drop(lease.fill(value)),
                None => lease.end_without_value(),
            },
            Ok(Load::Absent) => _ = lease.fill_absent(),
            Ok(Load::DoNotCache(value)) => lease.decline_with(value),
            Err(error) => lease.fail_with(Arc::new(error)),
        }
    }
}

/// Returns the lease of a refresh, given the number of the taken lease.
pub(super) fn refresh_lease<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
    keyspace: &Keyspace<K, V>,
    key: SlotKey<'_>,
    id: LeaseId,
    flight: Arc<Flight>,
    deadline: Deadline,
) -> LoadLease<K, V> {
    LoadLease::new(keyspace, key, Some(id), Some(flight), deadline).of_refresh()
}
