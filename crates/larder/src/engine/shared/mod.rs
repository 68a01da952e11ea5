//! The state that all handles of a cache share.
//!
//! The handles own [`Shared`]. The writer thread and the sweeper thread own only the [`Tiers`], so that
//! dropping the last handle ends them. The last handle may be dropped in a user's `Drop` on a thread of the
//! cache. That thread then tells itself to end, but never joins itself ([`close`]).

mod close;
mod observe;
mod open;

use std::time::Duration;

use super::closing::Closing;
use super::keyspaces::registry::KeyspaceRegistry;
use super::load_pool::LoadPool;
#[cfg(feature = "async")]
use super::load_tasks::LoadTasks;
#[cfg(feature = "async")]
use super::pending_changes::PendingChanges;
use super::service_thread::ServiceThread;
use super::threads::Threads;
use super::tiers::Tiers;
use super::turns::Turns;
use super::writer::command::Acknowledge;
#[cfg(feature = "async")]
use super::writer::command::Command;
use crate::config::weigher::Weigher;
use crate::disk::file::io_error::io_error;
use crate::disk::store::new_file::PAGE_SHARE;
use crate::engine::capacity::GroupLimits;
use crate::error::Error;
use crate::stats::observe::Observer;
use crate::stats::opened::OpenedWith;
use crate::sys::sync::{Arc, AtomicBool, Ordering};
use crate::sys::volume::tracked::TrackedVolume;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) tiers: Arc<Tiers>,
    pub(crate) settings: SharedSettings,
    pub(super) opened: OpenedWith,
    pub(crate) observer: Observer,
    pub(crate) keyspaces: KeyspaceRegistry,
    pub(crate) turns: Turns,
    pub(crate) identity: Arc<CacheIdentity>,
    #[cfg(feature = "async")]
    pub(crate) changes: Arc<PendingChanges>,
    is_closed: AtomicBool,
    closing: Closing,
    threads: Threads,
    pub(crate) load_pool: Arc<LoadPool>,
    #[cfg(feature = "async")]
    pub(crate) load_tasks: LoadTasks,
    /// The open files of the cache. `None` in a cache without a file.
    pub(crate) files: Option<Arc<TrackedVolume>>,
}

/// Identifies a cache, even after the cache is dropped. Each cache has its own allocation.
#[derive(Debug)]
pub(crate) struct CacheIdentity(
    #[expect(dead_code, reason = "a type of no size has no address of its own")] u8,
);

impl CacheIdentity {
    fn new() -> Arc<Self> {
        Arc::new(Self(0))
    }
}

pub(crate) struct SharedSettings {
    pub(crate) load_timeout: Option<Duration>,
    pub(crate) lease_timeout: Duration,
    pub(crate) disk_capacity: u64,
    /// The maximum size in bytes of the page that a value may use in the file.
    pub(crate) max_page: u64,
    /// The limits of a group of values. They ensure that the file has room for the group's transaction.
    pub(crate) max_group: GroupLimits,
    pub(crate) slow_load: Duration,
    logs_keys: bool,
    pub(crate) checks_every_value: bool,
    #[cfg(all(unix, feature = "control"))]
    pub(crate) control_values: bool,
    pub(crate) weigher: Option<Weigher>,
}

impl std::fmt::Debug for SharedSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedSettings").finish_non_exhaustive()
    }
}

impl SharedSettings {
    /// Returns the smallest disk capacity for which the file accepts a value with a page of this size.
    pub(crate) const fn disk_capacity_for(page: u64) -> u64 {
        page.saturating_mul(PAGE_SHARE)
    }
}

impl Shared {
    /// Returns whether the cache is closed, or is being closed.
    pub(crate) fn is_closed(&self) -> bool {
        // Acquire: pairs with the Release in `close`.
        self.is_closed.load(Ordering::Acquire)
    }

    /// Returns whether this process was forked after the cache was opened. A forked child must not wait for a
    /// lock or a thread of the cache, because the cache's threads are in the parent.
    pub(crate) fn is_forked(&self) -> bool {
        !self.tiers.process.is_current()
    }

    /// Refuses a call in a forked child or on a closed cache. A call that waits, writes or counts must make
    /// this check before it takes a lock.
    pub(crate) fn refuse_if_unusable(&self) -> Result<(), Error> {
        if self.is_forked() { Err(Error::Forked) } else { self.refuse_if_closed() }
    }

    pub(crate) fn refuse_if_closed(&self) -> Result<(), Error> {
        if self.is_closed() { Err(Error::Closed) } else { Ok(()) }
    }

    /// Adds a service thread. Closing the cache tells the thread to end, and joins it.
    #[cfg_attr(not(all(unix, feature = "control")), expect(dead_code, reason = "for the control socket"))]
    pub(crate) fn add_service(&self, service: ServiceThread) {
        self.threads.add_service(service);
    }

    /// Commits all dirty entries. Does nothing in a cache without a file.
    pub(crate) fn flush(&self) -> Result<(), Error> {
        self.refuse_if_unusable()?;
        if self.tiers.has_disk() { self.tiers.writer.commit(Acknowledge::Flush) } else { Ok(()) }
    }

    #[cfg(feature = "async")]
    pub(crate) async fn flush_async(&self) -> Result<(), Error> {
        self.refuse_if_unusable()?;
        if !self.tiers.has_disk() {
            return Ok(());
        }
        let ask = |reply| Command::Commit(Acknowledge::Flush, reply);
        self.tiers.writer.ask_for_task(ask)?.wait().await
    }

    /// Closes the files that a forked child has inherited (see [`crate::sys::volume`]). Waits for nothing,
    /// and writes and unlocks nothing.
    pub(crate) fn abandon(&self) -> Result<(), Error> {
        if !self.is_forked() {
            return Err(Error::NotForked);
        }
        let Some(files) = &self.files else { return Ok(()) };
        files.release().map_err(|error| io_error("close", files.path(), error))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.is_forked() {
            // The child never drops the tiers, because that takes locks that threads of the parent may hold.
            std::mem::forget(self.tiers.clone());
            std::mem::forget(self.load_pool.clone());
            self.threads.leave_to_parent();
            return;
        }
        // The error is ignored. A caller that needs it must call `close`.
        drop(self.close());
        // A wrong counter has no visible effect, so a build for tests checks the counters here. No call is
        // running, because the last handle is being dropped.
        #[cfg(any(test, feature = "test-util"))]
        if !std::thread::panicking() && !self.threads.has_current() {
            self.tiers.validate_at_end();
        }
    }
}
