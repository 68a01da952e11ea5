//! Which thread closes the cache, and how far it has come.
//!
//! One caller at a time closes the cache, and no caller is told that it is closed before it is. What closing
//! does is in [`shared::close`](super::shared).

use crate::error::Error;
use crate::sys::sync::channel::Receiver;
use crate::sys::sync::thread::{JoinHandle, ThreadId};
use crate::sys::sync::{Condvar, Mutex, thread};

/// How far the closing has come.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    progress: Mutex<ClosingProgress>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct ClosingProgress {
    stage: ClosingStage,
    /// Why inserted entries may not be on disk. Every caller is told: each may have inserted some of them.
    failure: Option<String>,
}

#[derive(Debug, Default)]
enum ClosingStage {
    #[default]
    Open,
    /// This thread is closing the cache.
    Busy(ThreadId),
    /// A thread of the cache has done what it could.
    Left(Ending),
    Closed,
}

/// What a caller that closes the cache still waits for.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    pub(crate) threads: Vec<JoinHandle<()>>,
    /// The writer's answer, unless it was received. None if there is no writer.
    pub(crate) answer: Option<Receiver<Result<(), Error>>>,
}

/// What a caller is to do.
#[derive(Debug)]
pub(crate) enum ClosingTurn {
    /// Close the cache.
    First,
    /// Wait for what a thread of the cache has left behind.
    Next(Ending),
    /// Nothing: this is its answer.
    Over(Result<(), Error>),
}

impl Closing {
    /// Makes the calling thread the one that closes the cache, if there is something left to do. Otherwise
    /// waits for the thread that does, unless the calling thread is a `worker`: a thread of the cache.
    pub(crate) fn begin(&self, is_worker: bool) -> ClosingTurn {
        let me = thread::current().id();
        let mut progress = self.progress.lock();
        loop {
            let stage = match std::mem::replace(&mut progress.stage, ClosingStage::Busy(me)) {
                ClosingStage::Open => return ClosingTurn::First,
                ClosingStage::Left(ending) if !is_worker => return ClosingTurn::Next(ending),
                unchanged => unchanged,
            };
            // A nested call: the payload of a panic may be a user's, and is dropped where its thread is
            // joined.
            let is_mine = matches!(stage, ClosingStage::Busy(thread) if thread == me);
            let is_over = is_worker || is_mine || matches!(stage, ClosingStage::Closed);
            progress.stage = stage;
            if is_over {
                return ClosingTurn::Over(progress.outcome());
            }
            self.changed.wait(&mut progress);
        }
    }

    /// Called when the calling thread has done what it could. `left` is what another caller has to wait for.
    pub(crate) fn end(&self, left: Option<Ending>, failure: Option<String>) -> Result<(), Error> {
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
        self.failure.clone().map_or(Ok(()), |cause| Err(Error::NotDurable { cause }))
    }
}
