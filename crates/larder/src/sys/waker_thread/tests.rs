//! Each of these faults makes the named test fail:
//!
//! - an alarm that is earlier than the others does not notify the thread: `an_earlier_alarm_...`;
//! - the deadlines that are left after an alarm has rung are forgotten: `each_of_several_alarms_...`;
//! - a thread that ends keeps its place: `a_thread_that_was_idle_...`;
//! - a waker runs under the lock: `a_waker_may_set_an_alarm_...`;
//! - a renewed alarm keeps its first waker: `a_renewed_alarm_...`;
//! - no thread starts, and no task is woken: `without_a_thread_...`.

use std::task::Wake;

use super::*;
use crate::sys::sync::channel::{Receiver, RecvTimeoutError, Sender, unbounded};

struct CallOnWake<F>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for CallOnWake<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

fn waker(call: impl Fn() + Send + Sync + 'static) -> Waker {
    Arc::new(CallOnWake(call)).into()
}

fn telling() -> (Waker, Receiver<thread::ThreadId>) {
    let (told, tells): (Sender<_>, _) = unbounded();
    (waker(move || told.send(thread::current().id()).unwrap()), tells)
}

#[test]
fn an_alarm_rings_on_another_thread_and_a_cancelled_one_does_not() {
    let (early, rings) = telling();
    let (late, never_rings) = telling();
    let cancelled = set_alarm(Deadline::after(HOUR), late);
    let alarm = set_alarm(Deadline::after(Duration::from_millis(1)), early);
    drop(cancelled);
    assert_ne!(rings.recv().unwrap(), thread::current().id());
    assert!(!alarm.renew(Waker::noop().clone()), "it has rung");
    let never = never_rings.recv_timeout(LONG).unwrap_err();
    assert!(matches!(never, RecvTimeoutError::Disconnected), "its waker is dropped, and was not called");
}

#[test]
fn a_waker_that_panics_costs_no_other_task_its_wake_up() {
    let (told, rings) = telling();
    wake_elsewhere(waker(|| std::panic::resume_unwind(Box::new("planted"))));
    wake_elsewhere(told);
    rings.recv().unwrap();
}

#[test]
fn a_waker_that_waits_for_the_waker_thread_does_not_wait_for_itself() {
    let (done, is_done) = unbounded();
    wake_elsewhere(waker(move || {
        let (told, rings) = telling();
        before_blocking();
        wake_elsewhere(told);
        done.send(rings.recv().unwrap() != thread::current().id()).unwrap();
    }));
    assert!(is_done.recv().unwrap());
}

#[test]
fn alarms_ring_while_a_waker_blocks() {
    let (held, release) = unbounded::<()>();
    let (alarmed, rings) = telling();
    let (done, is_done) = unbounded();
    let release = Mutex::new(release);
    let _alarm = set_alarm(Deadline::after(Duration::from_millis(1)), alarmed);
    wake_elsewhere(waker(move || {
        before_blocking();
        assert!(release.lock().recv().is_err());
        done.send(()).unwrap();
    }));
    rings.recv().unwrap();
    drop(held);
    is_done.recv().unwrap();
}

/// A time limit that none of these tests reaches. An alarm that has not rung by then was lost.
const LONG: Duration = Duration::from_secs(10);
const HOUR: Duration = Duration::from_hours(1);

/// Returns a separate waker thread, which the process does not use otherwise.
fn alone(idle_time: Duration) -> Arc<WakerThread> {
    WakerThread::new(Process::current(), idle_time)
}

fn set(thread: &Arc<WakerThread>, after: Duration, waker: Waker) -> Alarm {
    thread.clone().set_alarm(Deadline::after(after), waker)
}

/// Returns once the thread is waiting. Only a waiting thread receives the notification.
fn await_wait(thread: &WakerThread) {
    while !thread.changed.notify_one() {
        thread::yield_now();
    }
}

#[test]
fn an_earlier_alarm_rings_before_a_later_one() {
    let thread = alone(LONG);
    let _later = set(&thread, HOUR, Waker::noop().clone());
    // When most of these alarms are set, the thread is already waiting for the later alarm.
    for _ in 0..20 {
        await_wait(&thread);
        (0..10).for_each(|_| thread::yield_now());
        let (waker, rings) = telling();
        let _earlier = set(&thread, Duration::from_millis(1), waker);
        rings.recv_timeout(LONG).expect("the alarm rings");
    }
}

#[test]
fn each_of_several_alarms_rings() {
    let thread = alone(LONG);
    let set = |ms| {
        let (waker, rings) = telling();
        (set(&thread, Duration::from_millis(ms), waker), rings)
    };
    for (_alarm, rings) in [30, 1, 20, 10].map(set) {
        rings.recv_timeout(LONG).expect("the alarm rings");
    }
}

#[test]
fn a_thread_that_was_idle_is_replaced() {
    let thread = alone(Duration::ZERO);
    for _ in 0..3 {
        let (waker, rings) = telling();
        thread.wake(waker);
        rings.recv_timeout(LONG).expect("the task is woken");
        let until = Deadline::after(LONG);
        while thread.state.lock().has_thread {
            assert!(!until.is_over(), "the thread has ended and keeps its place");
            thread::yield_now();
        }
    }
}

#[test]
fn a_waker_may_set_an_alarm_and_wake_a_task() {
    let thread = alone(LONG);
    let ((of_wake, woken), (of_alarm, rings)) = (telling(), telling());
    let (inner, alarm) = (thread.clone(), Arc::new(Mutex::new(None)));
    let set_inside = alarm.clone();
    thread.wake(waker(move || {
        *set_inside.lock() = Some(set(&inner, Duration::from_millis(1), of_alarm.clone()));
        inner.wake(of_wake.clone());
    }));
    woken.recv_timeout(LONG).expect("the task is woken");
    rings.recv_timeout(LONG).expect("the alarm rings");
    drop(alarm.lock().take());
}

#[test]
fn a_renewed_alarm_wakes_the_task_by_its_last_waker() {
    let thread = alone(LONG);
    let ((first, never_rings), (last, rings)) = (telling(), telling());
    let alarm = set(&thread, Duration::from_millis(50), first);
    if alarm.renew(last) {
        rings.recv_timeout(LONG).expect("the alarm rings");
        assert!(never_rings.recv().is_err(), "the first waker was dropped");
    }
}

#[test]
fn without_a_thread_the_caller_wakes_the_tasks() {
    let thread = alone(LONG);
    thread.state.lock().starts_none = true;
    let ((woken, wakes), (early, rings)) = (telling(), telling());
    thread.wake(woken);
    assert_eq!(wakes.recv().unwrap(), thread::current().id());
    let alarm = set(&thread, HOUR, early);
    assert_eq!(rings.recv().unwrap(), thread::current().id(), "it rings early");
    assert!(!alarm.renew(Waker::noop().clone()));
    assert!(!thread.state.lock().has_thread);
}
