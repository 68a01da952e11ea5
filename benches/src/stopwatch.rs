//! Measures time on one thread, or on several threads that start together.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

#[expect(clippy::disallowed_methods, reason = "a bench measures the machine, not the cache's time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "the date of a run")]
pub(crate) fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Makes the calling thread sleep.
#[expect(clippy::disallowed_methods, reason = "a bench measures the machine, not the cache's time")]
pub fn pause(duration: Duration) {
    thread::sleep(duration);
}

/// A start time.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts a measurement now.
    #[must_use]
    pub fn start() -> Self {
        Self(now())
    }

    /// Returns the time since the start.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// Returns the time since the start in nanoseconds.
    #[must_use]
    pub fn nanos(self) -> f64 {
        self.elapsed().as_secs_f64() * 1e9
    }
}

/// Returns the processor time that all threads of this process have used, in nanoseconds. The time includes
/// background work.
#[must_use]
pub fn processor_nanos() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(used).unwrap_or_default().as_secs_f64() * 1e9
}

/// Returns how long `work` takes.
pub fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let watch = Stopwatch::start();
    black_box(work());
    watch.elapsed()
}

/// Starts `threads` threads together. Returns the time from the start of the first thread to the end of the
/// last one. Each thread calls `work` with its index. For at most one thread, the work runs on the thread of
/// the caller.
///
/// # Panics
/// Panics if the work panics.
pub fn in_threads(threads: usize, work: impl Fn(usize) + Sync) -> Duration {
    if threads <= 1 {
        return time(|| work(0));
    }
    let (start, work) = (Barrier::new(threads), &work);
    let times = thread::scope(|scope| {
        let start = &start;
        let spawn = |number| {
            scope.spawn(move || {
                start.wait();
                let began = now();
                work(number);
                (began, now())
            })
        };
        let running: Vec<_> = (0..threads).map(spawn).collect();
        running.into_iter().map(|thread| thread.join().expect("a contestant panicked")).collect::<Vec<_>>()
    });
    let began = times.iter().map(|(began, _)| *began).min();
    let ended = times.iter().map(|(_, ended)| *ended).max();
    began.zip(ended).map_or(Duration::ZERO, |(began, ended)| ended - began)
}

/// Returns the nanoseconds per operation, if `operations` operations took `elapsed`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of operations are below what a double tells apart")]
pub fn nanos_each(elapsed: Duration, operations: usize) -> f64 {
    elapsed.as_secs_f64() * 1e9 / operations.max(1) as f64
}

/// Returns the operations per second, if `operations` operations took `elapsed`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of operations are below what a double tells apart")]
pub fn per_second(elapsed: Duration, operations: usize) -> f64 {
    operations as f64 / elapsed.as_secs_f64().max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn every_thread_does_the_work_of_its_number() {
        for threads in [1, 2, 5] {
            let done = AtomicUsize::new(0);
            in_threads(threads, |number| {
                done.fetch_add(1 << number, Ordering::Relaxed);
            });
            assert_eq!(done.into_inner(), (1 << threads) - 1);
        }
    }
}
