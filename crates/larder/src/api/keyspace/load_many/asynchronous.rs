//! Loads of several keys from async code, with the steps of [`super`]. Steps 2 and 4 run on a worker thread
//! if they may wait for the disk or for room in the write buffer. In a remote tier, they run as
//! [worker tasks](crate::sys::offload::worker_task), which occupy no thread while they wait for the server.
//! Keys in memory are found before that.
//!
//! If the future is dropped during step 2, the step ends with the keys that are being looked up, and drops
//! the leases that it has taken. Otherwise it would take the leases of all remaining keys, one part after
//! another.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::requests::end_loads;
use super::steps::{BulkStep, LoadOfMany};
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::idle::RecordReader;
use crate::api::keyspace::load_lease::LoadLease;
use crate::api::keyspace::load_lease::loader_panic::PollRecord;
use crate::api::keyspace::lookup::LoadThread;
use crate::engine::flights::graph::LoadId;
use crate::error::load_error::LoadError;
use crate::format::key::{EncodeKey, Key};
use crate::format::stored_key::StoredKey;
use crate::sys::sync::Arc;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// The async form of [`get_or_load_many`](Keyspace::get_or_load_many). If memory has all values, the
    /// first poll returns them.
    ///
    /// The loader may borrow, and only this future polls it. If the future is dropped, the loader is dropped,
    /// and the waiting callers load their keys. If the future is kept but not polled, the waiting callers
    /// wait until the [`lease_timeout`](crate::CacheBuilder::lease_timeout).
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
    /// Returns the same errors as [`get_or_load_many`](Keyspace::get_or_load_many).
    ///
    /// # Cost
    /// Costs the same as [`get_or_load_many`](Keyspace::get_or_load_many). A disk tier adds two round trips
    /// to a worker thread: one for all lookups on disk, and one to store all values. A remote tier adds
    /// round trips to the server, as with `get_or_load_many`. Worker threads handle the answers.
    ///
    /// # Panics
    /// Panics if the loader panics. The waiting callers get [`LoadError::Panicked`].
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
        let mut load = LoadOfMany::begin(self, keys, RecordReader::Worker)?;
        loop {
            match load.next_step() {
                BulkStep::LookUp(missing) => {
                    // All flights of one loader share a load id, so that the wait graph knows the loader as
                    // the leader of each flight.
                    let (poller, record) = (LoadThread::Poller(LoadId::next()), PollRecord::default());
                    // Dropped with this future. The lookup may go on elsewhere, and then ends.
                    let call = Arc::new(());
                    let (keyspace, wanted) = (self.clone(), Arc::downgrade(&call));
                    let look_up = async move {
                        let prepare = |lease: &mut LoadLease<K, V>| lease.expect_polls(&record);
                        missing.look_up(&keyspace, poller, prepare, || wanted.strong_count() > 0).await
                    };
                    load.note_found(self.look_off_executor(look_up).await);
                    drop(call);
                }
                BulkStep::Load(missing) => {
                    let answer = {
                        // The call of the loader is part of its first poll, so that the leases see its panic.
                        let mut loading = pin!(async { loader(&missing).await });
                        poll_fn(|context| load.run_loader(|| loading.as_mut().poll(context))).await
                    };
                    let mut filled = Vec::new();
                    let noted = catch_unwind(AssertUnwindSafe(|| {
                        load.note_answer(missing, answer, |lease, value| filled.push((lease, value)))
                    }));
                    let (omitted, panic) = match noted {
                        Ok(omitted) => (omitted, None),
                        Err(panic) => (Vec::new(), Some(panic)),
                    };
                    if !filled.is_empty() || !omitted.is_empty() {
                        // The loads end even if this future is dropped.
                        self.run_change(Box::pin(end_loads(filled, omitted, self.is_remote()))).await;
                    }
                    if let Some(panic) = panic {
                        // As part of the loader, so that the other leases see its panic.
                        load.run_loader(|| resume_unwind(panic));
                    }
                }
                BulkStep::Wait { at, load: other, left } => {
                    load.note_waited(at, other.outcome_async(left).await);
                }
                BulkStep::ReadStale { at, error } => {
                    let full = StoredKey::from(load.slot_key(at).bytes);
                    load.note_stale(at, self.stale_or_async(full, error).await?);
                }
                BulkStep::Return(values) => return Ok(values),
            }
        }
    }
}
