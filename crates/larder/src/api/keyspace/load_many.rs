//! Loads of several keys with one loader. Each key is looked up, leased and filled as in a load of one key:
//! the steps of [`super::lookup`] apply to each.
//!
//! 1. Encode the keys. Each key is looked up once, wherever it occurs in the input.
//! 2. Look every key up. Keep the leases and the loads of other callers that this gives.
//! 3. Call the loader, once, with the keys that have a lease.
//! 4. Land every flight of these leases: with its value, or as absent if the loader has omitted its key. The
//!    absence is cached as that of any other load ([`super::absence`]). If
//!    the loader fails or panics, all flights land with that error or panic.
//! 5. Only then wait for the loads of other callers. Otherwise two callers with overlapping keys could each
//!    wait for a flight that the other lands after its own wait.
//! 6. A load of another caller may have ended without an answer. The keys of such loads begin again at (2).

#[cfg(feature = "async")]
mod asynchronous;

use hashbrown::HashTable;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::load_lease::LoadLease;
use super::lookup::{LoadThread, LookupOutcome, OnAbsence, PendingLoad, Waited};
use crate::error::load_error::LoadError;
use crate::format::key::buffer::KeyBuffer;
use crate::format::key::{EncodeKey, Key};
use crate::format::stored_key::StoredKey;
use crate::memory::slot_key::SlotKey;
use crate::sys::clock::Deadline;
use crate::sys::sync::Arc;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};

/// The distinct keys of a call.
struct WantedKeys<Q, K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> {
    keys: Vec<WantedKey<Q, K, V>>,
    /// The places of the keys in `keys`, by hash.
    places: HashTable<usize>,
}

struct WantedKey<Q, K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> {
    /// The key in the caller's form. `None` while the loader has it.
    key: Option<Q>,
    hash: u64,
    full: StoredKey,
    /// The lease, while the loader runs. If the loader panics, the dropped lease gives an error to the
    /// callers that wait.
    lease: Option<LoadLease<K, V>>,
    /// Whether the loader has just failed to load this key.
    is_failed: bool,
    value: Option<Arc<V>>,
}

/// The loads of other callers, each with the place of its key.
type PendingLoads<V> = Vec<(usize, PendingLoad<V>)>;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Returns the live values of several keys, in the order of the keys. Calls `loader` with the keys that
    /// have none, and caches the values that it returns for the keyspace's TTL.
    ///
    /// The loader gets each missing key once. It returns pairs of a key and a value, in any order: a `Vec`, a
    /// `HashMap`, an iterator. A key that it omits has no value: its result is None. If the keyspace has an
    /// [`absent_ttl`](crate::KeyspaceDefinition::absent_ttl), that is cached, and later calls do not ask the
    /// loader for the key until then. Other keys that the loader returns are ignored.
    ///
    /// ```
    /// # use std::collections::HashMap;
    /// # use larder::{Cache, Error, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    /// let found = prices.get_or_load_many(["MTNVTU", "AIRTEL", "GLO"], |missing| {
    ///     assert_eq!(missing, ["AIRTEL", "GLO"]);
    ///     Ok::<_, Error>(HashMap::from([("GLO", 90)]))
    /// });
    /// let found: Vec<_> = found?.iter().map(|price| price.as_deref().copied()).collect();
    /// assert_eq!(found, [Some(100), None, Some(90)]);
    /// assert!(prices.contains_key("GLO"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Callers that ask for one key at the same time share its load, as those of
    /// [`get_or_load`](Keyspace::get_or_load) do. Another caller may be loading some of the keys. This call
    /// leaves these keys to it, first loads its own keys, and then waits. So calls with overlapping keys
    /// never wait for each other in a circle. If such a load of another caller ends without an answer, the
    /// loader is called again with the keys of that load.
    ///
    /// If a key is written or invalidated during the load, its loaded value is returned and not cached.
    ///
    /// # Errors
    /// Those of [`get_or_load`](Keyspace::get_or_load). An error of the loader is the result for all of the
    /// keys, and for all callers that wait for one of the loads that it ended. With [`LoadError::Key`] no key
    /// was looked up. The [`load_timeout`](crate::CacheBuilder::load_timeout) limits the whole wait for other
    /// callers. With a [`grace`](crate::KeyspaceDefinition::grace), stale values take the place of an error,
    /// if each key that it concerns has one.
    ///
    /// # Panics
    /// If `loader` panics, in the thread that runs it.
    ///
    /// # Cost
    /// For each distinct key that of [`lookup`](Keyspace::lookup), and two small allocations. Each loaded key
    /// counts as a load. The time of the loader is recorded once.
    pub fn get_or_load_many<Q, E, L, R, I, F>(
        &self,
        keys: impl IntoIterator<Item = Q>,
        mut loader: F,
    ) -> Result<Vec<Option<Arc<V>>>, LoadError<E>>
    where
        Q: EncodeKey<K>,
        E: Send + Sync + 'static,
        L: EncodeKey<K>,
        R: Into<Arc<V>>,
        I: IntoIterator<Item = (L, R)>,
        F: FnMut(&[Q]) -> Result<I, E>,
    {
        // 1.
        let mut wanted = WantedKeys { keys: Vec::new(), places: HashTable::new() };
        let places = keys.into_iter().map(|key| wanted.place(self, key)).collect::<Result<Vec<_>, _>>()?;
        let mut open: Vec<usize> = (0..wanted.keys.len()).collect();
        let mut is_first = true;
        while !open.is_empty() {
            // 2.
            let pending = wanted.look_up(self, &open, is_first);
            open.clear();
            is_first = false;
            if failpoint_is_set(Failpoint::WaitBeforeLanding) {
                wanted.await_others(self, pending, &mut open)?;
                wanted.load(self, &mut loader)?;
            } else {
                // 3 and 4.
                wanted.load(self, &mut loader)?;
                // 5.
                wanted.await_others(self, pending, &mut open)?;
            }
        }
        Ok(places.into_iter().map(|at| wanted.keys.get(at).and_then(|key| key.value.clone())).collect())
    }
}

impl<Q, K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> WantedKey<Q, K, V> {
    /// Notes what a lookup of this key has found. Of the leases of one loader, only the first measures.
    fn note(
        &mut self,
        at: usize,
        found: LookupOutcome<K, V>,
        measures: &mut bool,
        pending: &mut PendingLoads<V>,
    ) {
        match found {
            LookupOutcome::Hit { value, .. } => self.value = Some(value),
            LookupOutcome::Absent { .. } => {}
            LookupOutcome::Wait(load) => pending.push((at, load)),
            LookupOutcome::Load(mut lease) => {
                if !std::mem::take(measures) {
                    lease.measure_nothing();
                }
                self.lease = Some(lease);
            }
        }
    }
}

impl<Q, K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> WantedKeys<Q, K, V>
where
    Q: EncodeKey<K>,
{
    /// Returns the place of a key. Adds the key if it is new.
    fn place<E>(&mut self, keyspace: &Keyspace<K, V>, key: Q) -> Result<usize, LoadError<E>> {
        let full = keyspace.encode(&key).map_err(LoadError::Key)?;
        let SlotKey { hash, bytes } = keyspace.shared.tiers.memory.key(full.as_slice());
        if let Some(at) = self.find(hash, bytes) {
            return Ok(at);
        }
        let at = self.keys.len();
        let key = Some(key);
        self.keys.push(WantedKey {
            key,
            hash,
            full: StoredKey::from(bytes),
            lease: None,
            is_failed: false,
            value: None,
        });
        let keys = &self.keys;
        self.places.insert_unique(hash, at, |&at| keys.get(at).map_or(0, |key| key.hash));
        Ok(at)
    }

    fn find(&self, hash: u64, full: &[u8]) -> Option<usize> {
        let is_it = |&at: &usize| self.keys.get(at).is_some_and(|key| *key.full == *full);
        self.places.find(hash, is_it).copied()
    }

    /// Step 2 for the keys at the given places.
    fn look_up(&mut self, keyspace: &Keyspace<K, V>, open: &[usize], counts: bool) -> PendingLoads<V> {
        let mut pending = Vec::new();
        let mut measures = true;
        for &at in open {
            let Some(wanted) = self.keys.get_mut(at) else { continue };
            let key = SlotKey { hash: wanted.hash, bytes: &wanted.full };
            let found = keyspace.find_or_lease(key, LoadThread::Caller, OnAbsence::Answer, counts);
            wanted.note(at, found, &mut measures, &mut pending);
        }
        pending
    }

    /// Steps 3 and 4.
    fn load<E, L, R, I>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        loader: &mut impl FnMut(&[Q]) -> Result<I, E>,
    ) -> Result<(), LoadError<E>>
    where
        E: Send + Sync + 'static,
        L: EncodeKey<K>,
        R: Into<Arc<V>>,
        I: IntoIterator<Item = (L, R)>,
    {
        let missing = self.take_missing();
        if missing.is_empty() {
            return Ok(());
        }
        let lease = self.keys.iter().find_map(|wanted| wanted.lease.as_ref());
        let answer = match lease {
            Some(lease) => lease.run_loader(|| loader(&missing)),
            None => loader(&missing),
        };
        self.give_back(missing);
        match answer {
            Ok(pairs) => {
                for (key, value) in pairs {
                    if let Some((lease, value)) = self.note_value(keyspace, &key, value) {
                        // A failure of the cache is not an error: `publish` counts it.
                        drop(lease.fill(value));
                    }
                }
                self.leases().for_each(omit);
                Ok(())
            }
            Err(error) => {
                let error = self.fail(error);
                self.answer_stale(keyspace, &error)
            }
        }
    }

    /// Takes the keys that have a lease, for the loader.
    fn take_missing(&mut self) -> Vec<Q> {
        self.leased().filter_map(|wanted| wanted.key.take()).collect()
    }

    /// Gives back what [`take_missing`](Self::take_missing) has taken. The keys have their leases still.
    fn give_back(&mut self, missing: Vec<Q>) {
        for (wanted, key) in self.leased().zip(missing) {
            wanted.key = Some(key);
        }
    }

    /// Lands the flights of all leases with an error.
    fn fail<E: Send + Sync + 'static>(&mut self, error: E) -> Arc<E> {
        let error = Arc::new(error);
        for wanted in &mut self.keys {
            let Some(lease) = wanted.lease.take() else { continue };
            lease.fail_with(error.clone());
            wanted.is_failed = true;
        }
        error
    }

    /// Answers each key of a failed loader with its stale value, or returns the error.
    fn answer_stale<E>(&mut self, keyspace: &Keyspace<K, V>, error: &Arc<E>) -> Result<(), LoadError<E>> {
        for wanted in self.keys.iter_mut().filter(|wanted| wanted.is_failed) {
            wanted.is_failed = false;
            let key = SlotKey { hash: wanted.hash, bytes: &wanted.full };
            let stale = keyspace.stale_or(key, LoadError::Loader(error.clone()))?;
            wanted.value = stale.value;
        }
        Ok(())
    }

    /// Notes a value that the loader has returned. Returns it with the lease to fill. Ignores a key for which
    /// the loader was not called, and a second value of one key.
    fn note_value<L: EncodeKey<K>>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        key: &L,
        value: impl Into<Arc<V>>,
    ) -> Option<(LoadLease<K, V>, Arc<V>)> {
        let mut full = KeyBuffer::default();
        keyspace.encode_into(key, &mut full).ok()?;
        let SlotKey { hash, bytes } = keyspace.shared.tiers.memory.key(full.as_slice());
        let wanted = self.find(hash, bytes).and_then(|at| self.keys.get_mut(at))?;
        let lease = wanted.lease.take()?;
        let value = value.into();
        wanted.value = Some(value.clone());
        Some((lease, value))
    }

    /// Returns the keys that have a lease.
    fn leased(&mut self) -> impl Iterator<Item = &mut WantedKey<Q, K, V>> {
        self.keys.iter_mut().filter(|wanted| wanted.lease.is_some())
    }

    fn leases(&mut self) -> impl Iterator<Item = LoadLease<K, V>> {
        self.keys.iter_mut().filter_map(|wanted| wanted.lease.take())
    }

    /// Step 5. Adds the places of the keys that begin again to `open`.
    fn await_others<E: Send + Sync + 'static>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        pending: PendingLoads<V>,
        open: &mut Vec<usize>,
    ) -> Result<(), LoadError<E>> {
        let max = keyspace.shared.settings.load_timeout;
        let until = max.map(Deadline::after);
        for (at, load) in pending {
            let Some(wanted) = self.keys.get_mut(at) else { continue };
            let error = match load.outcome(until.map(Deadline::left)) {
                Ok(Waited::Value(value)) => {
                    wanted.value = Some(value);
                    continue;
                }
                Ok(Waited::Absent) => continue,
                Ok(Waited::Unanswered) => {
                    open.push(at);
                    continue;
                }
                Err(LoadError::Timeout { waited }) => LoadError::Timeout { waited: max.unwrap_or(waited) },
                Err(error) => error,
            };
            let key = SlotKey { hash: wanted.hash, bytes: &wanted.full };
            wanted.value = keyspace.stale_or(key, error)?.value;
        }
        Ok(())
    }
}

/// Lands the flight of a key that the loader has omitted.
fn omit<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(lease: LoadLease<K, V>) {
    if failpoint_is_set(Failpoint::ForgetOmitted) {
        std::mem::forget(lease);
    } else {
        lease.fill_absent();
    }
}
