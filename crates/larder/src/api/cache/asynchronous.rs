//! The calls of a cache for async code.

use super::Cache;
use crate::engine::removal::Removal;
use crate::error::Error;
use crate::sys::inline_calls::InlineCalls;
use crate::sys::offload::offload;

impl Cache {
    /// The async form of [`clear`](Cache::clear). The removal continues even if the future is dropped after
    /// its first poll.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # async fn example() -> Result<(), larder::Error> {
    /// # let cache = Cache::builder().open()?;
    /// # let prices = cache.keyspace(PRICE)?;
    /// # prices.insert_async("MTNVTU", 100).await?;
    /// assert_eq!(cache.clear_async().await?, 1);
    /// assert!(prices.get("MTNVTU").is_none());
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// The errors of [`clear`](Cache::clear).
    ///
    /// # Cost
    /// The cost of [`clear`](Cache::clear). With a disk tier, also a round trip to a worker thread. The wait
    /// for the commit occupies no worker thread.
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub async fn clear_async(&self) -> Result<u64, Error> {
        self.shared.refuse_if_unusable()?;
        self.shared.refuse_removals_in_closure(&[Removal::Everything])?;
        let shared = self.shared.clone();
        let change = shared.changes.begin();
        let begin = move || {
            let _change = change;
            shared.keyspaces.count_invalidation();
            shared.begin_invalidation([Removal::Everything])
        };
        let commit = if self.shared.tiers.may_block() { offload(begin).await } else { begin() };
        commit?.wait().await
    }

    /// The async form of [`flush`](Cache::flush). The commit is made even if the future is dropped after its
    /// first poll.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let cache = Cache::builder().path(dir.path().join("shop.larder")).open()?;
    /// cache.keyspace(PRICE)?.insert_async("MTNVTU", 100).await?;
    /// cache.flush_async().await?; // from here on, a crash does not lose the entry
    /// cache.close_async().await?;
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The errors of [`flush`](Cache::flush).
    ///
    /// # Cost
    /// The cost of [`flush`](Cache::flush). The wait for the commit occupies no worker thread.
    pub async fn flush_async(&self) -> Result<(), Error> {
        self.shared.flush_async().await
    }

    /// The async form of [`close`](Cache::close). The cache is closed even if the future is dropped after its
    /// first poll.
    ///
    /// Changes that async code has already begun are made before the cache is closed, even if their futures
    /// were dropped.
    ///
    /// Call it before the runtime ends. Otherwise the last handle that is dropped closes the cache, and
    /// blocks the thread that drops it. [`flush_async`](Cache::flush_async) has an example.
    ///
    /// # Errors
    /// The errors of [`close`](Cache::close).
    ///
    /// # Cost
    /// The cost of [`close`](Cache::close), on a worker thread, and the wait for the changes that were begun.
    pub async fn close_async(&self) -> Result<(), Error> {
        if self.shared.is_forked() {
            return Err(Error::Forked);
        }
        if self.shared.is_on_own_thread() {
            // On a thread of the cache, `close` does not wait. On a worker, it would wait for the end of this
            // thread.
            return self.shared.close();
        }
        let shared = self.shared.clone();
        let close = move || {
            // The workers have begun all of these changes, because they take jobs in order.
            shared.changes.wait();
            shared.close()
        };
        offload(close).await
    }

    /// Until the returned value is dropped, the calling thread makes short async calls itself, without a
    /// worker thread. These calls are lookups on disk while the disk is quick, and changes that need no wait.
    ///
    /// It is for the event loop of a server, which serves many clients and runs nothing else. In such an
    /// event loop, the round trip to a worker thread costs more than the lookup. Do not use it on a thread of
    /// a runtime that runs other tasks, because these tasks would wait for the disk.
    ///
    /// A lookup may then read the file on the calling thread. If the reads of a lookup take more than 25 µs
    /// on average, worker threads make the lookups. This lasts for at least 100 ms, and until a lookup of a
    /// worker thread is quick. So a disk that does not answer delays the thread only once, for one read.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let dir = tempfile::tempdir()?;
    /// let cache = Cache::builder().path(dir.path().join("shop.larder")).open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// let event_loop = cache.clone();
    /// let server = std::thread::spawn(move || {
    ///     let _inline_calls = event_loop.inline_calls();
    ///     pollster::block_on(prices.get_async("MTNVTU")) // found missing without another thread
    /// });
    /// assert_eq!(server.join().expect("the thread does not panic"), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn inline_calls(&self) -> InlineCalls {
        InlineCalls::begin(self.shared.tiers.time.clock().clone())
    }
}
