//! Loads of values that neither tier has. Callers that request one key at the same time share one loader.
//!
//! 1. Look in memory under the shared lock. A hit ends the call.
//! 2. Under the exclusive lock, look again. If the key's lease has a flight, join the flight. Otherwise take
//!    a lease and attach a flight to it.
//! 3. Look on disk, in a snapshot loaded after (2).
//! 4. Run the loader, with no lock held.
//! 5. Store the value, if the lease is still valid. A write or an invalidation after (2) revokes the lease,
//!    because the loaded value may be older than that change.
//! 6. Give back the lease with its flight, then end the flight. In this order, a caller that comes between
//!    the two actions begins a new load, and does not join a flight that has ended.
//!
//! Steps 2, 5 and 6 take an exclusive lock. A forked child skips these steps: it runs the loader and returns
//! the loaded value.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::definition::Durability;
use super::write::InsertOutcome;
use crate::engine::flights::{Flight, FlightOutcome, UnfinishedFlight};
use crate::engine::keyspaces::open_keyspace::OpenKeyspace;
use crate::engine::promotion::Lease;
use crate::engine::shared::Shared;
use crate::error::Error;
use crate::error::load_error::LoadError;
use crate::format::key::bytes::KeyWriter;
use crate::format::key::{EncodeKey, Key};
use crate::memory::LeaseOutcome;
use crate::memory::entry::Value;
use crate::memory::leases::Permit;
use crate::memory::lookup::Lookup;
use crate::memory::slot_key::SlotKey;
use crate::stats::count::Count;
use crate::sys::process::Process;
use crate::sys::sync::{Arc, Ordering};
use crate::units::millis;

/// The caller that runs the loader. If the loader unwinds, dropping this value releases the waiters.
///
/// A loader may fork, and return in the child. The waiters are in the parent, and the loader also returns
/// there. So the child does not end the flight.
struct FlightLeader<'a> {
    process: Process,
    flight: Arc<Flight>,
    lease: Option<Lease<'a>>,
    outcome: Option<FlightOutcome>,
}

impl Drop for FlightLeader<'_> {
    fn drop(&mut self) {
        // Step 6.
        drop(self.lease.take());
        if !self.process.is_current() {
            return;
        }
        self.flight.land(self.outcome.take().unwrap_or(FlightOutcome::Panicked));
    }
}

/// The next step of a caller that has looked for a key.
enum LoadStep<'a, V, E> {
    Done(Result<Arc<V>, LoadError<E>>),
    Load(FlightLeader<'a>),
    /// Load without a flight, because the flight's result has another type, or because this process is a
    /// forked child.
    LoadAlone,
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Returns the live value of a key. If the key has no live value, runs `loader` and caches its value for
    /// the keyspace's TTL.
    ///
    /// Callers that request one key at the same time run one loader and share its result. If the key is
    /// written or invalidated during the load, the loaded value is returned and not cached. Callers that come
    /// after the invalidation do not wait for that load.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// let price = prices.get_or_load("MTNVTU", || "100".parse::<u64>())?;
    /// assert_eq!(*price, 100);
    /// let error = prices.get_or_load("AIRTEL", || "none".parse::<u64>()).unwrap_err();
    /// assert!(!prices.contains_key("AIRTEL"), "errors are not cached: {error}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A value that can't be cached (it is too large, or does not encode) is still returned, and the next
    /// caller loads it again. The load is counted as [`uncacheable`](crate::KeyspaceStats::uncacheable). The
    /// first such load of a keyspace is logged, with a remedy if the value is too large.
    ///
    /// # Errors
    /// - [`LoadError::Loader`] with the loader's error. All waiting callers share this error.
    /// - [`LoadError::Panicked`] if the loader that this caller waited for panicked.
    /// - [`LoadError::Cycle`] if the wait would never end, because loads wait for one another. The loads may
    ///   belong to several caches.
    /// - [`LoadError::Timeout`] after [`load_timeout`](crate::CacheBuilder::load_timeout), if this timeout is
    ///   set.
    /// - [`LoadError::Key`] for a key that is too long.
    ///
    /// A failure of the cache is not an error: the value is then returned and not cached.
    ///
    /// A loader must not join a thread that requests the loader's own key. The cache sees waits for loads,
    /// but no other waits of a thread. Without a `load_timeout`, such a wait never ends.
    ///
    /// # Panics
    /// If `loader` panics, the call panics in the thread that runs the loader.
    pub fn get_or_load<Q, E, R, F>(&self, key: &Q, loader: F) -> Result<Arc<V>, LoadError<E>>
    where
        Q: EncodeKey<K> + ?Sized,
        E: Send + Sync + 'static,
        R: Into<Arc<V>>,
        F: FnOnce() -> Result<R, E>,
    {
        let mut full = KeyWriter::default();
        self.encode_into(key, &mut full).map_err(LoadError::Key)?;
        let key = self.shared.tiers.memory.key(full.as_slice());
        if self.shared.is_closed() {
            return self.run(key, loader);
        }
        match self.find_or_lease(key) {
            LoadStep::Done(done) => done,
            LoadStep::LoadAlone => self.run(key, loader),
            LoadStep::Load(flight_leader) => self.load(key, flight_leader, loader),
        }
    }

    /// Steps 1 to 3.
    fn find_or_lease<'a, E: Send + Sync + 'static>(&'a self, key: SlotKey<'a>) -> LoadStep<'a, V, E> {
        let memory = &self.shared.tiers.memory;
        if let Lookup::Value(value, _) = self.shared.tiers.get_in_memory(key)
            && let Some(value) = Self::typed(value)
        {
            self.answered(Count::MemoryHits, key);
            return LoadStep::Done(Ok(value));
        }
        if self.shared.is_forked() {
            self.answered(Count::Misses, key);
            return LoadStep::LoadAlone;
        }
        let now = self.now();
        let mut new_flight = None;
        let leased = memory.lease_to_load(key, now, || new_flight.insert(Flight::new()).clone() as Value);
        let (id, on_disk) = match leased {
            LeaseOutcome::Value(value) => {
                self.answered(Count::MemoryHits, key);
                return Self::typed(value).map_or(LoadStep::LoadAlone, |value| LoadStep::Done(Ok(value)));
            }
            LeaseOutcome::Flight(flight) => {
                self.answered(Count::Misses, key);
                return self.join(flight);
            }
            LeaseOutcome::Lease { id, miss_token } => (id, miss_token),
        };
        let flight = new_flight.unwrap_or_else(Flight::new);
        let process = self.shared.tiers.process;
        let mut flight_leader =
            FlightLeader { process, flight, lease: Some(Lease::new(memory, key, id)), outcome: None };
        if let Some(miss) = on_disk
            && !self.is_memory_only()
            && let Some(value) = self.promote(key, Permit::Lease(id), miss.min_visible_sequence)
        {
            flight_leader.outcome = Some(FlightOutcome::Value(value.clone()));
            self.answered(Count::DiskHits, key);
            return LoadStep::Done(Ok(value));
        }
        self.answered(Count::Misses, key);
        LoadStep::Load(flight_leader)
    }

    fn join<E: Send + Sync + 'static>(&self, flight: Value) -> LoadStep<'_, V, E> {
        let Ok(flight) = Arc::downcast::<Flight>(flight) else {
            return LoadStep::LoadAlone;
        };
        match flight.join(self.shared.settings.load_timeout) {
            Err(UnfinishedFlight::Cycle) => LoadStep::Done(Err(LoadError::Cycle)),
            Err(UnfinishedFlight::TimedOut) => {
                let waited = self.shared.settings.load_timeout.unwrap_or_default();
                LoadStep::Done(Err(LoadError::Timeout { waited }))
            }
            Ok(FlightOutcome::Panicked) => LoadStep::Done(Err(LoadError::Panicked)),
            Ok(FlightOutcome::Value(value)) => {
                Self::typed(value).map_or(LoadStep::LoadAlone, |value| LoadStep::Done(Ok(value)))
            }
            Ok(FlightOutcome::Error(error)) => match Arc::downcast(error) {
                Ok(error) => LoadStep::Done(Err(LoadError::Loader(error))),
                Err(_) => LoadStep::LoadAlone,
            },
        }
    }

    /// Steps 4 to 6.
    fn load<E, R, F>(
        &self,
        key: SlotKey<'_>,
        mut flight_leader: FlightLeader<'_>,
        loader: F,
    ) -> Result<Arc<V>, LoadError<E>>
    where
        E: Send + Sync + 'static,
        R: Into<Arc<V>>,
        F: FnOnce() -> Result<R, E>,
    {
        let result = self.run(key, loader);
        match &result {
            Ok(_) if self.shared.is_forked() => {}
            Ok(value) => {
                let ttl = self.definition.default_ttl();
                // Set before the write, so that the waiters get the value even if the write panics. A user's
                // `Serialize` may panic, and so may the `Drop` of an evicted value.
                flight_leader.outcome = Some(FlightOutcome::Value(value.clone()));
                let lease = flight_leader.lease.take();
                let written = self.write(key, value, ttl, Durability::Buffered, lease.as_ref());
                self.count_fill(key, &written);
            }
            Err(LoadError::Loader(error)) => {
                flight_leader.outcome = Some(FlightOutcome::Error(error.clone()));
            }
            Err(_) => {}
        }
        result
    }

    /// Counts a loaded value that is not cached. The caller still gets the value.
    fn count_fill(&self, key: SlotKey<'_>, written: &Result<InsertOutcome, Error>) {
        let counters = &self.opened.counters;
        match written {
            Ok(InsertOutcome::Revoked) => counters.add(Count::VoidedFills),
            Ok(InsertOutcome::NoRoom) => {
                self.count_uncacheable(
                    key,
                    &"memory has no room for it, and the disk tier is off; raise memory_capacity",
                    false,
                );
            }
            Err(error @ Error::ValueTooLarge { .. }) => self.count_uncacheable(key, error, false),
            // The message comes from the value's type, so it may quote the value.
            Err(error @ Error::Encode { .. }) => self.count_uncacheable(key, error, true),
            // The value is cached, or the cache was closed during the load.
            Ok(InsertOutcome::Saved | InsertOutcome::InMemory) | Err(_) => {}
        }
    }

    /// Counts a loaded value that can't be cached. Logs the first such value of each keyspace.
    fn count_uncacheable(&self, key: SlotKey<'_>, why: &dyn std::fmt::Display, may_quote: bool) {
        let counters = &self.opened.counters;
        counters.add(Count::Uncacheable);
        counters.uncacheable_cause.note(why, may_quote);
        if !counters.has_told_uncacheable.swap(true, Ordering::Relaxed) {
            let key = self.shared.key_for_log(&self.opened, key.bytes);
            tracing::warn!(
                keyspace = self.opened.name,
                key,
                "a loaded value is not cached, so each caller loads it anew: {why}"
            );
        }
    }

    /// Step 4.
    fn run<E, R, F>(&self, key: SlotKey<'_>, loader: F) -> Result<Arc<V>, LoadError<E>>
    where
        R: Into<Arc<V>>,
        F: FnOnce() -> Result<R, E>,
    {
        let (shared, open_keyspace) = (&*self.shared, &*self.opened);
        shared.count(&open_keyspace.counters, Count::Loads, key.bytes);
        let began = shared.tiers.time.clock().monotonic();
        let mut running = RunningLoader { shared, open_keyspace, key, began, has_failed: true };
        let result = loader().map(Into::into).map_err(|error| LoadError::Loader(Arc::new(error)));
        running.has_failed = result.is_err();
        result
    }
}

/// A running loader. Dropping this value counts the loader's time and failure, so that a panic is counted
/// too.
struct RunningLoader<'a> {
    shared: &'a Shared,
    open_keyspace: &'a OpenKeyspace,
    key: SlotKey<'a>,
    began: Duration,
    has_failed: bool,
}

impl Drop for RunningLoader<'_> {
    fn drop(&mut self) {
        let Self { shared, open_keyspace, key, has_failed, .. } = *self;
        let took = shared.tiers.time.clock().monotonic().saturating_sub(self.began);
        open_keyspace.counters.load_times.record(took);
        if has_failed {
            open_keyspace.counters.add(Count::LoadFailures);
        }
        if took >= open_keyspace.slow_load {
            shared.note_slow(open_keyspace, key.bytes, took, has_failed);
            tracing::warn!(
                keyspace = open_keyspace.name,
                key = shared.key_for_log(open_keyspace, key.bytes),
                took_ms = millis(took),
                failed = has_failed,
                "a load was slow"
            );
        }
    }
}
