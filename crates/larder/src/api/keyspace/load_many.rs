//! Loads of several keys with one loader. The steps of [`super::lookup`] apply to each key.
//!
//! 1. Encode the keys. A key that occurs several times in the input is looked up once.
//! 2. Look up every key. Keep the leases and the other callers' loads that the lookups return.
//! 3. Call the loader once, with the keys that have a lease.
//! 4. End the flights of these leases: with a value, or with an absence if the loader omitted the key. The
//!    absence is cached like that of any other load ([`super::absence`]). If the loader fails or panics, all
//!    flights end with that error or panic.
//! 5. Wait for the other callers' loads, at most for the rest of the `load_timeout`. It limits the sum of all
//!    waits of the call, in all rounds. If this step came before (4), two callers with overlapping keys
//!    could deadlock: each would wait for a flight that the other ends only after its own wait.
//! 6. If another caller's load ended without a result, begin again at (2) with its key.
//!
//! Over a remote tier, a step sends the requests of several keys together ([`requests`]).
//!
//! [`steps`] decides the next step. The sync and async calls only execute the step: a thread blocks, and a
//! task awaits.

#[cfg(feature = "async")]
mod asynchronous;
mod requests;
mod steps;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::idle::RecordReader;
use super::lookup::LoadThread;
use crate::error::load_error::LoadError;
use crate::format::key::{EncodeKey, Key};
use crate::sys::at_once::at_once;
use crate::sys::sync::Arc;
use requests::end_loads;
use steps::{BulkStep, LoadOfMany};

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Returns the live values of several keys, in the order of the keys. Calls `loader` with the keys that
    /// have no live value, and caches the returned values with the keyspace's TTL.
    ///
    /// The loader gets each missing key once. It returns pairs of a key and a value in any order, for example
    /// as a `Vec`, a `HashMap` or an iterator. If the loader omits a key, the source has no value for it, and
    /// the result for the key is `None`. If the keyspace has an
    /// [`absent_ttl`](crate::KeyspaceDefinition::absent_ttl), this absence is cached, and until it expires
    /// the loader is not called for the key. Keys that the loader returns but did not get are ignored.
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
    /// Callers that request the same key at the same time share its load, as with
    /// [`get_or_load`](Keyspace::get_or_load). If another caller is loading some of the keys, this call first
    /// loads the other keys, and then waits for that caller. So calls with overlapping keys never wait for
    /// each other in a cycle. If the other caller's load ends without a result, `loader` is called again with
    /// these keys.
    ///
    /// If a key is written or invalidated during the load, its loaded value is returned but not cached.
    ///
    /// # Errors
    /// Returns the same errors as [`get_or_load`](Keyspace::get_or_load). An error of the loader is returned
    /// by this call and by all calls that wait for one of its loads. After [`LoadError::Key`], no key was
    /// looked up. The [`load_timeout`](crate::CacheBuilder::load_timeout) limits the sum of the waits for
    /// other callers, even if keys must be looked up again. The call's own loads do not count. If the
    /// keyspace has a [`grace`](crate::KeyspaceDefinition::grace) and each affected key has a stale value,
    /// the stale values are returned instead of the error.
    ///
    /// # Panics
    /// Panics if `loader` panics. The waiting callers get [`LoadError::Panicked`].
    ///
    /// # Cost
    /// Each distinct key costs a [`lookup`](Keyspace::lookup) and two small allocations. Each loaded key
    /// counts as a load. The duration of the loader is recorded once. Over a remote tier, each 128 keys that
    /// memory does not have cost one round trip for all their lookups, and another one to store their values.
    /// Values of more than 1 MiB together take further round trips.
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
        let mut load = LoadOfMany::begin(self, keys, RecordReader::Caller)?;
        loop {
            match load.next_step() {
                BulkStep::LookUp(missing) => {
                    load.note_found(at_once(missing.look_up(self, LoadThread::Caller, |_| {}, || true)));
                }
                BulkStep::Load(missing) => {
                    let answer = load.run_loader(|| loader(&missing));
                    let mut filled = Vec::new();
                    let noted = catch_unwind(AssertUnwindSafe(|| {
                        load.note_answer(missing, answer, |lease, value| {
                            filled.push((lease, value));
                            if !self.is_remote() {
                                at_once(end_loads(std::mem::take(&mut filled), Vec::new(), false));
                            }
                        })
                    }));
                    let (omitted, panic) = match noted {
                        Ok(omitted) => (omitted, None),
                        Err(panic) => (Vec::new(), Some(panic)),
                    };
                    at_once(end_loads(filled, omitted, self.is_remote()));
                    if let Some(panic) = panic {
                        resume_unwind(panic);
                    }
                }
                BulkStep::Wait { at, load: other, left } => load.note_waited(at, other.outcome(left)),
                BulkStep::ReadStale { at, error } => {
                    load.note_stale(at, at_once(self.stale_or(load.slot_key(at), error))?);
                }
                BulkStep::Return(values) => return Ok(values),
            }
        }
    }
}
