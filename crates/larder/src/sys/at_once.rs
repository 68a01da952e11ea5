//! Runs the same requests to a server on a thread that may block, and in a task that must not.
//!
//! A protocol that waits for a server is an async function, so the order of its steps is written once. There
//! are two ways to run it:
//!
//! - A thread calls [`at_once`]. Each wait in the function then blocks the thread, so the first poll
//!   completes the function.
//! - A task polls it inside [`suspending`] ([`crate::sys::offload::worker_task`]). Then a wait suspends the
//!   function, and the thread is free for other work.
//!
//! [`together`] runs several such functions, so that their first requests are sent before the first wait.
//!
//! A wait asks [`may_suspend`] which of the two applies. Code of a user that runs inside such a function,
//! such as a `Deserialize`, may call the cache. That call uses `at_once` again, and blocks its thread.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use crate::sys::sync::thread_local;
use crate::sys::user_code::{drop_caught, drop_panic};

thread_local! {
    static MAY_SUSPEND: Cell<bool> = const { Cell::new(false) };
}

/// Returns whether a wait on this thread suspends the function that waits. Otherwise the wait must block.
pub(crate) fn may_suspend() -> bool {
    MAY_SUSPEND.try_with(Cell::get).unwrap_or(false)
}

/// Sets whether waits suspend, until this value is dropped.
struct WaitsUntilDrop(bool);

impl WaitsUntilDrop {
    fn begin(suspend: bool) -> Self {
        Self(MAY_SUSPEND.try_with(|present| present.replace(suspend)).unwrap_or(false))
    }
}

impl Drop for WaitsUntilDrop {
    fn drop(&mut self) {
        _ = MAY_SUSPEND.try_with(|present| present.set(self.0));
    }
}

/// Runs a poll in which a wait suspends.
pub(crate) fn suspending<R>(poll: impl FnOnce() -> R) -> R {
    let _waits = WaitsUntilDrop::begin(true);
    poll()
}

/// Runs a function to its end on the calling thread. Its waits block the thread.
///
/// # Panics
/// Panics if the function waits for anything other than a server.
pub(crate) fn at_once<F: Future>(function: F) -> F::Output {
    let _waits = WaitsUntilDrop::begin(false);
    match pin!(function).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("every wait of the function blocks"),
    }
}

enum JoinedFunction<F: Future> {
    Running(Pin<Box<F>>),
    Ended(std::thread::Result<F::Output>),
}

/// Runs functions together, and returns their results in the order of the functions:
///
/// 1. Poll each function once. A wait suspends the function, also on a thread. So the functions send their
///    first requests in order, and the server gets them together.
/// 2. In a task, poll the functions that have not ended whenever an answer wakes the task, and again after
///    one of them has ended. On a thread, run one function after another to its end. Each blocks the thread
///    until its answer is there.
///
/// If a function panics, the others run to their ends. The first panic then goes on.
pub(crate) async fn together<F: Future>(functions: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let functions = functions.into_iter().map(|function| JoinedFunction::Running(Box::pin(function)));
    let mut functions: Vec<_> = functions.collect();
    poll_fn(|context| {
        if !may_suspend() {
            // 1.
            suspending(|| poll_all(&mut functions, context));
        }
        while poll_all(&mut functions, context) {}
        let is_running = |function: &JoinedFunction<F>| matches!(function, JoinedFunction::Running(_));
        if functions.iter().any(is_running) { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    outputs(functions)
}

/// Returns the results of functions that have ended. If some of them have panicked, the other results and
/// panics are dropped first: their drops are not part of the panic, and may panic themselves.
fn outputs<F: Future>(functions: Vec<JoinedFunction<F>>) -> Vec<F::Output> {
    let mut outputs = Vec::with_capacity(functions.len());
    let mut panics = Vec::new();
    for function in functions {
        match function {
            JoinedFunction::Ended(Ok(output)) => outputs.push(output),
            JoinedFunction::Ended(Err(panic)) => panics.push(panic),
            JoinedFunction::Running(_) => unreachable!("all functions have ended"),
        }
    }
    let mut panics = panics.into_iter();
    let Some(first) = panics.next() else { return outputs };
    outputs.into_iter().for_each(drop_caught);
    panics.for_each(drop_panic);
    resume_unwind(first)
}

/// Polls the functions that have not ended. Returns whether one of them has ended.
fn poll_all<F: Future>(functions: &mut [JoinedFunction<F>], context: &mut Context<'_>) -> bool {
    let mut has_ended = false;
    for place in functions {
        let JoinedFunction::Running(function) = place else { continue };
        let ended = match catch_unwind(AssertUnwindSafe(|| function.as_mut().poll(context))) {
            Ok(Poll::Pending) => continue,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(panic) => Err(panic),
        };
        has_ended = true;
        drop_caught(std::mem::replace(place, JoinedFunction::Ended(ended)));
    }
    has_ended
}

#[cfg(test)]
#[cfg(not(shuttle))]
mod tests {
    use super::*;

    /// A function that sends a request, waits for its answer, and then ends.
    async fn ask(number: usize, log: &std::cell::RefCell<Vec<String>>) -> usize {
        log.borrow_mut().push(format!("request {number}"));
        let mut has_answer = false;
        poll_fn(|_| {
            if may_suspend() && !std::mem::replace(&mut has_answer, true) {
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
        assert_ne!(number, 1, "planted");
        log.borrow_mut().push(format!("answer {number}"));
        number
    }

    #[test]
    fn on_a_thread_all_requests_are_sent_before_the_first_wait_and_a_panic_ends_no_other_function() {
        let log = std::cell::RefCell::default();
        assert_eq!(at_once(together([0, 2].map(|number| ask(number, &log)))), [0, 2]);
        assert_eq!(log.take(), ["request 0", "request 2", "answer 0", "answer 2"]);
        let panics = AssertUnwindSafe(|| at_once(together([1, 2].map(|number| ask(number, &log)))));
        catch_unwind(panics).unwrap_err();
        assert_eq!(log.take(), ["request 1", "request 2", "answer 2"]);
        assert!(!may_suspend());
    }

    /// A value whose `Drop` panics, and counts the drops that are not part of another panic.
    struct Output<'a>(&'a Cell<u32>);

    impl Drop for Output<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + u32::from(!std::thread::panicking()));
            panic!("the drop of a result");
        }
    }

    /// If the results were dropped while the panic goes on, a panic of their drops would end the process.
    #[test]
    fn a_panic_goes_on_after_the_results_of_the_others_are_dropped() {
        let dropped = Cell::new(0);
        let function = async |number: u32| {
            assert_ne!(number % 2, 1, "planted {number}");
            Output(&dropped)
        };
        let panics = AssertUnwindSafe(|| drop(at_once(together((0..4).map(function)))));
        let panic = catch_unwind(panics).unwrap_err();
        assert!(panic.downcast_ref::<String>().unwrap().contains("planted 1"));
        assert_eq!(dropped.get(), 2);
    }
}
