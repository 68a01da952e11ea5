//! The handle through which other threads wake the sweeper thread, set the time of its next sweep, and give
//! it work.
//!
//! The writer thread must not run user code, because that code may wait for the writer thread. So the sweeper
//! thread drops the values and calls the listener. Values and events that come after the sweeper thread has
//! ended are kept here, for the caller that closes the cache.

use super::message::SweeperMessage;
use crate::config::Listener;
use crate::event::Event;
use crate::memory::evicted_values::EvictedValues;
use crate::sys::sync::channel::{Receiver, SendError, Sender, unbounded};
use crate::sys::sync::{AtomicBool, AtomicU64, Mutex, Ordering};
use crate::sys::user_code::run_caught;
use crate::units::Timestamp;

/// The value of `next_sweep` while no sweep is planned.
const NEVER: u64 = u64::MAX;

#[derive(Debug)]
pub(crate) struct SweeperHandle {
    messages: Sender<SweeperMessage>,
    /// Whether a wake-up was sent that the sweeper thread has not received yet.
    is_woken: AtomicBool,
    is_stopping: AtomicBool,
    /// The time of the next sweep, in milliseconds.
    next_sweep: AtomicU64,
    listener: Option<Listener>,
    /// Values that were sent after the sweeper thread had ended.
    left_values: Mutex<EvictedValues>,
    /// Events that happened after the sweeper thread had ended.
    left_events: Mutex<Vec<Event>>,
}

impl SweeperHandle {
    pub(in crate::engine) fn new(listener: Option<Listener>) -> (Self, Receiver<SweeperMessage>) {
        let (messages, inbox) = unbounded();
        let handle = Self {
            messages,
            is_woken: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
            // The first sweep begins immediately, because entries may have expired while the file was closed.
            next_sweep: AtomicU64::new(0),
            listener,
            left_values: Mutex::default(),
            left_events: Mutex::default(),
        };
        (handle, inbox)
    }

    /// Wakes the sweeper thread. Sends nothing if it has not received the last wake-up yet.
    pub(in crate::engine) fn wake(&self) {
        if !self.is_woken.swap(true, Ordering::SeqCst) {
            drop(self.messages.send(SweeperMessage::Wake));
        }
    }

    /// Records that the sweeper thread has received its wake-up. The sweeper thread must call this before it
    /// reads anything else.
    pub(super) fn clear_wake(&self) {
        self.is_woken.store(false, Ordering::SeqCst);
    }

    /// Tells the sweeper thread to end. Does not wait for its end.
    pub(in crate::engine) fn stop(&self) {
        self.is_stopping.store(true, Ordering::SeqCst);
        self.wake();
    }

    pub(in crate::engine) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }

    /// Plans a sweep at `due`, unless one is planned for an earlier time. Must be called after an entry has
    /// been stored.
    pub(crate) fn plan(&self, due: Timestamp) {
        if due.as_millis() < self.next_sweep.load(Ordering::Relaxed) {
            self.lower(due);
            self.wake();
        }
    }

    /// Moves the next sweep to `due` if it is planned for later. Does not wake the sweeper thread.
    pub(in crate::engine) fn lower(&self, due: Timestamp) {
        self.next_sweep.fetch_min(due.as_millis(), Ordering::SeqCst);
    }

    /// Cancels the next sweep. The next stored entry plans a new sweep.
    pub(in crate::engine) fn plan_nothing(&self) {
        self.next_sweep.store(NEVER, Ordering::SeqCst);
    }

    /// Returns the time of the next sweep, or `None` if no sweep is planned.
    pub(super) fn next_sweep(&self) -> Option<Timestamp> {
        let next = self.next_sweep.load(Ordering::SeqCst);
        (next != NEVER).then_some(Timestamp::from_millis(next))
    }

    /// Returns whether the first sweep has not begun yet.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn has_not_swept(&self) -> bool {
        self.next_sweep() == Some(Timestamp::ZERO)
    }

    /// Logs an event, and makes the sweeper thread call the listener. The writer thread must not call the
    /// listener itself, because a listener may call the cache and wait for the writer thread.
    pub(in crate::engine) fn tell(&self, event: Event) {
        if matches!(event, Event::DiskRecovered { .. }) {
            tracing::info!("{event}");
        } else {
            tracing::warn!("{event}");
        }
        if self.listener.is_some()
            && let Err(SendError(SweeperMessage::Tell(event))) =
                self.messages.send(SweeperMessage::Tell(event))
        {
            self.left_events.lock().push(event);
        }
    }

    pub(super) fn call_listener(&self, event: &Event) {
        if let Some(listener) = &self.listener {
            run_caught(|| listener.call(event));
        }
    }

    /// Sends values to the sweeper thread, which drops them. The writer thread, the thread of a remote tier,
    /// an event loop and a range removal must not drop them, because a user's `Drop` may wait for the writer
    /// thread, for the server or for the end of the range removal.
    pub(crate) fn drop_values(&self, evicted_values: EvictedValues) {
        if !evicted_values.is_empty()
            && let Err(SendError(SweeperMessage::DropValues(evicted_values))) =
                self.messages.send(SweeperMessage::DropValues(evicted_values))
        {
            self.left_values.lock().append(evicted_values);
        }
    }

    pub(in crate::engine) fn take_left_values(&self) -> EvictedValues {
        std::mem::take(&mut *self.left_values.lock())
    }

    /// Calls the listener with the events that happened after the sweeper thread had ended.
    pub(in crate::engine) fn tell_left_events(&self) {
        let events = std::mem::take(&mut *self.left_events.lock());
        for event in events {
            self.call_listener(&event);
        }
    }
}
