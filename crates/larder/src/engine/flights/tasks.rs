//! Tasks that wait for a flight, and loaders that a flight owns.
//!
//! Each waiting task has a ticket. The state of the flight holds, by ticket, the waker of the task's last
//! poll. A task polls its wait with these steps:
//!
//! 1. Under the lock of the state, the task takes the outcome if the flight has landed. Otherwise the task
//!    stores its waker, under the same lock. So either the task sees the outcome here, or the thread that
//!    lands the flight finds the waker.
//! 2. Under the same lock, the task takes the loader out of the flight, if there is a loader and it was woken
//!    since its last poll.
//! 3. Without the lock, the task polls the loader. The waker for this poll belongs to the flight, not to the
//!    task.
//! 4. Under the lock, the task puts the loader back. If the loader was woken during (3), the task then wakes
//!    all tasks.
//!
//! The waker of the loader marks the loader as woken, and wakes *all* waiting tasks. During (3) it only
//! marks the loader, and (4) wakes the tasks. The first task that polls takes the loader. So the protocol
//! does not depend on a particular task, and a task that is dropped, or never polled again, does not delay
//! other tasks. While the loader is in the flight and marked, all sleeping tasks have been woken.
//!
//! When the last waiting task is dropped, the loader and its lease are dropped. The flight then lands as
//! abandoned, and waiting threads look the key up again and load it themselves. A thread never polls a
//! loader, because the loader may need its runtime. So if no waiting task is polled any more, a waiting
//! thread waits until the deadline of the lease.
//!
//! A task that joins a load waits at most until the deadline of the flight's lease. An alarm then wakes the
//! task ([`crate::sys::waker_thread`]), even if the cache is closing or closed. The task that began the load
//! waits without a deadline, because it polls its own loader. If its loader has a timeout, it waits like
//! other tasks.
//!
//! If a loader forks, it returns in both processes. In the child, the flight still belongs to the parent, and
//! its lock may be held forever. So the child never waits for this lock. Instead, a task keeps the loader if
//! it was polling the loader at the fork, or if it can take the loader out of the flight without waiting.
//! This task polls the loader with its own waker, and takes the outcome from it. Any other wait that the
//! child inherited from its parent ends as abandoned.
//!
//! The step numbers in this file refer to this list, not to the list of [`super`].

use std::collections::HashMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::graph::{LoadId, WaitGraph, Waitable, Waiter, Waiters};
use super::task_waiters::{LoaderPlace, SharedLoader, wake_all};
use super::{Flight, FlightLeader, FlightOutcome, FlightState, UnfinishedFlight, current};
use crate::sys::clock::Deadline;
use crate::sys::process::Process;
use crate::sys::sync::Arc;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::sys::user_code::{drop_caught, drop_panic};
use crate::sys::waker_thread::{Alarm, before_blocking, set_alarm};

struct LoaderWaker {
    flight: Weak<Flight>,
    process: Process,
}

impl Wake for LoaderWaker {
    fn wake(self: std::sync::Arc<Self>) {
        // In a forked child, this waker does nothing: the task that polls the loader passes its own waker.
        if self.process.is_current()
            && let Some(flight) = self.flight.upgrade()
        {
            flight.wake_loader();
        }
    }
}

enum PolledLoader {
    Ended,
    Pending,
    /// The loader has forked, and this is the child. Holds the outcome, or the loader if it has not ended.
    Forked(Result<FlightOutcome, SharedLoader>),
}

/// Polls a loader, and catches a panic. In a forked child, a loader that ends returns the outcome, because
/// its lease does not land the flight there.
fn poll_caught(loader: &mut SharedLoader, context: &mut Context<'_>) -> Poll<Option<FlightOutcome>> {
    match catch_unwind(AssertUnwindSafe(|| loader.as_mut().poll(context))) {
        Ok(polled) => polled,
        Err(panic) => {
            // While the panic unwound the loader, the lease landed the flight. Each waiter gets
            // `LoadError::Panicked`, because any of them may have polled the loader.
            drop_panic(panic);
            Poll::Ready(Some(FlightOutcome::Panicked))
        }
    }
}

impl Flight {
    pub(crate) fn of_task(load: LoadId, deadline: Deadline) -> Arc<Self> {
        Self::new(FlightLeader::Known(Waiter::Load(load)), deadline)
    }

    pub(crate) fn of_task_refresh(load: LoadId, deadline: Deadline) -> Arc<Self> {
        let leader = FlightLeader::Known(Waiter::Load(load));
        Arc::new(Self { is_refresh: true, ..Self::unattached(leader, deadline) })
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        matches!(self.state.lock().outcome, Some(FlightOutcome::Abandoned))
    }

    /// Puts a loader into the flight, and wakes the waiting tasks. Must be called while a [`TaskWait`] of the
    /// flight exists, because only the drop of the last wait drops the loader.
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

    /// Runs steps 3 and 4.
    fn poll_loader(self: &Arc<Self>, mut loader: SharedLoader, process: &Process) -> PolledLoader {
        // 3.
        let waker =
            Waker::from(Arc::new(LoaderWaker { flight: Arc::downgrade(self), process: process.clone() }));
        let polled = self.run_loader(|| poll_caught(&mut loader, &mut Context::from_waker(&waker)));
        if !process.is_current() {
            return PolledLoader::Forked(match polled {
                Poll::Ready(outcome) => Ok(outcome.unwrap_or(FlightOutcome::Abandoned)),
                Poll::Pending => Err(loader),
            });
        }
        // 4.
        let mut state = self.state.lock();
        let Poll::Ready(outcome) = polled else {
            state.tasks.loader = LoaderPlace::Here(loader);
            let wakers = if state.tasks.is_woken { state.tasks.take_to_poll() } else { HashMap::new() };
            drop(state);
            wake_all(wakers);
            return PolledLoader::Pending;
        };
        state.tasks.loader = LoaderPlace::None;
        drop(state);
        // The lease does not land the flight if a forked child began the load in its parent's cache.
        if let Some(outcome) = outcome {
            self.land(outcome);
        }
        PolledLoader::Ended
    }

    /// Returns the number of waiting tasks, and the number of their wakers.
    #[cfg(test)]
    fn waiting_tasks(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.tasks.count, state.tasks.wakers.len())
    }
}

enum NextStep {
    Landed(FlightOutcome),
    PollLoader(SharedLoader),
    Sleep,
}

/// The wait of a task for a flight.
#[must_use = "a wait that is not polled waits for nothing"]
pub(crate) struct TaskWait {
    flight: Arc<Flight>,
    ticket: u64,
    /// Whether the task began the load, and waits without a deadline.
    is_leader: bool,
    /// The deadline of the caller's own timeout.
    until: Option<Deadline>,
    alarm: Option<Alarm>,
    /// The nodes of the wait graph that this wait blocks. `None` before the first poll.
    waiters: Option<Waiters>,
    process: Process,
    /// In a forked child, the loader that this task polls.
    forked_loader: Option<SharedLoader>,
}

impl std::fmt::Debug for TaskWait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskWait").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}

impl TaskWait {
    /// Returns a wait without a deadline, for the task that began the load.
    pub(crate) fn of_leader(flight: Arc<Flight>) -> Self {
        Self::new(flight, true, None)
    }

    /// Returns a wait that ends at the deadline of the lease, or after `max` if it is `Some` and ends
    /// earlier.
    pub(crate) fn joining(flight: Arc<Flight>, max: Option<Duration>) -> Self {
        Self::new(flight, false, max.map(Deadline::after))
    }

    fn new(flight: Arc<Flight>, is_leader: bool, until: Option<Deadline>) -> Self {
        let mut state = flight.state.lock();
        state.tasks.last_ticket += 1;
        state.tasks.count += 1;
        let ticket = state.tasks.last_ticket;
        drop(state);
        let process = Process::current();
        Self { flight, ticket, is_leader, until, alarm: None, waiters: None, process, forked_loader: None }
    }

    /// Sets or removes the deadline of the caller's own timeout. A wait that has timed out may continue with
    /// a new deadline.
    pub(crate) fn set_until(&mut self, until: Option<Deadline>) {
        self.until = until;
        self.alarm = None;
    }

    fn as_waitable(&self) -> Arc<dyn Waitable> {
        self.flight.clone()
    }

    /// Runs steps 1 and 2.
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
        drop_caught(earlier);
        next
    }

    /// Returns the reason why the task must stop waiting, if there is one. Otherwise sets an alarm for the
    /// next deadline, if the wait has a deadline.
    fn check_deadline(&mut self, waker: &Waker) -> Option<UnfinishedFlight> {
        if self.is_leader {
            return None;
        }
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
        self.alarm = Some(set_alarm(deadline, waker.clone()));
        None
    }

    /// Polls a wait that began in the parent of this process. Also polls the loader if this task forked
    /// inside the loader, or if it can take the loader out of the flight without waiting.
    fn poll_in_child(&mut self, context: &mut Context<'_>) -> Poll<FlightOutcome> {
        if self.forked_loader.is_none()
            && let Some(mut state) = self.flight.state.try_lock()
            && let LoaderPlace::Here(loader) = std::mem::take(&mut state.tasks.loader)
        {
            self.forked_loader = Some(loader);
        }
        let Some(loader) = &mut self.forked_loader else { return Poll::Ready(FlightOutcome::Abandoned) };
        let polled = poll_caught(loader, context);
        if polled.is_ready() {
            self.forked_loader = None;
        }
        polled.map(|outcome| outcome.unwrap_or(FlightOutcome::Abandoned))
    }
}

impl Future for TaskWait {
    type Output = Result<FlightOutcome, UnfinishedFlight>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.process.is_current() {
            return self.poll_in_child(context).map(Ok);
        }
        if self.waiters.is_none() {
            let waiters = current::blocked_by_this_task();
            // Most tasks are not polled by a loader, and need no entry in the graph.
            if !waiters.is_empty() && !WaitGraph::current().enter(&waiters, &self.as_waitable()) {
                return Poll::Ready(Err(UnfinishedFlight::Cycle));
            }
            self.waiters = Some(waiters);
        }
        loop {
            // The waker is cloned before the lock is taken, because cloning runs code of the executor.
            let polled = match self.next_step(context.waker().clone()) {
                NextStep::Landed(outcome) => return Poll::Ready(Ok(outcome)),
                NextStep::PollLoader(loader) => self.flight.poll_loader(loader, &self.process),
                NextStep::Sleep => PolledLoader::Pending,
            };
            match polled {
                PolledLoader::Ended => {}
                PolledLoader::Pending => {
                    before_blocking();
                    let unfinished = self.check_deadline(context.waker());
                    return unfinished.map_or(Poll::Pending, |unfinished| Poll::Ready(Err(unfinished)));
                }
                PolledLoader::Forked(Ok(outcome)) => return Poll::Ready(Ok(outcome)),
                PolledLoader::Forked(Err(loader)) => {
                    self.forked_loader = Some(loader);
                    // The loader still has a waker of the parent. The next poll passes the waker of this
                    // task.
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
        }
    }
}

impl Drop for TaskWait {
    fn drop(&mut self) {
        if !self.process.is_current() {
            // The flight's wakers and its outcome belong to the parent, so they are not dropped here.
            std::mem::forget(self.flight.clone());
            return;
        }
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
        drop_caught(own);
        // Dropping the loader lands the flight. It also drops the user's future.
        drop_caught(loader);
    }
}

#[cfg(test)]
mod tests;
