//! Walks over all keys of a database, on a thread for blocking work.
//!
//! A walk may take long, and its thread can't be interrupted. So the walk checks [`WalkEnd`] at each key.
//! It ends early if the connection has ended, or if a shutdown has timed out. Otherwise such walks would
//! occupy threads and delay a shutdown. Walks have places of their own ([`crate::session::threads`]).

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::session::Session;
use crate::session::output::Output;
use crate::session::threads::{BlockingThreads, Work};

/// The flags that end a walk early.
#[derive(Debug)]
pub(super) struct WalkEnd {
    /// Whether the command was dropped with its connection.
    is_dropped: Arc<AtomicBool>,
    /// Whether a shutdown has timed out.
    is_cut_off: Arc<AtomicBool>,
}

impl WalkEnd {
    pub(super) fn has_come(&self) -> bool {
        self.is_dropped.load(Ordering::Relaxed) || self.is_cut_off.load(Ordering::Relaxed)
    }
}

/// Dropping this value sets its flag.
struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a walk. Returns `None` if the walk panicked or ended early.
pub(super) async fn run<T: Send + 'static>(
    session: &Session,
    out: &mut Output,
    walk: impl FnOnce(&WalkEnd) -> T + Send + 'static,
) -> Option<T> {
    out.wait(pin!(run_on(&session.threads, &session.served.is_cut_off, walk))).await
}

async fn run_on<T: Send + 'static>(
    threads: &BlockingThreads,
    is_cut_off: &Arc<AtomicBool>,
    walk: impl FnOnce(&WalkEnd) -> T + Send + 'static,
) -> Option<T> {
    let guard = SetOnDrop(Arc::default());
    let end = WalkEnd { is_dropped: guard.0.clone(), is_cut_off: is_cut_off.clone() };
    let walked = threads.run(Work::Walk, move || {
        let walked = walk(&end);
        // A walk that ended early may have missed keys, so its result is discarded.
        (!end.has_come()).then_some(walked)
    });
    let walked = walked.await;
    drop(guard);
    walked.flatten()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Context, Waker};

    use super::run_on;
    use crate::session::threads::BlockingThreads;

    #[test]
    fn a_walk_ends_with_its_command_and_at_a_cut_off() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _entered = runtime.enter();
        for is_by_drop in [true, false] {
            let is_cut_off: Arc<AtomicBool> = Arc::default();
            let (ended, end) = std::sync::mpsc::channel();
            let threads = BlockingThreads::default();
            let mut command = Box::pin(run_on(&threads, &is_cut_off, move |end| {
                while !end.has_come() {
                    std::thread::yield_now();
                }
                ended.send(()).unwrap();
            }));
            assert!(command.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            if is_by_drop {
                drop(command);
                end.recv().unwrap();
            } else {
                is_cut_off.store(true, Ordering::Relaxed);
                end.recv().unwrap();
                assert_eq!(runtime.block_on(command), None);
            }
        }
    }
}
