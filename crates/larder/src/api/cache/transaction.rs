//! The calls of a cache that make transactions.

use super::Cache;
#[cfg(feature = "async")]
use crate::api::keyspace::transaction::commit_wait::TransactionCommit;
use crate::api::keyspace::transaction::{Transaction, rounds};
use crate::error::Error;

impl Cache {
    /// Reads and changes several keys at one moment. The keys may be of several keyspaces. `body` reads and
    /// changes them through the [`Transaction`] that it gets, and returns the answer of the call, or an
    /// error. After an error nothing is changed.
    ///
    /// No lock is held while `body` runs. If an entry that it has read changes meanwhile, `body` runs again.
    /// So its only effects should be its answer and its changes. After eight lost rounds the caller takes
    /// turns. Other transactions and atomic changes of the same keys then wait for these turns.
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
    /// All changes are made at one moment, and all reads are valid at the same moment. Once a thread has
    /// found one of the new values, it finds no older content of the other keys ([contract
    /// 1](crate#the-contract)). After a crash the file has every change, or none ([contract
    /// 4](crate#the-contract)). As with [`insert`](crate::Keyspace::insert), the changes reach the disk
    /// within the flush interval. A transaction is durable when the call returns `Ok`, if it removes an
    /// entry, or stores a value with [`Durability::Immediate`](crate::Durability::Immediate).
    ///
    /// A transaction without changes reads several keys at one moment ([`Transaction::get_many`]).
    ///
    /// # Errors
    /// The errors that `body` returns, including the errors of the calls of [`Transaction`].
    /// [`Error::Changed`] if a required watch is broken. [`Error::GroupTooLarge`] if the changes are too many
    /// for one transaction of the file, or need more room than the write buffer has, or more memory than the
    /// cache has. With the default `disk_capacity`, the limits of a transaction are 8,192 changes and 32 MiB.
    /// [`Error::ValueTooLarge`], even for a value that is only too large for the file. [`Error::Closed`],
    /// [`Error::Forked`].
    ///
    /// With [`Error::NotDurable`], all changes are made in memory, and may not be on disk. A transaction that
    /// removes an entry and stores values returns this error if the disk fails or is off: a restart would
    /// then not find its values.
    ///
    /// # Panics
    /// If `body` panics. In this case nothing is changed. In a round that will be lost, the reads may be from
    /// different moments. So `body` must not panic if they disagree.
    ///
    /// If the `Drop` of a replaced or evicted value panics. In this case all changes are made and committed,
    /// as for a call that returns.
    ///
    /// # Cost
    /// In each round, the cost of a lookup for each key, and the cost of an insert for each change. While the
    /// changes are made, the locks of the shards of all keys are held, for about a microsecond for each
    /// change. Entries that are on disk alone are looked up once more. If commits of other keys repeatedly
    /// interfere, one commit is answered only after these lookups.
    pub fn transaction<R, E: From<Error>>(
        &self,
        mut body: impl FnMut(&mut Transaction<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        rounds::run(&self.shared, &mut body)
    }

    /// The async form of [`transaction`](Cache::transaction). A worker thread calls `body`, unless the cache
    /// has no disk tier. The transaction is made even if the future is dropped after its first poll.
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
    /// The wait for the commit holds no worker: the writer answers the task.
    ///
    /// # Errors
    /// The errors of [`transaction`](Cache::transaction).
    ///
    /// # Cost
    /// The cost of [`transaction`](Cache::transaction). With a disk tier, also a round trip to a worker
    /// thread.
    ///
    /// # Panics
    /// Like [`transaction`](Cache::transaction).
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

    /// Makes a transaction, as [`transaction_async`](Cache::transaction_async) does, and does not wait for
    /// its commit. When this call returns, every caller sees the changes. The returned [`TransactionCommit`]
    /// waits until they are durable, if the transaction removes an entry or has a durable insert.
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
    /// The errors of [`transaction`](Cache::transaction), but for those of the commit.
    ///
    /// # Cost
    /// The cost of [`transaction_async`](Cache::transaction_async).
    ///
    /// # Panics
    /// Like [`transaction`](Cache::transaction).
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
