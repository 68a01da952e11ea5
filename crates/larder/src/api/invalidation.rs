//! Invalidations: several removals that share one commit.

use super::keyspace::Keyspace;
#[cfg(feature = "untyped")]
use super::untyped::pinned::PinnedKeyspace;
use crate::engine::keyspaces::open_keyspace::OpenKeyspace;
#[cfg(feature = "async")]
use crate::engine::removal::CommittingRemovals;
use crate::engine::removal::Removal;
use crate::engine::shared::Shared;
use crate::error::Error;
use crate::format::key::buffer::KeyBuffer;
use crate::format::key::scope::{KeyPattern, Scope};
use crate::format::key::{EncodeKey, Key, KeyPrefix};
#[cfg(feature = "async")]
use crate::sys::offload::offload;
#[cfg(feature = "async")]
use crate::sys::offload::worker_task::run_to_end;
use crate::sys::sync::Arc;

/// Removals from one or more keyspaces that share one commit.
/// [`Cache::invalidation`](crate::Cache::invalidation) begins an invalidation.
///
/// Use an invalidation if one update makes entries of several keyspaces stale, such as a product and the
/// lists that contain it. Add the product before the lists that are derived from it. Until the product is
/// removed, another thread may rebuild a list from the old product. The later removal of the lists then also
/// removes that list.
///
/// Nothing is removed before [`commit`](Invalidation::commit), which makes the removals visible one after
/// another. They are durable when it returns. After a crash before that, the file may have only some of
/// them.
///
/// ```
/// # use larder::{Cache, KeyspaceDefinition};
/// # const PRODUCT: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("product");
/// # const LIST: KeyspaceDefinition<String, Vec<u64>> = KeyspaceDefinition::new("list");
/// # let cache = Cache::builder().open()?;
/// let (products, lists) = (cache.keyspace(PRODUCT)?, cache.keyspace(LIST)?);
/// products.insert("MTNVTU", 100)?;
/// lists.insert("AIRTIME", vec![100])?;
/// let mut stale = cache.invalidation();
/// stale.remove(&products, "MTNVTU")?.clear(&lists);
/// assert_eq!(stale.commit()?, 2);
/// # Ok::<(), larder::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "nothing is removed before the commit"]
pub struct Invalidation {
    shared: Arc<Shared>,
    steps: Vec<InvalidationStep>,
    /// The name of the first keyspace that belongs to another cache, if there is one.
    foreign: Option<String>,
}

#[derive(Debug)]
enum InvalidationStep {
    Key(Arc<OpenKeyspace>, KeyBuffer),
    Scope(Arc<OpenKeyspace>, Scope),
}

/// The commit of an invalidation that was begun. [`Invalidation::begin_async`] and [`Invalidation::begin`]
/// return it.
///
/// Dropping this value does not stop the commit, but the caller then does not learn whether the removals are
/// durable.
#[cfg(feature = "async")]
#[derive(Debug)]
#[must_use = "the removals are durable when the wait for their commit has ended"]
pub struct InvalidationCommit(pub(super) CommittingRemovals);

#[cfg(feature = "async")]
impl InvalidationCommit {
    /// Returns the number of live entries removed so far. For single keys, [`wait`](Self::wait) returns the
    /// same number. For a prefix, a pattern or a keyspace, `wait` may return a larger number, because the
    /// commit also counts entries that are only on disk.
    #[must_use]
    pub const fn removed(&self) -> u64 {
        self.0.live()
    }

    /// Waits until the removals are durable. Returns the number of live entries removed.
    /// [`Invalidation::begin_async`] has an example.
    ///
    /// # Errors
    /// Returns [`Error::NotDurable`], as with [`Invalidation::commit`].
    ///
    /// # Cost
    /// Waits for one commit, shared with other waiting callers. The wait does not occupy a worker thread. In
    /// a cache without a file, there is no commit to wait for.
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub async fn wait(self) -> Result<u64, Error> {
        self.0.wait().await
    }
}

impl Invalidation {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: shared.clone(), steps: Vec::new(), foreign: None }
    }

    /// Adds the removal of a key.
    ///
    /// # Errors
    /// Returns [`Error::KeyTooLarge`].
    pub fn remove<K: Key, V>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        key: impl EncodeKey<K>,
    ) -> Result<&mut Self, Error> {
        let full = keyspace.encode(&key)?;
        let open_keyspace = self.own(keyspace);
        self.steps.push(InvalidationStep::Key(open_keyspace, full));
        Ok(self)
    }

    /// Adds the removal of every key that starts with `prefix`.
    pub fn remove_prefix<K: Key, V>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        prefix: impl KeyPrefix<K>,
    ) -> &mut Self {
        let scope = keyspace.prefix_scope(&prefix);
        self.scope(keyspace, scope)
    }

    /// Adds the removal of every key that matches `pattern`.
    ///
    /// # Errors
    /// Returns the same errors as [`Keyspace::remove_matching`] for an invalid pattern.
    pub fn remove_matching<K: Key, V>(
        &mut self,
        keyspace: &Keyspace<K, V>,
        pattern: impl KeyPattern<K>,
    ) -> Result<&mut Self, Error> {
        let scope = keyspace.pattern_scope(&pattern)?;
        Ok(self.scope(keyspace, scope))
    }

    /// Adds the removal of every key of a keyspace.
    pub fn clear<K: Key, V>(&mut self, keyspace: &Keyspace<K, V>) -> &mut Self {
        let scope = keyspace.whole_scope();
        self.scope(keyspace, scope)
    }

    /// Adds the removal of a key of an untyped keyspace, given the key's encoded bytes.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert_many([(7, 100), (8, 90)])?;
    /// let untyped = cache.untyped_keyspace("price").pin()?;
    /// let mut stale = cache.invalidation();
    /// stale.remove_untyped(&untyped, &7_u64.to_be_bytes())?.remove(&prices, &8)?;
    /// assert_eq!(stale.commit()?, 2);
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`Error::KeyTooLarge`], and the same errors as
    /// [`PinnedKeyspace::info`](crate::PinnedKeyspace::info).
    #[cfg(feature = "untyped")]
    pub fn remove_untyped(&mut self, keyspace: &PinnedKeyspace, key: &[u8]) -> Result<&mut Self, Error> {
        let (keyspace, full) = keyspace.key_to_remove(key)?;
        let open_keyspace = self.own(&keyspace);
        self.steps.push(InvalidationStep::Key(open_keyspace, full));
        Ok(self)
    }

    /// Adds the removal of every key of an untyped keyspace.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// cache.keyspace(PRICE)?.insert_many([(7, 100), (8, 90)])?;
    /// let mut stale = cache.invalidation();
    /// stale.clear_untyped(&cache.untyped_keyspace("price").pin()?)?;
    /// assert_eq!(stale.commit()?, 2);
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`PinnedKeyspace::info`](crate::PinnedKeyspace::info).
    #[cfg(feature = "untyped")]
    pub fn clear_untyped(&mut self, keyspace: &PinnedKeyspace) -> Result<&mut Self, Error> {
        Ok(self.clear(&keyspace.keyspace_to_clear()?))
    }

    fn scope<K, V>(&mut self, keyspace: &Keyspace<K, V>, scope: Scope) -> &mut Self {
        let open_keyspace = self.own(keyspace);
        self.steps.push(InvalidationStep::Scope(open_keyspace, scope));
        self
    }

    /// Returns the open keyspace. Records the keyspace's name in `foreign` if the keyspace belongs to another
    /// cache.
    fn own<K, V>(&mut self, keyspace: &Keyspace<K, V>) -> Arc<OpenKeyspace> {
        let open_keyspace = keyspace.open_keyspace();
        if !keyspace.is_of(&self.shared) {
            self.foreign.get_or_insert_with(|| open_keyspace.name.clone());
        }
        open_keyspace
    }

    /// Removes the entries, and commits the removals. Returns the number of live entries removed, with the
    /// limits of [`Keyspace::remove_prefix`].
    ///
    /// The removals are durable when the call returns, as with [`Keyspace::remove`].
    ///
    /// # Errors
    /// Returns [`Error::NotDurable`] when the removals could not be committed *and* the file could not be
    /// discarded. Returns [`Error::Remote`] if the server of a remote tier does not confirm its removals. The
    /// entries are removed from memory even then.
    ///
    /// The other errors remove nothing: [`Error::InvalidSetting`] if a keyspace belongs to another cache,
    /// [`Error::Reentrant`] in the closure of an atomic change of one of the keys, [`Error::Closed`], and
    /// [`Error::Forked`].
    ///
    /// # Cost
    /// Costs one commit, shared with other waiting callers, and what each removal costs without a commit of
    /// its own.
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub fn commit(self) -> Result<u64, Error> {
        self.refuse_foreign()?;
        self.shared.invalidate(self.removals())
    }

    /// The async form of [`commit`](Invalidation::commit). The invalidation continues even if the future is
    /// dropped after its first poll.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # async fn example() -> Result<(), larder::Error> {
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert_async("MTNVTU", 100).await?;
    /// let mut stale = cache.invalidation();
    /// stale.remove(&prices, "MTNVTU")?;
    /// assert_eq!(stale.commit_async().await?, 1);
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`commit`](Invalidation::commit).
    ///
    /// # Cost
    /// Costs the same as [`commit`](Invalidation::commit). A disk tier or a remote tier adds a round trip to
    /// a worker thread. The wait for the commit does not occupy a worker thread.
    #[cfg(feature = "async")]
    pub async fn commit_async(self) -> Result<u64, Error> {
        self.begin_async().await?.wait().await
    }

    /// Removes the entries from memory, and begins the commit. When the future completes, no lookup finds the
    /// entries any more. The removals are durable when [`InvalidationCommit::wait`] returns.
    ///
    /// Use this call to begin further invalidations, or other work, before the first invalidation is
    /// durable. Invalidations that begin shortly after one another can share a commit. The invalidation
    /// continues even if the future is dropped after its first poll.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # async fn example() -> Result<(), larder::Error> {
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    /// let mut stale = cache.invalidation();
    /// stale.remove(&prices, "MTNVTU")?;
    /// let commit = stale.begin_async().await?;
    /// assert!(prices.get("MTNVTU").is_none(), "it is removed from memory, and perhaps not from disk");
    /// assert_eq!(commit.wait().await?, 1); // from here on, no crash brings it back
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`Error::InvalidSetting`], [`Error::Closed`], [`Error::Forked`] or [`Error::Reentrant`] in the
    /// same cases as [`commit`](Invalidation::commit). Nothing is removed then. Also returns
    /// [`Error::Remote`], as with `commit`.
    ///
    /// # Cost
    /// Costs the same as [`commit`](Invalidation::commit) without the commit:
    ///
    /// - the removals from memory
    /// - a lookup on disk for each key that memory does not have
    /// - a read of each matching entry on disk, for a prefix
    /// - the requests to the server of a remote tier
    ///
    /// A disk tier or a remote tier adds a round trip to a worker thread.
    #[cfg(feature = "async")]
    pub async fn begin_async(self) -> Result<InvalidationCommit, Error> {
        self.refuse_foreign()?;
        self.shared.refuse_if_unusable()?;
        self.shared.refuse_removals_in_closure(&self.removals().collect::<Vec<_>>())?;
        if !self.shared.tiers.may_block() || self.shared.is_forked() {
            return Ok(InvalidationCommit(self.shared.begin_invalidation(self.removals())?));
        }
        let change = self.shared.changes.begin();
        let commit = if self.shared.tiers.remote().is_some() {
            let begin = async move {
                let _change = change;
                self.shared.begin_invalidation_in_task(self.removals().collect()).await
            };
            run_to_end(begin).await
        } else {
            let begin = move || {
                let _change = change;
                self.shared.begin_invalidation(self.removals())
            };
            offload(begin).await
        };
        Ok(InvalidationCommit(commit?))
    }

    /// Like [`begin_async`](Invalidation::begin_async), but the calling thread removes the entries. So a
    /// removal that takes long occupies no worker thread of the cache.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # async fn example() -> Result<(), larder::Error> {
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    /// let mut stale = cache.invalidation();
    /// stale.remove(&prices, "MTNVTU")?;
    /// let commit = stale.begin()?;
    /// assert!(prices.get("MTNVTU").is_none());
    /// assert_eq!(commit.wait().await?, 1);
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`begin_async`](Invalidation::begin_async).
    ///
    /// # Cost
    /// Costs the same as [`begin_async`](Invalidation::begin_async), without a worker thread. The call may
    /// wait for the disk, or for the server of a remote tier, but not for the commit.
    #[cfg(feature = "async")]
    pub fn begin(self) -> Result<InvalidationCommit, Error> {
        self.refuse_foreign()?;
        Ok(InvalidationCommit(self.shared.begin_invalidation(self.removals())?))
    }

    fn refuse_foreign(&self) -> Result<(), Error> {
        let Some(name) = &self.foreign else { return Ok(()) };
        Err(Error::InvalidSetting {
            setting: "keyspace",
            value: format!("{name:?} of another cache"),
            allowed: "it must be a keyspace of the cache that the invalidation was begun on".to_owned(),
        })
    }

    fn removals(&self) -> impl Iterator<Item = Removal<'_>> {
        self.steps.iter().map(|step| match step {
            InvalidationStep::Key(open_keyspace, full) => {
                Removal::Key { counters: &open_keyspace.counters, full: full.as_slice() }
            }
            InvalidationStep::Scope(open_keyspace, scope) => {
                Removal::Scope { counters: &open_keyspace.counters, scope: scope.clone() }
            }
        })
    }
}
