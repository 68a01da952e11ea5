//! Ends a load with a value: steps 5 and 6 of [`crate::api::keyspace::lookup`].
//!
//! These functions suspend only while they wait for the answer of a server. In a keyspace on disk, they may
//! block for room in the write buffer. A thread runs them with [`at_once`](crate::sys::at_once::at_once). A
//! task runs them on a worker thread, or over a remote tier as a
//! [worker task](crate::sys::offload::worker_task), because they run the user's `Serialize` and weigher.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::LoadLease;
use crate::api::keyspace::insert_options::Durability;
use crate::api::keyspace::ttl::Ttl;
use crate::engine::flights::FlightOutcome;
use crate::engine::promotion::Lease;
use crate::error::Error;
use crate::format::key::Key;
use crate::sys::sync::Arc;
use crate::sys::user_code::HeldValue;

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> LoadLease<K, V> {
    /// Caches a value, and passes it to the waiting callers. Returns whether the value is cached.
    pub(in crate::api::keyspace) async fn publish(self, value: Arc<V>, ttl: Ttl) -> Result<bool, Error> {
        // Dropped last, because the flight may hold the only other handle.
        let value = HeldValue::new(value);
        let keyspace = self.keyspace();
        // Dropped before `keyspace`, which may be the last handle of the cache. So the waiters get the value
        // before the cache is closed.
        let mut load = self;
        load.has_failed = false;
        // Set before the write, so that the waiters get the value even if the write panics in a user's
        // `Serialize` or weigher.
        load.outcome = Some(FlightOutcome::Value(value.clone()));
        let Some(keyspace) = &keyspace else { return Ok(false) };
        load.count_end(keyspace);
        if keyspace.is_remote() {
            return load.fill_remote(keyspace, Some(&*value), ttl).await;
        }
        let Some(id) = load.id.take() else { return Ok(false) };
        let memory = &keyspace.shared.tiers.memory;
        let key = memory.key(&load.key);
        let mut lease = Lease::new(memory, key, id);
        lease.load_time = load.took;
        let written = keyspace.write(key, &value, ttl, Durability::Buffered, Some(&lease));
        keyspace.count_fill(key, &written);
        match written {
            Ok(outcome) => Ok(outcome.is_stored()),
            Err(Error::Closed) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Like [`publish`](Self::publish). Does not cache the value if the TTL is out of range or has passed.
    pub(in crate::api::keyspace) async fn publish_checked(
        self,
        value: Arc<V>,
        ttl: Ttl,
    ) -> Result<bool, Error> {
        let Some(now) = self.keyspace().map(|keyspace| keyspace.now()) else {
            return self.publish(value, ttl).await;
        };
        let checked = ttl.check(|| now);
        if checked.is_ok() && !ttl.is_past(|| now) {
            return self.publish(value, ttl).await;
        }
        self.share(value).await;
        checked.map(|()| false)
    }

    /// Passes a value to the waiting callers, and caches nothing. For one second, callers of the key do not
    /// wait for each other.
    pub(in crate::api::keyspace) async fn decline_and_share(mut self, value: Arc<V>) {
        self.give_pass();
        self.share(value).await;
    }

    async fn share(mut self, value: Arc<V>) {
        self.has_failed = false;
        self.outcome = Some(FlightOutcome::Value(value));
        self.give_back_with_value().await;
    }
}
