//! The waits of callers for a push of a key: another machine loads the key, and its fill is pushed.
//!
//! 1. The caller registers its wait, and then asks the server.
//! 2. If the server answers that the key is busy, the caller waits for a push that came after (1).
//! 3. The thread that reads the connection counts each push of a key that has a wait.
//!
//! If (1) came after the request to the server, a push in between would be missed. The caller would then wait
//! until the lease ends.

use std::collections::HashMap;
use std::time::Duration;

use crate::sys::sync::{AtomicUsize, Condvar, Mutex, Ordering};

#[derive(Debug, Default)]
pub(crate) struct PushWaits {
    /// The number of waits. If it is zero, a push takes no lock.
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
    /// Does (2). Waits for at most `max`.
    pub(crate) fn wait(&self, max: Duration) {
        let mut keys = self.waits.keys.lock();
        while keys.get(self.key).is_some_and(|waited| waited.pushes == self.seen) {
            if self.waits.pushed.wait_for(&mut keys, max).timed_out() {
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
