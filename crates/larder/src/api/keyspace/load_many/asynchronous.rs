//! Loads of several keys from async code. The numbers are the steps of [`super`]. Steps 2 and 4 run on a
//! worker thread, because they may wait for the disk or for room.

use std::future::poll_fn;
use std::pin::pin;

use hashbrown::HashTable;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{PendingLoads, WantedKeys, omit};
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::load_lease::loader_panic::PollRecord;
use crate::api::keyspace::lookup::{LoadThread, LookupOutcome, OnAbsence, Waited};
use crate::engine::flights::graph::LoadId;
use crate::error::load_error::LoadError;
use crate::format::key::{EncodeKey, Key};
use crate::format::stored_key::StoredKey;
use crate::sys::clock::Deadline;
use crate::sys::sync::Arc;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// As [`get_or_load_many`](Keyspace::get_or_load_many), from async code. If memory has all of the values,
    /// they are returned at the first poll.
    ///
    /// The loader may borrow, and only the caller drives it. If the future is dropped, the loader is dropped,
    /// and the callers that wait load their keys. If the future is kept and not polled, they wait until the
    /// [`lease_timeout`](crate::CacheBuilder::lease_timeout).
    ///
    /// ```
    /// # use std::collections::HashMap;
    /// # use larder::{Cache, Error, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert_async("MTNVTU", 100).await?;
    /// let load = async |missing: &[&str]| {
    ///     assert_eq!(missing, ["AIRTEL", "GLO"]);
    ///     Ok::<_, Error>(HashMap::from([("GLO", 90)]))
    /// };
    /// let found = prices.get_or_load_many_local_async(["MTNVTU", "AIRTEL", "GLO"], load).await?;
    /// let found: Vec<_> = found.iter().map(|price| price.as_deref().copied()).collect();
    /// assert_eq!(found, [Some(100), None, Some(90)]);
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`get_or_load_many`](Keyspace::get_or_load_many).
    ///
    /// # Panics
    /// If the loader panics. The callers that wait get [`LoadError::Panicked`].
    pub async fn get_or_load_many_local_async<Q, E, L, R, I, F>(
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
        F: AsyncFnMut(&[Q]) -> Result<I, E>,
    {
        // 1.
        let mut wanted = WantedKeys { keys: Vec::new(), places: HashTable::new() };
        let places = keys.into_iter().map(|key| wanted.place(self, key)).collect::<Result<Vec<_>, _>>()?;
        let mut open: Vec<usize> = (0..wanted.keys.len()).collect();
        let mut is_first = true;
        while !open.is_empty() {
            // 2.
            let pending = wanted.look_up_async(self, &open, is_first).await;
            open.clear();
            is_first = false;
            // 3 and 4.
            wanted.load_async(self, &mut loader).await?;
            // 5.
            wanted.await_others_async(self, pending, &mut open).await?;
        }
        Ok(places.into_iter().map(|at| wanted.keys.get(at).and_then(|key| key.value.clone())).collect())
    }
}

impl<Q, K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> WantedKeys<Q, K, V>
where
    Q: EncodeKey<K>,
{
    /// Step 2. Memory is asked before the worker thread.
    async fn look_up_async(
        &mut self,
        keyspace: &Keyspace<K, V>,
        open: &[usize],
        counts: bool,
    ) -> PendingLoads<V> {
        let mut missing: Vec<(usize, StoredKey)> = Vec::new();
        for &at in open {
            let Some(wanted) = self.keys.get_mut(at) else { continue };
            let key = keyspace.shared.tiers.memory.key(&wanted.full);
            match keyspace.hit_in_memory(key, counts) {
                Some((value, _)) => wanted.value = Some(value),
                None => missing.push((at, wanted.full.clone())),
            }
        }
        let mut pending = Vec::new();
        if missing.is_empty() {
            return pending;
        }
        // The flights of one loader have one number, so that each of them is known as led by this loader.
        let (poller, record) = (LoadThread::Poller(LoadId::next()), PollRecord::default());
        let find = move |keyspace: &Keyspace<K, V>| {
            let found = missing.into_iter().map(|(at, full)| {
                let key = keyspace.shared.tiers.memory.key(&full);
                let mut found = keyspace.find_or_lease(key, poller, OnAbsence::Answer, counts);
                if let LookupOutcome::Load(lease) = &mut found {
                    lease.expect_polls(&record);
                }
                (at, found)
            });
            found.collect::<Vec<_>>()
        };
        let mut measures = true;
        for (at, found) in keyspace.off_executor(find).await {
            if let Some(wanted) = self.keys.get_mut(at) {
                wanted.note(at, found, &mut measures, &mut pending);
            }
        }
        pending
    }

    /// Steps 3 and 4.
    async fn load_async<E, L, R, I>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        loader: &mut impl AsyncFnMut(&[Q]) -> Result<I, E>,
    ) -> Result<(), LoadError<E>>
    where
        E: Send + Sync + 'static,
        L: EncodeKey<K>,
        R: Into<Arc<V>>,
        I: IntoIterator<Item = (L, R)>,
    {
        let missing = self.take_missing();
        let Some(lease) = self.keys.iter().find_map(|wanted| wanted.lease.as_ref()) else { return Ok(()) };
        let answer = {
            let mut loading = pin!(loader(&missing));
            poll_fn(|context| lease.run_loader(|| loading.as_mut().poll(context))).await
        };
        self.give_back(missing);
        match answer {
            Ok(pairs) => {
                let pairs = pairs.into_iter();
                let filled: Vec<_> =
                    pairs.filter_map(|(key, value)| self.note_value(keyspace, &key, value)).collect();
                let omitted: Vec<_> = self.leases().collect();
                let publish = move |_: &Keyspace<K, V>| {
                    for (lease, value) in filled {
                        // A failure of the cache is not an error: the lease counts it.
                        drop(lease.fill(value));
                    }
                    omitted.into_iter().for_each(omit);
                };
                keyspace.change_off_executor(publish).await;
                Ok(())
            }
            Err(error) => {
                let error = self.fail(error);
                for wanted in self.keys.iter_mut().filter(|wanted| wanted.is_failed) {
                    wanted.is_failed = false;
                    let error = LoadError::Loader(error.clone());
                    wanted.value = keyspace.stale_or_async(wanted.full.clone(), error).await?.value;
                }
                Ok(())
            }
        }
    }

    /// Step 5. Adds the places of the keys that begin again to `open`.
    async fn await_others_async<E: Send + Sync + 'static>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        pending: PendingLoads<V>,
        open: &mut Vec<usize>,
    ) -> Result<(), LoadError<E>> {
        let max = keyspace.shared.settings.load_timeout;
        let until = max.map(Deadline::after);
        for (at, load) in pending {
            let Some(wanted) = self.keys.get_mut(at) else { continue };
            let error = match load.outcome_async(until.map(Deadline::left)).await {
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
            wanted.value = keyspace.stale_or_async(wanted.full.clone(), error).await?.value;
        }
        Ok(())
    }
}
