//! How a cache ends.
//!
//! 1. The first caller begins. From here on no operation begins. The writer's last commit (3) decides which
//!    of the operations under way still count.
//! 2. The threads that serve the cache to others end, then the sweeper. They ask the writer, which still
//!    answers.
//! 3. The writer seals the shards, makes the last commit, closes the file and ends. That releases the file's
//!    lock.
//! 4. The shards are emptied ([`Memory::close`](crate::memory::Memory::close)). From here on no lookup finds
//!    a value.
//! 5. The callers that wait are answered.
//! 6. Only now are values dropped: those of (4), and those that the writer let go of after the sweeper had
//!    ended. The listener is told the events since then. A user's `Drop`, or the listener, may close the
//!    cache, or wait for a thread that does.
//!
//! A thread of the cache can be a caller too: a listener closes the cache, or the `Drop` of a value that the
//! sweeper drops. It can't wait for its own end, nor for a caller that waits for that end. So:
//!
//! - It never waits for another caller. If one is closing the cache, or has closed it, it is answered at
//!   once.
//! - If it is the first, it does everything but wait for its own end, which it leaves behind. The writer, for
//!   which the other threads may be waiting, waits for none of them and leaves everything behind.
//! - The next caller on a thread of the application waits for that end. Then it does what could not be done
//!   before: all of (3) and (4) if the first caller was the writer.
//!
//! Hence an answer on a thread of the application means that (5) was reached, whichever thread began. The
//! path may then be opened again.

use super::Shared;
use crate::engine::closing::{ClosingTurn, Ending};
use crate::engine::service_thread::ServiceThread;
use crate::error::Error;
use crate::sys::sync::thread::JoinHandle;
use crate::sys::sync::{Ordering, thread};

impl Shared {
    /// Closes the cache, in the order above. A second call waits for the caller that is closing it, and gets
    /// the same answer.
    pub(crate) fn close(&self) -> Result<(), Error> {
        // The threads, and the locks that they may hold, are the parent's.
        if self.is_forked() {
            return Err(Error::Forked);
        }
        let ending = match self.closing.begin(self.threads.has_current()) {
            ClosingTurn::First => self.begin_to_end(),
            ClosingTurn::Next(ending) => ending,
            ClosingTurn::Over(answer) => return answer,
        };
        if self.threads.is_writer() {
            // Its last step is still to come.
            return self.closing.end(Some(ending), None);
        }
        // The end of (3).
        let Ending { threads, answer } = ending;
        let threads = join_others(threads);
        let failure = answer.and_then(|answer| match answer.recv() {
            Ok(Ok(())) => None,
            Ok(Err(Error::NotDurable { cause })) => Some(cause),
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("the writer ended before its last commit".to_owned()),
        });
        // Step 4.
        self.tiers.disk.hide();
        let mut values = self.tiers.memory.close();
        // Step 5.
        let left = if threads.is_empty() { None } else { Some(Ending { threads, answer: None }) };
        let outcome = self.closing.end(left, failure);
        // Step 6.
        values.append(self.tiers.sweeper.take_left_values());
        drop(values);
        self.tiers.sweeper.tell_left_events();
        outcome
    }

    /// Step 1, and the beginnings of (2) and (3).
    fn begin_to_end(&self) -> Ending {
        // Release: pairs with the Acquire in `is_closed`.
        self.is_closed.store(true, Ordering::Release);
        let mut threads: Vec<_> = self.threads.take_services().into_iter().map(ServiceThread::stop).collect();
        self.tiers.sweeper.stop();
        threads.extend(self.threads.take_sweeper());
        // Not on the writer: these threads may be waiting for it.
        if !self.threads.is_writer() {
            threads = join_others(threads);
        }
        let writer = self.threads.take_writer();
        let answer = writer.is_some().then(|| self.tiers.writer.shut_down());
        threads.extend(writer);
        Ending { threads, answer }
    }
}

/// Joins all of these threads but the calling one. Returns the calling one, if it is among them.
fn join_others(threads: Vec<JoinHandle<()>>) -> Vec<JoinHandle<()>> {
    let me = thread::current().id();
    let (mine, others): (Vec<_>, Vec<_>) = threads.into_iter().partition(|thread| thread.thread().id() == me);
    for thread in others {
        // A thread of the cache catches its own panics.
        drop(thread.join());
    }
    mine
}
