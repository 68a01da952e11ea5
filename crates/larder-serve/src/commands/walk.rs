//! Walks over all keys of a database, on a thread for blocking work.
//!
//! A walk may take long, and nothing interrupts a thread. So the walk itself asks [`WalkEnd`] at each key
//! whether its reply is still wanted: it is not if the connection has ended, or if a shutdown has cut it off.
//! Otherwise the walks of peers that have gone would keep the threads from others, and a shutdown from its
//! end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::spawn_blocking;

/// Tells a walk when its reply is no longer wanted.
#[derive(Debug)]
pub(super) struct WalkEnd {
    /// Whether the command of the walk was dropped, with its connection.
    is_dropped: Arc<AtomicBool>,
    /// Whether a shutdown has cut off the connections.
    is_cut_off: Arc<AtomicBool>,
}

impl WalkEnd {
    /// Returns whether the walk must end.
    pub(super) fn has_come(&self) -> bool {
        self.is_dropped.load(Ordering::Relaxed) || self.is_cut_off.load(Ordering::Relaxed)
    }
}

/// Sets its flag when it is dropped.
struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a walk. Returns none if it has panicked, or has come to no end.
pub(super) async fn run<T: Send + 'static>(
    is_cut_off: &Arc<AtomicBool>,
    walk: impl FnOnce(&WalkEnd) -> T + Send + 'static,
) -> Option<T> {
    let guard = SetOnDrop(Arc::default());
    let end = WalkEnd { is_dropped: guard.0.clone(), is_cut_off: is_cut_off.clone() };
    let walked = spawn_blocking(move || {
        let walked = walk(&end);
        // A walk that was cut off has not seen all keys.
        (!end.has_come()).then_some(walked)
    });
    let walked = walked.await;
    drop(guard);
    walked.ok().flatten()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Context, Waker};

    use super::run;

    #[test]
    fn a_walk_ends_with_its_command_and_at_a_cut_off() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _entered = runtime.enter();
        for is_by_drop in [true, false] {
            let is_cut_off: Arc<AtomicBool> = Arc::default();
            let (ended, end) = std::sync::mpsc::channel();
            let mut command = Box::pin(run(&is_cut_off, move |end| {
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
