//! The calls of a cache that make transactions.

use super::Cache;
#[cfg(feature = "async")]
use crate::api::keyspace::transaction::commit_wait::TransactionCommit;
use crate::api::keyspace::transaction::{Transaction, rounds};
use crate::error::Error;

impl Cache {
    /// Reads and changes several keys atomically. The keys may belong to several keyspaces. `body` reads and
    /// changes them through a [`Transaction`], and returns the result of the call. If `body` returns an
    /// error, nothing is changed.
    ///
    /// No lock is held while `body` runs. If an entry that it has read changes meanwhile, `body` runs again.
    /// So `body` should have no effects other than its result and its changes. After eight lost rounds, the
    /// caller gets exclusive turns on the keys: other transactions and atomic changes of these keys wait.
    ///
    /// ```
    /// # use larder::{Cache, Error, KeyspaceDefinition};
    /// # const BALANCE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("balance");
    /// # let cache = Cache::builder().open()?;
    /// let balances = cache.keyspace(BALANCE)?;
    /// balances.insert_many([("ada", 100), ("bola", 20)])?;
    /// let moved = cache.transaction(|tx| {
    ///     let from = tx.get(&balances, "ada")?.map_or(0, |balance| *balance);
    ///     let to = tx.get(&balances, "bola")?.map_or(0, |balance| *balance);
    ///     let amount = from.min(30);
    ///     tx.insert(&balances, "ada", from - amount)?;
    ///     tx.insert(&balances, "bola", to + amount)?;
    ///     Ok::<_, Error>(amount)
    /// })?;
    /// assert_eq!((moved, balances.get("bola").as_deref()), (30, Some(&50)));
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// All changes become visible at one moment, and all reads are valid at the same moment. Once a thread
    /// has found one of the new values, it never finds older content of the other keys ([contract
    /// 1](crate#the-contract)). After a crash the file has every change, or none ([contract
    /// 4](crate#the-contract)). As with [`insert`](crate::Keyspace::insert), the changes reach the disk
    /// within the flush interval. If a transaction removes an entry, or stores a value with
    /// [`Durability::Immediate`](crate::Durability::Immediate), it is durable when the call returns `Ok`.
    ///
    /// In a cache with a remote tier, the reads ask the server, and one request checks all reads and makes
    /// all changes. So the transaction takes effect at one moment for all machines. Lookups may find near
    /// copies from before it for a limited time. A transaction uses either remote keyspaces or memory-only
    /// ones.
    ///
    /// A transaction without changes is a consistent read of several keys ([`Transaction::get_many`]).
    ///
    /// A value that will not be saved, for example of a memory-only keyspace, may find no room in memory,
    /// because large values that are not committed yet have reserved it. Then it is not kept, as with
    /// [`insert`](crate::Keyspace::insert).
    ///
    /// # Errors
    /// Returns the errors that `body` returns, including those of the methods of [`Transaction`]. Returns
    /// [`Error::Changed`] if a required watch is broken. Returns [`Error::GroupTooLarge`] if the changes are
    /// too large for one transaction of the file, for the write buffer, or for the memory of the cache. With
    /// the default `disk_capacity`, the limits of a transaction are 8,192 changes and 32 MiB. Returns
    /// [`Error::ValueTooLarge`], even for a value that is only too large for the file. Also returns
    /// [`Error::Closed`] or [`Error::Forked`].
    ///
    /// If the commit fails with [`Error::NotDurable`], all changes are visible in memory, but possibly not
    /// on disk. A transaction that removes an entry and stores values returns this error if the disk fails
    /// or is off, because its values would be lost in a restart.
    ///
    /// In remote keyspaces, the limits are 1,024 keys, 32 MiB of values to store, and 32 MiB of values that
    /// the transaction has read. Returns [`Error::Remote`] if the server does not answer, and after 1,000
    /// lost rounds. If [`may_be_applied`](crate::RemoteError::may_be_applied) of its cause is set, the
    /// server may have all changes of the transaction. It never has a part of them, unless the server lets
    /// this program's user write only some of the keys. A further use of a memory-only keyspace returns
    /// [`Error::NotRemote`].
    ///
    /// # Panics
    /// Panics if `body` panics. Nothing is changed then. In a round that will be lost, the reads may be from
    /// different moments. So `body` must not panic if they contradict each other.
    ///
    /// # Cost
    /// Each round costs a lookup for each key, and an insert for each change. While the changes are applied,
    /// the transaction holds the locks of all affected shards, for about a microsecond per change. Entries
    /// that are only on disk are looked up once more. If commits of other keys repeatedly interfere, the
    /// writer delays one commit until these lookups are done.
    ///
    /// In remote keyspaces, each read of a key costs one request to the server, and all changes together
    /// cost one. [`Transaction::get_many`] requests all of its keys at once.
    pub fn transaction<R, E: From<Error>>(
        &self,
        mut body: impl FnMut(&mut Transaction<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        rounds::run(&self.shared, &mut body)
    }

    /// The async form of [`transaction`](Cache::transaction). A worker thread usually calls `body`. The
    /// calling thread calls `body` if the cache has neither a disk tier nor a remote tier, or if the thread
    /// has [`inline_calls`](Cache::inline_calls). If the transaction then has to wait for other threads or
    /// for a server, a worker thread calls `body` again. The transaction runs to its end even if the future
    /// is dropped after its first poll.
    ///
    /// ```
    /// # use larder::{Cache, Error, KeyspaceDefinition};
    /// # const BALANCE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("balance");
    /// # async fn example() -> Result<(), larder::Error> {
    /// # let cache = Cache::builder().open()?;
    /// let balances = cache.keyspace(BALANCE)?;
    /// let of_task = balances.clone();
    /// let both = cache
    ///     .transaction_async(move |tx| {
    ///         tx.insert(&of_task, "ada", 70)?;
    ///         tx.insert(&of_task, "bola", 50)?;
    ///         tx.get_many(&of_task, ["ada", "bola"])
    ///     })
    ///     .await?;
    /// assert_eq!(both.iter().flatten().map(|balance| **balance).sum::<u64>(), 120);
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// The wait for the commit does not occupy a worker thread: the writer thread wakes the task.
    ///
    /// # Errors
    /// Returns the same errors as [`transaction`](Cache::transaction).
    ///
    /// # Cost
    /// Costs the same as [`transaction`](Cache::transaction). A disk tier or a remote tier adds a round trip
    /// to a worker thread. The process has 16 of them, for all caches. The call waits in their queue, and
    /// then occupies one of them in all of its rounds, until its changes are made. In remote keyspaces, this
    /// includes the waits for the server. The wait for a commit to disk occupies no worker thread.
    ///
    /// # Panics
    /// Panics in the same cases as [`transaction`](Cache::transaction).
    #[cfg(feature = "async")]
    pub async fn transaction_async<R, E>(
        &self,
        body: impl FnMut(&mut Transaction<'_>) -> Result<R, E> + Send + 'static,
    ) -> Result<R, E>
    where
        R: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (answer, commit) = self.begin_transaction_async(body).await?;
        commit.wait().await?;
        Ok(answer)
    }

    /// Runs a transaction like [`transaction_async`](Cache::transaction_async), but does not wait for its
    /// commit. When the future completes, the changes are visible, as after
    /// [`transaction`](Cache::transaction). If the transaction removes an entry or has a durable insert,
    /// the returned [`TransactionCommit`] waits until it is durable.
    ///
    /// ```
    /// # use larder::{Cache, Error, KeyspaceDefinition};
    /// # const BALANCE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("balance");
    /// # async fn example() -> Result<(), Error> {
    /// # let cache = Cache::builder().open()?;
    /// let balances = cache.keyspace(BALANCE)?;
    /// balances.insert_async("ada", 70).await?;
    /// let of_task = balances.clone();
    /// let (removed, commit) = cache.begin_transaction_async(move |tx| tx.remove(&of_task, "ada")).await?;
    /// assert!(removed && balances.get("ada").is_none());
    /// commit.wait().await?; // from here on, no crash brings it back
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`transaction`](Cache::transaction), except those of the commit.
    ///
    /// # Cost
    /// Costs the same as [`transaction_async`](Cache::transaction_async), with the same wait for a worker
    /// thread. The wait for the returned [`TransactionCommit`] occupies none.
    ///
    /// # Panics
    /// Panics in the same cases as [`transaction`](Cache::transaction).
    #[cfg(feature = "async")]
    pub async fn begin_transaction_async<R, E>(
        &self,
        body: impl FnMut(&mut Transaction<'_>) -> Result<R, E> + Send + 'static,
    ) -> Result<(R, TransactionCommit), E>
    where
        R: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        rounds::begin_for_task(&self.shared, body).await
    }
}
