//! Watchers of operations. Each watcher has a ring with a sample of the current operations.
//!
//! An operation never waits for a watcher. A sampled operation is offered to the ring of every watcher
//! whose sample and keyspace include it. If another thread has locked the ring, or the ring is full, the
//! watcher misses the operation, and gets the number of missed operations. So a slow watcher does not slow
//! down the cache.
//!
//! # The order of steps
//!
//! An operation first reads the thresholds, without a lock. If it is sampled, it then reads the list of
//! watchers ([`super::Observer`]). A thread that changes the list holds the lock of `all` from the first step
//! to the last:
//!
//! 1. To start: add the watcher to the list, publish the list, then raise the thresholds. So an operation
//!    that is sampled finds the watcher.
//! 2. To stop: remove the watcher from the list, lower the thresholds as far as the remaining watchers
//!    allow, then publish the list.
//!
//! The thresholds are computed from the whole list under the lock. Without the lock, stopping a watcher could
//! lower the thresholds too far for a watcher that has just started. That watcher would then miss operations.

use std::collections::VecDeque;

use crate::format::keyspace_id::KeyspaceId;
use crate::stats::count::Count;
use crate::sys::sync::{Arc, AtomicSnapshot, Mutex, Ordering, StatisticU64};
use crate::units::Timestamp;

pub(crate) const MAX_WATCHERS: usize = 4;
/// Maximum number of operations in a ring.
const RING: usize = 1024;
/// Maximum number of key bytes in a ring, summed over its operations.
const RING_BYTES: usize = 1 << 20;

/// An operation in the form that a watcher receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedOperation {
    pub(crate) verb: Verb,
    /// The full key, with the keyspace's number, or the prefix of a removal by prefix.
    pub(crate) full: Vec<u8>,
    pub(crate) at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    MemoryHit,
    DiskHit,
    AbsentAnswer,
    Miss,
    Load,
    Insert,
    Remove,
    RemovePrefix,
}

impl Verb {
    /// The verbs that have a count, with that count.
    pub(super) const COUNTED: [(Self, Count); 7] = [
        (Self::MemoryHit, Count::MemoryHits),
        (Self::DiskHit, Count::DiskHits),
        (Self::AbsentAnswer, Count::AbsentAnswers),
        (Self::Miss, Count::Misses),
        (Self::Load, Count::Loads),
        (Self::Insert, Count::Inserts),
        (Self::Remove, Count::Invalidations),
    ];
}

#[derive(Debug)]
pub(crate) struct Watcher {
    pub(super) threshold: u64,
    only: Option<KeyspaceId>,
    ring: Mutex<WatchRing>,
    missed: StatisticU64,
}

#[derive(Debug, Default)]
struct WatchRing {
    seen: VecDeque<ObservedOperation>,
    key_bytes: usize,
}

impl Watcher {
    fn offer(&self, verb: Verb, full: &[u8], at: Timestamp) {
        if self.only.is_some_and(|only| only != KeyspaceId::of(full)) {
            return;
        }
        let is_taken = self.ring.try_lock().is_some_and(|mut ring| {
            let has_room = ring.seen.len() < RING && ring.key_bytes + full.len() <= RING_BYTES;
            if has_room {
                ring.key_bytes += full.len();
                ring.seen.push_back(ObservedOperation { verb, full: full.to_vec(), at });
            }
            has_room
        });
        if !is_taken {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Removes up to `most` operations from the ring and returns them, oldest first.
    pub(crate) fn take(&self, most: usize) -> Vec<ObservedOperation> {
        let mut ring = self.ring.lock();
        let taken = most.min(ring.seen.len());
        let seen: Vec<ObservedOperation> = ring.seen.drain(..taken).collect();
        ring.key_bytes -= seen.iter().map(|seen| seen.full.len()).sum::<usize>();
        seen
    }

    pub(crate) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    /// Returns how many operations are in the ring.
    pub(crate) fn waiting(&self) -> u64 {
        self.ring.lock().seen.len() as u64
    }
}

#[derive(Debug)]
pub(super) struct Watchers {
    /// The list of watchers, locked while the list and the thresholds change.
    all: Mutex<Vec<Arc<Watcher>>>,
    /// A copy of the list that operations read without a lock.
    shown: AtomicSnapshot<Vec<Arc<Watcher>>>,
}

impl Watchers {
    pub(super) fn none() -> Self {
        Self { all: Mutex::new(Vec::new()), shown: AtomicSnapshot::new(None) }
    }

    pub(super) fn offer(&self, sample: u64, verb: Verb, full: &[u8], now: impl FnOnce() -> Timestamp) {
        let shown = self.shown.load();
        let Some(watchers) = &*shown else { return };
        let at = now();
        for watcher in watchers.iter().filter(|watcher| sample < watcher.threshold) {
            watcher.offer(verb, full, at);
        }
    }

    /// Starts a watcher, and calls `set` with the largest threshold of all watchers. Returns `None` if there
    /// are already [`MAX_WATCHERS`] watchers.
    pub(super) fn begin(
        &self,
        threshold: u64,
        only: Option<KeyspaceId>,
        set: impl FnOnce(u64),
    ) -> Option<Arc<Watcher>> {
        let watcher =
            Arc::new(Watcher { threshold, only, ring: Mutex::default(), missed: StatisticU64::new(0) });
        let mut all = self.all.lock();
        if all.len() >= MAX_WATCHERS {
            return None;
        }
        // 1.
        all.push(watcher.clone());
        self.show(&all);
        set(largest(&all));
        Some(watcher)
    }

    /// Stops a watcher. Does nothing if the watcher is already stopped.
    pub(super) fn end(&self, watcher: &Arc<Watcher>, set: impl FnOnce(u64)) {
        let mut all = self.all.lock();
        // 2.
        all.retain(|other| !Arc::ptr_eq(other, watcher));
        set(largest(&all));
        self.show(&all);
    }

    fn show(&self, all: &[Arc<Watcher>]) {
        self.shown.swap((!all.is_empty()).then(|| Arc::new(all.to_vec())));
    }
}

fn largest(watchers: &[Arc<Watcher>]) -> u64 {
    watchers.iter().map(|watcher| watcher.threshold).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    const AT: Timestamp = Timestamp::from_millis(7);

    fn full(number: u32, key: &[u8]) -> Vec<u8> {
        [&KeyspaceId::on_disk(number).to_bytes()[..], key].concat()
    }

    #[test]
    fn a_watcher_that_takes_nothing_misses_what_it_has_no_room_for_and_is_told() {
        let watchers = Watchers::none();
        let watcher = watchers.begin(u64::MAX, None, |_| ()).unwrap();
        for _ in 0..RING + 5 {
            watchers.offer(0, Verb::Insert, &full(1, b"a"), || AT);
        }
        assert_eq!(watcher.missed(), 5);
        assert_eq!(watcher.take(usize::MAX).len(), RING);
        // With long keys, the key bytes fill the ring before the number of operations does.
        for _ in 0..RING {
            watchers.offer(0, Verb::Insert, &full(1, &[7; 4092]), || AT);
        }
        assert_eq!(watcher.take(usize::MAX).len(), RING_BYTES / 4096);
        watchers.offer(0, Verb::Miss, &full(1, b"b"), || AT);
        assert_eq!(watcher.take(9), [ObservedOperation { verb: Verb::Miss, full: full(1, b"b"), at: AT }]);
        // An operation is missed while another thread has locked the ring.
        let missed = watcher.missed();
        let busy = watcher.ring.lock();
        watchers.offer(0, Verb::Miss, &full(1, b"b"), || AT);
        drop(busy);
        assert_eq!((watcher.missed(), watcher.take(9).len()), (missed + 1, 0));
    }

    #[test]
    fn each_watcher_sees_its_own_sample_of_its_own_keyspace() {
        let watchers = Watchers::none();
        let all = watchers.begin(u64::MAX, None, |_| ()).unwrap();
        let few = watchers.begin(100, Some(KeyspaceId::on_disk(2)), |_| ()).unwrap();
        for (sample, number) in [(99, 1), (99, 2), (100, 2), (7, 2)] {
            watchers.offer(sample, Verb::Miss, &full(number, b"a"), || AT);
        }
        assert_eq!((all.take(9).len(), few.take(9).len()), (4, 2));
        assert_eq!(few.missed(), 0, "what it did not ask for is not missed");
    }

    #[test]
    fn thresholds_are_what_those_that_watch_ask_for_however_they_come_and_go() {
        let watchers = Watchers::none();
        let threshold = AtomicU64::new(0);
        let set = |largest| threshold.store(largest, Ordering::SeqCst);
        let staying = watchers.begin(5, None, set).unwrap();
        std::thread::scope(|scope| {
            for asked in [10, 20] {
                let (watchers, set) = (&watchers, &set);
                scope.spawn(move || {
                    for _ in 0..2_000 {
                        let watcher = watchers.begin(asked, None, set).unwrap();
                        assert!(threshold_of(watchers) >= asked);
                        watchers.end(&watcher, set);
                    }
                });
            }
        });
        assert_eq!(threshold.load(Ordering::SeqCst), 5);
        watchers.end(&staying, set);
        watchers.end(&staying, set);
        assert_eq!(threshold.load(Ordering::SeqCst), 0);
        watchers.offer(0, Verb::Miss, b"", || panic!("without a watcher the time is not read"));
    }

    fn threshold_of(watchers: &Watchers) -> u64 {
        largest(&watchers.all.lock())
    }

    #[test]
    fn an_operation_that_a_threshold_lets_through_finds_the_watcher() {
        let watchers = Watchers::none();
        let offer = || watchers.offer(0, Verb::Miss, b"\0\0\0\x01a", || AT);
        // This operation is sampled while the thresholds are raised.
        let watcher = watchers.begin(9, None, |_| offer()).unwrap();
        assert_eq!(watcher.take(9).len(), 1);
        // This operation is sampled while the thresholds are lowered.
        watchers.end(&watcher, |_| offer());
        assert_eq!(watcher.take(9).len(), 1);
        offer();
        assert_eq!(watcher.take(9).len(), 0);
    }

    #[test]
    fn there_are_no_more_watchers_than_may_be() {
        let watchers = Watchers::none();
        let mut all: Vec<_> = (0..MAX_WATCHERS).map(|_| watchers.begin(9, None, |_| ()).unwrap()).collect();
        assert!(watchers.begin(9, None, |_| panic!("it is refused")).is_none());
        watchers.end(&all.pop().unwrap(), |_| ());
        assert!(watchers.begin(9, None, |_| ()).is_some());
    }
}
