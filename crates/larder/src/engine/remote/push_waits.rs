//! The waits of callers for a push of a key: another machine loads the key, and its fill is pushed.
//!
//! 1. The caller registers its wait, and then asks the server.
//! 2. If the server answers that the key is busy, the caller waits for a push that came after (1).
//! 3. The thread that reads the connection notes each push of a key that has a wait.
//!
//! With (1) after the question, the push of a fill between the two would be lost, and the caller would wait
//! until the lease ends.

use std::collections::HashMap;
use std::time::Duration;

use crate::sys::clock::Deadline;
use crate::sys::sync::{AtomicUsize, Condvar, Mutex, Ordering};

#[derive(Debug, Default)]
pub(crate) struct PushWaits {
    /// The number of waits, so that a push without any takes no lock.
    waits: AtomicUsize,
    keys: Mutex<HashMap<Box<[u8]>, WaitedKey>>,
    pushed: Condvar,
}

/// A key that callers wait for.
#[derive(Debug, Default)]
struct WaitedKey {
    callers: usize,
    pushes: u64,
}

/// The wait of one caller. Dropping it ends the wait.
#[derive(Debug)]
pub(crate) struct PushWait<'a> {
    waits: &'a PushWaits,
    key: &'a [u8],
    /// The number of pushes when the wait was registered.
    seen: u64,
}

impl PushWaits {
    /// Does (1).
    pub(crate) fn register<'a>(&'a self, key: &'a [u8]) -> PushWait<'a> {
        // SeqCst: the caller asks the server only after this, so a push of that answer finds the wait.
        self.waits.fetch_add(1, Ordering::SeqCst);
        let mut keys = self.keys.lock();
        let waited = keys.entry(key.into()).or_default();
        waited.callers += 1;
        PushWait { waits: self, key, seen: waited.pushes }
    }

    /// Does (3). Without a key, all keys were pushed.
    pub(crate) fn note_push(&self, key: Option<&[u8]>) {
        if self.waits.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut keys = self.keys.lock();
        match key {
            Some(key) => match keys.get_mut(key) {
                Some(waited) => waited.pushes += 1,
                None => return,
            },
            None => keys.values_mut().for_each(|waited| waited.pushes += 1),
        }
        drop(keys);
        self.pushed.notify_all();
    }
}

impl PushWait<'_> {
    /// Does (2), for `max` at most. The pushes of other keys wake the caller, and do not extend its wait.
    pub(crate) fn wait(&self, max: Duration) {
        let deadline = Deadline::after(max);
        let mut keys = self.waits.keys.lock();
        while keys.get(self.key).is_some_and(|waited| waited.pushes == self.seen) {
            let left = deadline.left();
            if left.is_zero() || self.waits.pushed.wait_for(&mut keys, left).timed_out() {
                return;
            }
        }
    }
}

impl Drop for PushWait<'_> {
    fn drop(&mut self) {
        let mut keys = self.waits.keys.lock();
        if let Some(waited) = keys.get_mut(self.key) {
            waited.callers -= 1;
            if waited.callers == 0 {
                keys.remove(self.key);
            }
        }
        drop(keys);
        self.waits.waits.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushes_of_another_key_do_not_extend_a_wait() {
        let waits = PushWaits::default();
        let wait = waits.register(b"MTNVTU");
        let _other = waits.register(b"AIRTEL");
        let is_over = std::sync::atomic::AtomicBool::new(false);
        let limit = Deadline::after(Duration::from_secs(20));
        std::thread::scope(|threads| {
            threads.spawn(|| {
                while !is_over.load(Ordering::SeqCst) && !limit.is_over() {
                    waits.note_push(Some(b"AIRTEL"));
                    std::thread::yield_now();
                }
            });
            wait.wait(Duration::from_millis(200));
            assert!(!limit.is_over(), "the wait ends by its own limit");
            is_over.store(true, Ordering::SeqCst);
        });
    }
}
