//! The threads of an event loop that may block, such as for the disk.
//!
//! Each kind of work has its own places. So work of one kind that waits, for example for a disk that hangs,
//! takes no place of another kind. A job keeps its place until it ends, even if its connection has ended
//! before, because the job can't be interrupted. A job that still waits for a place leaves with its
//! connection.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// The kind of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Encodes values that are in memory.
    Encode,
    /// Reads entries, from memory or from the disk.
    Read,
    /// Changes entries.
    Change,
    /// Walks over all keys of a database.
    Walk,
}

impl Work {
    const ALL: [Self; 4] = [Self::Encode, Self::Read, Self::Change, Self::Walk];

    /// Returns the maximum number of jobs of this kind that run at the same time.
    const fn places(self) -> usize {
        match self {
            Self::Encode => 4,
            Self::Read | Self::Change => 16,
            Self::Walk => 8,
        }
    }
}

/// The places for jobs on the threads of one event loop.
#[derive(Debug)]
pub(crate) struct BlockingThreads([Arc<Semaphore>; Work::ALL.len()]);

impl Default for BlockingThreads {
    fn default() -> Self {
        Self(Work::ALL.map(|work| Arc::new(Semaphore::new(work.places()))))
    }
}

impl BlockingThreads {
    /// Maximum number of threads. There is a thread for each place, so no job waits for a job of another
    /// kind.
    pub(crate) const MAX: usize = {
        let [encode, read, change, walk] = Work::ALL;
        encode.places() + read.places() + change.places() + walk.places()
    };

    /// Runs a job on a thread. Returns `None` if the job panics. Must be called on the event loop.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: Work,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        self.run_built(work, || job).await
    }

    /// Like [`run`](Self::run), but builds the job when it has its place. So a job that waits for a place
    /// holds no copy of its data.
    pub(crate) async fn run_built<T: Send + 'static, J: FnOnce() -> T + Send + 'static>(
        &self,
        work: Work,
        build: impl FnOnce() -> J,
    ) -> Option<T> {
        let [encode, read, change, walk] = &self.0;
        let places = match work {
            Work::Encode => encode,
            Work::Read => read,
            Work::Change => change,
            Work::Walk => walk,
        };
        let place = places.clone().acquire_owned().await.ok()?;
        let job = build();
        let ran = spawn_blocking(move || {
            let ran = run_inline(job);
            drop(place);
            ran
        });
        ran.await.ok().flatten()
    }
}

/// Runs a job on the calling thread. Returns `None` if the job panics.
///
/// The payload of the panic may be a value of the application, such as its clock, and its `Drop` may panic
/// again. Such a payload is leaked with the second panic, as in the cache itself. Otherwise the second panic
/// would end the event loop.
pub(crate) fn run_inline<T>(job: impl FnOnce() -> T) -> Option<T> {
    let panic = match catch_unwind(AssertUnwindSafe(job)) {
        Ok(ran) => return Some(ran),
        Err(panic) => panic,
    };
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        mem::forget(second);
    }
    None
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::panic::panic_any;
    use std::sync::{Mutex, mpsc};
    use std::task::{Context, Waker};

    use super::*;

    /// The payload of a panic that panics again when it is dropped.
    struct PanicsAgain;

    impl Drop for PanicsAgain {
        fn drop(&mut self) {
            panic!("planned");
        }
    }

    #[test]
    fn jobs_that_wait_take_no_place_of_another_kind_even_if_they_are_abandoned() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(BlockingThreads::MAX)
            .build()
            .unwrap();
        let _entered = runtime.enter();
        let threads = BlockingThreads::default();
        let (begun, begins) = mpsc::channel();
        let mut waiting = Vec::new();
        for work in [Work::Encode, Work::Read, Work::Walk] {
            for number in 0..work.places() + 20 {
                let (release, released) = mpsc::channel::<()>();
                let begun = begun.clone();
                let mut job = Box::pin(threads.run(work, move || {
                    begun.send(()).unwrap();
                    released.recv().unwrap_err();
                }));
                assert!(job.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
                // The connections of some jobs end.
                waiting.push((release, (number % 2 == 0).then_some(job)));
            }
            for _ in 0..work.places() {
                begins.recv().unwrap();
            }
        }
        assert!(begins.try_recv().is_err(), "no more jobs have begun than there are places");
        for number in 0..=Work::Change.places() {
            assert_eq!(runtime.block_on(threads.run(Work::Change, move || number)), Some(number));
        }
        assert_eq!(runtime.block_on(threads.run(Work::Change, || -> u8 { panic!("planned") })), None);
        assert_eq!(run_inline(|| -> u8 { panic!("planned") }), None);
        assert_eq!(runtime.block_on(threads.run(Work::Change, || -> u8 { panic_any(PanicsAgain) })), None);
        assert_eq!(run_inline(|| -> u8 { panic_any(PanicsAgain) }), None);
        for _ in 0..Work::Change.places() {
            assert_eq!(runtime.block_on(threads.run(Work::Change, || 7)), Some(7), "the place is free again");
        }
        drop(waiting);
    }

    #[test]
    fn a_job_is_built_when_it_has_its_place() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _entered = runtime.enter();
        let threads = BlockingThreads::default();
        let (release, released) = mpsc::channel::<()>();
        let released = Arc::new(Mutex::new(released));
        let polled = &mut Context::from_waker(Waker::noop());
        let mut running: Vec<_> = (0..Work::Encode.places())
            .map(|_| {
                let released = released.clone();
                Box::pin(threads.run(Work::Encode, move || released.lock().unwrap().recv().unwrap_err()))
            })
            .collect();
        for job in &mut running {
            assert!(job.as_mut().poll(polled).is_pending());
        }
        let is_built = Cell::new(false);
        let mut waiting = Box::pin(threads.run_built(Work::Encode, || {
            is_built.set(true);
            || 7
        }));
        assert!(waiting.as_mut().poll(polled).is_pending() && !is_built.get());
        drop(release);
        assert_eq!(runtime.block_on(waiting), Some(7));
        assert!(is_built.get());
    }
}
