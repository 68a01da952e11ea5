//! Runtimes for tests of async code, and futures that a test polls by hand.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake};

use larder::{BackgroundLoad, CacheBuilder};

pub(crate) type Task<T> = Pin<Box<dyn Future<Output = T> + Send>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runtime {
    TokioOnOneThread,
    TokioOnThreads,
    Smol,
}

impl Runtime {
    pub(crate) const ALL: [Self; 3] = [Self::TokioOnOneThread, Self::TokioOnThreads, Self::Smol];

    pub(crate) fn block_on<T>(self, future: impl Future<Output = T>) -> T {
        let tokio = |mut builder: tokio::runtime::Builder| builder.enable_time().build().unwrap();
        match self {
            Self::TokioOnOneThread => tokio(tokio::runtime::Builder::new_current_thread()).block_on(future),
            Self::TokioOnThreads => {
                let mut builder = tokio::runtime::Builder::new_multi_thread();
                builder.worker_threads(2);
                tokio(builder).block_on(future)
            }
            Self::Smol => smol::block_on(future),
        }
    }

    /// Returns a function for [`CacheBuilder::spawner`]. Must be called inside [`block_on`](Self::block_on).
    pub(crate) fn spawner(self) -> impl Fn(BackgroundLoad) + Send + Sync + 'static {
        let handle = (self != Self::Smol).then(tokio::runtime::Handle::current);
        move |load| match &handle {
            Some(handle) => drop(handle.spawn(load)),
            None => smol::spawn(load).detach(),
        }
    }

    /// Starts a task. Must be called inside [`block_on`](Self::block_on). If the handle of the task is
    /// dropped, the task continues in tokio, and is cancelled in smol.
    pub(crate) fn spawn<T: Send + 'static>(
        self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Task<T> {
        match self {
            Self::Smol => Box::pin(smol::spawn(future)),
            Self::TokioOnOneThread | Self::TokioOnThreads => {
                let task = tokio::spawn(future);
                Box::pin(async { task.await.unwrap() })
            }
        }
    }
}

/// A waker that counts how often it is called.
#[derive(Debug, Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A future that the test polls by hand.
pub(crate) struct HandPolled<F> {
    future: Option<Pin<Box<F>>>,
    wakes: Arc<Wakes>,
    seen: usize,
}

impl<F: Future> HandPolled<F> {
    pub(crate) fn new(future: F) -> Self {
        Self { future: Some(Box::pin(future)), wakes: Arc::default(), seen: 0 }
    }

    pub(crate) fn poll(&mut self) -> Poll<F::Output> {
        self.seen = self.wakes.0.load(Ordering::SeqCst);
        let waker = self.wakes.clone().into();
        self.future.as_mut().unwrap().as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// Returns whether the future was woken since the last poll.
    pub(crate) fn is_woken(&self) -> bool {
        self.wakes.0.load(Ordering::SeqCst) > self.seen
    }

    /// Polls the future whenever it is woken, until it is ready. Returns its output.
    pub(crate) fn finish(&mut self) -> F::Output {
        loop {
            if let Poll::Ready(output) = self.poll() {
                return output;
            }
            self.await_wake();
        }
    }

    pub(crate) fn await_wake(&self) {
        while !self.is_woken() {
            std::thread::yield_now();
        }
    }

    pub(crate) fn leave(&mut self) {
        self.future = None;
    }

    /// Returns the number of clones of the waker that still exist.
    pub(crate) fn kept_wakers(&self) -> usize {
        Arc::strong_count(&self.wakes) - 1
    }
}

/// A runtime whose tasks are polled by hand.
#[derive(Clone, Default)]
pub(crate) struct HandRuntime(Arc<Mutex<Vec<HandPolled<BackgroundLoad>>>>);

impl HandRuntime {
    /// Makes this runtime the spawner of `builder`.
    pub(crate) fn of(&self, builder: CacheBuilder) -> CacheBuilder {
        let tasks = self.0.clone();
        builder.spawner(move |load| tasks.lock().unwrap().push(HandPolled::new(load)))
    }

    pub(crate) fn tasks(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Polls each task once, and drops the tasks that are ready. Returns the number of tasks that remain.
    pub(crate) fn poll(&self) -> usize {
        // A task may start another task, so the lock is not held while tasks are polled.
        let tasks = std::mem::take(&mut *self.0.lock().unwrap());
        let left: Vec<_> =
            tasks.into_iter().filter_map(|mut task| task.poll().is_pending().then_some(task)).collect();
        let mut tasks = self.0.lock().unwrap();
        tasks.extend(left);
        tasks.len()
    }

    /// Polls the tasks until none remains.
    pub(crate) fn finish(&self) {
        while self.poll() > 0 {
            std::thread::yield_now();
        }
    }

    /// Drops all tasks, as a runtime does when it shuts down.
    pub(crate) fn shut_down(&self) {
        let tasks = std::mem::take(&mut *self.0.lock().unwrap());
        drop(tasks);
    }
}
