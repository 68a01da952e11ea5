//! The parts that the tests `judge` and `cache_judge` share: when each number of a key was replaced, how old
//! the answers are, and the threads of a trial.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::support::{now, pause};

/// The replacements of the numbers of each key, and the age of the oldest answer.
pub(crate) struct Ages {
    began: Instant,
    /// For each key, the times at which its numbers were replaced, the first number first.
    replaced: Vec<Mutex<Vec<Duration>>>,
    worst: AtomicU64,
    answers: AtomicU64,
}

impl Ages {
    pub(crate) fn new(keys: usize) -> Self {
        let replaced = std::iter::repeat_with(Mutex::default).take(keys).collect();
        Self { began: now(), replaced, worst: AtomicU64::new(0), answers: AtomicU64::new(0) }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Records that the next number of a key has been replaced. Call this after the change has been
    /// acknowledged.
    pub(crate) fn replace(&self, at: usize) {
        self.replaced[at].lock().unwrap().push(self.elapsed());
    }

    /// Returns how many numbers of a key were replaced.
    pub(crate) fn count(&self, at: usize) -> usize {
        self.replaced[at].lock().unwrap().len()
    }

    pub(crate) fn total(&self) -> usize {
        (0..self.replaced.len()).map(|at| self.count(at)).sum()
    }

    /// Counts a lookup that began at `asked` and returned the number with this index. Records the time from
    /// the replacement of this number to the lookup, if it is the longest so far.
    pub(crate) fn judge(&self, at: usize, asked: Duration, number: usize) {
        self.answers.fetch_add(1, Ordering::Relaxed);
        let replaced = self.replaced[at].lock().unwrap().get(number).copied();
        if let Some(replaced) = replaced {
            let age = asked.saturating_sub(replaced).as_micros();
            self.worst.fetch_max(age.try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    pub(crate) fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    pub(crate) fn worst(&self) -> Duration {
        Duration::from_micros(self.worst.load(Ordering::Relaxed))
    }
}

/// The part of a trial that one thread does, until the flag is set.
pub(crate) type TrialThread<'a> = Box<dyn FnOnce(&AtomicBool) + Send + 'a>;

/// Runs threads. Calls `disturb` every 20 ms with the number of the step. Ends the threads when `disturb`
/// returns false.
pub(crate) fn run_trial(threads: Vec<TrialThread<'_>>, mut disturb: impl FnMut(usize) -> bool) {
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let ends = EndOfTrial(&ends);
        for thread in threads {
            let flag = ends.0;
            scope.spawn(move || thread(flag));
        }
        for step in 0.. {
            if !disturb(step) {
                return;
            }
            pause(Duration::from_millis(20));
        }
    });
}

/// Sets the flag that ends the threads, also after a panic in `disturb`.
struct EndOfTrial<'a>(&'a AtomicBool);

impl Drop for EndOfTrial<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Returns a disturbance that ends after this time.
pub(crate) fn for_time(length: Duration, disturb: &dyn Fn(usize)) -> impl FnMut(usize) -> bool {
    let began = now();
    move |step| {
        disturb(step);
        began.elapsed() < length
    }
}
