//! Observes the operations of a cache: hot keys, slow loads, and watchers of operations.
//!
//! Each lookup, insert, removal or load that the statistics include is counted by its thread, in a counter
//! of its keyspace. The count and the keyspace decide whether the operation is sampled: they are mixed into
//! a number, and the number is compared with a threshold. While sampling is off, the decision costs an
//! operation a load and a branch. While sampling is on, an operation that is not sampled costs two more
//! multiplications. The decision not to sample an operation writes to no memory.
//!
//! The reported errors require that samples are nearly independent. Samples of every 64th operation would
//! depend on each other: if a thread looks up 64 keys in turn, the same key is sampled each time. A
//! multiplication of the count by the golden ratio alone would not be enough. If a thread looked up 987
//! keys in turn (a Fibonacci number), each key would be sampled in dozens of turns, and then in none of
//! many turns.
//!
//! Sampling a lookup never waits. No operation is sampled in a forked child, because a lock may be held
//! forever there.

pub(crate) mod hot;
pub(crate) mod named_keyspace;
pub(crate) mod recent;
pub(crate) mod slow;
mod summary;
#[cfg(all(unix, feature = "control"))]
pub(crate) mod watch;

use std::time::Duration;

use hot::{HotKeys, MAX_HOT_KEYS};
use named_keyspace::NamedKeyspace;

use slow::{FinishedLoad, SlowLoads};
#[cfg(all(unix, feature = "control"))]
use watch::{Verb, Watcher};

use super::count::{COUNTS, Count};
use crate::format::keyspace_id::KeyspaceId;
use crate::sys::clock::Clock;
use crate::sys::clock::cache_time::CacheTime;
#[cfg(all(unix, feature = "control"))]
use crate::sys::sync::Arc;
use crate::sys::sync::{Ordering, StatisticU64};

/// 2⁶⁴ divided by the golden ratio, rounded to an odd number.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
/// An odd number with 39 one bits, which form no regular pattern.
const SCATTER: u64 = 0xD6E8_FEB8_6659_FD93;

/// The pseudorandom number of a sampled operation, below the threshold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample(u64);

/// The hot keys, the slow loads and the watchers of a cache, with the thresholds for sampling.
#[derive(Debug)]
pub(crate) struct Observer {
    /// An operation is sampled if its number is below the threshold of its count. A threshold of zero
    /// samples no operation.
    thresholds: [StatisticU64; COUNTS],
    /// `None` if the application has not enabled key sampling.
    hot: Option<Box<hot::HotKeySampler>>,
    slow: Box<slow::SlowLoadRing>,
    #[cfg(all(unix, feature = "control"))]
    watchers: Box<watch::Watchers>,
}

/// Returns the threshold for sampling one in `number` operations.
const fn one_in(number: u64) -> u64 {
    u64::MAX / if number == 0 { 1 } else { number }
}

/// Mixes the bits of a number, so that the upper bits of the result depend on all bits of the number. The
/// upper bits decide the comparison with a threshold.
const fn mixed(number: u64) -> u64 {
    let spread = number.wrapping_mul(SPREAD);
    (spread ^ (spread >> 32)).wrapping_mul(SCATTER)
}

impl Observer {
    pub(crate) fn new(samples_keys: bool, clock: &dyn Clock) -> Self {
        let observer = Self {
            thresholds: Default::default(),
            hot: samples_keys.then(|| Box::new(hot::HotKeySampler::new(reading(clock)))),
            slow: Box::default(),
            #[cfg(all(unix, feature = "control"))]
            watchers: Box::new(watch::Watchers::none()),
        };
        for count in [Count::MemoryHits, Count::DiskHits, Count::Misses] {
            observer.set(count, 0);
        }
        observer
    }

    /// Decides whether an operation is sampled. Returns its sample, or `None` if it is not sampled.
    /// `counted` is the number of the operation. Each stripe of the counters numbers the operations of each
    /// kind and keyspace separately.
    #[inline]
    pub(crate) fn sample(&self, count: Count, counted: u64, keyspace: KeyspaceId) -> Option<Sample> {
        let threshold = self.thresholds.get(count as usize)?.load(Ordering::Relaxed);
        if threshold == 0 {
            return None;
        }
        // The keyspace is part of the number. Otherwise the same counts would be sampled in every keyspace,
        // and keyspaces with few operations would get no samples.
        let sample = mixed(counted ^ (u64::from(keyspace.number()) << 32));
        (sample < threshold).then_some(Sample(sample))
    }

    /// Records a sampled operation. Must not be called in a forked child.
    pub(crate) fn note(&self, sample: Sample, count: Count, full: &[u8], time: &CacheTime) {
        if let Some(hot) = &self.hot
            && hot::HotKeySampler::one_in(count).is_some_and(|number| sample.0 < one_in(number))
        {
            hot.add(count, full, reading(&**time.clock()));
        }
        #[cfg(all(unix, feature = "control"))]
        if let Some((verb, _)) = Verb::COUNTED.into_iter().find(|(_, counted)| *counted == count) {
            self.watchers.offer(sample.0, verb, full, || time.now());
        }
    }

    /// Records a sampled removal of all keys with a prefix. Must not be called in a forked child.
    #[cfg(all(unix, feature = "control"))]
    pub(crate) fn note_prefix(&self, sample: Sample, start: &[u8], time: &CacheTime) {
        self.watchers.offer(sample.0, Verb::RemovePrefix, start, || time.now());
    }

    /// Stores a slow load. Must not be called in a forked child.
    pub(crate) fn note_slow(&self, load: FinishedLoad) {
        self.slow.add(load);
    }

    pub(crate) fn slow_loads(
        &self,
        threshold: Duration,
        most: usize,
        takes: impl Fn(&str) -> bool,
    ) -> SlowLoads {
        self.slow.latest(threshold, most, takes)
    }

    /// Returns the hot keys of all keyspaces, or of one: up to `most` keys, and at most [`MAX_HOT_KEYS`],
    /// for hits and for misses each. Returns `None` if keys are not sampled.
    pub(crate) fn hot_keys(
        &self,
        clock: &dyn Clock,
        most: usize,
        only: Option<KeyspaceId>,
        name: &dyn Fn(KeyspaceId) -> Option<NamedKeyspace>,
    ) -> Option<HotKeys> {
        Some(self.hot.as_ref()?.keys(reading(clock), most.min(MAX_HOT_KEYS), only, name))
    }

    /// Sets the threshold of a count to the larger of two thresholds: that of the watchers, and that of the
    /// hot keys.
    fn set(&self, count: Count, for_watchers: u64) {
        let for_hot = self.hot.as_ref().and_then(|_| hot::HotKeySampler::one_in(count)).map_or(0, one_in);
        if let Some(threshold) = self.thresholds.get(count as usize) {
            threshold.store(for_hot.max(for_watchers), Ordering::Relaxed);
        }
    }
}

#[cfg(all(unix, feature = "control"))]
impl Observer {
    pub(crate) fn samples_keys(&self) -> bool {
        self.hot.is_some()
    }

    /// Starts to watch one in `number` operations, of all keyspaces or of one. Returns `None` if there are
    /// already [`MAX_WATCHERS`](watch::MAX_WATCHERS) watchers.
    pub(crate) fn watch(&self, number: u64, only: Option<KeyspaceId>) -> Option<Arc<Watcher>> {
        self.watchers.begin(one_in(number), only, |threshold| self.set_all(threshold))
    }

    pub(crate) fn unwatch(&self, watcher: &Arc<Watcher>) {
        self.watchers.end(watcher, |threshold| self.set_all(threshold));
    }

    fn set_all(&self, for_watchers: u64) {
        for (_, count) in Verb::COUNTED {
            self.set(count, for_watchers);
        }
    }
}

/// Reads the coarse monotonic clock, which is cheaper, or the precise one if there is no coarse clock.
fn reading(clock: &dyn Clock) -> Duration {
    clock.coarse_monotonic().unwrap_or_else(|| clock.monotonic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::clock::ManualClock;

    fn sampled(observer: &Observer, count: Count, counted: impl Iterator<Item = u64>) -> usize {
        counted.filter(|&counted| observer.sample(count, counted, KeyspaceId::on_disk(1)).is_some()).count()
    }

    #[test]
    fn nothing_is_sampled_unless_it_is_asked_for() {
        let off = Observer::new(false, &ManualClock::new());
        assert_eq!(sampled(&off, Count::MemoryHits, 0..100_000), 0);
        let on = Observer::new(true, &ManualClock::new());
        assert_eq!(sampled(&on, Count::Inserts, 0..100_000), 0);
        let hits = sampled(&on, Count::MemoryHits, 1..=64_000);
        assert!((900..=1_100).contains(&hits), "{hits} of 64,000");
        let misses = sampled(&on, Count::Misses, 1..=8_000);
        assert!((900..=1_100).contains(&misses), "{misses} of 8,000");
    }

    #[test]
    fn every_key_that_a_thread_asks_for_in_turn_is_sampled_alike() {
        let on = Observer::new(true, &ManualClock::new());
        for cycle in [2_u64, 3, 8, 55, 64, 89, 128, 144, 1_000] {
            for key in [0, 1, cycle - 1] {
                let asked = (0..64_000).map(|lap| lap * cycle + key);
                let found = sampled(&on, Count::MemoryHits, asked);
                assert!((900..=1_100).contains(&found), "key {key} of {cycle}: {found} of 64,000");
            }
        }
    }

    #[test]
    fn keyspaces_of_few_lookups_are_sampled_as_others_are() {
        let on = Observer::new(true, &ManualClock::new());
        let sampled = (1_u32..=4_000).map(|number| {
            let id = KeyspaceId::on_disk(number);
            (1..=16).filter(|&counted| on.sample(Count::MemoryHits, counted, id).is_some()).count()
        });
        let sampled: usize = sampled.sum();
        assert!((900..=1_100).contains(&sampled), "{sampled} of 64,000");
    }

    #[test]
    fn a_share_is_within_its_error_in_nineteen_cases_of_twenty_also_of_keys_that_come_in_turn() {
        let clock = std::sync::Arc::new(ManualClock::new());
        let time = CacheTime::new(clock.clone(), crate::units::Timestamp::ZERO);
        // Fibonacci numbers of keys are the worst case: their multiples of the golden ratio are closest to
        // whole numbers.
        for (keys, turns) in [(144_u64, 60), (233, 200), (377, 200), (500, 60)] {
            let observer = Observer::new(true, &*clock);
            for counted in 1..=keys * turns {
                let full = [&b"\0\0\0\x01"[..], &(counted % keys).to_be_bytes()].concat();
                if let Some(sample) = observer.sample(Count::MemoryHits, counted, KeyspaceId::on_disk(1)) {
                    observer.note(sample, Count::MemoryHits, &full, &time);
                }
            }
            let name = |_| Some(NamedKeyspace { name: "product".to_owned(), shape: None });
            let hits = observer.hot_keys(&*clock, usize::MAX, None, &name).unwrap().hits;
            let truth = Duration::from_secs(1).div_duration_f64(Duration::from_secs(keys));
            let wrong = hits.keys.iter().filter(|key| (key.share - truth).abs() > key.error).count();
            // The bound uses the number of all keys, because keys with too few samples are not reported.
            assert!(wrong as u64 <= keys / 20, "{wrong} of {}, of {keys} keys", hits.keys.len());
        }
    }

    #[cfg(all(unix, feature = "control"))]
    #[test]
    fn watching_changes_nothing_of_what_hot_keys_sample() {
        let clock = std::sync::Arc::new(ManualClock::new());
        let time = CacheTime::new(clock.clone(), crate::units::Timestamp::ZERO);
        let observer = Observer::new(true, &*clock);
        let watcher = observer.watch(1, None).unwrap();
        for counted in 1..=6_400 {
            let full = b"\0\0\0\x01a";
            let sample =
                observer.sample(Count::MemoryHits, counted, KeyspaceId::on_disk(1)).expect("all are watched");
            observer.note(sample, Count::MemoryHits, full, &time);
        }
        let name = |_| Some(NamedKeyspace { name: "product".to_owned(), shape: None });
        let samples = observer.hot_keys(&*clock, 9, None, &name).unwrap().hits.samples;
        assert!((70.0..=130.0).contains(&samples), "{samples} of 6,400");
        assert!(watcher.missed() > 0);
        observer.unwatch(&watcher);
        assert!((70..=130).contains(&sampled(&observer, Count::MemoryHits, 1..=6_400)));
        assert_eq!(sampled(&observer, Count::Inserts, 1..=6_400), 0);
    }
}
