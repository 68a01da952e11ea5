//! Which events already know the waker of a connection.
//!
//! A shutdown, a kill and the timer rarely happen. To ask them takes a lock or several atomic changes each,
//! and a connection waits twice for each request. They keep the waker after they have been asked once. So a
//! connection asks them again only in these cases:
//!
//! 1. It is polled with another waker. In its task, the waker is always the same.
//! 2. A flag says that the event has happened.
//! 3. The timer has another end.
//!
//! The caller must ask outside of tokio's budget of a task. An event that is asked without budget keeps no
//! waker, and would then never be asked again.

use std::task::Waker;

#[derive(Debug, Default)]
pub(super) struct Wakes {
    /// The waker that a shutdown and a kill wake. `None` before they have been asked.
    known: Option<Waker>,
    /// Whether the timer wakes the same waker at its present end.
    timer_is_set: bool,
}

impl Wakes {
    /// Returns whether the events do not know this waker. Then the caller must ask them.
    pub(super) fn is_new(&mut self, waker: &Waker) -> bool {
        let is_new = self.known.as_ref().is_none_or(|known| !known.will_wake(waker));
        if is_new {
            *self = Self { known: Some(waker.clone()), timer_is_set: false };
        }
        is_new
    }

    /// Must be called when another waker may have been given to an event.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Must be called when the timer has got another end.
    pub(super) fn timer_is_reset(&mut self) {
        self.timer_is_set = false;
    }

    /// Returns whether the caller must ask the timer, and assumes that it does.
    pub(super) fn timer_must_be_asked(&mut self, is_elapsed: bool) -> bool {
        is_elapsed || !std::mem::replace(&mut self.timer_is_set, true)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;

    use super::*;

    struct Task;

    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn an_event_is_asked_again_only_with_another_waker_or_another_end_of_the_timer() {
        let (own, other) = (Waker::from(Arc::new(Task)), Waker::from(Arc::new(Task)));
        let mut wakes = Wakes::default();
        assert!(wakes.is_new(&own) && !wakes.is_new(&own));
        assert!(wakes.timer_must_be_asked(false) && !wakes.timer_must_be_asked(false));
        assert!(wakes.timer_must_be_asked(true), "it is over");
        wakes.timer_is_reset();
        assert!(wakes.timer_must_be_asked(false));
        assert!(wakes.is_new(&other) && wakes.timer_must_be_asked(false), "the timer has the other waker");
        wakes.forget();
        assert!(wakes.is_new(&other));
    }
}
