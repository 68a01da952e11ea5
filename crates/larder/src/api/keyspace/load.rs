//! Loads of values that no tier has. Callers that request the same key at the same time share one load. The
//! steps are those of [`super::lookup`].

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::load_lease::LoadLease;
use super::lookup::{LoadThread, LookupOutcome, OnAbsence, Waited};
use super::ttl::Ttl;
use crate::error::load_error::LoadError;
use crate::format::key::buffer::KeyBuffer;
use crate::format::key::{EncodeKey, Key};
use crate::memory::slot_key::SlotKey;
use crate::stats::count::Count;
use crate::sys::at_once::at_once;
use crate::sys::sync::Arc;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::user_code::HeldValue;

/// The result of a loader of [`get_or_load_with`](crate::Keyspace::get_or_load_with): a value, and how to
/// cache it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Load<V> {
    /// Cache the value with the keyspace's TTL.
    Cache(Arc<V>),
    /// Cache the value with this TTL. If the TTL is out of range, the value is returned but not cached.
    CacheFor(Arc<V>, Ttl),
    /// The value that the loader got is still valid: cache it again, with the keyspace's TTL.
    Unchanged,
    /// The source has no value for the key. If the keyspace has an
    /// [`absent_ttl`](crate::KeyspaceDefinition::absent_ttl), the absence is cached. Otherwise only the
    /// callers of this load get the absence.
    Absent,
    /// Return the value to all waiting callers, but do not cache it. For one second after the load, callers
    /// of the key do not wait for each other's loads.
    DoNotCache(Arc<V>),
}

/// The result of [`get_or_load_with`](crate::Keyspace::get_or_load_with).
#[derive(Debug)]
#[non_exhaustive]
pub struct Loaded<V> {
    /// The value. `None` if the source has no value for the key ([`Load::Absent`]).
    pub value: Option<Arc<V>>,
    /// Whether the value has expired, and is returned because the load failed
    /// ([`grace`](crate::KeyspaceDefinition::grace)).
    pub is_stale: bool,
}

impl<V> Clone for Loaded<V> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), is_stale: self.is_stale }
    }
}

impl<V> Loaded<V> {
    pub(super) fn fresh(value: Option<Arc<V>>) -> Self {
        Self { value, is_stale: false }
    }
}

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Returns the live value of a key. If there is none, runs `loader` and caches its value with the
    /// keyspace's TTL.
    ///
    /// Callers that request the same key at the same time run one loader and share its result. If the key is
    /// written or invalidated during the load, the loaded value is returned but not cached. Callers that
    /// request the key after the invalidation do not wait for this load. If a load takes longer than
    /// [`lease_timeout`](crate::CacheBuilder::lease_timeout), another caller may load the key, and the value
    /// of the late load is not cached.
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
    /// The loader must always have a value. So a key that is known to be absent is loaded like an unknown
    /// key. If the source may have no value, use [`get_or_load_optional`](Keyspace::get_or_load_optional).
    ///
    /// A value that is too large, or can't be encoded, is returned but not cached, and the next caller loads
    /// it again. Without a remote tier, [`KeyspaceStats::uncacheable`](crate::KeyspaceStats::uncacheable)
    /// counts these loads, and the first one in a keyspace is logged, with a remedy if the value is too
    /// large.
    ///
    /// # Errors
    /// - [`LoadError::Loader`] with the loader's error. All waiting callers share this error.
    /// - [`LoadError::Panicked`] if the caller waited for another caller's loader, and that loader panicked.
    /// - [`LoadError::Cycle`] if the wait would never end, because loads wait for each other in a cycle. The
    ///   loads may belong to several caches.
    /// - [`LoadError::Timeout`] after [`load_timeout`](crate::CacheBuilder::load_timeout), if that is set.
    /// - [`LoadError::Key`] for a key that is too long.
    ///
    /// If the keyspace has a [`grace`](crate::KeyspaceDefinition::grace), a stale value is returned instead
    /// of `Loader`, `Panicked` or `Timeout`.
    ///
    /// A failure of the cache itself is not an error: the value is returned but not cached.
    ///
    /// A loader must not join a thread that requests the loader's own key. The cache can't detect this cycle,
    /// because it knows only the waits for loads. The thread then waits until the `lease_timeout` or the
    /// `load_timeout` ends.
    ///
    /// # Panics
    /// Panics if `loader` panics. The waiting callers get [`LoadError::Panicked`].
    pub fn get_or_load<E, R, F>(&self, key: impl EncodeKey<K>, loader: F) -> Result<Arc<V>, LoadError<E>>
    where
        E: Send + Sync + 'static,
        R: Into<Arc<V>>,
        F: FnOnce() -> Result<R, E>,
    {
        match self.hit(&key) {
            Some((value, _)) => Ok(value),
            None => self
                .load_without_hit(&key, OnAbsence::Load, |_| loader().map(|value| Load::Cache(value.into())))
                .map(|loaded| {
                    loaded.value.expect("the loader has a value, and an absence is no answer here")
                }),
        }
    }

    /// Like [`get_or_load`](Keyspace::get_or_load), with a loader that decides how its value is cached
    /// ([`Load`]). If the keyspace has a [`grace`](crate::KeyspaceDefinition::grace), the loader gets the
    /// stale value of the key, if there is one. [`Loaded::value`] is `None` if this load, or an earlier load
    /// whose result is cached, found that the source has no value.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use larder::{Cache, KeyspaceDefinition, Load};
    /// # const PAGE: KeyspaceDefinition<String, String> =
    /// #     KeyspaceDefinition::new("page").grace(Duration::from_secs(3600));
    /// # enum Response { NotModified, NotFound, Page { body: String, max_age: Duration, is_private: bool } }
    /// # fn request(_: &str, _: Option<&str>) -> Result<Response, std::io::Error> {
    /// #     Ok(Response::Page { body: "text".into(), max_age: Duration::from_secs(60), is_private: false })
    /// # }
    /// # let cache = Cache::builder().open()?;
    /// let pages = cache.keyspace(PAGE)?;
    /// let page = pages.get_or_load_with("/prices", |stale| {
    ///     Ok::<_, std::io::Error>(match request("/prices", stale.as_deref().map(String::as_str))? {
    ///         Response::NotModified => Load::Unchanged,
    ///         Response::NotFound => Load::Absent,
    ///         Response::Page { body, is_private: true, .. } => Load::DoNotCache(body.into()),
    ///         Response::Page { body, max_age, .. } => Load::CacheFor(body.into(), max_age.into()),
    ///     })
    /// })?;
    /// assert_eq!((page.value.as_deref().map(String::as_str), page.is_stale), (Some("text"), false));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`get_or_load`](Keyspace::get_or_load). Also returns
    /// [`LoadError::NothingUnchanged`] if the loader returns [`Load::Unchanged`] although it got no stale
    /// value.
    ///
    /// # Panics
    /// Panics if `loader` panics. The waiting callers get [`LoadError::Panicked`].
    pub fn get_or_load_with<E, F>(&self, key: impl EncodeKey<K>, loader: F) -> Result<Loaded<V>, LoadError<E>>
    where
        E: Send + Sync + 'static,
        F: FnOnce(Option<Arc<V>>) -> Result<Load<V>, E>,
    {
        match self.hit(&key) {
            Some((value, _)) => Ok(Loaded::fresh(Some(value))),
            None => self.load_without_hit(&key, OnAbsence::Answer, loader),
        }
    }

    /// Runs steps 1 to 6 for a key that [`hit`](Self::hit) did not find.
    ///
    /// Never inlined, so that a hit in memory does not pay for this function's registers and stack frame.
    #[inline(never)]
    pub(super) fn load_without_hit<Q, E, F>(
        &self,
        key: &Q,
        mut on_absence: OnAbsence,
        loader: F,
    ) -> Result<Loaded<V>, LoadError<E>>
    where
        Q: EncodeKey<K>,
        E: Send + Sync + 'static,
        F: FnOnce(Option<Arc<V>>) -> Result<Load<V>, E>,
    {
        let mut full = KeyBuffer::default();
        self.encode_into(key, &mut full).map_err(LoadError::Key)?;
        let key = self.shared.tiers.memory.key(full.as_slice());
        let mut outcome = at_once(self.find_or_lease(key, LoadThread::Caller, on_absence, true));
        let mut until = None;
        loop {
            match outcome {
                LookupOutcome::Hit { value, is_stale, .. } => {
                    return Ok(Loaded { value: Some(value), is_stale });
                }
                LookupOutcome::Absent { .. } => return Ok(Loaded::fresh(None)),
                LookupOutcome::Load(lease) => return self.load(key, lease, loader),
                LookupOutcome::Wait(pending) => match pending.outcome_before(&mut until) {
                    Ok(Waited::Value(value)) => return Ok(Loaded::fresh(Some(value))),
                    Ok(Waited::Absent) if on_absence == OnAbsence::Answer => return Ok(Loaded::fresh(None)),
                    Ok(Waited::Absent) => on_absence = OnAbsence::LoadNow,
                    Ok(Waited::Unanswered) => {}
                    Err(error) => return at_once(self.stale_or(key, error)),
                },
            }
            outcome = at_once(self.find_or_lease(key, LoadThread::Caller, on_absence, false));
        }
    }

    /// Runs steps 4 to 6.
    pub(super) fn load<E, F>(
        &self,
        key: SlotKey<'_>,
        lease: LoadLease<K, V>,
        loader: F,
    ) -> Result<Loaded<V>, LoadError<E>>
    where
        E: Send + Sync + 'static,
        F: FnOnce(Option<Arc<V>>) -> Result<Load<V>, E>,
    {
        // The value may be the last handle, and the loader may panic.
        let stale = lease.stale_in(self);
        let fresh = |value: HeldValue<Arc<V>>| Ok(Loaded::fresh(Some(value.into_inner())));
        // Errors of the cache are dropped: the caller gets the value, and the lease counts the failure.
        match lease.run_loader(|| loader(stale.as_deref().cloned())) {
            Ok(Load::Cache(value)) => {
                let value = HeldValue::new(value);
                drop(lease.fill(Arc::clone(&value)));
                fresh(value)
            }
            Ok(Load::CacheFor(value, ttl)) => {
                let value = HeldValue::new(value);
                drop(lease.fill_with(Arc::clone(&value), ttl));
                fresh(value)
            }
            Ok(Load::Unchanged) => {
                let Some(value) = stale else {
                    return Err(LoadError::NothingUnchanged);
                };
                drop(lease.fill(Arc::clone(&value)));
                fresh(value)
            }
            Ok(Load::Absent) => {
                lease.fill_absent();
                Ok(Loaded::fresh(None))
            }
            Ok(Load::DoNotCache(value)) => {
                let value = HeldValue::new(value);
                lease.decline_with(Arc::clone(&value));
                fresh(value)
            }
            Err(error) => {
                let error = Arc::new(error);
                lease.fail_with(error.clone());
                if failpoint_is_set(Failpoint::KeepStale)
                    && let Some(value) = stale.map(HeldValue::into_inner)
                {
                    return Ok(Loaded { value: Some(value), is_stale: true });
                }
                at_once(self.stale_or(key, LoadError::Loader(error)))
            }
        }
    }

    /// Returns the stale value of a key after a failed load, or the error. The stale value is read after the
    /// load, because a value that was removed during the load must not be returned.
    pub(super) async fn stale_or<E>(
        &self,
        key: SlotKey<'_>,
        error: LoadError<E>,
    ) -> Result<Loaded<V>, LoadError<E>> {
        if let LoadError::Loader(_) | LoadError::Panicked | LoadError::Timeout { .. } = error
            && let Some((value, expires_at)) = self.find_stale_value(key).await
        {
            let is_stale = expires_at <= self.now();
            if is_stale {
                self.shared.count(&self.opened.counters, Count::StaleAnswers, key.bytes);
            }
            return Ok(Loaded { value: Some(value.into_inner()), is_stale });
        }
        Err(error)
    }
}
