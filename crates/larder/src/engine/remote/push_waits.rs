//! Waits for a push of a key: another machine is loading the key, and the server will push its fill.
//!
//! A lookup does not wait for the push itself, but returns a flight. A caller waits for the flight only while
//! it holds no lease of another key, and not on a worker thread. Otherwise two calls that load several keys
//! could each hold a lease that the other call waits for. All worker threads could also wait for fills that
//! are queued behind them.
//!
//! 1. The caller registers its wait, and then sends the request to the server.
//! 2. If the server answers that the key is busy, the caller *parks* a flight. The flight represents the load
//!    of the other machine. It ends with that machine's lease at the latest, but lasts for a short time at
//!    least. It is attached to the key, so that further callers of this process join it and send no request.
//! 3. If a push of the key came after (1), the flight is not parked, but ends immediately.
//! 4. For each push, the thread that reads the connection takes the parked flights of the key, releases their
//!    leases in memory, and lands them without a result. Then the callers look the key up again.
//!
//! If (1) came after the request, the push of a fill in between would be missed, and the callers would wait
//! until the other machine's lease ends.
//!
//! A flight that no push ends is removed after its deadline, when other flights are parked.

use std::collections::HashMap;

use crate::engine::flights::Flight;
use crate::memory::key_leases::LeaseId;
use crate::sys::clock::Deadline;
use crate::sys::sync::{Arc, AtomicUsize, Mutex, Ordering};

/// The minimum number of keys for a search for flights past their deadlines.
const MIN_KEYS: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct PushWaits {
    /// The number of waits and parked flights. If it is zero, a push does not lock `keys`.
    waits: AtomicUsize,
    keys: Mutex<WaitedKeys>,
}

#[derive(Debug, Default)]
struct WaitedKeys {
    by_key: HashMap<Box<[u8]>, WaitedKey>,
    /// The number of keys at which the next search for flights past their deadlines begins.
    clean_at: usize,
}

#[derive(Debug, Default)]
struct WaitedKey {
    callers: usize,
    pushes: u64,
    parked: Vec<ParkedFlight>,
}

/// A flight that represents the load of another machine.
#[derive(Debug)]
pub(crate) struct ParkedFlight {
    pub(crate) key: Box<[u8]>,
    /// The lease in memory that the flight is attached to.
    pub(crate) lease: LeaseId,
    pub(crate) flight: Arc<Flight>,
    pub(crate) deadline: Deadline,
}

/// The registered wait of a caller. Dropping this value ends the wait.
#[derive(Debug)]
pub(crate) struct PushWait<'a> {
    waits: &'a PushWaits,
    key: &'a [u8],
    /// The number of pushes when the wait was registered.
    seen: u64,
}

impl PushWaits {
    /// Runs step 1.
    pub(crate) fn register<'a>(&'a self, key: &'a [u8]) -> PushWait<'a> {
        // `SeqCst`, because the push that ends this wait must see the new number. The caller sends its
        // request only after this.
        self.waits.fetch_add(1, Ordering::SeqCst);
        let mut keys = self.keys.lock();
        let waited = keys.by_key.entry(key.into()).or_default();
        waited.callers += 1;
        PushWait { waits: self, key, seen: waited.pushes }
    }

    /// Records a push of a key, or of all keys if `key` is `None`. Returns the flights to end in step 4.
    #[must_use]
    pub(super) fn note_push(&self, key: Option<&[u8]>) -> Vec<ParkedFlight> {
        if self.waits.load(Ordering::SeqCst) == 0 {
            return Vec::new();
        }
        let mut ended = Vec::new();
        let mut keys = self.keys.lock();
        let mut note = |waited: &mut WaitedKey| {
            waited.pushes += 1;
            ended.append(&mut waited.parked);
        };
        if let Some(key) = key {
            if let Some(waited) = keys.by_key.get_mut(key) {
                note(waited);
                if waited.callers == 0 {
                    keys.by_key.remove(key);
                }
            }
        } else {
            keys.by_key.values_mut().for_each(note);
            keys.by_key.retain(|_, waited| waited.callers > 0);
        }
        drop(keys);
        self.waits.fetch_sub(ended.len(), Ordering::SeqCst);
        ended
    }

    #[cfg(test)]
    pub(crate) fn keys(&self) -> usize {
        self.keys.lock().by_key.len()
    }
}

impl WaitedKeys {
    /// Moves the flights past their deadlines to `overdue`, if the number of keys has reached `clean_at` and
    /// `MIN_KEYS`.
    fn take_overdue(&mut self, overdue: &mut Vec<ParkedFlight>) {
        if self.by_key.len() < self.clean_at.max(MIN_KEYS) {
            return;
        }
        self.by_key.retain(|_, waited| {
            overdue.extend(waited.parked.extract_if(.., |parked| parked.deadline.is_over()));
            waited.callers > 0 || !waited.parked.is_empty()
        });
        self.clean_at = 2 * self.by_key.len();
    }
}

impl PushWait<'_> {
    /// Runs step 2, or step 3 if a push has come. Returns the flights that the caller must end.
    #[must_use]
    pub(crate) fn park(self, parked: ParkedFlight) -> Vec<ParkedFlight> {
        let mut ended = Vec::new();
        let mut keys = self.waits.keys.lock();
        match keys.by_key.get_mut(self.key) {
            Some(waited) if waited.pushes == self.seen => {
                ended.extend(waited.parked.extract_if(.., |parked| parked.deadline.is_over()));
                waited.parked.push(parked);
                keys.take_overdue(&mut ended);
                self.waits.waits.fetch_add(1, Ordering::SeqCst);
                self.waits.waits.fetch_sub(ended.len(), Ordering::SeqCst);
            }
            // 3.
            _ => ended.push(parked),
        }
        drop(keys);
        ended
    }
}

impl Drop for PushWait<'_> {
    fn drop(&mut self) {
        let mut keys = self.waits.keys.lock();
        if let Some(waited) = keys.by_key.get_mut(self.key) {
            waited.callers -= 1;
            if waited.callers == 0 && waited.parked.is_empty() {
                keys.by_key.remove(self.key);
            }
        }
        drop(keys);
        self.waits.waits.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn parked(key: &[u8], left: Duration) -> ParkedFlight {
        let deadline = Deadline::after(left);
        ParkedFlight { key: key.into(), lease: 1, flight: Flight::unled(deadline), deadline }
    }

    #[test]
    fn a_push_between_the_question_and_the_wait_ends_the_flight_at_once() {
        let waits = PushWaits::default();
        let minute = Duration::from_mins(1);
        let wait = waits.register(b"MTNVTU");
        assert!(waits.note_push(Some(b"AIRTEL")).is_empty());
        assert!(wait.park(parked(b"MTNVTU", minute)).is_empty());
        assert_eq!(waits.note_push(Some(b"MTNVTU")).len(), 1);
        let wait = waits.register(b"MTNVTU");
        assert!(waits.note_push(Some(b"MTNVTU")).is_empty());
        assert_eq!(wait.park(parked(b"MTNVTU", minute)).len(), 1);
        let wait = waits.register(b"MTNVTU");
        assert!(wait.park(parked(b"MTNVTU", minute)).is_empty());
        assert_eq!((waits.note_push(None).len(), waits.keys()), (1, 0));
    }

    #[test]
    fn flights_that_no_push_ends_do_not_pile_up() {
        let waits = PushWaits::default();
        for key in 0_u32..1000 {
            let key = key.to_be_bytes();
            drop(waits.register(&key).park(parked(&key, Duration::ZERO)));
            assert!(waits.keys() <= MIN_KEYS);
        }
    }
}
