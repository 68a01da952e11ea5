//! The cache: opened once, and shared by cloning the handle.

mod keys;

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

/// A cache: one memory tier over one file, for any number of keyspaces.
///
/// A handle is cheap to clone. All clones, and the keyspaces opened from them, are the same cache. Dropping
/// the last of them closes the cache. [`close`](Cache::close) does the same and reports errors.
///
/// A process that forks should open its cache after the fork. In a child that was forked later, lookups find
/// what memory had at the fork, and other calls fail with [`Error::Forked`].
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
    /// # Errors
    /// - [`Error::InvalidSetting`] for a setting out of its range.
    /// - [`Error::InUse`] while another owner holds the file.
    /// - [`Error::NotAFile`], [`Error::Foreign`], [`Error::NewerFormat`], [`Error::Permission`] and
    ///   [`Error::Io`] for a path that can't be used.
    /// - [`Error::ControlSocket`] for a control socket that can't be used.
    /// - [`Error::Thread`] if a thread can't be started.
    ///
    /// An error changes no file that existed, and leaves none that did not. There is one exception: a control
    /// socket that another process serves is found only when the cache's file is open, and that file stays.
    ///
    /// A damaged larder file is no error. It is moved aside
    /// ([`DiskStats::quarantined`](crate::DiskStats::quarantined)), and a fresh one takes its place.
    ///
    /// # Cost
    /// Milliseconds, whatever the number of entries, and also after a crash. A file up to
    /// [`verify_on_open`](CacheBuilder::verify_on_open) is verified, at about a second for each gigabyte.
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
            // After the file, which an old process may have had until now, and its socket with it.
            crate::ops::control::serve::serve(&cache.shared, &path)?;
        }
        Ok(cache)
    }
}

impl Cache {
    /// Returns the settings for a new cache.
    pub fn builder() -> CacheBuilder {
        CacheBuilder::default()
    }

    /// Opens a cache by a URL: `file:PATH?memory=64MiB&disk=1GiB` for two tiers, `memory:?memory=64MiB` for
    /// memory only. [`CacheBuilder::from_url`] lists the options.
    ///
    /// # Errors
    /// [`Error::InvalidUrl`], and the errors of [`CacheBuilder::open`].
    pub fn open_url(url: &str) -> Result<Self, Error> {
        CacheBuilder::from_url(url)?.open()
    }

    /// Opens a cache by the URL in the environment variable `LARDER_URL`. If the variable is not set, or
    /// blank, the cache is in memory only.
    ///
    /// Without a file, entries die with the process. A warning in the log says so.
    ///
    /// ```
    /// let cache = larder::Cache::from_env()?; // LARDER_URL=file:/var/lib/shop/shop.larder?memory=64MiB&disk=1GiB
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`open_url`](Cache::open_url). [`Error::InvalidUrl`] also for a variable that is not UTF-8.
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
    /// A keyspace with a new version, or with keys of another shape, begins empty. Every older entry is a
    /// miss from here on, also after a crash, and the sweeper frees its space. A keyspace whose name is new
    /// to the file is entered with the next commit.
    ///
    /// # Errors
    /// - [`Error::KeyspaceConflict`] while a handle of the same name with other types, another version or
    ///   other tiers is open.
    /// - [`Error::InvalidSetting`] for a TTL or a name out of range.
    /// - [`Error::NotDurable`] when the writer thread ended or panicked before it answered.
    /// - [`Error::Closed`], [`Error::Forked`].
    ///
    /// # Cost
    /// Some 10 µs for a keyspace that is new, or that the file has with this version, however many keyspaces
    /// there are. One commit for a keyspace that replaces another version. Some 8 KiB of memory for as long
    /// as the cache is open.
    pub fn keyspace<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
        &self,
        definition: KeyspaceDefinition<K, V>,
    ) -> Result<Keyspace<K, V>, Error> {
        Keyspace::open(&self.shared, definition)
    }

    /// Removes every entry of every keyspace, from both tiers. Durable when it returns. Returns how many live
    /// entries there were.
    ///
    /// # Errors
    /// [`Error::NotDurable`] when the removal could not be committed and the file could not be put out of
    /// service either. Memory is empty all the same. [`Error::Closed`], [`Error::Forked`].
    ///
    /// # Cost
    /// One transaction that deletes all entries: O(entries).
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub fn clear(&self) -> Result<u64, Error> {
        self.shared.refuse_if_unusable()?;
        self.shared.keyspaces.count_invalidation();
        self.shared.invalidate([Removal::Everything])
    }

    /// Begins an invalidation: removals from one keyspace or several that are made with one commit.
    pub fn invalidation(&self) -> Invalidation {
        Invalidation::new(&self.shared)
    }

    /// Commits every insert that has returned. There are two exceptions:
    ///
    /// - Inserts made while the disk tier was [`Discarded`](crate::DiskState::Discarded). They live in memory
    ///   alone until they are written again.
    /// - Values that are too large for the file, which
    ///   [`Stats::too_large_for_disk`](crate::Stats::too_large_for_disk) counts. The answer is `Ok` without
    ///   them.
    ///
    /// # Errors
    /// [`Error::NotDurable`] while the disk tier is off. If it is [`Suspended`](crate::DiskState::Suspended),
    /// the inserted entries are committed when it comes back. [`Error::Closed`], [`Error::Forked`].
    ///
    /// # Cost
    /// One commit, shared with other waiting callers.
    pub fn flush(&self) -> Result<(), Error> {
        self.shared.flush()
    }

    /// Deletes expired entries from both tiers, now. The sweeper does the same in its own time.
    ///
    /// While the disk tier is off, or if it fails meanwhile, only memory is swept. That is no error.
    ///
    /// # Errors
    /// [`Error::NotDurable`] when the writer thread panicked before it answered. [`Error::Closed`],
    /// [`Error::Forked`].
    pub fn sweep(&self) -> Result<SweepReport, Error> {
        self.shared.refuse_if_unusable()?;
        self.shared.tiers.sweep()
    }

    /// Checks every page of the file, and every record in it, while the cache is in use.
    ///
    /// A file whose pages are damaged is moved aside
    /// ([`DiskStats::quarantined`](crate::DiskStats::quarantined)), as when a cache is opened, and a fresh
    /// one takes its place. A damaged record is only counted: each lookup of it is a miss.
    ///
    /// # Errors
    /// [`Error::Verify`] while the disk tier is off, or when the file can't be read. [`Error::Closed`],
    /// [`Error::Forked`].
    ///
    /// # Cost
    /// About two seconds for each gigabyte of the file. Commits wait for the first half of it.
    pub fn verify(&self) -> Result<VerifyReport, Error> {
        self.shared.verify()
    }

    /// Returns what the cache did and what it holds. In a forked child the statistics are empty.
    ///
    /// # Cost
    /// A few thousand loads and one short lock a shard, whatever the number of entries.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Commits everything that is not committed, ends the threads, and closes the file. Then lookups through
    /// any handle find nothing, and writes fail with [`Error::Closed`]. The file may be opened again at once.
    ///
    /// Callers that close the cache at the same time all get the same answer, when everything is done.
    /// Closing a cache again does nothing.
    ///
    /// A listener may close the cache, and so may the `Drop` of a value, which can run on a thread of the
    /// cache. Such a call waits for no other caller: while another thread is closing the cache, it returns at
    /// once. Its own thread ends after it.
    ///
    /// # Errors
    /// [`Error::NotDurable`] when the last commit failed, or the disk tier was off. The cache is closed all
    /// the same. [`Error::Forked`] in a forked child. Nothing is closed then: see
    /// [`abandon_in_child`](Cache::abandon_in_child).
    pub fn close(&self) -> Result<(), Error> {
        self.shared.close()
    }

    /// Closes the files that this process inherited with the cache, if it was forked from the one that opened
    /// the cache.
    ///
    /// A forked child has a copy of every descriptor. As long as it has them the file is locked, even when
    /// its parent has ended. So a daemon that opened a cache before it forked should call this, and so should
    /// a worker that outlives the process that it was forked from. Then the file is free once the parent has
    /// closed it or ended, and the child may open a cache of its own. Nothing is written or unlocked, and the
    /// parent goes on as before. The child's handles of this cache stay unusable: see [`Error::Forked`].
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
    /// What it can't close:
    ///
    /// - A descriptor through which a thread of the parent was reading or writing at the moment of the fork.
    ///   It holds no lock, and is closed when the child ends.
    /// - The control socket and its connections. No process can use them once the parent has closed them. If
    ///   the parent ended without closing them, a cache of the child may take the socket's path. A cache of
    ///   another process may not, while the child lives.
    ///
    /// A child that runs another program (`exec`) keeps none of these.
    ///
    /// # Errors
    /// [`Error::NotForked`] in the process that opened the cache: use [`close`](Cache::close) there.
    /// [`Error::Io`] if the fork came in the microsecond in which a thread of the parent took or released a
    /// lock of the store. The file is then locked until this process ends. A commit does that a few times. So
    /// this can't happen while nothing is being committed.
    pub fn abandon_in_child(&self) -> Result<(), Error> {
        self.shared.abandon()
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}
