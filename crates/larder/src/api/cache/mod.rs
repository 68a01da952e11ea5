//! The cache: opened once, shared by cloning.

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
use crate::engine::sweeper::SweepReport;
use crate::engine::verify::VerifyReport;
use crate::error::Error;
use crate::format::key::Key;
use crate::stats::Stats;
use crate::stats::count::Count;
use crate::sys::sync::Arc;

/// A cache: one memory tier over one file, for any number of keyspaces.
///
/// Cheap to clone; all clones, and the keyspaces opened from them, are the same cache. When the last of them
/// is dropped the cache is closed; [`close`](Cache::close) does the same and tells how it went.
///
/// A process that forks opens its cache after the fork. In a child that was forked later it answers what
/// memory had then, and [`Error::Forked`].
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
    /// [`Error::InvalidSetting`] for a setting out of its range; [`Error::InUse`] while another owner holds
    /// the file; [`Error::NotAFile`], [`Error::Foreign`], [`Error::NewerFormat`], [`Error::Permission`] and
    /// [`Error::Io`] for a path that can't be used; [`Error::ControlSocket`] for its socket;
    /// [`Error::Thread`]. None of them changes a file that was there, or leaves one that was not; but a control
    /// socket that another process serves is found when the cache's file is open, and this file stays.
    ///
    /// A damaged larder file is no error: it is moved aside
    /// ([`DiskStats::quarantined`](crate::DiskStats::quarantined)) and a fresh one takes its place.
    ///
    /// # Cost
    /// Milliseconds, whatever the number of entries and also after a crash; files up to
    /// [`verify_on_open`](CacheBuilder::verify_on_open) are verified, at about a second for a gigabyte.
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
    /// Settings for a new cache.
    pub fn builder() -> CacheBuilder {
        CacheBuilder::default()
    }

    /// Opens a cache as a URL says: `file:PATH?memory=64MiB&disk=1GiB` for two tiers, `memory:?memory=64MiB`
    /// for memory only. [`CacheBuilder::from_url`] lists the options.
    ///
    /// # Errors
    /// [`Error::InvalidUrl`], and those of [`CacheBuilder::open`].
    pub fn open_url(url: &str) -> Result<Self, Error> {
        CacheBuilder::from_url(url)?.open()
    }

    /// Opens a cache as the environment says: by the URL in `LARDER_URL`, or, where that is not set or blank,
    /// in memory only.
    ///
    /// Without a file, entries die with the process; a warning in the log says so.
    ///
    /// ```
    /// let cache = larder::Cache::from_env()?; // LARDER_URL=file:/var/lib/shop/shop.larder?memory=64MiB&disk=1GiB
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`open_url`](Cache::open_url); [`Error::InvalidUrl`] also for a variable that is not UTF-8.
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
    /// A new version, or keys of another shape, begin empty: every older entry is a miss from here on, also
    /// after a crash, and the sweeper frees its space. A keyspace of a name that the file does not have is in
    /// it from the next commit on.
    ///
    /// # Errors
    /// [`Error::KeyspaceConflict`] while a handle of the same name with other types, another version or other
    /// tiers is open; [`Error::InvalidSetting`] for a lifetime or a name out of range; [`Error::NotDurable`]
    /// when the writer thread ended or panicked before it answered; [`Error::Closed`], [`Error::Forked`].
    ///
    /// # Cost
    /// Some 10 µs for a keyspace that is new, or in the file as it is wanted, however many there are; one
    /// commit for one that takes the place of another version. Some 8 KiB of memory for as long as the cache
    /// is open.
    pub fn keyspace<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static>(
        &self,
        definition: KeyspaceDefinition<K, V>,
    ) -> Result<Keyspace<K, V>, Error> {
        Keyspace::open(&self.shared, definition)
    }

    /// Removes every entry of every keyspace, from both tiers. Durable when it returns; how many live entries
    /// there were.
    ///
    /// # Errors
    /// [`Error::NotDurable`] when the removal could not be committed and the file could not be put out of
    /// service either; memory is empty all the same. [`Error::Closed`], [`Error::Forked`].
    ///
    /// # Cost
    /// One transaction that deletes all; O(entries).
    #[must_use = "an invalidation that failed must be handled: stale data may be served after a restart"]
    pub fn clear(&self) -> Result<u64, Error> {
        self.shared.refuse_if_unusable()?;
        for open_keyspace in self.shared.open_keyspaces.lock().values() {
            open_keyspace.counters.add(Count::Invalidations);
        }
        self.shared.invalidate([Removal::Everything])
    }

    /// Begins removals from one keyspace or several that are to be made with one commit.
    pub fn invalidation(&self) -> Invalidation {
        Invalidation::new(&self.shared)
    }

    /// Commits every insert that has returned.
    ///
    /// Not those made while the disk tier was [`Discarded`](crate::DiskState::Discarded): they live in memory
    /// alone, until they are written again. Nor values that are too large for the file, which
    /// [`Stats::too_large_for_disk`](crate::Stats::too_large_for_disk) counts: the answer is `Ok` without
    /// them.
    ///
    /// # Errors
    /// [`Error::NotDurable`] while the disk tier is off. When it is
    /// [`Suspended`](crate::DiskState::Suspended), what was inserted is committed when it comes back.
    /// [`Error::Closed`], [`Error::Forked`].
    ///
    /// # Cost
    /// One commit, shared with whoever else waits for one.
    pub fn flush(&self) -> Result<(), Error> {
        self.shared.flush()
    }

    /// Deletes what has expired from both tiers, now. The sweeper does the same in its own time.
    ///
    /// While the disk tier is off, and when it fails meanwhile, memory alone is swept: that is no error.
    ///
    /// # Errors
    /// [`Error::NotDurable`] when the writer thread panicked before it answered; [`Error::Closed`],
    /// [`Error::Forked`].
    pub fn sweep(&self) -> Result<SweepReport, Error> {
        self.shared.refuse_if_unusable()?;
        self.shared.tiers.sweep()
    }

    /// Checks every page of the file, and every record in it, while the cache goes on.
    ///
    /// A file whose pages are damaged is moved aside, as one that is found so when it is opened
    /// ([`DiskStats::quarantined`](crate::DiskStats::quarantined)), and a fresh one takes its place. A
    /// damaged record is a miss whenever it is asked for; here it is only counted.
    ///
    /// # Errors
    /// [`Error::Verify`] while the disk tier is off, or when the file can't be read; [`Error::Closed`],
    /// [`Error::Forked`].
    ///
    /// # Cost
    /// About a second for each gigabyte of file, twice; commits wait for the first half of it.
    pub fn verify(&self) -> Result<VerifyReport, Error> {
        self.shared.verify()
    }

    /// What the cache did and holds. Nothing in a forked child.
    ///
    /// # Cost
    /// A few thousand loads and one short lock a shard; independent of the number of entries.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Commits what is not committed, ends the threads, and closes the file. Lookups then find nothing, and
    /// writes fail with [`Error::Closed`], through every handle. The file may be opened again at once.
    ///
    /// Several callers are told the same, each when all is done, whoever began. Closing again does nothing.
    ///
    /// A listener may close the cache, and so may the `Drop` of a value, which can run on a thread of the
    /// cache. There it waits for no other caller: while another thread is closing the cache it returns at
    /// once, and the thread that it runs on ends after it.
    ///
    /// # Errors
    /// [`Error::NotDurable`] when the last commit failed, or the disk tier was off: the cache is closed all
    /// the same. [`Error::Forked`], and then nothing is closed: see
    /// [`abandon_in_child`](Cache::abandon_in_child).
    pub fn close(&self) -> Result<(), Error> {
        self.shared.close()
    }

    /// Closes what this process inherited of the cache, if it was forked from the one that opened it.
    ///
    /// A forked child has a copy of every descriptor, and as long as it does the file is locked, also when
    /// its parent has ended. So a daemon that opened a cache before it forked, or a worker that lives longer
    /// than the master it was forked from, should call this. Then the file is free once the parent has closed
    /// it or ended, and the child may open a cache of its own. Nothing is written or unlocked, and the parent
    /// goes on as before. The child's handles of this cache stay what they are in any fork: see
    /// [`Error::Forked`].
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
    /// - a descriptor that a thread of the parent was reading or writing the file through at the moment of
    ///   the fork: no lock hangs on it, and it goes with the child;
    /// - the control socket and its connections: they are of no use to any process once the parent has closed
    ///   them. If the parent ended without closing its own, a cache of the child may have the socket's path;
    ///   one of another process may not, while the child lives.
    ///
    /// A child that runs another program (`exec`) keeps none of all these.
    ///
    /// # Errors
    /// [`Error::NotForked`] in the process that opened the cache: use [`close`](Cache::close). [`Error::Io`]
    /// if the fork came in the very microsecond in which a thread of the parent took or gave back one of the
    /// store's locks, as it does a few times for each commit: the file is then locked until this process
    /// ends. It can't happen while nothing is being committed.
    pub fn abandon_in_child(&self) -> Result<(), Error> {
        self.shared.abandon()
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}
