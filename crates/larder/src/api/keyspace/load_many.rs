//! Loads of several keys with one loader. Each key is looked up, leased and filled as in a load of one key:
//! the steps of [`super::lookup`] apply to each.
//!
//! 1. Encode the keys. A key that occurs several times in the input is looked up once.
//! 2. Look every key up. Keep the leases, and the loads of other callers, that the lookups return.
//! 3. Call the loader, once, with the keys that have a lease.
//! 4. Land every flight of these leases: with its value, or as absent if the loader has omitted its key. The
//!    absence is cached like the absence of any other load ([`super::absence`]). If the loader fails or
//!    panics, all flights land with that error or panic.
//! 5. Only then wait for the loads of other callers. Otherwise two callers with overlapping keys could each
//!    wait for a flight that the other lands after its own wait.
//! 6. A load of another caller may have ended without an answer. The keys of such loads begin again at (2).
//!
//! [`steps`] decides the next step. The calls for threads and for tasks only execute it: a thread blocks, and
//! a task awaits.

#[cfg(feature = "async")]
mod asynchronous;
mod steps;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::lookup::LoadThread;
use crate::error::load_error::LoadError;
use crate::format::key::{EncodeKey, Key};
use crate::sys::sync::Arc;
use steps::{BulkStep, LoadOfMany, fill, omit};

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Returns the live values of several keys, in the order of the keys. Calls `loader` with the keys that
    /// have no live value, and caches the returned values for the keyspace's TTL.
    ///
    /// The loader gets each missing key once. It returns pairs of a key and a value, in any order: a `Vec`, a
    /// `HashMap`, an iterator. A key that it omits has no value: its result is None. If the keyspace has an
    /// [`absent_ttl`](crate::KeyspaceDefinition::absent_ttl), this absence is cached. Until it expires, later
    /// calls do not call the loader for the key. Other keys that the loader returns are ignored.
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
    /// Callers that request one key at the same time share its load, as with
    /// [`get_or_load`](Keyspace::get_or_load). If another caller is loading some of the keys, this call
    /// leaves these keys to that caller. It first loads its own keys, and then waits. So calls with
    /// overlapping keys never wait for each other in a cycle. If such a load of another caller ends without
    /// an answer, the loader is called again with the keys of that load.
    ///
    /// If a key is written or invalidated during the load, its loaded value is returned and not cached.
    ///
    /// # Errors
    /// The errors of [`get_or_load`](Keyspace::get_or_load). An error of the loader is the result of the
    /// whole call, and of all callers that wait for one of its loads. With [`LoadError::Key`] no key was
    /// looked up. The [`load_timeout`](crate::CacheBuilder::load_timeout) limits the whole wait for other
    /// callers. With a [`grace`](crate::KeyspaceDefinition::grace), stale values are returned instead of an
    /// error, if each affected key has a stale value.
    ///
    /// # Panics
    /// If `loader` panics, in the thread that runs it.
    ///
    /// # Cost
    /// For each distinct key, the cost of [`lookup`](Keyspace::lookup), and two small allocations. Each
    /// loaded key counts as a load. The duration of the loader is recorded once.
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
        let mut load = LoadOfMany::begin(self, keys)?;
        loop {
            match load.next_step() {
                BulkStep::LookUp(missing) => {
                    load.note_found(missing.look_up(self, LoadThread::Caller, |_| {}));
                }
                BulkStep::Load(missing) => {
                    let answer = load.run_loader(|| loader(&missing));
                    load.note_answer(missing, answer, fill).into_iter().for_each(omit);
                }
                BulkStep::Wait { at, load: other, left } => load.note_waited(at, other.outcome(left)),
                BulkStep::ReadStale { at, error } => {
                    load.note_stale(at, self.stale_or(load.slot_key(at), error)?);
                }
                BulkStep::Return(values) => return Ok(values),
            }
        }
    }
}
