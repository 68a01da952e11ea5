//! Loads of values that neither tier has. Callers that ask for one key at the same time share one loader. The
//! steps are those of [`super::lookup`].

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::load_lease::LoadLease;
use super::lookup::{LoadThread, LookupOutcome};
use crate::error::load_error::LoadError;
use crate::format::key::bytes::KeyWriter;
use crate::format::key::{EncodeKey, Key};
use crate::sys::sync::Arc;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Returns the live value of a key. If there is none, runs `loader` and caches its value for the
    /// keyspace's TTL.
    ///
    /// Callers that ask for one key at the same time run one loader and share its result. If the key is
    /// written or invalidated during the load, the loaded value is returned and not cached. Callers that come
    /// after the invalidation do not wait for that load. If a load takes longer than
    /// [`lease_timeout`](crate::CacheBuilder::lease_timeout), another caller of the key loads it, and the
    /// value of the late load is not cached.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// let price = prices.get_or_load("MTNVTU", || "100".parse::<u64>())?;
    /// assert_eq!(*price, 100);
    /// let error = prices.get_or_load("AIRTEL", || "none".parse::<u64>()).unwrap_err();
    /// assert!(!prices.contains_key("AIRTEL"), "errors are not cached: {error}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A value that can't be cached (it is too large, or does not encode) is still returned, and the next
    /// caller loads it again. The load is counted as [`uncacheable`](crate::KeyspaceStats::uncacheable). The
    /// first such load of a keyspace is logged, with a remedy if the value is too large.
    ///
    /// # Errors
    /// - [`LoadError::Loader`] with the loader's error. All waiting callers share this error.
    /// - [`LoadError::Panicked`] if the loader that this caller waited for panicked.
    /// - [`LoadError::Cycle`] if the wait would never end, because loads wait for one another. The loads may
    ///   belong to several caches.
    /// - [`LoadError::Timeout`] after [`load_timeout`](crate::CacheBuilder::load_timeout), if that is set.
    /// - [`LoadError::Key`] for a key that is too long.
    ///
    /// A failure of the cache is not an error: the value is then returned and not cached.
    ///
    /// A loader must not join a thread that asks for the loader's own key. The cache sees waits for loads,
    /// but no other waits of a thread. That thread waits until the `lease_timeout` or the `load_timeout`
    /// ends.
    ///
    /// # Panics
    /// If `loader` panics, in the thread that runs it.
    pub fn get_or_load<Q, E, R, F>(&self, key: &Q, loader: F) -> Result<Arc<V>, LoadError<E>>
    where
        Q: EncodeKey<K> + ?Sized,
        E: Send + Sync + 'static,
        R: Into<Arc<V>>,
        F: FnOnce() -> Result<R, E>,
    {
        let mut full = KeyWriter::default();
        self.encode_into(key, &mut full).map_err(LoadError::Key)?;
        let key = self.shared.tiers.memory.key(full.as_slice());
        let mut is_first = true;
        loop {
            match self.find_or_lease(key, LoadThread::Caller, is_first) {
                LookupOutcome::Hit { value, .. } => return Ok(value),
                LookupOutcome::Load(lease) => return Self::load(lease, loader),
                LookupOutcome::Wait(pending) => {
                    if let Some(value) = pending.wait()? {
                        return Ok(value);
                    }
                }
            }
            is_first = false;
        }
    }

    /// Steps 4 to 6.
    fn load<E, R, F>(lease: LoadLease<K, V>, loader: F) -> Result<Arc<V>, LoadError<E>>
    where
        E: Send + Sync + 'static,
        R: Into<Arc<V>>,
        F: FnOnce() -> Result<R, E>,
    {
        match loader() {
            Ok(value) => {
                let value = value.into();
                // A failure of the cache is not an error. The lease counts it.
                drop(lease.fill(value.clone()));
                Ok(value)
            }
            Err(error) => {
                let error = Arc::new(error);
                lease.fail_with(error.clone());
                Err(LoadError::Loader(error))
            }
        }
    }
}
