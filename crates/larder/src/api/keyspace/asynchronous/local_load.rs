//! Loads from async code with a loader that borrows, with the steps of [`crate::api::keyspace::lookup`].
//!
//! Only the caller's future polls the loader. The future owns the lease. If the future is dropped, the lease
//! is released, and one of the waiting callers loads the key. If the future is never polled again, it keeps
//! the lease until the deadline.

use std::future::poll_fn;
use std::pin::pin;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::load::present;
use crate::api::keyspace::load::Loaded;
use crate::api::keyspace::lookup::{LookupOutcome, OnAbsence, Waited};
use crate::error::load_error::LoadError;
use crate::format::key::{EncodeKey, Key};
use crate::format::stored_key::StoredKey;
use crate::sys::sync::Arc;
use crate::sys::user_code::HeldValue;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Like [`get_or_load_async`](Keyspace::get_or_load_async), with a loader that may borrow and need not be
    /// `Send`. Only this future polls the loader.
    ///
    /// If the future is dropped, the loader is dropped, and one of the waiting callers loads the key. If the
    /// future is kept but not polled, the other callers wait until the
    /// [`lease_timeout`](crate::CacheBuilder::lease_timeout).
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// let row = "100".to_owned();
    /// let price = prices.get_or_load_local_async("MTNVTU", async || row.parse::<u64>()).await?;
    /// assert_eq!(*price, 100);
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`get_or_load`](Keyspace::get_or_load).
    ///
    /// # Cost
    /// Costs the same as [`get_or_load_async`](Keyspace::get_or_load_async), without a boxed future.
    ///
    /// # Panics
    /// Panics if the loader panics. The waiting callers get [`LoadError::Panicked`].
    pub async fn get_or_load_local_async<E, R, F>(
        &self,
        key: impl EncodeKey<K>,
        loader: F,
    ) -> Result<Arc<V>, LoadError<E>>
    where
        E: Send + Sync + 'static,
        R: Into<Arc<V>>,
        F: AsyncFnOnce() -> Result<R, E>,
    {
        if let Some((value, _)) = self.hit_of_task(&key) {
            return Ok(value);
        }
        match self.find_in_memory(&key)? {
            Ok(value) => Ok(value),
            Err(key) => self.load_missing_locally(key, loader).await.map(present),
        }
    }

    /// Runs steps 2 to 6, with a loader that only this future polls.
    async fn load_missing_locally<E, R, F>(
        &self,
        key: StoredKey,
        loader: F,
    ) -> Result<Loaded<V>, LoadError<E>>
    where
        E: Send + Sync + 'static,
        R: Into<Arc<V>>,
        F: AsyncFnOnce() -> Result<R, E>,
    {
        let (mut counts, mut on_absence) = (true, OnAbsence::Load);
        let mut until = None;
        let lease = loop {
            let (keyspace, full) = (self.clone(), key.clone());
            let find = async move { keyspace.find_or_lease_again(&full, on_absence, counts).await };
            match self.look_off_executor(find).await {
                LookupOutcome::Hit { value, is_stale, .. } => {
                    return Ok(Loaded { value: Some(value), is_stale });
                }
                LookupOutcome::Absent { .. } => return Ok(Loaded::fresh(None)),
                LookupOutcome::Load(lease) => break lease,
                LookupOutcome::Wait(pending) => match pending.outcome_before_async(&mut until).await {
                    Ok(Waited::Value(value)) => return Ok(Loaded::fresh(Some(value))),
                    Ok(Waited::Absent) => (counts, on_absence) = (false, OnAbsence::LoadNow),
                    Ok(Waited::Unanswered) => counts = false,
                    Err(error) => return self.stale_or_async(key, error).await,
                },
            }
        };
        let mut loading = pin!(async { loader().await });
        let answer = poll_fn(|context| lease.run_loader(|| loading.as_mut().poll(context)));
        match answer.await {
            Ok(value) => {
                let value: HeldValue<Arc<V>> = HeldValue::new(value.into());
                // Errors of the cache are dropped: the caller gets the value, and the lease counts the
                // failure.
                drop(lease.fill_async(Arc::clone(&value)).await);
                Ok(Loaded::fresh(Some(value.into_inner())))
            }
            Err(error) => {
                let error = Arc::new(error);
                lease.fail_with(error.clone());
                self.stale_or_async(key, LoadError::Loader(error)).await
            }
        }
    }
}
