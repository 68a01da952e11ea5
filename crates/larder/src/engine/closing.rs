//! The progress of closing a cache, and the turns of the callers that close it.
//!
//! One caller at a time closes the cache. A caller on a thread of the application returns only when the cache
//! is closed, unless the call is nested inside another close. [`shared::close`](super::shared) describes the
//! steps.

use crate::error::Error;
use crate::error::cause::ErrorCause;
use crate::sys::sync::channel::Receiver;
use crate::sys::sync::thread::{JoinHandle, ThreadId};
use crate::sys::sync::{Condvar, Mutex, thread};

#[derive(Debug, Default)]
pub(super) struct Closing {
    progress: Mutex<ClosingProgress>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct ClosingProgress {
    stage: ClosingStage,
    /// The reason why inserted entries may not be on disk. Every caller gets it, because each of them may
    /// have inserted some of these entries.
    failure: Option<ErrorCause>,
}

#[derive(Debug, Default)]
enum ClosingStage {
    #[default]
    Open,
    Busy(ThreadId),
    /// A thread of the cache has done a part of the work. The next caller that is no thread of the cache
    /// does the rest.
    Left(Ending),
    Closed,
}

/// The threads and the answer that the next caller must still wait for.
#[derive(Debug, Default)]
pub(super) struct Ending {
    pub(crate) threads: Vec<JoinHandle<()>>,
    /// The channel for the writer's answer. `None` if the answer has already been received, or if there is
    /// no writer.
    pub(super) answer: Option<Receiver<Result<(), Error>>>,
}

#[derive(Debug)]
pub(super) enum ClosingTurn {
    /// Close the cache.
    First,
    /// Wait for the threads and the answer that are left, and then finish closing.
    Next(Ending),
    /// Do nothing, and return this result.
    Over(Result<(), Error>),
}

impl Closing {
    /// Returns the turn of the caller. If work is left, the calling thread gets the turn to close the cache.
    /// If another thread is closing the cache, the call first waits for that thread. If `is_worker` is set,
    /// the caller is a thread of the cache. It never waits, and gets the turn only if closing has not begun.
    pub(crate) fn begin(&self, is_worker: bool) -> ClosingTurn {
        let me = thread::current().id();
        let mut progress = self.progress.lock();
        loop {
            let stage = match std::mem::replace(&mut progress.stage, ClosingStage::Busy(me)) {
                ClosingStage::Open => return ClosingTurn::First,
                ClosingStage::Left(ending) if !is_worker => return ClosingTurn::Next(ending),
                unchanged => unchanged,
            };
            // A nested call must not wait for its own thread. Such a call is possible: joining a thread drops
            // the payload of its panic, which may be a user's value whose `Drop` closes the cache.
            let is_mine = matches!(stage, ClosingStage::Busy(thread) if thread == me);
            let is_over = is_worker || is_mine || matches!(stage, ClosingStage::Closed);
            progress.stage = stage;
            if is_over {
                return ClosingTurn::Over(progress.outcome());
            }
            self.changed.wait(&mut progress);
        }
    }

    /// Ends the turn of the calling thread. If `left` is `None`, the cache is closed. Otherwise the next
    /// caller does the remaining work.
    pub(crate) fn end(&self, left: Option<Ending>, failure: Option<ErrorCause>) -> Result<(), Error> {
        let mut progress = self.progress.lock();
        progress.stage = left.map_or(ClosingStage::Closed, ClosingStage::Left);
        if progress.failure.is_none() {
            progress.failure = failure;
        }
        let outcome = progress.outcome();
        drop(progress);
        self.changed.notify_all();
        outcome
    }
}

impl ClosingProgress {
    fn outcome(&self) -> Result<(), Error> {
        self.failure.clone().map_or(Ok(()), |cause| Err(Error::not_durable(cause)))
    }
}
