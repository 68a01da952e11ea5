//! The calls for async code, for any runtime: `get_async`, `get_or_load_async` and others.
//!
//! These futures do not block the thread that polls them, unless the thread has [inline
//! calls](crate::Cache::inline_calls). If the memory tier has the answer, the first poll returns it. Work
//! that may block, such as a lookup on disk or an insert that waits for room, runs on a worker thread
//! ([`crate::sys::offload`]). Lookups, streams, loads, inserts, atomic changes and removals occupy no
//! thread while they wait for a server ([`crate::sys::offload::worker_task`]). A task that waits for
//! another caller's load puts a waker into the flight ([`crate::engine::flights`]). No lock is held across
//! an await.
//!
//! A dropped future leaves no lease, waker or alarm behind. If no worker thread has begun its lookup, the
//! lookup is removed from the queue. A step that a worker thread has begun completes, and so does a lookup
//! whose request was sent to a server. If the answer gives a lease to a load that was dropped, the worker
//! thread drops the lease, and thereby releases it at the server. A change completes even if no worker thread
//! has begun it yet.
//!
//! - [`read`]: lookups. [`group`]: a lookup of several keys at one moment. [`load`], [`local_load`]: loads.
//!   [`lease`]: calls that end a load, or wait for a load. [`change`]: inserts and removals. [`modify`]:
//!   atomic changes. [`stream`]: iterations.

mod change;
mod group;
mod lease;
mod load;
mod local_load;
mod modify;
mod read;
pub(crate) mod stream;

use std::pin::Pin;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Keyspace;
use super::change_commit::ChangeCommit;
use crate::error::Error;
use crate::format::key::Key;
use crate::sys::at_once::at_once;
use crate::sys::offload::worker_task::{begin_here, run_to_end};
use crate::sys::offload::{offload, offload_unless_dropped};

impl<K: Key, V: Serialize + DeserializeOwned + Send + Sync + 'static> Keyspace<K, V> {
    /// Returns whether a call may have to wait for the disk, for a server, or for room in the write buffer.
    /// In a forked child, returns false, because no call waits there.
    pub(super) fn may_block(&self) -> bool {
        self.has_lower_tier() && self.shared.tiers.may_block() && !self.shared.is_forked()
    }

    /// Runs `call` on a worker thread if it may block. Otherwise runs it immediately on the calling thread.
    ///
    /// If the future is dropped before a worker thread begins the call, the call does not run.
    pub(super) async fn off_executor<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> T {
        if !self.may_block() {
            return call(self);
        }
        let keyspace = self.clone();
        offload_unless_dropped(move || call(&keyspace)).await
    }

    /// Like [`off_executor`](Self::off_executor), for a lookup that suspends only while it waits for answers
    /// of a server, and reads the disk on the thread that runs it. In a remote tier, the calling thread sends
    /// the first request, and the lookup occupies no thread while it waits. Once it has begun, such a lookup
    /// runs to its end.
    ///
    /// A handle of the cache follows the result, and is dropped after it. If this future is dropped together
    /// with the last other handle, a lease in the result can still be released at the server.
    pub(super) async fn look_off_executor<T: Send + 'static>(
        &self,
        look: impl Future<Output = T> + Send + 'static,
    ) -> T {
        if !self.may_block() {
            return at_once(look);
        }
        if self.is_remote() {
            let keyspace = self.clone();
            // The fields of a tuple are dropped in order.
            let (found, _handle) = begin_here(async move { (look.await, keyspace) }).await;
            return found;
        }
        offload_unless_dropped(move || at_once(look)).await
    }

    /// Makes a change like [`change_off_executor`](Self::change_off_executor), and waits for its commit.
    /// `change` requests the commit. The wait does not occupy a worker thread.
    pub(super) async fn commit_in_task(
        &self,
        change: impl FnOnce(&Self, &mut ChangeCommit) -> Result<(), Error> + Send + 'static,
    ) -> Result<(), Error> {
        let (changed, wait) = self
            .change_off_executor(move |keyspace| {
                let mut wait = ChangeCommit::in_task();
                (change(keyspace, &mut wait), wait)
            })
            .await;
        changed?;
        wait.finish().await
    }

    /// Like [`off_executor`](Self::off_executor), for a change. The change is made even if the future is
    /// dropped after its first poll, and closing the cache waits for the change.
    pub(super) async fn change_off_executor<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> T {
        if !self.may_block() {
            return change(self);
        }
        let keyspace = self.clone();
        let pending = self.shared.changes.begin();
        offload(move || {
            let _pending = pending;
            change(&keyspace)
        })
        .await
    }

    /// Like [`change_off_executor`](Self::change_off_executor), for a change that suspends only while it
    /// waits for answers of a server. In a remote tier, the change occupies no thread while it waits.
    ///
    /// The change is boxed. Otherwise the futures of all callers would have room for it, also those that
    /// never ask a server.
    ///
    /// The change keeps the cache open, because a lease does not. Its handle of the cache is dropped last,
    /// and may then close the cache.
    pub(super) async fn run_change<T: Send + 'static>(
        &self,
        change: Pin<Box<impl Future<Output = T> + Send + 'static>>,
    ) -> T {
        if !self.may_block() {
            return at_once(change);
        }
        let (keyspace, pending) = (self.clone(), self.shared.changes.begin());
        let change = async move {
            let _keyspace = keyspace;
            let _pending = pending;
            change.await
        };
        if self.is_remote() {
            return run_to_end(change).await;
        }
        offload(move || at_once(change)).await
    }
}
