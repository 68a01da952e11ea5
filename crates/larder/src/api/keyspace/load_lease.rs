//! The lease of a load: the permission to fill a key that a lookup missed. Implements steps 4 to 6 of
//! [`super::lookup`].
//!
//! A lease may be sent to another thread, kept, or forgotten. So a lease refers to the cache only weakly, and
//! does not keep the cache or its file open. The deadline of a lease is in real time. After the deadline, the
//! lease fills nothing, and another caller may load the key.

mod fill_absent;
pub(super) mod loader_panic;
#[cfg(feature = "async")]
mod polls;
mod publish;
mod refresh_pause;

use std::fmt;
use std::sync::Weak;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::definition::KeyspaceDefinition;
use super::ttl::Ttl;
#[cfg(feature = "async")]
use crate::engine::flights::graph::LoadId;
use crate::engine::flights::{AnyError, Flight, FlightOutcome};
use crate::engine::keyspaces::open_keyspace::OpenKeyspace;
use crate::engine::remote::batch_room::BatchRoom;
use crate::engine::remote::replaced::ReplacedRecord;
use crate::engine::remote::sharing::Sharing;
use crate::engine::remote::slot_leases::SlotLease;
use crate::engine::shared::Shared;
use crate::error::Error;
use crate::format::key::Key;
use crate::format::stored_key::StoredKey;
use crate::memory::key_leases::LeaseId;
use crate::memory::slot_key::SlotKey;
use crate::stats::count::Count;
use crate::sys::at_once::at_once;
use crate::sys::clock::Deadline;
use crate::sys::process::Process;
use crate::sys::sync::Arc;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::user_code::{HeldValue, drop_caught};
use crate::units::millis;
use loader_panic::LoaderPanic;

/// The permission to load a key and to cache its value. [`Keyspace::lookup`](crate::Keyspace::lookup) returns
/// a lease for a key without a live value.
///
/// While a caller holds the lease of a key, other callers that would load the key wait for its value. A lease
/// ends in one of these ways:
///
/// - [`fill`](LoadLease::fill) caches the value, and returns it to the waiting callers.
/// - [`fill_absent`](LoadLease::fill_absent) reports that the source has no value.
/// - [`fail`](LoadLease::fail) gives an error to the waiting callers.
/// - [`decline`](LoadLease::decline) ends the load without caching a value.
/// - If the lease is dropped, or its [deadline](LoadLease::remaining) passes, one of the waiting callers
///   loads the key. If a panic drops the lease, the waiting callers get
///   [`LoadError::Panicked`](crate::LoadError::Panicked).
///
/// A change of the key revokes the lease, because the loaded value may be older than the change. The value is
/// then not cached, and only callers that were waiting before the change get it.
///
/// A lease may be sent to another thread. It keeps the cache and the file open only while one of its methods
/// runs. To close the file at a defined moment, use [`Cache::close`](crate::Cache::close).
///
/// The holder of a lease must not request the key with [`get_or_load`](crate::Keyspace::get_or_load). That
/// call would wait for the holder's own lease until the deadline.
#[must_use = "a lease that is dropped at once makes the next caller load"]
pub struct LoadLease<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> {
    shared: Weak<Shared>,
    opened: Weak<OpenKeyspace>,
    pub(super) definition: KeyspaceDefinition<K, V>,
    pub(super) key: StoredKey,
    /// `None` for a lease that fills nothing, and after the lease was returned to the shard.
    pub(super) id: Option<LeaseId>,
    /// `None` if no caller can wait for this load.
    pub(super) flight: Option<Arc<Flight>>,
    pub(super) deadline: Deadline,
    /// The process that took the lease. If a loader forks, it returns in both processes. The waiters are in
    /// the parent, so the child does not end the flight.
    pub(super) process: Process,
    /// How long callers get the stale value after a failed load.
    pub(super) cool_down_length: Option<Duration>,
    /// The time when the load began, on the cache's monotonic clock. `None` before the load begins, and
    /// after its duration was recorded.
    began: Option<Duration>,
    /// The duration of the load. `None` until it ends.
    pub(super) took: Option<Duration>,
    /// Whether this lease measures the duration of the load. If a loader has several leases, only one of them
    /// measures.
    measures: bool,
    /// Whether the load counts as failed if it ends now.
    has_failed: bool,
    loader_panic: LoaderPanic,
    pub(super) outcome: Option<FlightOutcome>,
    /// The lease of the slot at a remote tier.
    pub(super) remote: Option<SlotLease>,
    /// The record at a remote tier that this load replaces.
    pub(super) replaced: Option<Box<ReplacedRecord<V>>>,
    pub(super) sharing: Sharing,
    /// The room that the value shares with the other values of a load of several keys.
    pub(super) batch: Option<Arc<BatchRoom>>,
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> LoadLease<K, V> {
    pub(super) fn new(
        keyspace: &Keyspace<K, V>,
        key: SlotKey<'_>,
        id: Option<LeaseId>,
        flight: Option<Arc<Flight>>,
        deadline: Deadline,
    ) -> Self {
        Self {
            shared: Arc::downgrade(&keyspace.shared),
            opened: Arc::downgrade(&keyspace.opened),
            definition: keyspace.definition,
            key: StoredKey::from(key.bytes),
            id,
            flight,
            deadline,
            process: keyspace.shared.tiers.process.clone(),
            cool_down_length: keyspace.definition.cool_down_length(),
            began: None,
            took: None,
            measures: true,
            has_failed: true,
            loader_panic: LoaderPanic::none(),
            outcome: None,
            remote: None,
            replaced: None,
            sharing: if keyspace.is_remote() { Sharing::Never } else { Sharing::Always },
            batch: None,
        }
    }

    /// Returns a lease that fills nothing, and that no caller waits for.
    pub(super) fn void(keyspace: &Keyspace<K, V>, key: SlotKey<'_>) -> Self {
        let deadline = Deadline::after(keyspace.shared.settings.lease_timeout);
        let mut lease = Self::new(keyspace, key, None, None, deadline);
        lease.begin(keyspace);
        lease
    }

    /// Ends the flight with the entry that the lookup found on disk or at the server. `None` means an
    /// absence.
    pub(super) fn found(mut self, value: Option<Arc<V>>) {
        self.outcome = Some(match value {
            Some(value) => FlightOutcome::Value(value),
            None => FlightOutcome::Absent,
        });
    }

    /// Runs a loader, and registers it as the loader of this lease's flight.
    pub(super) fn run_loader<R>(&self, loader: impl FnOnce() -> R) -> R {
        let loader = || self.loader_panic.record(loader);
        match &self.flight {
            Some(flight) => flight.run_loader(loader),
            None => loader(),
        }
    }

    /// Returns the flight of this lease. Creates one if there is none, so that the holder itself can wait for
    /// the outcome.
    #[cfg(feature = "async")]
    pub(super) fn flight(&mut self) -> &Arc<Flight> {
        self.flight.get_or_insert_with(|| Flight::of_task(LoadId::next(), self.deadline))
    }

    /// Counts a load, and records when it began.
    pub(super) fn begin(&mut self, keyspace: &Keyspace<K, V>) {
        keyspace.shared.count(&keyspace.opened.counters, Count::Loads, &self.key);
        self.began = Some(keyspace.shared.tiers.time.clock().monotonic());
    }

    /// Returns the time until the deadline of this lease, in real time, or zero after the deadline. After the
    /// deadline, the lease fills nothing, and another caller may load the key.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.deadline.left()
    }

    /// Caches a value with the keyspace's TTL, and passes it to the waiting callers. Returns whether the
    /// value is cached. It is not cached, for example, if the key has been changed since the lookup, or the
    /// deadline has passed, or in a closed cache, or if memory has no room and the disk tier is off.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition, LookupOutcome};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// let LookupOutcome::Load(lease) = prices.lookup("MTNVTU")? else { panic!("the cache is empty") };
    /// prices.remove("MTNVTU")?;
    /// assert!(!lease.fill(100)?, "the price may be that of before the removal");
    /// assert!(prices.get("MTNVTU").is_none());
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`Error::ValueTooLarge`] or [`Error::Encode`]. The waiting callers still get the value.
    pub fn fill(self, value: impl Into<Arc<V>>) -> Result<bool, Error> {
        let ttl = self.definition.default_ttl();
        at_once(self.publish(value.into(), ttl))
    }

    /// Like [`fill`](LoadLease::fill), with a [`Ttl`] for this value. With an expiry in the past
    /// ([`Ttl::Until`]), the waiting callers get the value, but it is not cached.
    ///
    /// # Errors
    /// Returns the same errors as [`fill`](LoadLease::fill). Also returns [`Error::InvalidSetting`] for a TTL
    /// out of range.
    pub fn fill_with(self, value: impl Into<Arc<V>>, ttl: impl Into<Ttl>) -> Result<bool, Error> {
        at_once(self.publish_checked(value.into(), ttl.into()))
    }

    /// Returns the stale value that a failing load of the key may return: see
    /// [`grace`](KeyspaceDefinition::grace). A loader can use the stale value for a conditional request.
    #[must_use]
    pub fn stale(&self) -> Option<Arc<V>> {
        self.keyspace().and_then(|keyspace| self.stale_in(&keyspace)).map(HeldValue::into_inner)
    }

    /// Passes an error to the waiting callers, and caches nothing. A caller that expects another error type
    /// looks the key up again. If the keyspace has a [`grace`](KeyspaceDefinition::grace) and the lease is
    /// still valid, the key's cool-down begins.
    pub fn fail<E: Send + Sync + 'static>(self, error: E) {
        self.fail_with(Arc::new(error));
    }

    pub(super) fn fail_with(mut self, error: AnyError) {
        self.outcome = Some(FlightOutcome::Error(error));
    }

    /// Begins the cool-down of the key, if the keyspace has one. Must be called before the lease is released.
    fn cool_down(&self, keyspace: &Keyspace<K, V>) {
        if let (Some(id), Some(length)) = (self.id, self.cool_down_length) {
            let memory = &keyspace.shared.tiers.memory;
            memory.cool_down(memory.key(&self.key), id, length);
        }
    }

    /// Ends the load without a value. The waiting callers load the key themselves. For one second, callers of
    /// the key do not wait for each other, unless the key is changed.
    pub fn decline(mut self) {
        self.give_pass();
        self.has_failed = false;
    }

    /// Passes a value to the waiting callers, and caches nothing. For one second, callers of the key do not
    /// wait for each other, unless the key is changed.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition, LookupOutcome};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// let LookupOutcome::Load(lease) = prices.lookup("MTNVTU")? else { panic!("the cache is empty") };
    /// lease.decline_with(100);
    /// let first = prices.lookup("MTNVTU")?;
    /// let second = prices.lookup("MTNVTU")?;
    /// assert!(matches!((first, second), (LookupOutcome::Load(_), LookupOutcome::Load(_))));
    /// # Ok::<(), larder::Error>(())
    /// ```
    pub fn decline_with(self, value: impl Into<Arc<V>>) {
        at_once(self.decline_and_share(value.into()));
    }

    /// Excludes this lease from measurement, because another lease of the same loader measures the load.
    /// Otherwise one slow loader of many keys would be recorded and logged for each key.
    pub(super) fn measure_nothing(&mut self) {
        self.measures = false;
    }

    pub(super) fn give_pass(&mut self) {
        if let (Some(id), Some(keyspace)) = (self.id, self.keyspace()) {
            let memory = &keyspace.shared.tiers.memory;
            memory.give_pass(memory.key(&self.key), id);
        }
    }

    /// Returns the keyspace of this lease. Returns `None` if all handles of the cache are dropped or
    /// another version has replaced the keyspace, and in a forked child.
    pub(super) fn keyspace(&self) -> Option<Keyspace<K, V>> {
        if !self.process.is_current() {
            return None;
        }
        let (shared, opened) = (self.shared.upgrade()?, self.opened.upgrade()?);
        Some(Keyspace::of(shared, opened, self.definition))
    }

    /// Counts a failed load, and records the duration of the load if this lease measures it. Only the first
    /// call has an effect.
    fn count_end(&mut self, keyspace: &Keyspace<K, V>) {
        let Keyspace { shared, opened, .. } = keyspace;
        let Some(began) = self.began.take() else { return };
        let took = shared.tiers.time.clock().monotonic().saturating_sub(began);
        self.took = Some(took);
        if self.has_failed {
            opened.counters.add(Count::LoadFailures);
        }
        if !self.measures {
            return;
        }
        opened.counters.load_times.record(took);
        if took >= opened.slow_load {
            shared.note_slow(opened, &self.key, took, self.has_failed);
            tracing::warn!(
                keyspace = opened.name,
                key = shared.key_for_log(opened, &self.key),
                took_ms = millis(took),
                failed = self.has_failed,
                too_late_to_cache = self.deadline.is_over(),
                "a load was slow"
            );
        }
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Drop for LoadLease<K, V> {
    fn drop(&mut self) {
        if failpoint_is_set(Failpoint::KeepDroppedLease) && self.outcome.is_none() {
            return;
        }
        let has_panicked = self.loader_panic.has_panicked();
        // Dropped last, because this may be the last handle of the cache.
        let keyspace = self.keyspace();
        if let Some(keyspace) = &keyspace {
            // A panic before the load began came from other code of the user, such as a weigher or the `Drop`
            // of a value. It does not count as a failure of the source.
            let has_panicked = has_panicked && self.began.is_some();
            self.count_end(keyspace);
            if has_panicked || matches!(self.outcome, Some(FlightOutcome::Error(_))) {
                self.cool_down(keyspace);
            }
            self.drop_remote(keyspace);
            // Step 6: remove the lease from the shard.
            if let Some(id) = self.id.take() {
                let memory = &keyspace.shared.tiers.memory;
                memory.release(memory.key(&self.key), id);
            }
        }
        self.unshare_if_changed(keyspace.as_ref());
        if let Some(flight) = self.flight.take().filter(|_| self.process.is_current()) {
            let without = if has_panicked { FlightOutcome::Panicked } else { FlightOutcome::Abandoned };
            flight.land(self.outcome.take().unwrap_or(without));
        }
        // Without a flight, this may be the last handle of the value.
        drop_caught(self.outcome.take());
    }
}

/// Omits the key, because the key may be a secret.
impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> fmt::Debug for LoadLease<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keyspace = self.definition.name();
        f.debug_struct("LoadLease")
            .field("keyspace", &keyspace)
            .field("remaining", &self.remaining())
            .finish_non_exhaustive()
    }
}
