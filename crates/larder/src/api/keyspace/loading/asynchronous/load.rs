//! Loads with a registered asynchronous loader: how a load begins, how long its callers wait, and how it
//! ends.

use std::future::poll_fn;
use std::pin::{Pin, pin};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::AsyncLoadingKeyspace;
use crate::api::keyspace::load::{Load, Loaded};
use crate::api::keyspace::load_lease::LoadLease;
use crate::api::keyspace::load_lease::loader_panic::PollRecord;
use crate::api::keyspace::loading::registered::{RegisteredLoader, TaskLoader};
use crate::api::keyspace::loading::wait::Limits;
use crate::api::keyspace::lookup::{LookupOutcome, OnAbsence, PendingLoad, Waited};
use crate::engine::flights::tasks::TaskWait;
use crate::engine::flights::{FlightOutcome, UnfinishedFlight};
use crate::engine::load_tasks::TaskPlace;
use crate::error::Error;
use crate::error::load_error::LoadError;
use crate::format::key::Key;
use crate::format::stored_key::StoredKey;
use crate::sys::sync::Arc;
use crate::sys::user_code::{HeldValue, drop_caught};

/// The result of `begin_load`.
enum BegunTaskLoad<V> {
    Answer(Loaded<V>),
    /// This caller began the load. Holds the caller's wait, and the wait of the background task that polls
    /// the loader, if there is one.
    Led(TaskWait, Option<Box<TaskWait>>),
    /// Another caller is loading the key.
    Joined(PendingLoad<V>),
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static, E: Send + Sync + 'static>
    AsyncLoadingKeyspace<K, V, E>
{
    pub(super) async fn load_missing(&self, key: StoredKey) -> Result<Loaded<V>, LoadError<E>> {
        let Self { keyspace, registered } = self;
        let shared = &keyspace.shared;
        let limits = Limits::begin(&registered.policy, shared.settings.load_timeout);
        let mut counts = true;
        loop {
            let (full, this) = (key.clone(), self.clone());
            let load = async move { this.begin_load(&full, counts).await };
            let begun = keyspace.look_off_executor(load).await?;
            let is_own = matches!(begun, BegunTaskLoad::Led(..));
            let wait = match begun {
                BegunTaskLoad::Answer(loaded) => {
                    self.refresh_what_was_read(shared.tiers.memory.key(&key));
                    return Ok(loaded);
                }
                BegunTaskLoad::Led(wait, None) => Some(wait),
                BegunTaskLoad::Led(wait, Some(of_task)) => {
                    if let Some(place) = shared.load_tasks.reserve() {
                        shared.load_tasks.spawn(place, *of_task);
                    } else if let Some(stale) = self.stale_answer(&key).await {
                        return Ok(stale);
                    }
                    Some(wait)
                }
                BegunTaskLoad::Joined(pending) => pending.into_task_wait(None),
            };
            if let Some(wait) = wait
                && let Some(loaded) = self.wait(&key, (wait, is_own), &limits).await?
            {
                return Ok(loaded);
            }
            counts = false;
        }
    }

    /// Takes the lease, and puts the loader into the flight. May read the disk or ask the server.
    async fn begin_load(&self, full: &[u8], counts: bool) -> Result<BegunTaskLoad<V>, LoadError<E>> {
        let slot = self.keyspace.shared.tiers.memory.key(full);
        Ok(match self.find_or_lease(slot, OnAbsence::Answer, counts).await {
            LookupOutcome::Hit { value, is_stale, .. } => {
                BegunTaskLoad::Answer(Loaded { value: Some(value), is_stale })
            }
            LookupOutcome::Absent { .. } => BegunTaskLoad::Answer(Loaded::fresh(None)),
            LookupOutcome::Wait(pending) => BegunTaskLoad::Joined(pending),
            LookupOutcome::Load(mut lease) => {
                let key = self.keyspace.decode(slot).map_err(LoadError::Key)?;
                let stale = lease.stale_in(&self.keyspace);
                let policy = &self.registered.policy;
                let flight = lease.flight().clone();
                let wait = if policy.has_timeout() {
                    TaskWait::joining(flight.clone(), None)
                } else {
                    TaskWait::of_leader(flight.clone())
                };
                // A load that can't be cached is useful only to its caller, so it needs no background task.
                let goes_on = policy.soft().is_some() && lease.is_held();
                let of_task = goes_on.then(|| Box::new(TaskWait::joining(flight.clone(), None)));
                lease.expect_polls(&PollRecord::default());
                flight.park(Box::pin(run(self.registered.clone(), lease, key, stale, None)));
                BegunTaskLoad::Led(wait, of_task)
            }
        })
    }

    /// Waits for this caller's or another caller's load. Returns `None` if the key must be looked up again.
    async fn wait(
        &self,
        key: &StoredKey,
        (mut wait, is_own): (TaskWait, bool),
        limits: &Limits,
    ) -> Result<Option<Loaded<V>>, LoadError<E>> {
        let answer = |joined: Result<FlightOutcome, UnfinishedFlight>| {
            let joined = if is_own { joined.map(FlightOutcome::for_its_leader) } else { joined };
            PendingLoad::answer(joined, Some(limits.max))
        };
        wait.set_until(limits.soft.or(limits.hard));
        let mut ended = answer(Pin::new(&mut wait).await);
        if let (Err(LoadError::Timeout { .. }), Some(_)) = (&ended, limits.soft) {
            if let Some(stale) = self.stale_answer(key).await {
                return Ok(Some(stale));
            }
            // Reuses the same wait. Otherwise the load would have no waiting task for a moment, and would be
            // dropped.
            wait.set_until(limits.hard);
            ended = answer(Pin::new(&mut wait).await);
        }
        match ended {
            Ok(Waited::Value(value)) => Ok(Some(Loaded::fresh(Some(value)))),
            Ok(Waited::Absent) => Ok(Some(Loaded::fresh(None))),
            Ok(Waited::Unanswered) if !limits.is_over() => Ok(None),
            Ok(Waited::Unanswered) | Err(LoadError::Timeout { .. }) => {
                let (keyspace, key, waited) = (self.keyspace.clone(), key.clone(), limits.max);
                let answer = async move {
                    keyspace.answer_in_time(keyspace.shared.tiers.memory.key(&key), waited).await
                };
                self.keyspace.look_off_executor(answer).await.map(Some)
            }
            Err(error) => self.keyspace.stale_or_async(key.clone(), error).await.map(Some),
        }
    }

    /// Returns the value of the key, live or stale, if the keyspace has a grace. Counts a stale value.
    async fn stale_answer(&self, key: &StoredKey) -> Option<Loaded<V>> {
        let (keyspace, key) = (self.keyspace.clone(), key.clone());
        let answer = async move { keyspace.stale_answer(keyspace.shared.tiers.memory.key(&key)).await };
        self.keyspace.look_off_executor(answer).await
    }

    /// Begins a refresh of a key without a value in memory. Returns whether a load of the key is in progress.
    pub(super) async fn refresh_missing(&self, key: StoredKey) -> Result<bool, Error> {
        let (full, this) = (key.clone(), self.clone());
        let find = async move {
            let slot = this.keyspace.shared.tiers.memory.key(&full);
            this.find_or_lease(slot, OnAbsence::Refresh, false).await
        };
        let slot = self.keyspace.shared.tiers.memory.key(&key);
        match self.keyspace.look_off_executor(find).await {
            // Another load ended meanwhile, or the value was on disk or at the server.
            LookupOutcome::Hit { value, is_stale, .. } => {
                drop_caught(value);
                Ok(!is_stale && self.begin_refresh(slot, None))
            }
            LookupOutcome::Absent { .. } => Ok(false),
            LookupOutcome::Wait(_) => Ok(true),
            LookupOutcome::Load(lease) if !lease.is_of_use(&self.keyspace, slot) => Ok(false),
            LookupOutcome::Load(lease) => {
                let Some(place) = self.keyspace.shared.load_tasks.reserve() else {
                    self.count_refresh(slot, false);
                    return Ok(false);
                };
                let key = self.keyspace.decode(slot)?;
                let is_begun = self.spawn_refresh(lease, key, None, place);
                if !is_begun {
                    self.count_refresh(slot, false);
                }
                Ok(is_begun)
            }
        }
    }

    /// Spawns a task that loads the new value and publishes it. `live` is the live value of the key, if there
    /// is one. Returns whether the refresh has begun.
    pub(super) fn spawn_refresh(
        &self,
        mut lease: LoadLease<K, V>,
        key: K,
        live: Option<HeldValue<Arc<V>>>,
        place: TaskPlace,
    ) -> bool {
        lease.expect_polls(&PollRecord::default());
        let flight = lease.flight().clone();
        let wait = TaskWait::joining(flight.clone(), None);
        flight.park(Box::pin(run(self.registered.clone(), lease, key, None, live)));
        self.keyspace.shared.load_tasks.spawn(place, wait) && !flight.is_abandoned()
    }
}

/// Runs a loader in its flight, and ends the load with the loader's result. `stale` is the stale value of the
/// key, if there is one, and `live` is the live value if the load is a refresh. In a forked child, returns
/// the outcome instead.
async fn run<K, V, E>(
    registered: Arc<RegisteredLoader<TaskLoader<K, V, E>>>,
    mut lease: LoadLease<K, V>,
    key: K,
    stale: Option<HeldValue<Arc<V>>>,
    live: Option<HeldValue<Arc<V>>>,
) -> Option<FlightOutcome>
where
    K: Key,
    V: Serialize + DeserializeOwned + Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    // Dropped when the loader returns, panics or is dropped. If the load then publishes a value, that ends
    // the pause.
    let pause = live.as_deref().map(|live| lease.pause_after(live.clone()));
    let mut known = live.or(stale);
    if pause.is_some() {
        if !lease.read_replaced_async().await || !lease.begin_in_task() {
            return None;
        }
        known = lease.replaced_value().or(known);
    }
    let answer = {
        let mut loading = pin!(async { (registered.loader)(key, known.as_deref().cloned()).await });
        poll_fn(|context| lease.poll_loader(|| loading.as_mut().poll(context))).await
    };
    drop(pause);
    if let (Ok(Load::Unchanged), None) = (&answer, &known)
        && lease.is_of_this_process()
    {
        lease.end_without_value();
        return None;
    }
    lease.end_with(answer, known)
}
