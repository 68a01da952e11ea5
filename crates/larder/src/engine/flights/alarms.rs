//! Alarms: a task is woken at a deadline. The cache has no timer of its own, so the sweeper rings them.
//!
//! A task that waits for a flight must not sleep past the deadline of the flight's lease, or past its own
//! timeout. It sets an alarm before it sleeps:
//!
//! 1. Under the lock, the task adds its alarm with its waker. If no earlier alarm is set, it then wakes the
//!    sweeper, which plans its sleep anew.
//! 2. The sweeper takes the alarms that are due, under the lock, and wakes their tasks after it.
//! 3. When the sweeper stops, the alarms are closed: every task is woken, and none can set an alarm any more.
//!    A task then acts as if its deadline had passed. Otherwise a forgotten lease would stall it for ever.

use std::collections::HashMap;
use std::task::Waker;
use std::time::Duration;

use crate::sys::clock::Deadline;
use crate::sys::sync::{Arc, Mutex};

/// The alarms of one cache.
pub(crate) struct Alarms {
    /// Makes the sweeper plan its sleep anew.
    wake_sweeper: Box<dyn Fn() + Send + Sync>,
    state: Mutex<AlarmState>,
}

#[derive(Debug, Default)]
struct AlarmState {
    is_closed: bool,
    last_id: u64,
    /// The earliest deadline. Of alarms that were cancelled, too, until the next alarm rings.
    next: Option<Deadline>,
    alarms: HashMap<u64, (Deadline, Waker)>,
}

/// An alarm that was set. Dropping it cancels it.
#[derive(Debug)]
pub(super) struct Alarm {
    alarms: Arc<Alarms>,
    id: u64,
}

impl std::fmt::Debug for Alarms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alarms").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Alarms {
    pub(crate) fn new(wake_sweeper: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { wake_sweeper: Box::new(wake_sweeper), state: Mutex::default() })
    }

    /// Sets an alarm. Returns None if the alarms are closed.
    pub(super) fn set(self: &Arc<Self>, deadline: Deadline, waker: Waker) -> Option<Alarm> {
        // Step 1.
        let mut state = self.state.lock();
        if state.is_closed {
            return None;
        }
        state.last_id += 1;
        let id = state.last_id;
        state.alarms.insert(id, (deadline, waker));
        let is_next = state.next.is_none_or(|next| deadline.left() < next.left());
        if is_next {
            state.next = Some(deadline);
        }
        drop(state);
        if is_next {
            (self.wake_sweeper)();
        }
        Some(Alarm { alarms: self.clone(), id })
    }

    /// Returns the time until the next alarm.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.state.lock().next.map(Deadline::left)
    }

    /// Wakes the tasks whose deadlines are over. Returns whether an alarm was due.
    pub(crate) fn ring(&self) -> bool {
        // Step 2.
        let mut state = self.state.lock();
        if !state.next.is_some_and(Deadline::is_over) {
            return false;
        }
        let due: Vec<_> = state.alarms.extract_if(|_, (deadline, _)| deadline.is_over()).collect();
        state.next = state.alarms.values().map(|(deadline, _)| *deadline).min_by_key(|at| at.left());
        drop(state);
        for (_, (_, waker)) in due {
            waker.wake();
        }
        true
    }

    /// Wakes every task. From now on no alarm can be set.
    pub(crate) fn close(&self) {
        // Step 3.
        let mut state = self.state.lock();
        (state.is_closed, state.next) = (true, None);
        let all = std::mem::take(&mut state.alarms);
        drop(state);
        for (_, waker) in all.into_values() {
            waker.wake();
        }
    }

    /// Returns the number of alarms.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.state.lock().alarms.len()
    }
}

impl Alarm {
    /// Gives the alarm the waker with which its task has polled last. Returns whether the alarm is still set.
    pub(super) fn renew(&self, waker: Waker) -> bool {
        let mut state = self.alarms.state.lock();
        let is_set = state.alarms.get_mut(&self.id);
        // The waker that is not used any more is dropped after the lock.
        let (is_set, _unused) = match is_set {
            Some((_, present)) => (true, std::mem::replace(present, waker)),
            None => (false, waker),
        };
        drop(state);
        is_set
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let mut state = self.alarms.state.lock();
        let left = state.alarms.remove(&self.id);
        drop(state);
        drop(left);
    }
}
