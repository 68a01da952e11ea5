//! Loads of keys without a live value, on the calling thread, or with timeouts on the pool.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::LoadingKeyspace;
use super::policy::LoadPolicy;
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::idle::RecordReader;
use crate::api::keyspace::load::Loaded;
use crate::api::keyspace::load_lease::LoadLease;
use crate::api::keyspace::lookup::{LoadThread, LookupOutcome, OnAbsence, PendingLoad, Waited};
use crate::engine::load_pool::{LoadPool, LoadReason, PoolRefusal};
use crate::error::load_error::LoadError;
use crate::format::key::Key;
use crate::memory::lookup::Lookup;
use crate::memory::slot_key::SlotKey;
use crate::sys::at_once::at_once;
use crate::sys::clock::Deadline;
use crate::sys::sync::Arc;

/// The deadlines of a caller's wait, in real time.
pub(super) struct Limits {
    pub(super) soft: Option<Deadline>,
    pub(super) hard: Option<Deadline>,
    /// The duration of the wait until `hard`.
    pub(super) max: Duration,
}

/// The result of passing a load to the pool.
enum BegunLoad<V> {
    /// The load is in progress, or has ended.
    Pending(PendingLoad<V>),
    /// The load was not begun. Holds the caller's result.
    Answer(Loaded<V>),
}

impl Limits {
    /// Starts the timeouts of a wait. The cache's load timeout also limits the wait.
    pub(super) fn begin(policy: &LoadPolicy, load_timeout: Option<Duration>) -> Self {
        let max = match (policy.hard(), load_timeout) {
            (Some(hard), Some(load)) => Some(hard.min(load)),
            (hard, load) => hard.or(load),
        };
        let soft = policy.soft().filter(|soft| max.is_none_or(|max| *soft < max));
        Self { soft: soft.map(Deadline::after), hard: max.map(Deadline::after), max: max.unwrap_or_default() }
    }

    pub(super) fn is_over(&self) -> bool {
        self.hard.is_some_and(Deadline::is_over)
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static, E: Send + Sync + 'static>
    LoadingKeyspace<K, V, E>
{
    /// Never inlined, like [`Keyspace::load_without_hit`].
    #[inline(never)]
    pub(super) fn load_missing(&self, slot: SlotKey<'_>) -> Result<Loaded<V>, LoadError<E>> {
        let Self { keyspace, registered } = self;
        let key = Arc::new(self.keyspace.decode(slot).map_err(LoadError::Key)?);
        let limits = Limits::begin(&registered.policy, keyspace.shared.settings.load_timeout);
        let mut uses_pool = registered.policy.has_timeout() && !LoadPool::is_load_thread();
        let mut counts = true;
        loop {
            let load_thread = if uses_pool { LoadThread::Pool } else { LoadThread::Caller };
            let found = at_once(self.find_or_lease(slot, load_thread, OnAbsence::Answer, counts));
            let pending = match found {
                LookupOutcome::Hit { value, is_stale, .. } => {
                    self.refresh_what_was_read(slot);
                    return Ok(Loaded { value: Some(value), is_stale });
                }
                LookupOutcome::Absent { .. } => return Ok(Loaded::fresh(None)),
                LookupOutcome::Load(lease) if uses_pool && lease.is_held() => {
                    match self.begin_load(slot, &key, lease, &limits)? {
                        BegunLoad::Pending(pending) => pending,
                        BegunLoad::Answer(loaded) => return Ok(loaded),
                    }
                }
                LookupOutcome::Load(lease) => {
                    return keyspace.load(slot, lease, |stale| (registered.loader)(&key, stale));
                }
                LookupOutcome::Wait(pending) => pending,
            };
            if let Some(loaded) = self.wait(slot, &pending, &limits)? {
                return Ok(loaded);
            }
            counts = false;
            // After the soft timeout, a caller without a hard timeout must not wait for queued loads,
            // because that wait could have no limit.
            uses_pool &= registered.policy.hard().is_some() || !limits.soft.is_some_and(Deadline::is_over);
        }
    }

    /// Begins a refresh of a value that was just copied from disk or from a server into memory, if a refresh
    /// is due.
    pub(super) fn refresh_what_was_read(&self, slot: SlotKey<'_>) {
        if self.registered.policy.refreshes()
            && let Some((_, expires_at, extras)) = self.keyspace.encoded_hit_with_extras(slot)
        {
            self.refresh_if_due(slot, expires_at, extras);
        }
    }

    /// Passes a load to the pool. If the pool is full, continues as described in [`super`].
    fn begin_load(
        &self,
        slot: SlotKey<'_>,
        key: &Arc<K>,
        mut lease: LoadLease<K, V>,
        limits: &Limits,
    ) -> Result<BegunLoad<V>, LoadError<E>> {
        let pool = &self.keyspace.shared.load_pool;
        let pending = self.keyspace.pending(lease.flight_to_wait_for()).of_own_load();
        let mut submitted = pool.submit(LoadReason::Call, self.job(lease, key.clone(), None));
        if let Err(PoolRefusal::Full(job)) = submitted {
            if self.registered.policy.soft().is_some()
                && let Some(stale) = at_once(self.keyspace.stale_answer(slot))
            {
                // Dropping the job releases its lease.
                drop(job);
                return Ok(BegunLoad::Answer(stale));
            }
            let hard = limits.hard.filter(|_| self.registered.policy.hard().is_some());
            let Some(deadline) = hard else {
                job();
                return Ok(BegunLoad::Pending(pending));
            };
            submitted = pool.submit_before(job, deadline);
        }
        match submitted {
            Ok(()) => {}
            Err(PoolRefusal::Full(job)) => {
                drop(job);
                let answer = at_once(self.keyspace.answer_in_time(slot, limits.max));
                return answer.map(BegunLoad::Answer);
            }
            Err(PoolRefusal::Closed(job) | PoolRefusal::NoThread(job)) => job(),
        }
        Ok(BegunLoad::Pending(pending))
    }

    /// Waits for a load. Returns `None` if the key must be looked up again.
    fn wait(
        &self,
        slot: SlotKey<'_>,
        pending: &PendingLoad<V>,
        limits: &Limits,
    ) -> Result<Option<Loaded<V>>, LoadError<E>> {
        let mut ended = pending.outcome_of(limits.soft.or(limits.hard).map(Deadline::left));
        if let (Err(LoadError::Timeout { .. }), Some(_)) = (&ended, limits.soft) {
            if let Some(stale) = at_once(self.keyspace.stale_answer(slot)) {
                return Ok(Some(stale));
            }
            if self.registered.policy.hard().is_none() && pending.is_queued() {
                return Ok(None);
            }
            ended = pending.outcome_of(limits.hard.map(Deadline::left));
        }
        match ended {
            Ok(Waited::Value(value)) => Ok(Some(Loaded::fresh(Some(value)))),
            Ok(Waited::Absent) => Ok(Some(Loaded::fresh(None))),
            Ok(Waited::Unanswered) if !limits.is_over() => Ok(None),
            Ok(Waited::Unanswered) | Err(LoadError::Timeout { .. }) => {
                at_once(self.keyspace.answer_in_time(slot, limits.max)).map(Some)
            }
            Err(error) => at_once(self.keyspace.stale_or(slot, error)).map(Some),
        }
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Returns the result for a caller whose wait has timed out: the live value of the key, its absence, the
    /// stale value, or an error. A stale value begins a cool-down.
    pub(super) async fn answer_in_time<E>(
        &self,
        slot: SlotKey<'_>,
        waited: Duration,
    ) -> Result<Loaded<V>, LoadError<E>> {
        let Self { shared, definition, .. } = self;
        let timeout = LoadError::Timeout { waited };
        // In a forked child, threads of the parent may have held the locks at the fork.
        if shared.is_forked() {
            return Err(timeout);
        }
        match shared.tiers.get_in_memory(slot) {
            Lookup::Value(value, expires_at) => {
                if let Some(value) = Self::typed(value) {
                    self.note_use(slot, expires_at, RecordReader::Caller);
                    return Ok(Loaded::fresh(Some(value)));
                }
            }
            Lookup::Absent(_) => return Ok(Loaded::fresh(None)),
            Lookup::Negative | Lookup::Unknown(_) => {}
        }
        let loaded = self.stale_or(slot, timeout).await?;
        if let Some(length) = definition.cool_down_length().filter(|_| loaded.is_stale) {
            shared.tiers.memory.cool_down_after_timeout(slot, self.now(), length);
        }
        Ok(loaded)
    }

    /// Returns the value of the key, live or stale, if the keyspace has a grace. Counts a stale value.
    pub(super) async fn stale_answer(&self, slot: SlotKey<'_>) -> Option<Loaded<V>> {
        let timeout = LoadError::Timeout { waited: Duration::ZERO };
        self.stale_or::<()>(slot, timeout).await.ok()
    }
}
