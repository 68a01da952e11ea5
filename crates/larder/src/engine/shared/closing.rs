//! How a cache ends: one caller at a time closes it, and no caller is told that it is closed before it is.
//!
//! 1. The first caller begins: from here on no operation begins. Those under way go on, and (3) decides about
//!    them.
//! 2. The threads that serve the cache to others end, then the sweeper. They ask the writer, which still
//!    answers.
//! 3. The writer seals the shards, commits for the last time, closes the file, ends, and with that releases
//!    the file's lock.
//! 4. The shards are emptied ([`Memory::close`](crate::memory::Memory::close)). From here on no lookup finds
//!    a value.
//! 5. The callers that wait are told.
//! 6. Only now are the values of (4) dropped, and those that the writer let go of when the sweeper had ended;
//!    and the listener is told of what the writer met since then. A user's `Drop`, or the listener, may close
//!    the cache, or wait for a thread that does.
//!
//! A thread of the cache can be a caller too: a listener closes the cache, or the `Drop` of a value that the
//! sweeper lets go of. It can't wait for its own end, nor for a caller that waits for it. So it never waits
//! for another caller: if one is at work, or has been, it is answered at once. If it is the first, it does
//! all but its own end, and leaves that behind; the writer, which the other threads may be waiting for, waits
//! for none of them and leaves it all. The next caller on a thread of the application waits for that end, and
//! makes what could not be made before it: all of (3) and (4), if it was the writer. Hence an answer on a
//! thread of the application means that (5) was reached, whoever began, and the path may be opened again.

use super::Shared;
use crate::error::Error;
use crate::sys::sync::channel::Receiver;
use crate::sys::sync::thread::{JoinHandle, ThreadId};
use crate::sys::sync::{Condvar, Mutex, Ordering, thread};

/// How far the closing has come.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    progress: Mutex<ClosingProgress>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct ClosingProgress {
    stage: Stage,
    /// Why what was inserted may not be on disk. Every caller is told: each may have inserted some of it.
    failure: Option<String>,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Open,
    /// This thread is at work.
    Busy(ThreadId),
    /// A thread of the cache has done what it could.
    Left(Ending),
    Closed,
}

/// What is still to be waited for.
#[derive(Debug, Default)]
struct Ending {
    threads: Vec<JoinHandle<()>>,
    /// The writer's, unless it was received. None if there is no writer.
    answer: Option<Receiver<Result<(), Error>>>,
}

impl ClosingProgress {
    fn outcome(&self) -> Result<(), Error> {
        self.failure.clone().map_or(Ok(()), |cause| Err(Error::NotDurable { cause }))
    }
}

/// What a caller is to do.
#[derive(Debug)]
enum Turn {
    /// All of it.
    First,
    /// What a thread of the cache has left.
    Next(Ending),
    /// Nothing: it is answered.
    Over(Result<(), Error>),
}

impl Closing {
    /// Makes the calling thread the one at work, if there is work for it; waits for the one that is, if it
    /// may.
    fn begin(&self, is_worker: bool) -> Turn {
        let me = thread::current().id();
        let mut progress = self.progress.lock();
        loop {
            let left = match std::mem::replace(&mut progress.stage, Stage::Busy(me)) {
                Stage::Open => return Turn::First,
                Stage::Left(ending) if !is_worker => return Turn::Next(ending),
                as_it_was => as_it_was,
            };
            // A nested call: a panic's payload may be a user's, and is dropped where the thread is joined.
            let is_mine = matches!(left, Stage::Busy(thread) if thread == me);
            let is_over = is_worker || is_mine || matches!(left, Stage::Closed);
            progress.stage = left;
            if is_over {
                return Turn::Over(progress.outcome());
            }
            self.changed.wait(&mut progress);
        }
    }

    /// The calling thread has done what it could.
    fn end(&self, left: Option<Ending>, failure: Option<String>) -> Result<(), Error> {
        let mut progress = self.progress.lock();
        progress.stage = left.map_or(Stage::Closed, Stage::Left);
        if progress.failure.is_none() {
            progress.failure = failure;
        }
        let outcome = progress.outcome();
        drop(progress);
        self.changed.notify_all();
        outcome
    }
}

impl Shared {
    /// Closes the cache, in the order that the module states. Calling it again waits for the caller that is
    /// at work, and answers as that one.
    pub(crate) fn close(&self) -> Result<(), Error> {
        // The threads are another process's, and so are the locks that they may hold.
        if self.is_forked() {
            return Err(Error::Forked);
        }
        let ending = match self.closing.begin(self.is_worker()) {
            Turn::First => self.begin_to_end(),
            Turn::Next(ending) => ending,
            Turn::Over(answer) => return answer,
        };
        if self.writer_id == Some(thread::current().id()) {
            // Its last step is still to come.
            return self.closing.end(Some(ending), None);
        }
        let Ending { threads, answer } = ending;
        let threads = join_others(threads);
        let failure = answer.and_then(|answer| match answer.recv() {
            Ok(Ok(())) => None,
            Ok(Err(Error::NotDurable { cause })) => Some(cause),
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("the writer ended before its last commit".to_owned()),
        });
        self.tiers.hide_disk();
        let mut values = self.tiers.memory.close();
        let left = if threads.is_empty() { None } else { Some(Ending { threads, answer: None }) };
        let outcome = self.closing.end(left, failure);
        values.append(self.tiers.take_left());
        drop(values);
        self.tiers.tell_left();
        outcome
    }

    /// Step 1, and what begins (2) and (3).
    fn begin_to_end(&self) -> Ending {
        self.is_closed.store(true, Ordering::Release);
        let service_threads = std::mem::take(&mut *self.service_threads.lock());
        let workers = std::mem::take(&mut *self.workers.lock());
        let mut threads: Vec<_> =
            service_threads.into_iter().map(crate::engine::service_thread::ServiceThread::stop).collect();
        self.tiers.stop_sweeper();
        threads.extend(workers.sweeper);
        // Not on the writer, which these may be waiting for.
        if self.writer_id != Some(thread::current().id()) {
            threads = join_others(threads);
        }
        let answer = workers.writer.is_some().then(|| self.tiers.shut_down_writer());
        threads.extend(workers.writer);
        Ending { threads, answer }
    }

    pub(crate) fn is_worker(&self) -> bool {
        self.worker_ids.lock().contains(&thread::current().id())
    }
}

/// Waits for the end of threads: those that are left, which is the calling one, if it is among them.
fn join_others(threads: Vec<JoinHandle<()>>) -> Vec<JoinHandle<()>> {
    let me = thread::current().id();
    let (mine, others): (Vec<_>, Vec<_>) = threads.into_iter().partition(|thread| thread.thread().id() == me);
    for thread in others {
        // A worker catches its panics; there is nobody to hand one to.
        drop(thread.join());
    }
    mine
}
