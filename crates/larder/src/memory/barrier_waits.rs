//! The changes that wait until a range removal has reached their key.
//!
//! A change of a key behind a barrier is refused ([`super::publication`]). So the caller waits for the end of
//! the barrier, and reads the key only then. Otherwise it would call the user's closure again and again, and
//! lose each round.
//!
//! 1. The caller finds a barrier under the shard's lock, and releases the lock.
//! 2. Under the gate, the caller checks again, and sleeps while there is a barrier.
//! 3. The range removal removes the barrier under the shard's lock. After that it takes the gate and wakes
//!    the callers.
//!
//! If the check of (2) finds the barrier, (3) takes the gate only while the caller sleeps. No thread takes
//! the gate while it holds the lock of a shard, so the check may lock the shard.

use crate::sys::sync::{Condvar, Mutex};

#[derive(Debug)]
pub(super) struct BarrierWaits {
    /// The gate, with the number of waiting callers.
    waiting: Mutex<usize>,
    lowered: Condvar,
}

impl BarrierWaits {
    pub(super) fn new() -> Self {
        Self { waiting: Mutex::new(0), lowered: Condvar::new() }
    }

    /// Runs step 2.
    #[cold]
    pub(super) fn wait_while(&self, is_behind_barrier: impl Fn() -> bool) {
        let mut waiting = self.waiting.lock();
        *waiting += 1;
        while is_behind_barrier() {
            self.lowered.wait(&mut waiting);
        }
        *waiting -= 1;
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        *self.waiting.lock()
    }

    /// Wakes the waiting callers. The calling thread must hold no lock of a shard.
    pub(super) fn wake(&self) {
        if *self.waiting.lock() > 0 {
            self.lowered.notify_all();
        }
    }
}
