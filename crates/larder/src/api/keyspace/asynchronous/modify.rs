//! Atomic changes from async code ([`Keyspace::modify`]).
//!
//! A worker thread usually calls the closure. The calling thread makes a change *at once* if it need not
//! wait ([`crate::api::keyspace::modify`]). [`Keyspace::try_modify_entry`] makes a change at once, or not
//! at all. A change at a server is a [worker task](crate::sys::offload::worker_task): it occupies no thread
//! while it waits for the server, or for the turns of other callers.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use crate::api::keyspace::change::{Change, CurrentEntry, CurrentLife, Modified};
use crate::api::keyspace::change_commit::{ChangeCommit, ModifyCommit};
use crate::api::keyspace::insert_options::Durability;
use crate::api::keyspace::modify_error::{HeldChange, ModifyError};
use crate::api::keyspace::ttl::Ttl;
use crate::format::key::{EncodeKey, Key};
use crate::sys::inline_calls;
use crate::sys::inline_calls::WorkerLookup;
use crate::sys::offload::offload;
use crate::sys::sync::Arc;

/// A change that is made in memory, and the wait for its commit.
type BegunChange<V> = (Modified<V>, ModifyCommit);

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// The async form of [`modify`](Keyspace::modify). A worker thread usually calls `change`. The calling
    /// thread calls `change` if it has [`inline_calls`](crate::Cache::inline_calls) or the keyspace has
    /// only the memory tier, and if the call need not wait for other threads. The change is made even if
    /// the future is dropped after its first poll.
    ///
    /// ```
    /// # use larder::{Cache, Change, KeyspaceDefinition};
    /// # const STOCK: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("stock");
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let cache = Cache::builder().open()?;
    /// let stock = cache.keyspace(STOCK)?;
    /// let sell = |left: Option<&u64>, _| match left {
    ///     Some(&left) if left > 0 => Change::insert(left - 1),
    ///     _ => Change::Keep,
    /// };
    /// assert!(!stock.modify_async("MTN100", sell).await?.is_changed(), "there is none to sell");
    /// stock.insert_async("MTN100", 3).await?;
    /// assert_eq!(stock.modify_async("MTN100", sell).await?.new_value(), Some(&2));
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`modify`](Keyspace::modify).
    ///
    /// # Cost
    /// Costs the same as [`modify`](Keyspace::modify), plus a round trip to a worker thread if a worker
    /// thread calls `change`.
    ///
    /// # Panics
    /// Panics if `change` panics. Nothing is changed then.
    pub async fn modify_async(
        &self,
        key: impl EncodeKey<K>,
        change: impl FnMut(Option<&V>, Ttl) -> Change<V> + Send + 'static,
    ) -> Result<Modified<V>, ModifyError<Modified<V>>> {
        self.modify_with_async(key, Durability::Buffered, change).await
    }

    /// The async form of [`modify_with`](Keyspace::modify_with). [`modify_async`](Keyspace::modify_async)
    /// describes the differences, and has an example.
    ///
    /// # Errors
    /// Returns the same errors as [`modify_with`](Keyspace::modify_with).
    ///
    /// # Cost
    /// Costs the same as [`modify_async`](Keyspace::modify_async). A durable change also waits for one
    /// commit, shared with other waiting callers. The wait does not occupy a worker thread.
    ///
    /// # Panics
    /// Panics if `change` panics. Nothing is changed then.
    pub async fn modify_with_async(
        &self,
        key: impl EncodeKey<K>,
        durability: Durability,
        change: impl FnMut(Option<&V>, Ttl) -> Change<V> + Send + 'static,
    ) -> Result<Modified<V>, ModifyError<Modified<V>>> {
        let (modified, commit) = self.begin_modify_async(key, durability, change).await?;
        // The caller may drop this future during the wait.
        let modified = HeldChange::new(Ok(modified));
        let committed = commit.wait().await;
        let modified = modified.into_inner()?;
        match committed {
            Ok(()) => Ok(modified),
            Err(error) => Err(ModifyError { error, applied: Some(modified) }),
        }
    }

    /// Makes a change like [`modify_with_async`](Self::modify_with_async), but does not wait for its commit.
    /// When the future completes, the change is visible. For a removal, or with [`Durability::Immediate`],
    /// the returned [`ModifyCommit`] waits until the change is durable. Meanwhile the caller can begin its
    /// next change, so that both share a commit.
    ///
    /// ```
    /// # use larder::{Cache, Change, Durability, KeyspaceDefinition};
    /// # const STOCK: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("stock");
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let cache = Cache::builder().open()?;
    /// let stock = cache.keyspace(STOCK)?;
    /// let add = |left: Option<&u64>, _| Change::insert(left.map_or(0, |left| *left) + 1);
    /// let (first, first_commit) = stock.begin_modify_async("MTN100", Durability::Immediate, add).await?;
    /// let (second, second_commit) = stock.begin_modify_async("MTN100", Durability::Immediate, add).await?;
    /// assert_eq!((first.new_value(), second.new_value()), (Some(&1), Some(&2)));
    /// first_commit.wait().await?;
    /// second_commit.wait().await?;
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`modify_with`](Keyspace::modify_with), except those of the commit.
    ///
    /// # Cost
    /// Costs the same as [`modify_async`](Keyspace::modify_async).
    ///
    /// # Panics
    /// Panics if `change` panics. Nothing is changed then.
    pub async fn begin_modify_async(
        &self,
        key: impl EncodeKey<K>,
        durability: Durability,
        mut change: impl FnMut(Option<&V>, Ttl) -> Change<V> + Send + 'static,
    ) -> Result<(Modified<V>, ModifyCommit), ModifyError<Modified<V>>> {
        let change = move |CurrentEntry { value, ends_at, now }: CurrentEntry<'_, V>| {
            change(value, CurrentLife { ends_at, now }.left())
        };
        self.begin_modify_entry_async(key, durability, change).await
    }

    /// Like [`begin_modify_async`](Self::begin_modify_async), but the closure gets the time at which the
    /// entry expires, and the time at which it was found. So the closure can compare expiries without a
    /// clock of its own.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use larder::{Cache, Change, Durability, KeyspaceDefinition};
    /// # const TOKEN: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("token");
    /// # async fn example() -> Result<(), larder::Error> {
    /// # let cache = Cache::builder().open()?;
    /// let tokens = cache.keyspace(TOKEN)?;
    /// tokens.insert_async(&7, "secret".to_owned()).await?;
    /// // The token lives for one more minute, unless it expires earlier.
    /// let (modified, _commit) = tokens
    ///     .begin_modify_entry_async(&7, Durability::Buffered, |found| {
    ///         let end = found.now.after(Duration::from_secs(60));
    ///         match (found.value, found.ends_at) {
    ///             (Some(token), Some(ends_at)) if ends_at > end => Change::insert_for(token.clone(), end),
    ///             _ => Change::Keep,
    ///         }
    ///     })
    ///     .await?;
    /// assert!(modified.is_changed());
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`begin_modify_async`](Self::begin_modify_async).
    ///
    /// # Cost
    /// Costs the same as [`begin_modify_async`](Self::begin_modify_async).
    ///
    /// # Panics
    /// Panics if `change` panics. Nothing is changed then.
    pub async fn begin_modify_entry_async(
        &self,
        key: impl EncodeKey<K>,
        durability: Durability,
        mut change: impl FnMut(CurrentEntry<'_, V>) -> Change<V> + Send + 'static,
    ) -> Result<(Modified<V>, ModifyCommit), ModifyError<Modified<V>>> {
        let full = self.whole_key(&key)?;
        self.refuse_in_closure(&full)?;
        let mut compute = move |value: Option<&Arc<V>>, life| change(current(value, life));
        let mut wait = ChangeCommit::in_task();
        // A durable change is not made inline: while the disk tier does not save values, it may have to
        // store its value again.
        let is_inline = durability == Durability::Buffered && inline_calls::are_allowed();
        let mut changed = None;
        if !self.is_remote() && (is_inline || !self.may_block()) {
            changed = self.change_at_once(&full, durability, &mut wait, &mut compute)?;
        }
        let modified = if let Some(modified) = changed {
            modified
        } else if self.is_remote() {
            let keyspace = self.clone();
            let change = async move {
                // If the task is gone, the worker drops the result.
                HeldChange::new(keyspace.change_at_server(&full, &mut compute).await)
            };
            self.run_change(Box::pin(change)).await.into_inner()?
        } else {
            let keyspace = self.clone();
            let pending = self.shared.changes.begin();
            let lookup = WorkerLookup::new(is_inline);
            let (changed, by_worker) = offload(move || {
                let _pending = pending;
                let changed = lookup.look(|| keyspace.change_by(&full, durability, &mut wait, &mut compute));
                // If the task is gone, the worker drops the result.
                (HeldChange::new(changed), wait)
            })
            .await;
            wait = by_worker;
            changed.into_inner()?
        };
        Ok((modified, ModifyCommit(wait)))
    }

    /// Makes a buffered change like [`begin_modify_entry_async`](Self::begin_modify_entry_async), if the
    /// calling thread need not wait for other threads, for the disk or for a server. Otherwise changes
    /// nothing, and returns `None`. The closure may have been called even then.
    ///
    /// The closure may borrow, because no worker thread calls it. So a caller that makes many changes needs
    /// no allocation for a future and for its captured values.
    ///
    /// ```
    /// # use larder::{Cache, Change, KeyspaceDefinition};
    /// # const STOCK: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("stock");
    /// # let cache = Cache::builder().open()?;
    /// let stock = cache.keyspace(STOCK)?;
    /// let mut before = 0;
    /// let made = stock.try_modify_entry("MTN100", |found| {
    ///     before = found.value.copied().unwrap_or_default();
    ///     Change::insert(before + 1)
    /// })?;
    /// let (modified, _commit) = made.expect("a cache without a file does not wait");
    /// assert_eq!((before, modified.new_value()), (0, Some(&1)));
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`begin_modify_async`](Self::begin_modify_async).
    ///
    /// # Cost
    /// Costs a lookup and an insert. In a keyspace on disk, a thread without
    /// [`inline_calls`](crate::Cache::inline_calls) always gets `None`.
    ///
    /// # Panics
    /// Panics if `change` panics. Nothing is changed then.
    pub fn try_modify_entry(
        &self,
        key: impl EncodeKey<K>,
        mut change: impl FnMut(CurrentEntry<'_, V>) -> Change<V>,
    ) -> Result<Option<BegunChange<V>>, ModifyError<Modified<V>>> {
        if self.may_block() && !inline_calls::are_allowed() {
            return Ok(None);
        }
        let full = self.encode(&key)?;
        let mut compute = |value: Option<&Arc<V>>, life| change(current(value, life));
        let mut wait = ChangeCommit::in_task();
        let changed = self.change_at_once(full.as_slice(), Durability::Buffered, &mut wait, &mut compute)?;
        Ok(changed.map(|modified| (modified, ModifyCommit(wait))))
    }
}

fn current<V>(value: Option<&Arc<V>>, CurrentLife { ends_at, now }: CurrentLife) -> CurrentEntry<'_, V> {
    CurrentEntry { value: value.map(|value| &**value), ends_at, now }
}
