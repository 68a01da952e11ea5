//! The handle of a cache. An application opens a cache once, and clones the handle to share it.

#[cfg(feature = "async")]
mod asynchronous;
mod clock;
mod keys;
mod transaction;
#[cfg(feature = "untyped")]
mod untyped;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::invalidation::Invalidation;
use super::keyspace::Keyspace;
use super::keyspace::definition::KeyspaceDefinition;
use crate::config::CacheBuilder;
use crate::config::url::URL_VARIABLE;
use crate::engine::removal::Removal;
use crate::engine::shared::Shared;
use crate::engine::sweeper::report::SweepReport;
use crate::engine::verify::VerifyReport;
use crate::error::Error;
use crate::format::key::Key;
use crate::stats::Stats;
use crate::sys::sync::Arc;

/// A cache for any number of keyspaces. A cache has a memory tier. A cache with a path also has a disk tier,
/// in one file. A cache with a remote tier shares its entries through a server.
///
/// A handle is cheap to clone. All clones, and the keyspaces opened from them, belong to the same cache.
/// Dropping the last of these handles closes the cache. [`close`](Cache::close) also closes the cache, and
/// reports errors.
///
/// A process that forks should open its cache after the fork. If a process forks while the cache is open,
/// lookups in the child find the entries that were in memory at the fork. In the child, calls that change the
/// cache, or wait for its threads, fail with [`Error::Forked`].
///
/// ```
/// use std::time::Duration;
/// use larder::{Cache, KeyspaceDefinition};
///
/// const GREETING: KeyspaceDefinition<String, String> =
///     KeyspaceDefinition::new("greeting").ttl(Duration::from_secs(60));
///
/// let cache = Cache::builder().open()?;
/// let greetings = cache.keyspace(GREETING)?;
/// greetings.insert("en", "hello".to_owned())?;
/// assert_eq!(*greetings.get("en").unwrap(), "hello");
/// # Ok::<(), larder::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cache {
    shared: Arc<Shared>,
}

impl CacheBuilder {
    /// Opens the cache, and its file if it has a path.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("shop.larder");
    /// use larder::{Cache, Error};
    ///
    /// let cache = Cache::builder().path(&path).open()?;
    /// let refused = Cache::builder().path(&path).open();
    /// assert!(matches!(refused, Err(Error::InUse { .. })), "a file has one owner");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// - [`Error::InvalidSetting`] for a setting out of its range.
    /// - [`Error::InUse`] while another cache or program has the file open.
    /// - [`Error::NotAFile`], [`Error::Foreign`], [`Error::NewerFormat`], [`Error::UnknownFeatures`],
    ///   [`Error::Permission`] and [`Error::Io`] for a path that can't be used.
    /// - [`Error::ControlSocket`] for a control socket that can't be used, and [`Error::Remote`] if the
    ///   remote tier refuses the cache, for example because it already serves another cache.
    /// - [`Error::Thread`] if a thread can't be started.
    ///
    /// A failed call usually changes no existing file, and leaves no new file. If a thread can't be started,
    /// or the control socket can't be opened, the cache file may have been created, repaired or replaced.
    ///
    /// A damaged larder file is not an error. It is moved aside
    /// ([`DiskStats::quarantined`](crate::DiskStats::quarantined)) and replaced by a new file.
    ///
    /// # Cost
    /// Takes a few milliseconds, for any number of entries, even after a crash. Files up to
    /// [`verify_on_open`](CacheBuilder::verify_on_open) bytes are also verified. Verifying takes about a
    /// second per gigabyte.
    pub fn open(self) -> Result<Cache, Error> {
        #[cfg(all(unix, feature = "control"))]
        let control_socket = self.control_socket.clone();
        #[cfg(all(unix, feature = "control"))]
        if let Some(path) = &control_socket {
            crate::ops::control::listen::refuse_unfit(path)?;
        }
        let cache = Cache { shared: Shared::open(self)? };
        #[cfg(all(unix, feature = "control"))]
        if let Some(path) = control_socket {
            // The socket is opened after the file, because the previous process may have both until it closes
            // the file.
            crate::ops::control::serve::serve(&cache.shared, &path)?;
        }
        Ok(cache)
    }
}

impl Cache {
    /// Returns a builder with the default settings.
    pub fn builder() -> CacheBuilder {
        CacheBuilder::default()
    }

    /// Opens a cache from a URL: `file:PATH?memory=64MiB&disk=1GiB` for two tiers, `memory:?memory=64MiB` for
    /// memory only. [`CacheBuilder::from_url`] lists the options.
    ///
    /// # Errors
    /// Returns [`Error::InvalidUrl`] for an invalid URL, and the same errors as [`CacheBuilder::open`].
    pub fn open_url(url: &str) -> Result<Self, Error> {
        CacheBuilder::from_url(url)?.open()
    }

    /// Opens a cache from the URL in the environment variable `LARDER_URL`. If the variable is not set or is
    /// blank, the cache has only a memory tier, and the call logs a warning. Without a file, the entries are
    /// lost when the process ends. `larder_redis::from_env` opens the same URLs, and those of servers.
    ///
    /// ```
    /// let cache = larder::Cache::from_env()?; // LARDER_URL=file:/var/lib/shop.larder?memory=64MiB&disk=1GiB
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`open_url`](Cache::open_url). Also returns [`Error::InvalidUrl`] if the
    /// variable is not valid UTF-8.
    pub fn from_env() -> Result<Self, Error> {
        let is_blank = |url: &std::ffi::OsString| url.as_encoded_bytes().trim_ascii().is_empty();
        let Some(url) = std::env::var_os(URL_VARIABLE).filter(|url| !is_blank(url)) else {
            tracing::warn!(
                "{URL_VARIABLE} is not set: the cache is in memory only, and its entries die with the process"
            );
            return Self::builder().open();
        };
        let url = url.into_string().map_err(|_| Error::InvalidUrl {
            url: format!("in {URL_VARIABLE}"),
            why: "it is not UTF-8".to_owned(),
            allowed: "write bytes beyond ASCII as %XX",
        })?;
        Self::open_url(&url)
    }

    /// Opens a keyspace.
    ///
    /// A keyspace with a new version, another format, or keys of another shape begins empty. Lookups no
    /// longer find the older entries, even after a crash. The sweeper frees their space in the file. A
    /// server keeps them until they expire. The next commit adds a new keyspace to the file.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # let cache = Cache::builder().open()?;
    /// const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    ///
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    /// drop(prices); // an open handle of another version is a conflict
    /// let prices = cache.keyspace(PRICE.version(1))?;
    /// assert!(prices.get("MTNVTU").is_none(), "a new version begins empty");
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// - [`Error::KeyspaceConflict`] while a handle of the same name with other types, another version,
    ///   another format or other tiers is open. Also if a change that an untyped handle makes takes longer
    ///   than a second.
    /// - [`Error::InvalidSetting`] for a setting of the definition that is out of range.
    /// - [`Error::NotDurable`] when the writer thread ended or panicked before it answered.
    /// - [`Error::Closed`] in a closed cache, and [`Error::Forked`] in a forked child. Over a remote tier,
    ///   [`Error::NotRemote`] for a time to idle in the raw format, and [`Error::Remote`] if the tier
    ///   refuses the keyspace.
    ///
    /// # Cost
    /// Takes about 10 µs for a new keyspace, or for a keyspace that the file has with this version, however
    /// many keyspaces there are. A keyspace that replaces another version needs one commit. Each keyspace
    /// takes about 8 KiB of memory while the cache is open.
    pub fn keyspace<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
        &self,
        definition: KeyspaceDefinition<K, V>,
    ) -> Result<Keyspace<K, V>, Error> {
        Keyspace::open(&self.shared, definition)
    }

    /// Removes every entry of every keyspace from all tiers. The removal is durable when the call returns.
    /// Returns the number of live entries removed. Above 1,000 entries, this number may be too low, as with
    /// [`Keyspace::remove_prefix`](crate::Keyspace::remove_prefix). It omits entries in the format
    /// [`Raw`](crate::Format::Raw) at a server.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// prices.insert("MTNVTU", 100)?;
    /// assert_eq!(cache.clear()?, 1);
    /// assert!(prices.is_empty());
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`Error::NotDurable`] when the removal could not be committed *and* the file could not be
    /// discarded. Memory is empty even then. Returns [`Error::Remote`] if the server of a remote tier does
    /// not confirm the removal. Also returns [`Error::Closed`] or [`Error::Forked`]. Returns
    /// [`Error::Reentrant`] in the closure of an atomic change, and then removes nothing.
    ///
    /// # Cost
    /// Costs the same as [`Keyspace::remove_prefix`](crate::Keyspace::remove_prefix) of all entries.
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub fn clear(&self) -> Result<u64, Error> {
        self.shared.refuse_if_unusable()?;
        self.shared.keyspaces.count_invalidation();
        self.shared.invalidate([Removal::Everything])
    }

    /// Returns an empty invalidation. The removals that are added to it share one commit.
    pub fn invalidation(&self) -> Invalidation {
        Invalidation::new(&self.shared)
    }

    /// Commits all inserts that have returned, except:
    ///
    /// - Values of [memory-only](crate::KeyspaceDefinition::memory_only) keyspaces.
    /// - Entries inserted while the disk tier was [`Discarded`](crate::DiskState::Discarded). They are in
    ///   memory only, until the application inserts them again.
    /// - Values that are too large for the file. The flush succeeds without them.
    ///   [`Stats::too_large_for_disk`](crate::Stats::too_large_for_disk) counts them.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let dir = tempfile::tempdir()?;
    /// # let cache = Cache::builder().path(dir.path().join("shop.larder")).open()?;
    /// cache.keyspace(PRICE)?.insert("MTNVTU", 100)?;
    /// cache.flush()?; // from here on, a crash does not lose the entry
    /// assert_eq!(cache.stats().disk.unwrap().entries, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`Error::NotDurable`] while the disk tier is off. If the disk tier is
    /// [`Suspended`](crate::DiskState::Suspended), the inserted entries are committed when the disk works
    /// again. The first flush after an outage also returns this error if some inserted entries are in memory
    /// only. Also returns [`Error::Closed`] or [`Error::Forked`].
    ///
    /// # Cost
    /// Costs one commit, shared with other waiting callers.
    pub fn flush(&self) -> Result<(), Error> {
        self.shared.flush()
    }

    /// Deletes expired entries from memory and from the file immediately, except those within their grace.
    /// The server of a remote tier deletes its expired entries itself. Without this call, the sweeper thread
    /// deletes them some time after they expire.
    ///
    /// While the disk tier is off, or if it fails during the sweep, only the memory tier is swept. In both
    /// cases the call returns no error.
    ///
    /// ```
    /// use std::{sync::Arc, time::Duration};
    /// use larder::{Cache, KeyspaceDefinition, clock::ManualClock};
    ///
    /// const TOKEN: KeyspaceDefinition<u64, String> =
    ///     KeyspaceDefinition::new("token").ttl(Duration::from_secs(30));
    ///
    /// let clock = Arc::new(ManualClock::new());
    /// let cache = Cache::builder().clock(clock.clone()).open()?;
    /// cache.keyspace(TOKEN)?.insert(&7, "secret".to_owned())?;
    /// clock.advance(Duration::from_secs(31));
    /// cache.sweep()?;
    /// assert_eq!(cache.stats().memory.entries, 0);
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`Error::NotDurable`] when the writer thread panicked before it answered. Also returns
    /// [`Error::Closed`] or [`Error::Forked`].
    pub fn sweep(&self) -> Result<SweepReport, Error> {
        self.shared.refuse_if_unusable()?;
        self.shared.tiers.sweep()
    }

    /// Checks every page of the file, and every record in it, while the cache is in use.
    ///
    /// If a page is damaged, the file is moved aside
    /// ([`DiskStats::quarantined`](crate::DiskStats::quarantined)) and replaced by a new file, as when a
    /// cache is opened. A damaged record is only counted, and lookups of its key are misses.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let dir = tempfile::tempdir()?;
    /// # let cache = Cache::builder().path(dir.path().join("shop.larder")).open()?;
    /// cache.keyspace(PRICE)?.insert("MTNVTU", 100)?;
    /// cache.flush()?;
    /// let report = cache.verify()?;
    /// assert_eq!((report.damage, report.records, report.damaged_records), (None, 1, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`Error::Verify`] while the disk tier is off, or when the file can't be read. Also returns
    /// [`Error::Closed`] or [`Error::Forked`].
    ///
    /// # Cost
    /// Takes about two seconds per gigabyte of the file. Commits wait during the first half of this time.
    pub fn verify(&self) -> Result<VerifyReport, Error> {
        self.shared.verify()
    }

    /// Returns statistics about the activity and contents of the cache. In a forked child, they are empty.
    ///
    /// # Cost
    /// Costs a few thousand memory reads, and one short lock for each shard, for any number of entries.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Commits all uncommitted changes, ends the threads, and closes the file. A thread that is running a
    /// registered loader ends only with its load. After the call, lookups through any handle find nothing,
    /// and writes fail with [`Error::Closed`]. The file may be opened again immediately.
    ///
    /// Callers that close the cache at the same time all wait until it is closed, and get the same result. A
    /// later call returns this result again.
    ///
    /// An event listener, or the `Drop` of a value, may run on a thread of the cache and may close the cache.
    /// There, `close` does not wait for other callers: if another thread is closing the cache, `close`
    /// returns immediately. This thread of the cache ends after the listener or the `Drop` returns.
    ///
    /// ```
    /// # use larder::{Cache, KeyspaceDefinition};
    /// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
    /// # let cache = Cache::builder().open()?;
    /// let prices = cache.keyspace(PRICE)?;
    /// cache.close()?;
    /// assert!(prices.insert("MTNVTU", 100).is_err());
    /// assert!(prices.get("MTNVTU").is_none());
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`Error::NotDurable`] when the last commit failed, or the disk tier was off. The cache is
    /// closed even then. Returns [`Error::Forked`] in a forked child, and closes nothing: see
    /// [`abandon_in_child`](Cache::abandon_in_child).
    pub fn close(&self) -> Result<(), Error> {
        self.shared.close()
    }

    /// Closes, in a forked child, the cache's files that the child inherited from its parent.
    ///
    /// A forked child has a copy of every file descriptor of its parent. While the child keeps the copies
    /// open, the cache file stays locked, even after the parent has ended. So two kinds of processes should
    /// call this method: a daemon that opened a cache before it forked, and a worker process that lives
    /// longer than its parent.
    ///
    /// After the call, the file is free once the parent has closed it or has ended. Then the child may open
    /// its own cache. The call writes nothing, unlocks nothing, and does not affect the parent. The child's
    /// handles of this cache stay unusable: see [`Error::Forked`].
    ///
    /// ```no_run
    /// # use larder::Cache;
    /// # fn daemonize() -> std::io::Result<()> { Ok(()) }
    /// let cache = Cache::builder().path("var/shop.larder").open()?;
    /// daemonize()?; // forks; the parent ends
    /// cache.abandon_in_child()?;
    /// let cache = Cache::builder().path("var/shop.larder").open()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// The call can't close:
    ///
    /// - A descriptor that a thread of the parent was using for a read or a write at the moment of the fork.
    ///   This descriptor holds no lock, and is closed when the child ends.
    /// - The control socket and its connections. Once the parent has closed them, no process can use them. If
    ///   the parent ended without closing them, a cache of the child may listen at the socket's path. A cache
    ///   of another process can't listen there while the child lives.
    ///
    /// If the child runs another program (`exec`), the child's copies of these descriptors are closed.
    ///
    /// # Errors
    /// Returns [`Error::NotForked`] in the process that opened the cache: use [`close`](Cache::close) there.
    /// Returns [`Error::Io`] if the fork happened in the microsecond when a thread of the parent took or
    /// released a lock of the store. The file then stays locked until this process ends. Only commits take
    /// such locks, so this error can't occur if no commit ran during the fork.
    pub fn abandon_in_child(&self) -> Result<(), Error> {
        self.shared.abandon()
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}
