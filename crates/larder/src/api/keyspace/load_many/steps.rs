//! Decides the next step of a load of several keys. The numbers are the steps of [`super`].
//!
//! The caller requests the next step, executes it, and passes the result back. This code never blocks or
//! awaits, so threads and tasks can use it.

use std::collections::VecDeque;
use std::time::Duration;

use hashbrown::HashTable;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::keyspace::Keyspace;
use crate::api::keyspace::idle::RecordReader;
use crate::api::keyspace::load::Loaded;
use crate::api::keyspace::load_lease::LoadLease;
use crate::api::keyspace::lookup::{LookupOutcome, PendingLoad, Waited};
use crate::error::load_error::LoadError;
use crate::format::key::buffer::KeyBuffer;
use crate::format::key::{EncodeKey, Key};
use crate::format::stored_key::StoredKey;
use crate::memory::slot_key::SlotKey;
use crate::sys::clock::Deadline;
use crate::sys::sync::Arc;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::user_code::HeldValue;

/// The next step of a load of several keys.
pub(super) enum BulkStep<Q, V, E> {
    /// Step 2: look up the keys without a live value in memory, and pass the outcomes to
    /// [`LoadOfMany::note_found`].
    LookUp(MissingKeys),
    /// Steps 3 and 4: call the loader with these keys in [`LoadOfMany::run_loader`], pass its result to
    /// [`LoadOfMany::note_answer`], and end the flights with [`fill`] and [`omit`].
    Load(Vec<Q>),
    /// Step 5: wait for another caller's load, and pass its result to [`LoadOfMany::note_waited`].
    Wait {
        at: usize,
        load: PendingLoad<V>,
        /// The maximum time to wait.
        left: Option<Duration>,
    },
    /// A load of the key failed: read the stale value and pass it to [`LoadOfMany::note_stale`]. Without a
    /// stale value, return the error.
    ReadStale {
        /// The index of the key.
        at: usize,
        error: LoadError<E>,
    },
    /// Return these values, which are in the order of the input.
    Return(Vec<Option<Arc<V>>>),
}

/// Keys without a live value in memory, each with its index.
pub(super) struct MissingKeys {
    pub(super) keys: Vec<(usize, StoredKey)>,
    pub(super) counts: bool,
}

/// The results of the lookups of missing keys, each with the key and its index.
pub(super) type FoundKeys<K, V> = Vec<(usize, StoredKey, LookupOutcome<K, V>)>;

pub(super) struct LoadOfMany<'a, Q, K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static, E> {
    keyspace: &'a Keyspace<K, V>,
    /// The distinct keys.
    keys: Vec<WantedKey<Q, K, V>>,
    /// Maps the hash of a key to its index in `keys`.
    places: HashTable<usize>,
    /// For each key of the input, its index in `keys`.
    input: Vec<usize>,
    stage: Stage,
    open: Vec<usize>,
    /// Whether the next lookup counts hits and misses.
    counts: bool,
    /// Other callers' loads, each with the index of its key.
    pending: VecDeque<(usize, PendingLoad<V>)>,
    /// The time left for all waits of this call together. `None` without a `load_timeout`.
    left: Option<Duration>,
    /// The deadline of the current wait.
    until: Option<Deadline>,
    /// The indices of the keys whose loads failed, with the errors.
    failed: VecDeque<(usize, LoadError<E>)>,
    reader: RecordReader,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    LookUp,
    Load,
    Wait,
}

struct WantedKey<Q, K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> {
    /// The caller's key. `None` while the loader has it.
    key: Option<Q>,
    hash: u64,
    /// The full key. Empty during a lookup of the key.
    full: StoredKey,
    /// The lease, while the loader runs. If the loader panics, dropping the lease passes the panic to the
    /// waiting callers.
    lease: Option<LoadLease<K, V>>,
    value: Option<HeldValue<Arc<V>>>,
}

impl<'a, Q, K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static, E: Send + Sync + 'static>
    LoadOfMany<'a, Q, K, V, E>
where
    Q: EncodeKey<K>,
{
    /// Runs step 1: encodes the keys.
    pub(super) fn begin(
        keyspace: &'a Keyspace<K, V>,
        keys: impl IntoIterator<Item = Q>,
        reader: RecordReader,
    ) -> Result<Self, LoadError<E>> {
        let mut load = Self {
            keyspace,
            keys: Vec::new(),
            places: HashTable::new(),
            input: Vec::new(),
            stage: Stage::LookUp,
            open: Vec::new(),
            counts: true,
            pending: VecDeque::new(),
            left: keyspace.shared.settings.load_timeout,
            until: None,
            failed: VecDeque::new(),
            reader,
        };
        for key in keys {
            let at = load.place(key)?;
            load.input.push(at);
        }
        load.open = (0..load.keys.len()).collect();
        Ok(load)
    }

    pub(super) fn next_step(&mut self) -> BulkStep<Q, V, E> {
        loop {
            if let Some((at, error)) = self.failed.pop_front() {
                return BulkStep::ReadStale { at, error };
            }
            match self.stage {
                Stage::LookUp => {
                    if self.open.is_empty() {
                        return BulkStep::Return(self.values());
                    }
                    self.stage = Stage::Load;
                    let missing = self.find_in_memory();
                    if !missing.keys.is_empty() {
                        return BulkStep::LookUp(missing);
                    }
                }
                Stage::Load if failpoint_is_set(Failpoint::WaitBeforeLanding) && !self.pending.is_empty() => {
                    if let Some(wait) = self.next_wait() {
                        return wait;
                    }
                }
                Stage::Load => {
                    self.stage = Stage::Wait;
                    let missing = self.take_missing();
                    if !missing.is_empty() {
                        return BulkStep::Load(missing);
                    }
                }
                Stage::Wait => match self.next_wait() {
                    Some(wait) => return wait,
                    None => self.stage = Stage::LookUp,
                },
            }
        }
    }

    fn next_wait(&mut self) -> Option<BulkStep<Q, V, E>> {
        let (at, load) = self.pending.pop_front()?;
        self.until = self.left.map(Deadline::after);
        Some(BulkStep::Wait { at, load, left: self.left })
    }

    /// Looks up the keys in memory. Returns the keys without a live value there.
    fn find_in_memory(&mut self) -> MissingKeys {
        let mut missing = MissingKeys { keys: Vec::new(), counts: std::mem::take(&mut self.counts) };
        for at in std::mem::take(&mut self.open) {
            let Some(wanted) = self.keys.get_mut(at) else { continue };
            match self.keyspace.hit_in_memory(wanted.slot_key(), missing.counts, self.reader) {
                Some((value, _)) => wanted.value = Some(HeldValue::new(value)),
                None => missing.keys.push((at, std::mem::replace(&mut wanted.full, StoredKey::EMPTY))),
            }
        }
        missing
    }

    /// Records the results of the lookups. Only the first of the loader's leases measures the load.
    pub(super) fn note_found(&mut self, found: FoundKeys<K, V>) {
        let mut measures = true;
        for (at, full, found) in found {
            let Some(wanted) = self.keys.get_mut(at) else { continue };
            wanted.full = full;
            match found {
                LookupOutcome::Hit { value, .. } => wanted.value = Some(HeldValue::new(value)),
                LookupOutcome::Absent { .. } => {}
                LookupOutcome::Wait(load) => self.pending.push_back((at, load)),
                LookupOutcome::Load(mut lease) => {
                    if !std::mem::take(&mut measures) {
                        lease.measure_nothing();
                    }
                    wanted.lease = Some(lease);
                }
            }
        }
    }

    /// Runs or polls the loader, as the loader of the first lease.
    pub(super) fn run_loader<R>(&self, run: impl FnOnce() -> R) -> R {
        match self.keys.iter().find_map(|wanted| wanted.lease.as_ref()) {
            Some(lease) => lease.run_loader(run),
            None => run(),
        }
    }

    /// Runs step 4. Takes back the keys that the loader got. Passes each value to `fill` as soon as the
    /// loader's iterator yields it, because the iterator may panic later. Returns the leases of the omitted
    /// keys. If the loader failed, ends all flights with the error.
    pub(super) fn note_answer<L, R, I>(
        &mut self,
        missing: Vec<Q>,
        answer: Result<I, E>,
        mut fill: impl FnMut(LoadLease<K, V>, Arc<V>),
    ) -> Vec<LoadLease<K, V>>
    where
        L: EncodeKey<K>,
        R: Into<Arc<V>>,
        I: IntoIterator<Item = (L, R)>,
    {
        for (wanted, key) in self.leased().zip(missing) {
            wanted.key = Some(key);
        }
        match answer {
            Ok(pairs) => {
                for (key, value) in pairs {
                    if let Some((lease, value)) = self.note_value(&key, value) {
                        fill(lease, value);
                    }
                }
            }
            Err(error) => self.fail(error),
        }
        self.keys.iter_mut().filter_map(|wanted| wanted.lease.take()).collect()
    }

    pub(super) fn note_waited(&mut self, at: usize, ended: Result<Waited<V>, LoadError<E>>) {
        // Only waits use up the time of the call. Its own loads may take any time.
        self.left = self.until.take().map(Deadline::left);
        let Some(wanted) = self.keys.get_mut(at) else { return };
        match ended {
            Ok(Waited::Value(value)) => wanted.value = Some(HeldValue::new(value)),
            Ok(Waited::Absent) => {}
            // Step 6: look the key up again.
            Ok(Waited::Unanswered) => self.open.push(at),
            Err(LoadError::Timeout { waited: left }) => {
                let max = self.keyspace.shared.settings.load_timeout.unwrap_or(left);
                self.failed.push_back((at, LoadError::Timeout { waited: max }));
            }
            Err(error) => self.failed.push_back((at, error)),
        }
    }

    pub(super) fn note_stale(&mut self, at: usize, stale: Loaded<V>) {
        if let Some(wanted) = self.keys.get_mut(at) {
            wanted.value = stale.value.map(HeldValue::new);
        }
    }

    pub(super) fn slot_key(&self, at: usize) -> SlotKey<'_> {
        self.keys.get(at).map_or(SlotKey { hash: 0, bytes: &[] }, WantedKey::slot_key)
    }

    /// Returns the index of a key in `keys`. Adds the key if it is new.
    fn place(&mut self, key: Q) -> Result<usize, LoadError<E>> {
        let full = self.keyspace.encode(&key).map_err(LoadError::Key)?;
        let SlotKey { hash, bytes } = self.keyspace.shared.tiers.memory.key(full.as_slice());
        if let Some(at) = self.find(hash, bytes) {
            return Ok(at);
        }
        let (at, full) = (self.keys.len(), StoredKey::from(bytes));
        self.keys.push(WantedKey { key: Some(key), hash, full, lease: None, value: None });
        let keys = &self.keys;
        self.places.insert_unique(hash, at, |&at| keys.get(at).map_or(0, |key| key.hash));
        Ok(at)
    }

    fn find(&self, hash: u64, full: &[u8]) -> Option<usize> {
        let is_it = |&at: &usize| self.keys.get(at).is_some_and(|key| *key.full == *full);
        self.places.find(hash, is_it).copied()
    }

    fn take_missing(&mut self) -> Vec<Q> {
        self.leased().filter_map(|wanted| wanted.key.take()).collect()
    }

    fn leased(&mut self) -> impl Iterator<Item = &mut WantedKey<Q, K, V>> {
        self.keys.iter_mut().filter(|wanted| wanted.lease.is_some())
    }

    /// Records a value that the loader returned. Returns the value with the lease to fill. Ignores keys that
    /// the loader did not get, and a second value for a key.
    fn note_value<L: EncodeKey<K>>(
        &mut self,
        key: &L,
        value: impl Into<Arc<V>>,
    ) -> Option<(LoadLease<K, V>, Arc<V>)> {
        // Dropped here if it is ignored.
        let value = HeldValue::new(value);
        let mut full = KeyBuffer::default();
        self.keyspace.encode_into(key, &mut full).ok()?;
        let SlotKey { hash, bytes } = self.keyspace.shared.tiers.memory.key(full.as_slice());
        let wanted = self.find(hash, bytes).and_then(|at| self.keys.get_mut(at))?;
        let lease = wanted.lease.take()?;
        let value: Arc<V> = value.into_inner().into();
        wanted.value = Some(HeldValue::new(Arc::clone(&value)));
        Some((lease, value))
    }

    fn fail(&mut self, error: E) {
        let error = Arc::new(error);
        for (at, wanted) in self.keys.iter_mut().enumerate() {
            let Some(lease) = wanted.lease.take() else { continue };
            lease.fail_with(error.clone());
            self.failed.push_back((at, LoadError::Loader(error.clone())));
        }
    }

    fn values(&self) -> Vec<Option<Arc<V>>> {
        let value = |at: &usize| self.keys.get(*at).and_then(|wanted| wanted.value.as_deref().cloned());
        self.input.iter().map(value).collect()
    }
}

impl<Q, K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> WantedKey<Q, K, V> {
    fn slot_key(&self) -> SlotKey<'_> {
        SlotKey { hash: self.hash, bytes: &self.full }
    }
}

#[cfg(test)]
mod tests;
