//! A channel in the shape of crossbeam's, on shuttle's.
//!
//! Time does not pass under the model checker, so it decides when a wait has been too long. A wait of no length ends at once. Any other on
//! an empty channel ends in one of three ways, by a choice that belongs to the schedule: at once, after the other threads have
//! done something, or never. The last is what finds a thread that nothing but a timeout would wake. A receiver times out at most
//! [`MOST_TIMEOUTS`] times, so that a thread which only waits for time to pass does not make a schedule endless.

use std::time::Duration;

use shuttle::rand::{RngCore, thread_rng};
use shuttle::sync::mpsc;

use crate::sync::{Arc, Ordering};

pub(crate) use mpsc::RecvTimeoutError;

/// Timeouts of one receiver in one execution.
const MOST_TIMEOUTS: usize = 4;
/// Chances that other threads get before a wait is over.
const MOST_CHANCES: u64 = 16;

/// The sending half. One type for both channels, as crossbeam has it.
#[derive(Debug)]
pub(crate) enum Sender<T> {
    Unbounded(mpsc::Sender<T>),
    Bounded(mpsc::SyncSender<T>),
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Unbounded(sender) => Self::Unbounded(sender.clone()),
            Self::Bounded(sender) => Self::Bounded(sender.clone()),
        }
    }
}

impl<T> Sender<T> {
    pub(crate) fn send(&self, message: T) -> Result<(), mpsc::SendError<T>> {
        match self {
            Self::Unbounded(sender) => sender.send(message),
            Self::Bounded(sender) => sender.send(message),
        }
    }
}

/// The receiving half.
#[derive(Debug)]
pub(crate) struct Receiver<T> {
    messages: mpsc::Receiver<T>,
    /// Not interleaved: only the receiver looks at it.
    timeouts: Arc<std::sync::atomic::AtomicUsize>,
}

pub(crate) fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, messages) = mpsc::channel();
    (Sender::Unbounded(sender), Receiver { messages, timeouts: Arc::default() })
}

pub(crate) fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, messages) = mpsc::sync_channel(capacity);
    (Sender::Bounded(sender), Receiver { messages, timeouts: Arc::default() })
}

impl<T> Receiver<T> {
    pub(crate) fn recv(&self) -> Result<T, mpsc::RecvError> {
        self.messages.recv()
    }

    pub(crate) fn try_recv(&self) -> Result<T, mpsc::TryRecvError> {
        self.messages.try_recv()
    }

    /// Waits for a message, for a time that the schedule chooses.
    pub(crate) fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        let is_never = !timeout.is_zero()
            && (self.timeouts.load(Ordering::Relaxed) >= MOST_TIMEOUTS
                || thread_rng().next_u64().is_multiple_of(2));
        if is_never {
            return self.recv().map_err(|_| RecvTimeoutError::Disconnected);
        }
        let chances = if timeout.is_zero() { 0 } else { thread_rng().next_u64() % MOST_CHANCES };
        for _ in 0..chances {
            match self.try_recv() {
                Ok(message) => return Ok(message),
                Err(mpsc::TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                // A plain switch, which leaves the priorities of PCT alone; every message is one more point to be overtaken at.
                Err(mpsc::TryRecvError::Empty) => shuttle::thread::sleep(timeout),
            }
        }
        match self.try_recv() {
            Ok(message) => Ok(message),
            Err(mpsc::TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
            Err(mpsc::TryRecvError::Empty) => {
                self.timeouts.fetch_add(1, Ordering::Relaxed);
                Err(RecvTimeoutError::Timeout)
            }
        }
    }
}
