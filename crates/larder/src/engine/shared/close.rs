//! The steps of closing a cache.
//!
//! 0. The caller waits for the changes that async code has begun ([`crate::engine::pending_changes`]). A
//!    caller on a thread of the cache skips this step, because it may be making one of these changes. So does
//!    a caller on a thread that runs a job of the workers ([`crate::sys::offload`]). `close_async` waits for
//!    these changes itself, with the same exceptions.
//! 1. The first caller marks the cache as closed. After that, no call that writes or waits begins. A running
//!    change still takes effect if it is part of the last commit (3).
//! 2. The service threads and the idle threads of the load pool end, then the sweeper thread. The writer
//!    thread still runs, because these threads may wait for it. A thread of the pool that is running a load
//!    is not joined: the load may hang, and its value is no longer cached.
//! 3. The writer thread seals the shards, makes the last commit, closes the file and ends. After that, the
//!    file's lock is free.
//! 4. The connection of a remote tier is closed, which ends its requests. The waits for other machines end.
//!    The shards are emptied ([`Memory::close`](crate::memory::Memory::close)). After that, no lookup finds a
//!    value.
//! 5. The callers that wait for the close get their result.
//! 6. The remaining values are dropped: the pool's queued loads, the values of (4), and the values that were
//!    sent to the sweeper thread after its end. The listener gets the events that happened after the sweeper
//!    thread had ended. This step is the last, because a user's `Drop`, or the listener, may close the cache
//!    or wait for a thread that closes it.
//!
//! The caller may be a thread of the cache, if a listener or the `Drop` of a value closes the cache there.
//! This thread can't wait for its own end, or for another caller that waits for that end. So:
//!
//! - The thread never waits for another caller. If another caller is closing the cache, or has closed it, the
//!   call returns immediately.
//! - If the thread is the first caller, it does everything except waiting for its own end. The writer thread
//!   also does not wait for the other threads, because they may be waiting for it. It leaves all later steps
//!   to the next caller.
//! - The next caller on a thread of the application waits for the end of that thread, and then does the
//!   remaining steps. If the first caller was the writer thread, these steps include the waits of (2) and
//!   (3), and all of (4).
//!
//! So for a caller on a thread of the application, the call returns only after (4), no matter which thread
//! began. The path may then be opened again.

use super::Shared;
use crate::engine::closing::{ClosingTurn, Ending};
use crate::engine::service_thread::ServiceThread;
use crate::error::Error;
use crate::error::cause::ErrorCause;
use crate::sys::sync::thread::JoinHandle;
use crate::sys::sync::{Ordering, thread};

impl Shared {
    /// Closes the cache, with the steps of the module's documentation. A second call on a thread of the
    /// application waits for the first one, and returns the same result.
    pub(crate) fn close(&self) -> Result<(), Error> {
        // In a forked child, the threads, and the locks that they may hold, belong to the parent.
        if self.is_forked() {
            return Err(Error::Forked);
        }
        // Step 0.
        #[cfg(feature = "async")]
        if !self.threads.has_current() && !crate::sys::offload::is_running_job() {
            self.changes.wait();
        }
        let ending = match self.closing.begin(self.threads.has_current()) {
            ClosingTurn::First => self.begin_to_end(),
            ClosingTurn::Next(ending) => ending,
            ClosingTurn::Over(answer) => return answer,
        };
        if self.threads.is_writer() {
            // The writer thread can't wait for its own end. The next caller does the remaining steps.
            return self.closing.end(Some(ending), None);
        }
        // Wait for the end of step 3.
        let Ending { threads, answer } = ending;
        let threads = join_others(threads);
        let failure = answer.and_then(|answer| match answer.recv() {
            Ok(Ok(())) => None,
            Ok(Err(Error::NotDurable { cause, source })) => Some(ErrorCause::of_fields(cause, source)),
            Ok(Err(error)) => Some(error.to_string().into()),
            Err(_) => Some("the writer ended before its last commit".into()),
        });
        // Step 4.
        if let Some(remote) = self.tiers.remote() {
            remote.tier.close();
        }
        self.tiers.end_waits_for_pushes();
        self.tiers.disk.hide();
        let mut values = self.tiers.memory.close();
        // Step 5.
        let left = if threads.is_empty() { None } else { Some(Ending { threads, answer: None }) };
        let outcome = self.closing.end(left, failure);
        // Step 6.
        self.load_pool.drop_left();
        values.append(self.tiers.sweeper.take_left_values());
        drop(values);
        self.tiers.sweeper.tell_left_events();
        outcome
    }

    /// Returns whether the calling thread is a thread of the cache, which [`close`](Self::close) ends.
    #[cfg(feature = "async")]
    pub(crate) fn is_on_own_thread(&self) -> bool {
        self.threads.has_current()
    }

    /// Runs step 1, and begins steps 2 and 3.
    fn begin_to_end(&self) -> Ending {
        // Release: pairs with the Acquire in `is_closed`.
        self.is_closed.store(true, Ordering::Release);
        let mut threads: Vec<_> = self.threads.take_services().into_iter().map(ServiceThread::stop).collect();
        threads.extend(self.load_pool.close());
        self.tiers.sweeper.stop();
        threads.extend(self.threads.take_sweeper());
        // The writer thread does not join these threads, because they may be waiting for it.
        if !self.threads.is_writer() {
            threads = join_others(threads);
        }
        let writer = self.threads.take_writer();
        let answer = writer.is_some().then(|| self.tiers.writer.shut_down());
        threads.extend(writer);
        Ending { threads, answer }
    }
}

/// Joins the threads, except the calling thread. Returns the handle of the calling thread, if it is one of
/// them.
fn join_others(threads: Vec<JoinHandle<()>>) -> Vec<JoinHandle<()>> {
    let me = thread::current().id();
    let (mine, others): (Vec<_>, Vec<_>) = threads.into_iter().partition(|thread| thread.thread().id() == me);
    for thread in others {
        // The result is ignored, because the close continues also if a thread has panicked.
        drop(thread.join());
    }
    mine
}
