//! Pins threads to one processor. Otherwise two communicating processes would spend much of their time on
//! migrations between processors.

use std::thread;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Pins the calling thread to one processor until this value is dropped. Threads and processes that it starts
/// in that time are pinned too.
#[derive(Debug)]
pub struct Pinned {
    before: Option<CpuSet>,
}

impl Pinned {
    /// Pins the calling thread to a processor. `number` is an index into the processors that the thread may
    /// use. If there are fewer processors, pins the thread to the last one.
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

/// Returns whether client and server can each have their own processor.
#[must_use]
pub fn there_are_two() -> bool {
    thread::available_parallelism().is_ok_and(|count| count.get() > 1)
}
