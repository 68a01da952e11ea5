//! The wait of a worker task for its turn: step 2 of [`super`].
//!
//! 1. Under the lock of the queues, the task finds that it has the turn, or puts its waker into its place.
//!    The caller that ends the turn before takes the waker under the same lock. So no turn is missed.
//! 2. The task sets an alarm for the end of the present turn. If that turn is over at the next poll, the task
//!    ends it.

use std::future::poll_fn;
use std::task::{Poll, Waker};

use super::{Rounds, Turns};
use crate::sys::at_once::may_suspend;
use crate::sys::waker_thread::{Alarm, set_alarm};

impl Rounds<'_> {
    /// Like [`begin`](Self::begin), but a worker task suspends until it has its turn.
    pub(crate) async fn begin_in_task(&mut self) {
        if !may_suspend() {
            return self.begin();
        }
        if self.needs_turn() {
            let place = self.turns.take_place(self.key);
            // Stored before the wait, so that `Drop` leaves the queue.
            self.place = Some(place);
            self.turns.turn(self.key, place).await;
            self.lost = 0;
        }
        self.lost += 1;
    }
}

impl Turns {
    /// Waits until a place in the queue of a key has the turn, or has been removed.
    pub(super) async fn turn(&self, key: &[u8], place: u64) {
        let mut alarm = None;
        poll_fn(|context| self.poll_turn(key, place, &mut alarm, context.waker())).await;
    }

    fn poll_turn(&self, key: &[u8], place: u64, alarm: &mut Option<Alarm>, waker: &Waker) -> Poll<()> {
        loop {
            // 1.
            let of_place = waker.clone();
            let mut queues = self.queues.lock();
            let Some((first, until)) = queues.turn_before(key, place) else { return Poll::Ready(()) };
            if until.is_over() {
                drop(queues);
                self.end_turn(key, first);
                continue;
            }
            let earlier = queues.set_waker(key, place, of_place);
            drop(queues);
            drop(earlier);
            // 2.
            *alarm = Some(set_alarm(until, waker.clone()));
            return Poll::Pending;
        }
    }
}

#[cfg(test)]
#[cfg(not(shuttle))]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake};

    use super::super::tests::begin_late;
    use super::*;
    use crate::sys::at_once::suspending;
    use crate::sys::process::Process;
    use crate::sys::sync::Arc;

    #[derive(Default)]
    struct TurnWakes(AtomicUsize);

    impl Wake for TurnWakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    struct TellsWake(std::sync::mpsc::Sender<()>);

    impl Wake for TellsWake {
        fn wake(self: Arc<Self>) {
            self.0.send(()).unwrap();
        }
    }

    #[test]
    fn a_task_waits_for_its_turn_without_a_thread_and_is_woken_by_the_turn_before() {
        let turns = Turns::new(Process::current());
        let first = begin_late(&turns, b"key");
        let (mut second, mut third) = (turns.rounds(b"key"), turns.rounds(b"key"));
        let wakes = [Arc::new(TurnWakes::default()), Arc::new(TurnWakes::default())];
        let of_tasks = wakes.clone().map(Waker::from);
        let [mut of_second, mut of_third] = of_tasks.each_ref().map(Context::from_waker);
        let counts = || wakes.each_ref().map(|wakes| wakes.0.load(Ordering::SeqCst));
        {
            let mut second = pin!(second.begin_in_task());
            {
                let mut third = pin!(third.begin_in_task());
                assert!(suspending(|| second.as_mut().poll(&mut of_second)).is_pending());
                assert!(suspending(|| third.as_mut().poll(&mut of_third)).is_pending());
                drop(first);
                assert_eq!(counts(), [1, 0], "only the next place has the turn");
                assert!(suspending(|| third.as_mut().poll(&mut of_third)).is_pending());
                assert!(suspending(|| second.as_mut().poll(&mut of_second)).is_ready());
            }
            drop(third);
        }
        drop(second);
        assert_eq!(counts(), [1, 0], "a task that has left is not woken");
        assert!(!turns.has_queue(b"key"));
    }

    #[test]
    fn a_task_ends_the_turn_of_a_holder_that_does_not_leave() {
        let turns = Turns::new(Process::current());
        let mut holder = begin_late(&turns, b"key");
        let mut second = turns.rounds(b"key");
        let (told, woken) = std::sync::mpsc::channel();
        let waker = Waker::from(Arc::new(TellsWake(told)));
        let mut context = Context::from_waker(&waker);
        {
            let mut waiting = pin!(second.begin_in_task());
            while suspending(|| waiting.as_mut().poll(&mut context)).is_pending() {
                woken.recv().unwrap();
            }
        }
        assert!(!holder.has_place(holder.place.unwrap()) && second.has_place(second.place.unwrap()));
        holder.begin();
    }
}
