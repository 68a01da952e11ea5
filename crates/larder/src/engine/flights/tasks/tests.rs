// These tests do not run under the model checker: its channels have only one receiver, and their errors
// can't be compared.
#![cfg(not(shuttle))]

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::sys::sync::Mutex;
use crate::sys::sync::channel::{Receiver, Sender, unbounded};
use crate::sys::sync::thread;

const HOUR: Duration = Duration::from_hours(1);

#[derive(Default)]
struct CountedWakes(AtomicUsize);

impl Wake for CountedWakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A task: a wait, and the waker that the test passes to its polls.
struct PolledTask {
    wait: TaskWait,
    wakes: Arc<CountedWakes>,
}

impl PolledTask {
    fn new(wait: TaskWait) -> Self {
        Self { wait, wakes: Arc::default() }
    }

    fn poll(&mut self) -> Poll<Result<FlightOutcome, UnfinishedFlight>> {
        Pin::new(&mut self.wait).poll(&mut Context::from_waker(&self.wakes.clone().into()))
    }

    /// Returns how often the task was woken since the last call.
    fn woken(&self) -> usize {
        self.wakes.0.swap(0, Ordering::SeqCst)
    }

    fn value(&mut self) -> Option<u32> {
        match self.poll() {
            Poll::Ready(Ok(FlightOutcome::Value(value))) => value.downcast_ref().copied(),
            _ => None,
        }
    }
}

fn flight() -> Arc<Flight> {
    Flight::of_task(LoadId::next(), Deadline::after(HOUR))
}

fn joining(flight: &Arc<Flight>) -> PolledTask {
    PolledTask::new(TaskWait::joining(flight.clone(), None))
}

fn value(number: u32) -> FlightOutcome {
    FlightOutcome::Value(Arc::new(number))
}

/// A loader that lands its flight with 7 once the test allows it, and reports its drop.
struct HeldLoader {
    flight: Arc<Flight>,
    may_land: Arc<Mutex<(bool, Option<Waker>)>>,
    _dropped: Sender<()>,
}

impl Future for HeldLoader {
    type Output = Option<FlightOutcome>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<FlightOutcome>> {
        let mut held = self.may_land.lock();
        if !held.0 {
            held.1 = Some(context.waker().clone());
            return Poll::Pending;
        }
        self.flight.land(value(7));
        Poll::Ready(None)
    }
}

struct Hold {
    may_land: Arc<Mutex<(bool, Option<Waker>)>>,
    dropped: Receiver<()>,
}

impl Hold {
    fn wake(&self) {
        let waker = self.may_land.lock().1.take();
        waker.unwrap().wake();
    }

    fn release(&self) {
        self.may_land.lock().0 = true;
        self.wake();
    }

    fn is_dropped(&self) -> bool {
        self.dropped.try_recv() == Err(crossbeam_channel::TryRecvError::Disconnected)
    }
}

fn park(flight: &Arc<Flight>) -> Hold {
    let (told, dropped) = unbounded();
    let may_land = Arc::new(Mutex::new((false, None)));
    let loader = HeldLoader { flight: flight.clone(), may_land: may_land.clone(), _dropped: told };
    flight.park(Box::pin(loader));
    Hold { may_land, dropped }
}

#[test]
fn a_landing_wakes_every_task_and_every_thread() {
    let flight = flight();
    let mut tasks: Vec<_> = (0..3).map(|_| joining(&flight)).collect();
    for task in &mut tasks {
        assert!(task.poll().is_pending());
    }
    thread::scope(|scope| {
        let waiter = scope.spawn(|| flight.join(None).is_ok());
        flight.land(value(7));
        assert!(waiter.join().unwrap());
    });
    for task in &mut tasks {
        assert_eq!((task.woken(), task.value()), (1, Some(7)));
    }
    drop(tasks);
    assert_eq!(flight.waiting_tasks(), (0, 0));
}

#[test]
fn any_task_drives_the_loader_and_the_one_that_began_it_need_not_be_polled() {
    let flight = flight();
    let leader = PolledTask::new(TaskWait::of_leader(flight.clone()));
    let mut early = joining(&flight);
    assert!(early.poll().is_pending());
    let held = park(&flight);
    assert_eq!(early.woken(), 1, "a task that waits already is told of the loader");
    assert!(early.poll().is_pending());
    held.release();
    assert_eq!(early.woken(), 1);
    assert_eq!(early.value(), Some(7));
    assert!(held.is_dropped());
    drop((leader, early));
    assert_eq!(flight.waiting_tasks(), (0, 0));
}

#[test]
fn a_task_that_was_woken_may_leave_without_a_poll() {
    let flight = flight();
    let mut tasks = [PolledTask::new(TaskWait::of_leader(flight.clone())), joining(&flight)];
    let held = park(&flight);
    for task in &mut tasks {
        assert!(task.poll().is_pending());
    }
    held.release();
    let [first, mut second] = tasks;
    assert_eq!((first.woken(), second.woken()), (1, 1));
    drop(first);
    assert_eq!(second.value(), Some(7));
}

#[test]
fn a_task_that_came_while_another_polled_the_loader_is_woken() {
    let flight = flight();
    let mut first = PolledTask::new(TaskWait::of_leader(flight.clone()));
    let second = Arc::new(Mutex::new(joining(&flight)));
    let other = second.clone();
    flight.park(Box::pin(std::future::poll_fn(move |context| {
        context.waker().wake_by_ref();
        // The wait is polled on another thread. On this thread, it would be attributed to this loader.
        let poll_other = || other.lock().poll().is_pending();
        assert!(thread::scope(|scope| scope.spawn(poll_other).join().unwrap()));
        assert_eq!(other.lock().woken(), 0);
        Poll::Pending
    })));
    assert!(first.poll().is_pending());
    assert_eq!((first.woken(), second.lock().woken()), (1, 1));
    drop(first);
    drop(second);
    assert_eq!(flight.waiting_tasks(), (1, 0), "the loader of this test holds the other task");
}

#[test]
fn the_last_task_drops_the_loader() {
    let flight = flight();
    let first = PolledTask::new(TaskWait::of_leader(flight.clone()));
    let second = joining(&flight);
    let held = park(&flight);
    drop(first);
    assert!(!held.is_dropped());
    drop(second);
    assert!(held.is_dropped());
    assert_eq!(flight.waiting_tasks(), (0, 0));
}

#[test]
fn a_loader_that_wakes_itself_while_it_is_polled_is_polled_again() {
    let flight = flight();
    let mut task = PolledTask::new(TaskWait::of_leader(flight.clone()));
    let mut polls = 0;
    let loader = {
        let flight = flight.clone();
        std::future::poll_fn(move |context| {
            polls += 1;
            if polls < 3 {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            flight.land(value(polls));
            Poll::Ready(None)
        })
    };
    flight.park(Box::pin(loader));
    for _ in 0..2 {
        assert!(task.poll().is_pending());
        assert_eq!(task.woken(), 1);
    }
    assert_eq!(task.value(), Some(3));
}

/// Lands its flight when dropped, like a lease that a panic drops.
struct Lands(Arc<Flight>);

impl Drop for Lands {
    fn drop(&mut self) {
        self.0.land(FlightOutcome::Panicked);
    }
}

#[test]
fn a_panic_of_the_loader_stays_inside_the_flight() {
    let flight = flight();
    let mut task = PolledTask::new(TaskWait::of_leader(flight.clone()));
    let lease = Lands(flight.clone());
    flight.park(Box::pin(async move {
        let _lease = lease;
        std::panic::resume_unwind(Box::new("a panic"));
    }));
    assert!(matches!(task.poll(), Poll::Ready(Ok(FlightOutcome::Panicked))));
}

#[test]
fn no_task_sleeps_past_the_deadline_or_its_own_timeout() {
    let soon = Duration::from_millis(1);
    for (deadline, max, end) in
        [(soon, None, UnfinishedFlight::Overdue), (HOUR, Some(soon), UnfinishedFlight::TimedOut)]
    {
        let flight = Flight::of_task(LoadId::next(), Deadline::after(deadline));
        let mut task = PolledTask::new(TaskWait::joining(flight, max));
        if task.poll().is_pending() {
            while task.woken() == 0 {
                thread::yield_now();
            }
            assert!(matches!(task.poll(), Poll::Ready(Err(unfinished)) if unfinished == end));
        }
    }
}

#[test]
fn a_waker_that_panics_costs_no_other_task_its_wake_up() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            std::panic::resume_unwind(Box::new("planted"));
        }
    }
    let flight = flight();
    let mut tasks: Vec<_> = (0..3).map(|_| joining(&flight)).collect();
    for task in &mut tasks {
        assert!(task.poll().is_pending());
    }
    let mut panics = TaskWait::joining(flight.clone(), None);
    let waker = Arc::new(Panics).into();
    assert!(Pin::new(&mut panics).poll(&mut Context::from_waker(&waker)).is_pending());
    flight.land(value(7));
    for task in &mut tasks {
        assert_eq!((task.woken(), task.value()), (1, Some(7)));
    }
}

/// Polls a wait for `other` inside the loader of `mine`.
fn poll_inside(mine: &Arc<Flight>, other: &mut PolledTask) -> Option<UnfinishedFlight> {
    match mine.run_loader(|| other.poll()) {
        Poll::Ready(Err(unfinished)) => Some(unfinished),
        Poll::Ready(Ok(_)) | Poll::Pending => None,
    }
}

#[test]
fn of_two_loaders_that_wait_for_one_another_one_is_refused() {
    let (one, two) = (flight(), flight());
    let (mut for_one, mut for_two) = (joining(&one), joining(&two));
    assert_eq!(poll_inside(&one, &mut for_two), None);
    assert_eq!(poll_inside(&two, &mut for_one), Some(UnfinishedFlight::Cycle));
    // A task outside both loaders may wait for their flights.
    assert!(joining(&one).poll().is_pending());
    drop(for_two);
    let mut again = joining(&one);
    assert_eq!(poll_inside(&two, &mut again), None, "the first wait is over");
}

#[test]
fn a_loader_that_waits_for_itself_is_refused() {
    let flight = flight();
    let mut wait = joining(&flight);
    assert_eq!(poll_inside(&flight, &mut wait), Some(UnfinishedFlight::Cycle));
}

#[test]
fn a_circle_of_a_thread_and_a_task_is_found_from_both_sides() {
    let far = || Deadline::after(HOUR);
    thread::scope(|scope| {
        // This thread leads `of_thread` and waits for `of_task`, whose loader waits for `of_thread`.
        let (of_task, of_thread) = (flight(), Flight::led(far()));
        let mut wait = joining(&of_thread);
        assert_eq!(poll_inside(&of_task, &mut wait), None);
        assert_eq!(of_task.join(None).unwrap_err(), UnfinishedFlight::Cycle);
        drop(wait);
        // The same cycle, but the task completes it.
        let (told, tell) = unbounded();
        let other = of_task.clone();
        let thread = scope.spawn(move || {
            let mine = Flight::led(far());
            told.send(mine.clone()).unwrap();
            let joined = other.join(None).is_ok();
            mine.land(FlightOutcome::Panicked);
            joined
        });
        let of_other = tell.recv().unwrap();
        let refused = loop {
            let mut wait = joining(&of_other);
            if let Some(unfinished) = poll_inside(&of_task, &mut wait) {
                break unfinished;
            }
            drop(wait);
            thread::yield_now();
        };
        assert_eq!(refused, UnfinishedFlight::Cycle);
        of_task.land(FlightOutcome::Panicked);
        assert!(thread.join().unwrap());
    });
}

#[test]
fn the_outcome_of_a_wait_inside_a_loader_leaves_no_wait_behind() {
    let (one, two) = (flight(), flight());
    let mut wait = joining(&two);
    assert_eq!(poll_inside(&one, &mut wait), None);
    two.land(value(7));
    assert_eq!(wait.value(), Some(7));
    drop(wait);
    let leader = Waitable::leader(&*one).unwrap();
    assert!(!WaitGraph::current().contains(leader));
}

#[test]
fn a_wait_of_the_parent_takes_no_lock_in_a_forked_child() {
    let flight = flight();
    let mut wait = TaskWait::joining(flight.clone(), None);
    wait.process = Process::other();
    let held = flight.state.lock();
    let polled = Pin::new(&mut wait).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Ready(Ok(FlightOutcome::Abandoned))));
    drop(wait);
    drop(held);
}

#[test]
fn a_loader_that_forked_goes_on_in_the_child_without_its_flight() {
    let flight = flight();
    let mut wait = TaskWait::of_leader(flight.clone());
    wait.process = Process::other();
    let mut polls = 0;
    wait.forked_loader = Some(Box::pin(std::future::poll_fn(move |context| {
        polls += 1;
        context.waker().wake_by_ref();
        if polls == 2 { Poll::Ready(Some(value(7))) } else { Poll::Pending }
    })));
    let held = flight.state.lock();
    let mut task = PolledTask::new(wait);
    assert!(task.poll().is_pending());
    assert_eq!((task.woken(), task.value()), (1, Some(7)));
    drop(task);
    drop(held);
}
