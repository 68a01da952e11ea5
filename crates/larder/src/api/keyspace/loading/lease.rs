//! How a registered loader uses a lease, on a thread of the pool or on the caller's thread.

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
use crate::sys::user_code::HeldValue;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> LoadLease<K, V> {
    /// Returns false for a lease that fills nothing.
    pub(super) fn is_held(&self) -> bool {
        self.id.is_some()
    }

    /// Returns whether a load with this lease can be cached and waited for. Returns false while an update of
    /// the key is in progress, and shortly after a load of the key was declined.
    pub(super) fn is_of_use(&self, keyspace: &Keyspace<K, V>, key: SlotKey<'_>) -> bool {
        let is_leased = |id| keyspace.shared.tiers.memory.is_leased(key, id);
        self.flight.is_some() && self.id.is_some_and(is_leased)
    }

    /// Returns the flight of this load, so that the caller can wait for it. Creates a flight if the load has
    /// none.
    pub(super) fn flight_to_wait_for(&mut self) -> Arc<Flight> {
        self.flight.get_or_insert_with(|| Flight::queued(self.deadline)).clone()
    }

    /// Converts this lease into the lease of a refresh. A failed refresh begins a cool-down even without a
    /// grace. Otherwise the next caller would immediately begin another refresh.
    pub(super) fn of_refresh(mut self) -> Self {
        self.cool_down_length = self.cool_down_length.or(Some(DEFAULT_COOL_DOWN));
        self
    }

    /// Begins the load on the calling thread, which becomes the leader of the flight. Returns false if the
    /// load is not needed: the deadline has passed, [`keyspace`](Self::keyspace) returns `None`, another
    /// caller has taken the load over, or a refresh at a remote tier finds nothing to replace.
    fn begin_here(&mut self) -> bool {
        if self.deadline.is_over() {
            return false;
        }
        let Some(keyspace) = self.keyspace() else { return false };
        if self.flight.as_ref().is_some_and(|flight| !flight.begin()) || !self.read_replaced(&keyspace) {
            return false;
        }
        self.begin_on_this_thread(&keyspace);
        true
    }

    /// Ends the load with `LoadError::NothingUnchanged`, because the loader returned [`Load::Unchanged`] but
    /// got no value.
    pub(super) fn end_without_value(mut self) {
        self.outcome = Some(FlightOutcome::NothingUnchanged);
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static, E: Send + Sync + 'static>
    RegisteredLoader<ThreadLoader<K, V, E>>
{
    /// Runs the loader, and ends the load with its result. `live` is the live value if the load is a refresh.
    ///
    /// Holds no handle of the cache while the loader runs. If the loader panics, unwinding drops the lease,
    /// and the waiting callers get `LoadError::Panicked`.
    pub(super) fn load(&self, mut lease: LoadLease<K, V>, key: &K, live: Option<HeldValue<Arc<V>>>) {
        // Dropped when the loader returns, panics or does not run. If the load then publishes a value, that
        // ends the pause.
        let pause = live.as_deref().map(|live| lease.pause_after(live.clone()));
        if !lease.begin_here() {
            return;
        }
        let known = match live {
            Some(live) => Some(lease.replaced_value().unwrap_or(live)),
            None => lease.stale().map(HeldValue::new),
        };
        // Errors of the cache are dropped below: the caller gets the value, and the lease counts the failure.
        let decision = lease.run_loader(|| (self.loader)(key, known.as_deref().cloned()));
        drop(pause);
        match decision {
            Ok(Load::Cache(value)) => drop(lease.fill(value)),
            Ok(Load::CacheFor(value, ttl)) => drop(lease.fill_with(value, ttl)),
            // If the lease is still valid, the key still has the value that the loader got.
            Ok(Load::Unchanged) => match known {
                Some(value) => drop(lease.fill(value.into_inner())),
                None => lease.end_without_value(),
            },
            Ok(Load::Absent) => _ = lease.fill_absent(),
            Ok(Load::DoNotCache(value)) => lease.decline_with(value),
            Err(error) => lease.fail_with(Arc::new(error)),
        }
    }
}

pub(super) fn refresh_lease<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
    keyspace: &Keyspace<K, V>,
    key: SlotKey<'_>,
    id: LeaseId,
    flight: Arc<Flight>,
    deadline: Deadline,
) -> LoadLease<K, V> {
    LoadLease::new(keyspace, key, Some(id), Some(flight), deadline).of_refresh()
}
