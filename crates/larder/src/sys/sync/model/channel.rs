//! A channel with the interface of crossbeam's channel, on shuttle's primitives. (shuttle's own channel
//! keeps the messages of a dropped receiver, with their reply channels. crossbeam drops the messages.)
//!
//! Time does not pass under the model checker, so the schedule decides when a wait ends. A wait of zero
//! length ends immediately. Any other wait on an empty channel ends in one of three ways: (a) at once, (b)
//! after other threads have run, or (c) only when [`pass_time`] is called. The last way detects a thread that
//! only a timeout would wake. In the first two ways, a receiver times out at most [`MAX_TIMEOUTS`] times.
//! Otherwise a thread that only waits for time to pass could make a schedule endless.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use shuttle::future::batch_semaphore::{BatchSemaphore, Fairness};
use shuttle::rand::{RngCore, thread_rng};

/// Maximum number of timeouts of one receiver that the schedule may choose in one execution.
const MAX_TIMEOUTS: usize = 4;
/// Maximum number of turns that other threads get before a wait ends.
pub(super) const MAX_CHANCES: u64 = 16;

/// The error of a channel without a sender.
#[derive(Debug)]
pub(crate) struct Disconnected;

/// A message that cannot be delivered, because the receiver was dropped.
#[derive(Debug)]
pub(crate) struct SendError<T>(pub(crate) T);

/// The error of a channel without a message.
#[derive(Debug)]
pub(crate) struct EmptyChannel;

#[derive(Debug)]
pub(crate) enum RecvTimeoutError {
    Timeout,
    Disconnected,
}

#[derive(Debug)]
struct Channel<T> {
    /// One permit for each message, so each operation is one scheduling point.
    permits: BatchSemaphore,
    /// Not a scheduling point and never contended, because this lock is never held across a scheduling
    /// point.
    state: std::sync::Mutex<ChannelState<T>>,
}

#[derive(Debug)]
struct ChannelState<T> {
    messages: VecDeque<T>,
    /// Whether the receiver is in a timed wait that only a message or [`pass_time`] ends.
    is_timed: bool,
    senders: usize,
    is_received: bool,
}

#[derive(Debug)]
pub(crate) struct Sender<T>(Arc<Channel<T>>);

/// The receiving half of the channel. A channel has only one receiver.
#[derive(Debug)]
pub(crate) struct Receiver<T> {
    channel: Arc<Channel<T>>,
    /// Not a scheduling point, because only the receiver reads it.
    timeouts: std::sync::atomic::AtomicUsize,
}

pub(crate) fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    let state = ChannelState { messages: VecDeque::new(), is_timed: false, senders: 1, is_received: true };
    let permits = BatchSemaphore::new(0, Fairness::Unfair);
    let channel = Arc::new(Channel { permits, state: std::sync::Mutex::new(state) });
    (Sender(channel.clone()), Receiver { channel, timeouts: 0.into() })
}

/// In a normal build, the bound saves memory. No caller sends more messages than the bound, so no sender
/// ever waits for space.
pub(crate) fn bounded<T>(_capacity: usize) -> (Sender<T>, Receiver<T>) {
    unbounded()
}

impl<T> Channel<T> {
    fn state(&self) -> std::sync::MutexGuard<'_, ChannelState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pop(&self) -> Option<T> {
        self.state().messages.pop_front()
    }
}

impl<T> Sender<T> {
    pub(crate) fn send(&self, message: T) -> Result<(), SendError<T>> {
        let mut state = self.0.state();
        if !state.is_received {
            // The message is dropped after the lock is released, because it may hold the only sender of
            // another channel.
            drop(state);
            return Err(SendError(message));
        }
        state.messages.push_back(message);
        drop(state);
        self.0.permits.release(1);
        Ok(())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.state().senders += 1;
        Self(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.senders -= 1;
        let is_last = state.senders == 0 && state.is_received;
        drop(state);
        if is_last {
            self.0.permits.close();
        }
    }
}

/// A timed wait that [`pass_time`] can end.
pub(super) trait Wait {
    fn end(&self);

    /// Returns whether the wait has ended. Until then, [`pass_time`] retries.
    fn has_ended(&self) -> bool;
}

/// Maximum number of turns that a waiter gets to notice that time has passed.
const MAX_TURNS: usize = 1_000;

impl<T> Wait for Channel<T> {
    fn end(&self) {
        if std::mem::take(&mut self.state().is_timed) {
            // This permit has no message.
            self.permits.release(1);
        }
    }

    fn has_ended(&self) -> bool {
        true
    }
}

std::thread_local! {
    /// A thread-local is enough, because all threads of an execution are coroutines of one system thread.
    static WAITS: RefCell<Vec<Weak<dyn Wait>>> = const { RefCell::new(Vec::new()) };
    /// Number of calls of [`pass_time`] in all executions. Only comparisons of two readings are meaningful.
    static PASSED_TIMES: Cell<u64> = const { Cell::new(0) };
}

pub(crate) fn passed_times() -> u64 {
    PASSED_TIMES.get()
}

/// Registers a wait for [`pass_time`] to end.
pub(super) fn end_when_time_passes(wait: Weak<dyn Wait>) {
    WAITS.with_borrow_mut(|waits| waits.push(wait));
}

/// Ends every timed wait and every deadline, as if enough time had passed. A test then sees the work that
/// has become due.
pub fn pass_time() {
    PASSED_TIMES.set(PASSED_TIMES.get() + 1);
    for wait in WAITS.take().iter().filter_map(Weak::upgrade) {
        wait.end();
        // The thread may be about to wait, and may have missed this call.
        for _ in 0..MAX_TURNS {
            if wait.has_ended() {
                break;
            }
            shuttle::thread::yield_now();
            wait.end();
        }
    }
}

impl<T: 'static> Receiver<T> {
    /// Waits for a message. The schedule chooses the length of the wait.
    pub(crate) fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        let may_end = timeout.is_zero()
            || self.timeouts.load(Ordering::Relaxed) < MAX_TIMEOUTS
                && thread_rng().next_u64().is_multiple_of(2);
        if !may_end {
            return self.recv_until_time_passes();
        }
        let mut chances = if timeout.is_zero() { 0 } else { thread_rng().next_u64() % MAX_CHANCES };
        loop {
            // This call is a scheduling point. Unlike a yield, it does not change the thread priorities of
            // PCT.
            if let Ok(message) = self.try_recv() {
                return Ok(message);
            }
            if self.channel.permits.is_closed() {
                return Err(RecvTimeoutError::Disconnected);
            }
            let Some(left) = chances.checked_sub(1) else {
                self.timeouts.fetch_add(1, Ordering::Relaxed);
                return Err(RecvTimeoutError::Timeout);
            };
            chances = left;
        }
    }
    fn recv_until_time_passes(&self) -> Result<T, RecvTimeoutError> {
        self.channel.state().is_timed = true;
        let wait: Weak<Channel<T>> = Arc::downgrade(&self.channel);
        end_when_time_passes(wait);
        let permit = self.channel.permits.acquire_blocking(1);
        let mut state = self.channel.state();
        state.is_timed = false;
        match state.messages.pop_front() {
            Some(message) => Ok(message),
            None if permit.is_err() => Err(RecvTimeoutError::Disconnected),
            None => Err(RecvTimeoutError::Timeout),
        }
    }
}

impl<T> Receiver<T> {
    pub(crate) fn recv(&self) -> Result<T, Disconnected> {
        loop {
            // Acquiring fails after all senders have been dropped. The remaining messages are still
            // received.
            let permit = self.channel.permits.acquire_blocking(1);
            match self.channel.pop() {
                Some(message) => return Ok(message),
                None if permit.is_err() => return Err(Disconnected),
                // `pass_time` released this permit for a timed wait. That wait ended with a message, so the
                // permit has none.
                None => {}
            }
        }
    }

    pub(crate) fn try_recv(&self) -> Result<T, EmptyChannel> {
        match self.channel.permits.try_acquire(1) {
            Err(_) if !self.channel.permits.is_closed() => Err(EmptyChannel),
            _ => self.channel.pop().ok_or(EmptyChannel),
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.channel.state();
        state.is_received = false;
        let messages = std::mem::take(&mut state.messages);
        drop(state);
        drop(messages);
    }
}
