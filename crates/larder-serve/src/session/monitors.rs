//! The monitors: connections that have sent `MONITOR`. A monitor receives a line for each valid request
//! whose command has neither the flag `ADMIN` nor the flag `SKIP_MONITOR`.
//!
//! 1. Before such a request is executed, or queued after `MULTI`, a line is added to the queue of each
//!    monitor. Without a monitor, this step costs only a read of a counter.
//! 2. The monitor's connection is woken, and takes the lines from its queue.
//! 3. The queue is bounded. If a monitor does not take its lines in time, the server closes its connection.
//!    So requests never wait for a monitor to take its lines, and an open monitor misses no line.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

pub(crate) const MAX_MONITORS: usize = 16;

/// Maximum length of the lines that wait for a monitor, in bytes.
pub(crate) const MAX_QUEUE: usize = 4 << 20;

#[derive(Debug, Default)]
pub(crate) struct Monitors {
    /// Number of elements of `queues`. It can be read without the lock.
    count: AtomicUsize,
    queues: Mutex<Vec<Arc<Mutex<LineQueue>>>>,
}

#[derive(Debug, Default)]
struct LineQueue {
    lines: Vec<u8>,
    is_overfull: bool,
    waker: Option<Waker>,
}

/// A connection that is a monitor. Dropping this value ends the monitor.
#[derive(Debug)]
pub(crate) struct Monitor(Arc<Monitors>, Arc<Mutex<LineQueue>>);

/// The error of a monitor that has not taken its lines in time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overfull;

impl Monitors {
    /// Adds a monitor. Returns `None` if the maximum number is reached.
    pub(crate) fn add(self: &Arc<Self>) -> Option<Monitor> {
        let mut queues = lock(&self.queues);
        if queues.len() == MAX_MONITORS {
            return None;
        }
        let queue: Arc<Mutex<LineQueue>> = Arc::default();
        queues.push(queue.clone());
        self.count.store(queues.len(), Ordering::Relaxed);
        Some(Monitor(self.clone(), queue))
    }

    /// Returns whether there is a monitor.
    pub(crate) fn is_watched(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Adds a line to the queues of all monitors.
    pub(crate) fn show(&self, line: &[u8]) {
        let mut wakers = Vec::new();
        for queue in &*lock(&self.queues) {
            let mut queue = lock(queue);
            if queue.lines.len() + line.len() > MAX_QUEUE {
                queue.overfill();
            } else if !queue.is_overfull {
                queue.lines.extend_from_slice(line);
            }
            wakers.extend(queue.waker.take());
        }
        wake(wakers);
    }

    /// Makes the queues of all monitors overfull, because a line is longer than a queue.
    pub(crate) fn cut_off(&self) {
        let mut wakers = Vec::new();
        for queue in &*lock(&self.queues) {
            let mut queue = lock(queue);
            queue.overfill();
            wakers.extend(queue.waker.take());
        }
        wake(wakers);
    }
}

impl LineQueue {
    fn overfill(&mut self) {
        self.is_overfull = true;
        self.lines = Vec::new();
    }
}

/// Calls the wakers of monitors. Must be called without a lock, because a waker may run foreign code.
fn wake(wakers: Vec<Waker>) {
    for waker in wakers {
        waker.wake();
    }
}

impl Monitor {
    /// Moves the queued lines to `to`, unless it is `None`. Ready when at least one line has been moved, or
    /// with an error if the queue was overfull.
    pub(crate) fn poll_lines(
        &self,
        context: &mut Context<'_>,
        to: Option<&mut Vec<u8>>,
    ) -> Poll<Result<(), Overfull>> {
        let mut queue = lock(&self.1);
        if queue.is_overfull {
            return Poll::Ready(Err(Overfull));
        }
        queue.waker = Some(context.waker().clone());
        let Some(to) = to.filter(|_| !queue.lines.is_empty()) else { return Poll::Pending };
        to.append(&mut queue.lines);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let mut queues = lock(&self.0.queues);
        queues.retain(|queue| !Arc::ptr_eq(queue, &self.1));
        self.0.count.store(queues.len(), Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_monitor_sees_each_line_once_and_is_cut_off_when_it_takes_none() {
        let monitors: Arc<Monitors> = Arc::default();
        let mut context = Context::from_waker(Waker::noop());
        assert!(!monitors.is_watched());
        let monitor = monitors.add().unwrap();
        let mut lines = Vec::new();
        assert!(monitor.poll_lines(&mut context, Some(&mut lines)).is_pending());
        monitors.show(b"a");
        monitors.show(b"b");
        assert_eq!(monitor.poll_lines(&mut context, Some(&mut lines)), Poll::Ready(Ok(())));
        assert!(monitor.poll_lines(&mut context, Some(&mut lines)).is_pending());
        assert_eq!(lines, b"ab");
        let line = vec![b'x'; MAX_QUEUE];
        monitors.show(&line);
        monitors.show(b"y");
        assert_eq!(monitor.poll_lines(&mut context, Some(&mut lines)), Poll::Ready(Err(Overfull)));
        let cut_off = monitors.add().unwrap();
        monitors.cut_off();
        assert_eq!(cut_off.poll_lines(&mut context, Some(&mut lines)), Poll::Ready(Err(Overfull)));
        drop(cut_off);
        let others: Vec<_> = (1..MAX_MONITORS).map(|_| monitors.add().unwrap()).collect();
        assert!(monitors.add().is_none());
        drop((monitor, others));
        assert!(!monitors.is_watched());
    }
}
