//! Changes from async code: inserts and removals. [`super::modify`] has the atomic changes.
//!
//! A worker thread usually makes the change, because it may wait for the disk or for room in the write
//! buffer. An insert that finds room needs no worker thread. The wait for a commit does not occupy a worker
//! thread, because the writer thread answers the task directly ([`crate::api::keyspace::change_commit`]). So
//! any number of changes can share a commit. While the disk tier is off, a durable insert or change occupies
//! its worker thread during the wait, because it may have to store its value again. An insert or a removal at
//! a server is a [worker task](crate::sys::offload::worker_task), and occupies no worker thread during its
//! wait.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use crate::api::invalidation::Invalidation;
use crate::api::keyspace::change::Change;
use crate::api::keyspace::change_commit::ChangeCommit;
use crate::api::keyspace::insert_options::{Durability, InsertOptions};
use crate::api::keyspace::ttl::Ttl;
use crate::api::keyspace::write::{InsertOutcome, WriteCondition};
use crate::engine::closure_keys;
use crate::error::Error;
use crate::format::key::scope::KeyPattern;
use crate::format::key::{EncodeKey, Key, KeyPrefix};
use crate::format::stored_key::StoredKey;
use crate::memory::entry::Refused;
use crate::stats::count::Count;
use crate::sys::sync::Arc;
use crate::sys::user_code::{HeldValue, drop_caught};

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// The async form of [`insert`](Keyspace::insert). While the write buffer is full, the task waits without
    /// blocking the executor.
    ///
    /// The value is stored even if the future is dropped after its first poll.
    ///
    /// ```
    /// # use larder::{Cache, Durability, InsertOptions, KeyspaceDefinition};
    /// # use std::time::Duration;
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # async fn example() -> Result<(), larder::Error> {
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert_async("MTNVTU", 100).await?;
    /// let options = InsertOptions::new().ttl(Duration::from_secs(5)).durability(Durability::Immediate);
    /// prices.insert_with_async("GLO", 90, options).await?;
    /// assert_eq!(prices.get_many(["MTNVTU", "GLO"]).iter().flatten().count(), 2);
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`insert`](Keyspace::insert).
    ///
    /// # Cost
    /// Costs the same as [`insert`](Keyspace::insert), at the first poll. If the write buffer is full, the
    /// call adds a round trip to a worker thread, and the wait for room. In a remote tier, it always adds
    /// this round trip, and waits for the server.
    pub async fn insert_async(&self, key: impl EncodeKey<K>, value: impl Into<Arc<V>>) -> Result<(), Error> {
        self.insert_with_async(key, value, InsertOptions::new()).await
    }

    /// The async form of [`insert_with`](Keyspace::insert_with). The value is stored even if the future is
    /// dropped after its first poll. [`insert_async`](Keyspace::insert_async) has an example.
    ///
    /// # Errors
    /// Returns the same errors as [`insert_with`](Keyspace::insert_with).
    ///
    /// # Cost
    /// Costs the same as [`insert_async`](Keyspace::insert_async). With [`Ttl::Keep`] or [`Ttl::Until`], a
    /// disk tier adds a round trip to a worker thread. A durable insert also waits for one commit, shared
    /// with other waiting callers. The wait does not occupy a worker thread.
    pub async fn insert_with_async(
        &self,
        key: impl EncodeKey<K>,
        value: impl Into<Arc<V>>,
        options: InsertOptions,
    ) -> Result<(), Error> {
        let value = HeldValue::new(value.into());
        if options.ttl.is_past(|| self.now()) {
            return self.remove_async(key).await.map(drop);
        }
        if self.is_remote() {
            let (keyspace, full) = (self.clone(), self.whole_key(&key)?);
            self.refuse_in_closure(&full)?;
            let insert = async move { keyspace.insert_in_task(&full, &value, options.ttl).await };
            return self.run_change(Box::pin(insert)).await;
        }
        let stored = self.insert_at_once(self.encode(&key)?.as_slice(), &value, options)?;
        if let Some(wait) = stored {
            return wait.finish().await;
        }
        let full = self.whole_key(&key)?;
        self.refuse_in_closure(&full)?;
        let insert = move |keyspace: &Self, wait: &mut ChangeCommit| {
            keyspace.shared.refuse_if_unusable()?;
            keyspace.insert_checked(&full, value, options, wait)
        };
        self.commit_in_task(insert).await
    }

    /// The async form of [`remove`](Keyspace::remove).
    ///
    /// Dropping the future after its first poll does not stop the removal. The removal may become visible
    /// only after the drop. Await the future to know that the removal is durable.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # async fn example() -> Result<(), larder::Error> {
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert_async("MTNVTU", 100).await?;
    /// assert!(prices.remove_async("MTNVTU").await?);
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`remove`](Keyspace::remove).
    ///
    /// # Cost
    /// Costs the same as [`remove`](Keyspace::remove). A disk tier or a remote tier adds a round trip to a
    /// worker thread. The wait for the commit does not occupy a worker thread.
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub async fn remove_async(&self, key: impl EncodeKey<K>) -> Result<bool, Error> {
        let mut invalidation = Invalidation::new(&self.shared);
        invalidation.remove(self, key)?;
        Ok(invalidation.commit_async().await? > 0)
    }

    /// The async form of [`remove_many`](Keyspace::remove_many). Dropping the future after its first poll
    /// does not stop the removals. [`remove_prefix_async`](Keyspace::remove_prefix_async) has an example.
    ///
    /// # Errors
    /// Returns the same errors as [`remove_many`](Keyspace::remove_many).
    ///
    /// # Cost
    /// Costs the same as [`remove_many`](Keyspace::remove_many), plus what
    /// [`remove_async`](Keyspace::remove_async) adds to `remove`.
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub async fn remove_many_async<Q: EncodeKey<K>>(
        &self,
        keys: impl IntoIterator<Item = Q>,
    ) -> Result<u64, Error> {
        let mut invalidation = Invalidation::new(&self.shared);
        for key in keys {
            invalidation.remove(self, key)?;
        }
        invalidation.commit_async().await
    }

    /// The async form of [`remove_prefix`](Keyspace::remove_prefix). Dropping the future after its first poll
    /// does not stop the removal.
    ///
    /// ```
    /// # use larder::{Any, Cache, KeyspaceDefinition};
    /// # const PACKAGE: KeyspaceDefinition<(String, String), u64> = KeyspaceDefinition::new("package");
    /// # async fn example() -> Result<(), larder::Error> {
    /// # let cache = Cache::builder().open()?;
    /// let packages = cache.keyspace(PACKAGE)?;
    /// for package in [("MTN", "1GB"), ("MTN", "2GB"), ("GLO", "1GB"), ("GLO", "2GB"), ("AIRTEL", "1GB")] {
    ///     packages.insert_async(&package, 300).await?;
    /// }
    /// assert_eq!(packages.remove_prefix_async(("MTN",)).await?, 2);
    /// assert_eq!(packages.remove_many_async([("GLO", "2GB"), ("GLO", "3GB")]).await?, 1);
    /// assert_eq!(packages.remove_matching_async((Any, "2GB")).await?, 0);
    /// assert_eq!(packages.clear_async().await?, 2);
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`remove_prefix`](Keyspace::remove_prefix).
    ///
    /// # Cost
    /// Costs the same as [`remove_prefix`](Keyspace::remove_prefix), plus what
    /// [`remove_async`](Keyspace::remove_async) adds to `remove`.
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub async fn remove_prefix_async(&self, prefix: impl KeyPrefix<K>) -> Result<u64, Error> {
        let mut invalidation = Invalidation::new(&self.shared);
        invalidation.remove_prefix(self, prefix);
        invalidation.commit_async().await
    }

    /// The async form of [`remove_matching`](Keyspace::remove_matching). Dropping the future after its first
    /// poll does not stop the removal. [`remove_prefix_async`](Keyspace::remove_prefix_async) has an example.
    ///
    /// # Errors
    /// Returns the same errors as [`remove_matching`](Keyspace::remove_matching).
    ///
    /// # Cost
    /// Costs the same as [`remove_matching`](Keyspace::remove_matching), plus what
    /// [`remove_async`](Keyspace::remove_async) adds to `remove`.
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub async fn remove_matching_async(&self, pattern: impl KeyPattern<K>) -> Result<u64, Error> {
        let mut invalidation = Invalidation::new(&self.shared);
        invalidation.remove_matching(self, pattern)?;
        invalidation.commit_async().await
    }

    /// The async form of [`clear`](Keyspace::clear). Dropping the future after its first poll does not stop
    /// the removal. [`remove_prefix_async`](Keyspace::remove_prefix_async) has an example.
    ///
    /// # Errors
    /// Returns the same errors as [`clear`](Keyspace::clear).
    ///
    /// # Cost
    /// Costs the same as [`clear`](Keyspace::clear), plus what [`remove_async`](Keyspace::remove_async) adds
    /// to `remove`.
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub async fn clear_async(&self) -> Result<u64, Error> {
        let mut invalidation = Invalidation::new(&self.shared);
        invalidation.clear(self);
        invalidation.commit_async().await
    }

    /// Stores a value at the server.
    async fn insert_in_task(&self, full: &[u8], value: &Arc<V>, ttl: Ttl) -> Result<(), Error> {
        self.shared.refuse_if_unusable()?;
        ttl.check(|| self.now())?;
        if ttl == Ttl::Keep {
            let mut replace = |_: Option<&Arc<V>>, _| Change::Insert(value.clone(), ttl);
            drop_caught(self.change_at_server(full, &mut replace).await?);
            return Ok(());
        }
        self.insert_at_server(self.shared.tiers.memory.key(full), value, ttl, None).await
    }

    /// Stores a value if that needs no waiting. Returns the wait for the commit, or `None` if a worker thread
    /// must make the insert. For a durable insert, the commit is already requested.
    fn insert_at_once(
        &self,
        full: &[u8],
        value: &Arc<V>,
        options: InsertOptions,
    ) -> Result<Option<ChangeCommit>, Error> {
        let InsertOptions { ttl, durability } = options;
        let is_plain = matches!(ttl, Ttl::Default | Ttl::For(_) | Ttl::Never);
        let is_durable = durability == Durability::Immediate && self.is_in_file();
        // While the disk tier does not save values, a durable insert first makes a commit. So a worker thread
        // makes the insert.
        if !is_plain || (is_durable && !self.shared.tiers.disk.saves()) {
            return Ok(None);
        }
        self.shared.refuse_if_unusable()?;
        ttl.check(|| self.now())?;
        let memory = &self.shared.tiers.memory;
        closure_keys::refuse_in_closure(memory, |key| key == full)?;
        let key = memory.key(full);
        let mut prepared = self.prepare(key, value, durability)?;
        if !self.reserve_at_once(key, &mut prepared) {
            return Ok(None);
        }
        let write = self.write_to_come(durability);
        match self.store(key, Some(value.clone()), prepared, ttl, WriteCondition::Always) {
            Err(Refused::NoRoom) if is_durable => Ok(None),
            stored @ (Ok(_) | Err(Refused::NoRoom)) => {
                self.shared.count(&self.opened.counters, Count::Inserts, key.bytes);
                let mut wait = ChangeCommit::in_task();
                if is_durable {
                    let is_saved = matches!(stored, Ok(InsertOutcome::Saved));
                    self.commit_insert((write, is_saved), Ok(()), &mut wait)?;
                }
                Ok(Some(wait))
            }
            Err(Refused::Closed) => Err(Error::Closed),
            // The disk tier recovered in the meantime. A worker thread prepares the value again, so that it
            // is saved.
            Err(Refused::Unsaved | Refused::Revoked | Refused::Unconfirmed) => Ok(None),
        }
    }

    /// Refuses the change if the calling thread is inside a closure that changes the same key. Must run on
    /// the calling thread, because a worker thread is not inside that closure.
    pub(super) fn refuse_in_closure(&self, full: &[u8]) -> Result<(), Error> {
        closure_keys::refuse_in_closure(&self.shared.tiers.memory, |key| key == full)
    }

    pub(super) fn whole_key(&self, key: &impl EncodeKey<K>) -> Result<StoredKey, Error> {
        Ok(self.encode(key)?.as_slice().into())
    }
}
