//! Tasks that wait for a flight, and loaders that live in a flight.
//!
//! The state of a flight has a ticket for each task that waits, with the waker of the task's last poll. A
//! task polls its wait in these steps:
//!
//! 1. Under the lock of the state, the task takes the outcome, if the flight has landed. Otherwise it stores
//!    its waker, under the same lock. So a landing either is seen here, or finds the waker.
//! 2. Under the same lock, it takes the loader out of the flight, if the loader is there and was woken since
//!    it was last polled.
//! 3. Without the lock, it polls the loader. The waker of the loader belongs to the flight, not to the task.
//! 4. Under the lock, it puts the loader back. If the loader was woken during (3), it then wakes all tasks.
//!
//! The waker of the loader marks the loader as woken and wakes *all* tasks that wait, except during (3),
//! where (4) does. The first task that polls takes the loader. So no task is chosen as the one that must
//! poll: a task that is dropped, or never polled again, stalls no other task. No waker is stored while the
//! loader is in the flight and marked, because a task that polls then takes the loader.
//!
//! When the last task is dropped, the loader is dropped with its lease. The flight then lands as abandoned,
//! and a thread that waits looks the key up again and loads it itself. A thread never polls a loader, because
//! the loader may need its runtime. So the deadline of the lease is the bound for a thread that waits beside
//! tasks of which none is polled any more.
//!
//! A task waits until the deadline of the flight's lease. An alarm wakes it then ([`super::alarms`]). The
//! task that began the load waits without a bound: its loader is this one.
//!
//! The numbers in the code are those of this list, not those of the wait graph.

use std::collections::HashMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::alarms::{Alarm, Alarms};
use super::graph::{LoadId, WaitGraph, Waitable, Waiter, Waiters};
use super::task_waiters::{LoaderPlace, SharedLoader, wake_all};
use super::{Flight, FlightLeader, FlightOutcome, FlightState, UnfinishedFlight, current};
use crate::sys::clock::Deadline;
use crate::sys::sync::Arc;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};

/// The waker of a loader that lives in a flight.
struct LoaderWaker(Weak<Flight>);

impl Wake for LoaderWaker {
    fn wake(self: std::sync::Arc<Self>) {
        if let Some(flight) = self.0.upgrade() {
            flight.wake_loader();
        }
    }
}

impl Flight {
    /// Returns a flight of a load whose loader is asynchronous.
    pub(crate) fn of_task(load: LoadId, deadline: Deadline) -> Arc<Self> {
        Self::new(FlightLeader::Known(Waiter::Load(load)), deadline)
    }

    /// Puts a loader into the flight, and wakes the tasks that wait already. Call it while a [`TaskWait`] of
    /// the flight exists, because the last of them drops the loader.
    pub(crate) fn park(&self, loader: SharedLoader) {
        self.state.lock().tasks.loader = LoaderPlace::Here(loader);
        self.wake_loader();
    }

    fn wake_loader(&self) {
        let mut state = self.state.lock();
        state.tasks.is_woken = true;
        let is_here = matches!(state.tasks.loader, LoaderPlace::Here(_));
        let wakers = if is_here { state.tasks.take_to_poll() } else { HashMap::new() };
        drop(state);
        wake_all(wakers);
    }

    /// Steps 3 and 4. Returns whether the loader has ended.
    fn poll_loader(self: &Arc<Self>, mut loader: SharedLoader) -> bool {
        // 3.
        let waker = Waker::from(Arc::new(LoaderWaker(Arc::downgrade(self))));
        let polled = catch_unwind(AssertUnwindSafe(|| {
            self.run_loader(|| loader.as_mut().poll(&mut Context::from_waker(&waker)))
        }));
        // 4.
        let is_pending = matches!(polled, Ok(Poll::Pending));
        if let Err(panic) = polled {
            // The lease has landed the flight while the panic unwound the loader. Each waiter gets
            // `LoadError::Panicked`, because the task that polled is any of them.
            drop(catch_unwind(AssertUnwindSafe(|| drop(panic))));
        }
        let mut state = self.state.lock();
        let wakers = if is_pending {
            state.tasks.loader = LoaderPlace::Here(loader);
            if state.tasks.is_woken { state.tasks.take_to_poll() } else { HashMap::new() }
        } else {
            state.tasks.loader = LoaderPlace::None;
            HashMap::new()
        };
        drop(state);
        wake_all(wakers);
        !is_pending
    }

    /// Returns the numbers of tasks that wait, and of their wakers.
    #[cfg(test)]
    pub(crate) fn waiting_tasks(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.tasks.count, state.tasks.wakers.len())
    }
}

/// What a task does after it has looked for the outcome.
enum NextStep {
    Landed(FlightOutcome),
    PollLoader(SharedLoader),
    Sleep,
}

/// The wait of a task for a flight. It is a future, of the flight's outcome.
#[derive(Debug)]
#[must_use = "a wait that is not polled waits for nothing"]
pub(crate) struct TaskWait {
    flight: Arc<Flight>,
    ticket: u64,
    /// The alarms, for a task that waits until a deadline. None for the task that began the load.
    alarms: Option<Arc<Alarms>>,
    /// The end of the caller's own timeout.
    until: Option<Deadline>,
    alarm: Option<Alarm>,
    /// What this wait stands for in the graph. None before the first poll.
    waiters: Option<Waiters>,
}

impl TaskWait {
    /// Returns the wait of the task that began the load. It has no deadline.
    pub(crate) fn of_leader(flight: Arc<Flight>) -> Self {
        Self::new(flight, None, None)
    }

    /// Returns the wait of another task: until the deadline of the lease, for `max` at most.
    pub(crate) fn joining(flight: Arc<Flight>, alarms: Arc<Alarms>, max: Option<Duration>) -> Self {
        Self::new(flight, Some(alarms), max.map(Deadline::after))
    }

    fn new(flight: Arc<Flight>, alarms: Option<Arc<Alarms>>, until: Option<Deadline>) -> Self {
        let mut state = flight.state.lock();
        state.tasks.last_ticket += 1;
        state.tasks.count += 1;
        let ticket = state.tasks.last_ticket;
        drop(state);
        Self { flight, ticket, alarms, until, alarm: None, waiters: None }
    }

    fn as_waitable(&self) -> Arc<dyn Waitable> {
        self.flight.clone()
    }

    /// Steps 1 and 2.
    fn next_step(&self, waker: Waker) -> NextStep {
        let landed = |state: &FlightState| state.outcome.clone().map(NextStep::Landed);
        if failpoint_is_set(Failpoint::RegisterLate)
            && let Some(landed) = landed(&self.flight.state.lock())
        {
            return landed;
        }
        // 1.
        let mut state = self.flight.state.lock();
        if !failpoint_is_set(Failpoint::RegisterLate)
            && let Some(landed) = landed(&state)
        {
            return landed;
        }
        let earlier = state.tasks.wakers.insert(self.ticket, waker);
        // 2.
        let tasks = &mut state.tasks;
        let next = if tasks.is_woken && matches!(tasks.loader, LoaderPlace::Here(_)) {
            tasks.is_woken = false;
            match std::mem::replace(&mut tasks.loader, LoaderPlace::Polled) {
                LoaderPlace::Here(loader) => NextStep::PollLoader(loader),
                LoaderPlace::None | LoaderPlace::Polled => NextStep::Sleep,
            }
        } else {
            NextStep::Sleep
        };
        drop(state);
        drop(earlier);
        next
    }

    /// Returns the reason why the task waits no longer. Sets an alarm for the time when there will be one.
    fn check_deadline(&mut self, waker: &Waker) -> Option<UnfinishedFlight> {
        let alarms = self.alarms.as_ref()?;
        if self.flight.deadline.is_over() {
            return Some(UnfinishedFlight::Overdue);
        }
        if self.until.is_some_and(Deadline::is_over) {
            return Some(UnfinishedFlight::TimedOut);
        }
        if self.alarm.as_ref().is_some_and(|alarm| alarm.renew(waker.clone())) {
            return None;
        }
        let deadline = match self.until {
            Some(until) if until.left() < self.flight.deadline.left() => until,
            _ => self.flight.deadline,
        };
        self.alarm = alarms.set(deadline, waker.clone());
        self.alarm.is_none().then_some(UnfinishedFlight::Overdue)
    }
}

impl Future for TaskWait {
    type Output = Result<FlightOutcome, UnfinishedFlight>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.waiters.is_none() {
            let waiters = current::blocked_by_this_task();
            // Most tasks are polled by no loader, and need no place in the graph.
            if !waiters.is_empty() && !WaitGraph::current().enter(&waiters, &self.as_waitable()) {
                return Poll::Ready(Err(UnfinishedFlight::Cycle));
            }
            self.waiters = Some(waiters);
        }
        loop {
            // Cloned before the lock is taken, because it runs code of the executor.
            let has_loader_ended = match self.next_step(context.waker().clone()) {
                NextStep::Landed(outcome) => return Poll::Ready(Ok(outcome)),
                NextStep::PollLoader(loader) => self.flight.poll_loader(loader),
                NextStep::Sleep => false,
            };
            if !has_loader_ended {
                let unfinished = self.check_deadline(context.waker());
                return unfinished.map_or(Poll::Pending, |unfinished| Poll::Ready(Err(unfinished)));
            }
        }
    }
}

impl Drop for TaskWait {
    fn drop(&mut self) {
        if let Some(waiters) = self.waiters.take().filter(|waiters| !waiters.is_empty()) {
            WaitGraph::current().leave(&waiters, &self.as_waitable());
        }
        let mut state = self.flight.state.lock();
        let own = state.tasks.wakers.remove(&self.ticket);
        state.tasks.count -= 1;
        let is_here = matches!(state.tasks.loader, LoaderPlace::Here(_));
        let is_last = state.tasks.count == 0 && !failpoint_is_set(Failpoint::KeepDroppedLoad);
        let loader =
            if is_here && is_last { std::mem::take(&mut state.tasks.loader) } else { LoaderPlace::None };
        drop(state);
        drop(own);
        // Dropping the loader lands the flight.
        drop(loader);
    }
}

#[cfg(test)]
mod tests;
