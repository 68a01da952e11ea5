//! A registered loader: the function, its policy, and what its decisions need.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::policy::LoadPolicy;
use crate::api::keyspace::load::Load;
use crate::sys::sync::{Arc, AtomicU64, Ordering};
use crate::units::Timestamp;

/// A loader that was registered for a keyspace.
type Loader<K, V, E> = dyn Fn(&K, Option<Arc<V>>) -> Result<Load<V>, E> + Send + Sync;

/// A loader, its policy, and what its decisions need.
pub(super) struct RegisteredLoader<K, V, E> {
    pub(super) loader: Box<Loader<K, V, E>>,
    pub(super) policy: LoadPolicy,
    /// The age of a value without extras begins here.
    pub(super) registered_at: Timestamp,
    /// Number of random numbers that were drawn.
    pub(super) draws: AtomicU64,
    pub(super) seed: u64,
}

impl<K, V, E> RegisteredLoader<K, V, E> {
    /// Returns a random number above 0 and up to 1. Each call draws anew, so that of many callers of one
    /// millisecond only some are early.
    pub(super) fn random(&self) -> f64 {
        // Relaxed: the numbers must only differ.
        let draw = self.draws.fetch_add(1, Ordering::Relaxed);
        let bits = xxh3_64_with_seed(&draw.to_le_bytes(), self.seed) >> 11;
        #[expect(clippy::cast_precision_loss, reason = "a number of 53 bits has an exact double")]
        let multiple = (bits + 1) as f64;
        multiple * (f64::EPSILON / 2.0)
    }
}
