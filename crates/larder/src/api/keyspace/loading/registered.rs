//! A registered loader: the function, its policy, and the data that decides when a refresh is due.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::policy::LoadPolicy;
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::load::Load;
use crate::engine::shared::Shared;
use crate::error::Error;
use crate::format::key::Key;
use crate::memory::extras::EntryExtras;
use crate::sys::sync::{Arc, AtomicU64, Ordering};
use crate::units::Timestamp;

/// A registered loader that runs on a thread.
pub(super) type ThreadLoader<K, V, E> = Box<dyn Fn(&K, Option<Arc<V>>) -> Result<Load<V>, E> + Send + Sync>;

/// A registered loader that tasks poll.
#[cfg(feature = "async")]
pub(super) type TaskLoader<K, V, E> = Box<dyn Fn(K, Option<Arc<V>>) -> TaskLoad<V, E> + Send + Sync>;

/// The future of one load of a [`TaskLoader`].
#[cfg(feature = "async")]
type TaskLoad<V, E> = std::pin::Pin<Box<dyn Future<Output = Result<Load<V>, E>> + Send>>;

/// A loader with its policy. `L` is the type of the loader function.
pub(super) struct RegisteredLoader<L> {
    pub(super) loader: L,
    pub(super) policy: LoadPolicy,
    /// The time of the registration. The age of a value without extras is counted from it.
    pub(super) registered_at: Timestamp,
    /// The number of random numbers drawn so far.
    pub(super) draws: AtomicU64,
    pub(super) seed: u64,
}

impl<L> RegisteredLoader<L> {
    pub(super) fn new<K: Key, V>(
        keyspace: &Keyspace<K, V>,
        policy: LoadPolicy,
        loader: L,
    ) -> Result<Self, Error>
    where
        V: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        keyspace.shared.refuse_if_unusable()?;
        policy.validate(&keyspace.definition)?;
        if policy.refreshes() {
            keyspace.opened.keep_extras();
        }
        // Derived from the seed of the hashes. That seed is random in each cache, and a test can set it.
        let seed = keyspace.shared.tiers.memory.key(keyspace.opened.name.as_bytes()).hash;
        Ok(Self { loader, policy, registered_at: keyspace.now(), draws: AtomicU64::new(0), seed })
    }

    pub(super) fn lease_time(&self, shared: &Shared) -> Duration {
        self.policy.hard().unwrap_or(shared.settings.lease_timeout)
    }

    /// Returns whether a refresh is due, according to the policy, for a live value with these extras.
    pub(super) fn is_due<K: Key, V>(
        &self,
        keyspace: &Keyspace<K, V>,
        expires_at: Timestamp,
        extras: Option<EntryExtras>,
    ) -> bool {
        let written_at = extras.map_or(self.registered_at, |extras| extras.written_at);
        let load_time = extras.and_then(EntryExtras::load_time);
        let now = keyspace.shared.tiers.time.bounds().earliest;
        // With a time to idle, this hit is a use and extends the expiry. So only the hard limit counts, which
        // a use does not extend.
        let ends_at = match keyspace.definition.idle_limit() {
            Some(_) => EntryExtras::hard_limit(extras, expires_at),
            None => expires_at,
        };
        self.policy.is_due(now, (written_at, ends_at, load_time), || self.random())
    }

    /// Returns a random number above 0 and up to 1. Each call draws a new number. So if there are many
    /// callers in the same millisecond, only some of them refresh early.
    fn random(&self) -> f64 {
        // Relaxed, because the draws only need to be different numbers.
        let draw = self.draws.fetch_add(1, Ordering::Relaxed);
        let bits = xxh3_64_with_seed(&draw.to_le_bytes(), self.seed) >> 11;
        #[expect(clippy::cast_precision_loss, reason = "a number of 53 bits has an exact double")]
        let multiple = (bits + 1) as f64;
        multiple * (f64::EPSILON / 2.0)
    }
}
