//! Keeps threads on a processor. Otherwise the figure of two processes that talk to each other is mostly the
//! cost of moving them between processors.

use std::thread;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Keeps the calling thread on one processor as long as this lives. Threads and processes that it starts
/// meanwhile stay there.
#[derive(Debug)]
pub struct Pinned {
    before: Option<CpuSet>,
}

impl Pinned {
    /// Moves the calling thread to a processor, by its number among those that the thread may use; to the
    /// last one if there are fewer.
    #[must_use]
    pub fn to(number: usize) -> Self {
        let Ok(before) = sched_getaffinity(None) else { return Self { before: None } };
        let allowed: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| before.is_set(*cpu)).collect();
        let Some(cpu) = allowed.get(number).or(allowed.last()) else { return Self { before: None } };
        let mut only = CpuSet::new();
        only.set(*cpu);
        let is_set = sched_setaffinity(None, &only).is_ok();
        Self { before: is_set.then_some(before) }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = sched_setaffinity(None, before);
        }
    }
}

/// Returns whether each side of a connection can have a processor of its own.
#[must_use]
pub fn there_are_two() -> bool {
    thread::available_parallelism().is_ok_and(|count| count.get() > 1)
}
