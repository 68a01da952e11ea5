//! The settings of loads: time limits, and the threads and tasks for background loads.

use std::time::Duration;

use super::CacheBuilder;
#[cfg(feature = "async")]
use super::load_settings::{BackgroundLoad, Spawner};

impl CacheBuilder {
    /// Sets the maximum time that a caller of [`get_or_load`](crate::Keyspace::get_or_load) waits for the
    /// load of another caller: 1 ms to an hour. Default: no limit. After that time the caller gets
    /// [`LoadError::Timeout`](crate::LoadError::Timeout). The loader itself is not stopped, so also limit the
    /// time of its queries.
    ///
    /// A loader may wait for another thread that requests the loader's own key. Only this limit and
    /// [`lease_timeout`](CacheBuilder::lease_timeout) end that deadlock. (A loader that requests its own key
    /// directly, or through other loads, gets an error immediately.)
    ///
    /// The limit is in real time, even if a [`clock`](CacheBuilder::clock) is set.
    pub fn load_timeout(mut self, timeout: Duration) -> Self {
        self.load_timeout = Some(timeout);
        self
    }

    /// Sets the maximum duration of a load whose value is cached: 1 ms to an hour. Default 60 s. After that
    /// time, one of the callers that wait for the load, or the next caller, loads the key. The value of the
    /// late load is returned to its own caller and not cached. So a load that hangs, or a
    /// [`LoadLease`](crate::LoadLease) that is never filled, delays no caller for longer than this limit.
    ///
    /// The limit is in real time, even if a [`clock`](CacheBuilder::clock) is set.
    pub fn lease_timeout(mut self, timeout: Duration) -> Self {
        self.lease_timeout = timeout;
        self
    }

    /// Sets the maximum number of threads for background loads: 1 to 64. Default 4. These threads run
    /// registered loaders ([`Keyspace::with_loader`](crate::Keyspace::with_loader)), for refreshes and for
    /// loads with a timeout. Up to sixteen loads and sixteen refreshes per thread may queue.
    ///
    /// A thread is started when it is needed, and ends after ten idle seconds. A cache without registered
    /// loaders starts no such thread.
    pub fn load_threads(mut self, threads: usize) -> Self {
        self.load_threads = threads;
        self
    }

    /// Sets the function that starts a task on the application's runtime. Default: none. Registered
    /// asynchronous loaders require it for refreshes and soft timeouts
    /// ([`Keyspace::with_async_loader`](crate::Keyspace::with_async_loader)).
    ///
    /// The function must start the task and return. The cache calls it on any thread, holding no lock,
    /// usually from a task that requests a value. `tokio::spawn` panics on a thread outside of a runtime, so
    /// use a runtime handle in the function. A smol task must be detached.
    ///
    /// ```
    /// # use larder::Cache;
    /// # let runtime = tokio::runtime::Runtime::new()?;
    /// let handle = runtime.handle().clone(); // inside of tokio: `Handle::current()`
    /// let with_tokio = Cache::builder().spawner(move |load| drop(handle.spawn(load))).open()?;
    /// let with_smol = Cache::builder().spawner(|load| smol::spawn(load).detach()).open()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// If the function panics or drops the task, a refresh does not start, and any other load is run by the
    /// callers that wait for it. A task keeps neither the cache nor its file open, and
    /// [`close`](crate::Cache::close) does not wait for tasks. If the runtime shuts down and drops a task,
    /// the lease of its load is released.
    #[cfg(feature = "async")]
    pub fn spawner(mut self, spawner: impl Fn(BackgroundLoad) + Send + Sync + 'static) -> Self {
        self.load_tasks.spawner = Some(Spawner::new(spawner));
        self
    }

    /// Sets the maximum number of tasks for background loads: 1 to 65,536. Default 64. This also limits how
    /// many refreshes query the source at the same time.
    ///
    /// While this many tasks run, further refreshes are refused, and counted as
    /// [`refreshes_refused`](crate::KeyspaceStats::refreshes_refused). A load that hangs is dropped at its
    /// deadline, and no longer counts.
    #[cfg(feature = "async")]
    pub fn load_tasks(mut self, tasks: usize) -> Self {
        self.load_tasks.max = tasks;
        self
    }
}
