//! Steps 2 and 3 of [`super`]: takes a lease, or finds another caller's load.
//!
//! These functions suspend only while they wait for the answer of a server. On disk, they read the file on
//! the thread that runs them. A thread runs them with [`at_once`](crate::sys::at_once::at_once). A task
//! runs them on a worker thread, or over a remote tier as a
//! [worker task](crate::sys::offload::worker_task).

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{LoadThread, LookupOutcome, LowerLookup, OnAbsence};
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::idle::RecordReader;
use crate::api::keyspace::load_lease::LoadLease;
use crate::engine::flights::{Flight, FlightOutcome};
use crate::format::key::Key;
use crate::memory::entry::Value;
use crate::memory::loads::{HeededAnswers, LeaseOutcome};
use crate::memory::slot_key::SlotKey;
use crate::stats::count::Count;
use crate::sys::clock::Deadline;
use crate::sys::sync::Arc;
use crate::sys::user_code::HeldValue;
use crate::units::Timestamp;

fn is_flight(flight: &Value, test: impl FnOnce(&Flight) -> bool) -> bool {
    flight.downcast_ref().is_some_and(test)
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Runs step 1 for an absence, and steps 2 and 3.
    pub(in crate::api::keyspace) async fn lease_or_join(
        &self,
        key: SlotKey<'_>,
        load_thread: LoadThread,
        on_absence: OnAbsence,
        counts: bool,
    ) -> LookupOutcome<K, V> {
        let lease_time = self.shared.settings.lease_timeout;
        self.lease_or_join_for(key, load_thread, on_absence, lease_time, counts).await
    }

    /// Like [`lease_or_join`](Self::lease_or_join). `lease_time` is the time until the deadline of a new
    /// lease.
    pub(in crate::api::keyspace) async fn lease_or_join_for(
        &self,
        key: SlotKey<'_>,
        load_thread: LoadThread,
        on_absence: OnAbsence,
        lease_time: Duration,
        counts: bool,
    ) -> LookupOutcome<K, V> {
        if self.shared.is_closed() {
            return LookupOutcome::Load(LoadLease::void(self, key));
        }
        let is_use = on_absence != OnAbsence::Refresh;
        let heeds = HeededAnswers {
            entry: true,
            absence: on_absence == OnAbsence::Answer,
            cool_down: true,
            optional_flight: on_absence != OnAbsence::LoadNow,
        };
        if heeds.absence
            && let Some(expires_at) = self.shared.tiers.absence_in_memory(key)
        {
            self.answered_if(counts, Count::AbsentAnswers, key);
            return LookupOutcome::Absent { expires_at };
        }
        if self.shared.is_forked() {
            self.answered_if(counts, Count::Misses, key);
            return LookupOutcome::Load(LoadLease::void(self, key));
        }
        let heeds = HeededAnswers { entry: !self.is_remote(), ..heeds };
        let (deadline, mut new_flight) = (Deadline::after(lease_time), None);
        let mut attach = || {
            let flight = match load_thread {
                LoadThread::Caller => Flight::led(deadline),
                LoadThread::Any => Flight::unled(deadline),
                LoadThread::Pool => Flight::queued(deadline),
                #[cfg(feature = "async")]
                LoadThread::Poller(load) | LoadThread::RegisteredPoller(load) => {
                    Flight::of_task(load, deadline)
                }
            };
            // The loader of `get_or_load` always returns a value. A registered loader may return none.
            let may_be_absent = heeds.absence || load_thread.is_registered();
            (new_flight.insert(flight).clone() as Value, may_be_absent)
        };
        let memory = &self.shared.tiers.memory;
        let mut leased = memory.lease_to_load(key, self.now(), deadline, heeds, &mut attach);
        if let LeaseOutcome::CoolingDown = leased {
            // If the stored value is still live, the code below finds and promotes it.
            let stale = self.find_stale_value(key).await;
            if let Some((value, expires_at)) = stale.filter(|(_, at)| *at <= self.now()) {
                self.shared.count(&self.opened.counters, Count::StaleAnswers, key.bytes);
                return LookupOutcome::Hit { value: value.into_inner(), expires_at, is_stale: true };
            }
            let heeds = HeededAnswers { cool_down: false, ..heeds };
            leased = memory.lease_to_load(key, self.now(), deadline, heeds, &mut attach);
        }
        let takes_over =
            |flight: &Flight| flight.is_queued() && (load_thread != LoadThread::Pool || flight.is_refresh());
        if let LeaseOutcome::Flight(flight) = &leased
            && is_flight(flight, takes_over)
        {
            if let Some(hit) = self.hit_beside_refresh(key, flight, (counts, is_use)).await {
                return hit;
            }
            let heeds = HeededAnswers { cool_down: false, ..heeds };
            let claim = |flight: &Value| is_flight(flight, Flight::take_over);
            leased = memory.lease_or_take_over(key, self.now(), deadline, heeds, claim, attach);
        }
        let (id, miss_token, replaced) = match leased {
            LeaseOutcome::Lease { id, miss_token, replaced } => (id, miss_token, replaced),
            other => return self.outcome_without_lease(key, other, (counts, is_use)).await,
        };
        let lease = LoadLease::new(self, key, Some(id), new_flight, deadline);
        if let Some(flight) = replaced.and_then(|flight| Arc::downcast::<Flight>(flight).ok()) {
            flight.land(FlightOutcome::Abandoned);
        }
        let lookup = LowerLookup { load_thread, heeds_absence: heeds.absence, counts, is_use };
        self.answer_from_disk(key, lease, miss_token, lookup).await
    }

    pub(in crate::api::keyspace) async fn outcome_without_lease(
        &self,
        key: SlotKey<'_>,
        leased: LeaseOutcome,
        (counts, is_use): (bool, bool),
    ) -> LookupOutcome<K, V> {
        match leased {
            LeaseOutcome::Value(value, expires_at) => {
                if is_use {
                    self.note_use(key, expires_at, RecordReader::Caller);
                }
                self.answered_if(counts, Count::MemoryHits, key);
                if let Some(value) = Self::typed(value) {
                    return LookupOutcome::Hit { value, expires_at, is_stale: false };
                }
            }
            LeaseOutcome::Absent(expires_at) => {
                self.answered_if(counts, Count::AbsentAnswers, key);
                return LookupOutcome::Absent { expires_at };
            }
            LeaseOutcome::Flight(flight) => {
                if let Some(hit) = self.hit_beside_refresh(key, &flight, (counts, is_use)).await {
                    return hit;
                }
                self.answered_if(counts, Count::Misses, key);
                if let Ok(flight) = Arc::downcast(flight) {
                    return LookupOutcome::Wait(self.pending(flight));
                }
            }
            LeaseOutcome::CoolingDown | LeaseOutcome::Lease { .. } => {}
        }
        LookupOutcome::Load(LoadLease::void(self, key))
    }

    /// Returns the value of a key in memory or on disk and its expiry, if the value is live or within the
    /// grace. Returns `None` if the keyspace has no grace.
    pub(in crate::api::keyspace) fn stale_value(
        &self,
        key: SlotKey<'_>,
    ) -> Option<(HeldValue<Arc<V>>, Timestamp)> {
        let grace = self.definition.stale_for();
        if grace.is_zero() { None } else { self.shared.stale_value(&self.opened, key, grace) }
    }

    /// Like [`stale_value`](Self::stale_value). In a remote tier, asks the server instead.
    pub(in crate::api::keyspace) async fn find_stale_value(
        &self,
        key: SlotKey<'_>,
    ) -> Option<(HeldValue<Arc<V>>, Timestamp)> {
        let grace = self.definition.stale_for();
        if !self.is_remote() || grace.is_zero() {
            return self.stale_value(key);
        }
        self.shared.read_remote_stale(&self.opened, key, grace).await
    }
}
