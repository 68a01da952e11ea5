//! The calls of a cache for async code.

use super::Cache;
use crate::engine::removal::Removal;
use crate::error::Error;
use crate::sys::inline_calls::InlineCalls;
use crate::sys::offload::worker_task::run_to_end;
use crate::sys::offload::{is_running_job, offload};

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
    /// Returns the same errors as [`clear`](Cache::clear).
    ///
    /// # Cost
    /// Costs the same as [`clear`](Cache::clear). A disk tier or a remote tier adds a round trip to a worker
    /// thread. The wait for the commit does not occupy a worker thread.
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub async fn clear_async(&self) -> Result<u64, Error> {
        self.shared.refuse_if_unusable()?;
        self.shared.refuse_removals_in_closure(&[Removal::Everything])?;
        let shared = self.shared.clone();
        if !shared.tiers.may_block() {
            shared.keyspaces.count_invalidation();
            return shared.begin_invalidation([Removal::Everything])?.wait().await;
        }
        let change = shared.changes.begin();
        if shared.tiers.remote().is_some() {
            let begin = async move {
                let _change = change;
                shared.keyspaces.count_invalidation();
                shared.begin_invalidation_in_task(vec![Removal::Everything]).await
            };
            return run_to_end(begin).await?.wait().await;
        }
        let begin = move || {
            let _change = change;
            shared.keyspaces.count_invalidation();
            shared.begin_invalidation([Removal::Everything])
        };
        offload(begin).await?.wait().await
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
    /// Returns the same errors as [`flush`](Cache::flush).
    ///
    /// # Cost
    /// Costs the same as [`flush`](Cache::flush). The wait for the commit does not occupy a worker thread.
    pub async fn flush_async(&self) -> Result<(), Error> {
        self.shared.flush_async().await
    }

    /// The async form of [`close`](Cache::close). The cache is closed even if the future is dropped after its
    /// first poll.
    ///
    /// Changes that async code has already begun are made before the cache is closed, even if their futures
    /// were dropped.
    ///
    /// Call `close_async` before the runtime ends. Otherwise dropping the last handle closes the cache, and
    /// blocks the thread that drops the handle. [`flush_async`](Cache::flush_async) has an example.
    ///
    /// # Errors
    /// Returns the same errors as [`close`](Cache::close).
    ///
    /// # Cost
    /// Costs the same as [`close`](Cache::close), on one of the 16 worker threads of the process. If all of
    /// them are busy, the call waits in their queue. The wait for the changes that were begun occupies no
    /// worker thread.
    pub async fn close_async(&self) -> Result<(), Error> {
        if self.shared.is_forked() {
            return Err(Error::Forked);
        }
        if self.shared.is_on_own_thread() {
            // On a thread of the cache, `close` does not wait. If a worker thread called it instead, the
            // worker would wait until this thread ends.
            return self.shared.close();
        }
        // A user's `Drop` may block on this call in a change. Then the change must not wait for itself.
        let (shared, waits_for_changes) = (self.shared.clone(), !is_running_job());
        let close = async move {
            if waits_for_changes {
                // A change that is not in the queue yet, or waits for a server, needs a worker thread to go
                // on. So this wait must not occupy one.
                shared.changes.ended().await;
            }
            shared.close()
        };
        run_to_end(close).await
    }

    /// Runs short async calls on the calling thread, without a worker thread, until the returned value is
    /// dropped. These calls are lookups on disk while the disk is fast, and changes that need no wait.
    ///
    /// Use this call in the event loop of a server that runs nothing else. There, the round trip to a worker
    /// thread costs more than the lookup. Do not use this call on a runtime's thread that also runs other
    /// tasks, because these tasks would wait for the disk.
    ///
    /// A lookup may then read the file on the calling thread. If the reads of a lookup take more than 25 µs
    /// on average, the lookups move to worker threads. They stay there for at least 100 ms, and until a
    /// lookup on a worker thread is fast again. So a disk that does not respond delays the calling thread by
    /// one read only.
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

#[cfg(test)]
#[cfg(not(shuttle))]
mod tests {
    use std::time::Duration;

    use pollster::block_on;

    use super::*;
    use crate::sys::offload::run_here;
    use crate::sys::sync::channel::unbounded;
    use crate::sys::sync::thread;

    /// A user's `Drop` may close the cache in the change that drops the value. The change runs on a worker.
    /// If the system can start no worker, the change runs on the thread of a caller.
    #[test]
    fn a_change_of_async_code_may_close_its_own_cache() {
        type Runs = fn(Box<dyn FnOnce() + Send>);
        type Closes = fn(&Cache) -> Result<(), Error>;
        let ways: [(&str, Runs); 2] =
            [("worker", |job| block_on(offload(job))), ("caller", |job| run_here(job))];
        let closes: [Closes; 2] = [Cache::close, |cache| block_on(cache.close_async())];
        for (way, runs) in ways {
            for close in closes {
                let cache = Cache::builder().open().unwrap();
                let change = cache.shared.changes.begin();
                let (ended, is_ended) = unbounded();
                thread::spawn(move || {
                    runs(Box::new(move || {
                        ended.send(close(&cache)).unwrap();
                        drop(change);
                    }));
                });
                let answer = is_ended.recv_timeout(Duration::from_secs(20));
                answer.unwrap_or_else(|_| panic!("{way}: the close waits for its own change")).unwrap();
            }
        }
    }
}
