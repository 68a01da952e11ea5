//! The sweeper: the thread that deletes expired entries. It only frees room; lookups check expiry themselves
//! (invariant 1).
//!
//! It sleeps until the next entry is due, and no less than the sweep interval between two sweeps, so that
//! entries that expire one after another share a transaction. Nothing to expire, nothing to wake for. What is
//! stored with an earlier expiry than it means to wake at nudges it.
//!
//! In a cache with a file it also wakes every [`WATCH_INTERVAL`], to have the writer look whether the file is
//! still in its place: an idle cache is to notice, too, when somebody removes or replaces it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::tiers::Tiers;
use crate::event::Event;
use crate::memory::evicted_values::EvictedValues;
use crate::sys::sync::channel::{Receiver, RecvTimeoutError};
use crate::sys::sync::{Arc, Ordering};
use crate::units::Timestamp;

/// The longest sleep: a bound for arithmetic, not a tick that anything depends on.
const MAX_SLEEP: Duration = Duration::from_hours(24);

/// How often an idle cache looks whether its file is still in its place, or less often, if its
/// [`sweep_interval`](crate::CacheBuilder::sweep_interval) is longer. A cache that is written to looks with
/// each commit.
pub const WATCH_INTERVAL: Duration = Duration::from_secs(10);

/// What wakes the sweeper.
#[derive(Debug)]
pub(crate) enum SweeperMessage {
    /// Time, or what is to expire next, has changed.
    Wake,
    /// An event for the application's listener.
    Tell(Event),
    /// Values to drop that the writer must not: a user's `Drop` may wait for it.
    DropValues(EvictedValues),
}

/// What a sweep removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SweepReport {
    /// Expired entries removed from memory.
    pub memory: u64,
    /// Expired entries deleted from disk.
    pub disk: u64,
}

#[derive(Debug)]
pub(crate) struct Sweeper {
    tiers: Arc<Tiers>,
    interval: Duration,
    last: Option<Timestamp>,
    /// When the file was last looked at; or from when on it is to be.
    watched: Timestamp,
}

impl Sweeper {
    pub(crate) fn new(tiers: Arc<Tiers>, interval: Duration) -> Self {
        let watched = tiers.time.now();
        Self { tiers, interval, last: None, watched }
    }

    /// The thread: sweeps until it is stopped.
    ///
    /// A listener may fork, and return in the child: what is left of the thread there ends, and leaves
    /// everything as it is.
    pub(crate) fn run(mut self, messages: Receiver<SweeperMessage>) {
        self.sweep_until_stopped(&messages);
        if !self.tiers.process.is_current() {
            std::mem::forget((self, messages));
        }
    }

    fn sweep_until_stopped(&mut self, messages: &Receiver<SweeperMessage>) {
        while self.tiers.process.is_current() {
            let message = messages.recv_timeout(self.sleep(self.tiers.time.now()));
            self.tiers.sweeper_is_woken.store(false, Ordering::SeqCst);
            let is_stopping = self.tiers.is_stopping.load(Ordering::SeqCst);
            match message {
                Ok(message) => self.heed(message),
                Err(RecvTimeoutError::Timeout) if !is_stopping => self.step(),
                Err(_) => return,
            }
            if is_stopping {
                // What was left to it before it was stopped is not forgotten.
                while let Ok(message) = messages.try_recv() {
                    self.heed(message);
                }
                return;
            }
        }
    }

    fn heed(&self, message: SweeperMessage) {
        match message {
            SweeperMessage::Wake => {}
            SweeperMessage::Tell(event) => self.tiers.call_listener(&event),
            SweeperMessage::DropValues(evicted_values) => {
                drop(catch_unwind(AssertUnwindSafe(|| drop(evicted_values))))
            }
        }
    }

    /// How long there is nothing to do.
    fn sleep(&self, now: Timestamp) -> Duration {
        let due = match self.tiers.next_sweep.load(Ordering::SeqCst) {
            u64::MAX => MAX_SLEEP,
            next => Timestamp::from_millis(next).since(now),
        };
        let pause = self.last.map_or(Duration::ZERO, |last| self.interval.saturating_sub(now.since(last)));
        due.max(pause).min(self.until_watch(now))
    }

    /// How long until the file is to be looked at.
    fn until_watch(&self, now: Timestamp) -> Duration {
        if !self.tiers.has_disk() {
            return MAX_SLEEP;
        }
        WATCH_INTERVAL.max(self.interval).saturating_sub(now.since(self.watched)).min(MAX_SLEEP)
    }

    fn step(&mut self) {
        let now = self.tiers.time.now();
        if self.until_watch(now).is_zero() {
            self.watched = now;
            self.tiers.watch();
            self.tiers.note_totals(now);
            if self.tiers.next_sweep.load(Ordering::SeqCst) > now.as_millis() {
                return;
            }
        }
        // An error is the writer's to tell: it has told whoever waited for it. A panic is a user's `Drop`:
        // sweep again later.
        drop(catch_unwind(AssertUnwindSafe(|| self.tiers.sweep())));
        self.last = Some(self.tiers.time.now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::cache::Cache;
    use crate::api::keyspace::Keyspace;
    use crate::api::keyspace::definition::KeyspaceDefinition;
    use crate::disk::disk_status::DiskStatus;
    use crate::memory::Memory;
    use crate::stats::DiskState;
    use crate::stats::cumulative::CumulativeStats;
    use crate::sys::clock::ManualClock;
    use crate::sys::clock::cache_time::CacheTime;
    use crate::sys::sync::StatisticU64;
    use crate::sys::sync::channel::unbounded;
    use crate::testing::volume::SimulatedVolume;
    use crate::testing::volume::operation::{DiskOperation, Failure};

    fn sweeper() -> (Arc<ManualClock>, Sweeper) {
        let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(10_000)));
        let time = CacheTime::new(clock.clone(), Timestamp::ZERO);
        let memory = Memory::new(1, 1 << 20, 1 << 20, 0);
        let (tiers, _nudges) = Tiers::new(memory, time, None, None, DiskStatus::default(), None, 0);
        (clock, Sweeper::new(tiers, Duration::from_secs(1)))
    }

    #[test]
    fn it_sleeps_until_the_next_entry_is_due_but_no_less_than_the_interval() {
        let (clock, mut sweeper) = sweeper();
        let now = || sweeper.tiers.time.now();
        assert_eq!(sweeper.sleep(now()), Duration::ZERO, "the first look is at once");
        sweeper.step();
        let now = sweeper.tiers.time.now();
        assert_eq!(sweeper.sleep(now), MAX_SLEEP, "nothing to expire, nothing to wake for");
        sweeper.tiers.plan_sweep(Timestamp::from_millis(10_200));
        assert_eq!(sweeper.sleep(now), Duration::from_secs(1), "two sweeps are an interval apart");
        clock.advance(Duration::from_millis(1_500));
        assert_eq!(sweeper.sleep(sweeper.tiers.time.now()), Duration::ZERO);
    }

    #[test]
    fn it_notes_what_was_counted_whenever_it_looks_after_the_file() {
        let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(10_000)));
        let time = CacheTime::new(clock.clone(), Timestamp::ZERO);
        let (commands, _inbox) = unbounded();
        let memory = Memory::new(1, 1 << 20, 1 << 20, 0);
        let (tiers, _nudges) = Tiers::new(memory, time, None, Some(commands), DiskStatus::default(), None, 0);
        tiers.next_sweep.store(u64::MAX, Ordering::SeqCst);
        let misses = Arc::new(StatisticU64::new(0));
        let counted = misses.clone();
        let counting = move |_| CumulativeStats {
            misses: counted.load(Ordering::Relaxed),
            ..CumulativeStats::default()
        };
        tiers.count(CumulativeStats::default(), Box::new(counting));
        let mut sweeper = Sweeper::new(tiers.clone(), Duration::from_secs(1));
        for _ in 0..12 {
            misses.fetch_add(1, Ordering::Relaxed);
            clock.advance(WATCH_INTERVAL);
            sweeper.step();
        }
        let totals = tiers.lifetime(0, usize::MAX).unwrap();
        let recent = tiers.recent(tiers.time.now(), &totals);
        let told: Vec<_> =
            recent.iter().map(|recent| (recent.over.as_secs(), recent.counts.misses)).collect();
        assert_eq!(told, [(60, 6)], "of twelve in two minutes");
    }

    const NAME: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("name").ttl(Duration::from_secs(50));

    /// A cache on a simulated disk, with a key that has still 30 s to live, after its sweeper has looked for
    /// the first time.
    fn opened(disk: &SimulatedVolume, clock: &Arc<ManualClock>) -> (Cache, Keyspace<u64, u64>) {
        let open = || {
            let builder = Cache::builder().path("/cache/shop.larder").volume(disk).clock(clock.clone());
            let cache = builder.stepped(1).open().unwrap();
            let names = cache.keyspace(NAME).unwrap();
            (cache, names)
        };
        let (cache, names) = open();
        names.insert(&1, 1).unwrap();
        drop(names);
        cache.close().unwrap();
        clock.advance(Duration::from_secs(20));
        let (cache, names) = open();
        while cache.shared().tiers.next_sweep.load(Ordering::SeqCst) == 0 {
            crate::sys::sync::thread::yield_now();
        }
        (cache, names)
    }

    /// Plans nothing, as a sweep does that finds nothing.
    fn plan_nothing(cache: &Cache) {
        cache.sweep().unwrap();
        cache.shared().tiers.next_sweep.store(u64::MAX, Ordering::SeqCst);
    }

    /// In how many seconds the sweeper means to look.
    fn planned(cache: &Cache) -> u64 {
        let next = Timestamp::from_millis(cache.shared().tiers.next_sweep.load(Ordering::SeqCst));
        next.since(cache.shared().tiers.time.now()).as_secs()
    }

    /// What gives memory an entry, and in how many seconds that expires then.
    type Gift = (&'static str, u64, fn(&Cache, Keyspace<u64, u64>) -> bool);

    #[test]
    fn whatever_memory_is_given_is_planned_to_be_swept() {
        let gifts: [Gift; 7] = [
            ("an insert", 50, |_, names| names.insert(&2, 2).is_ok()),
            ("a load", 50, |_, names| names.get_or_load(&2, || Ok::<_, ()>(2_u64)).is_ok()),
            ("a touch", 50, |_, names| names.touch(&1).unwrap()),
            ("a promotion", 30, |_, names| names.get(&1).is_some()),
            ("a promotion in place of a load", 30, |_, names| {
                names.get_or_load(&1, || Err::<u64, _>(())).is_ok()
            }),
            ("a commit", 30, |cache, names| {
                names.insert(&2, 2).unwrap();
                // A sweep finds nothing in memory yet.
                plan_nothing(cache);
                cache.flush().is_ok()
            }),
            ("another version, which leaves the entries of the one before", 0, |cache, names| {
                drop(names);
                cache.keyspace(NAME.version(1)).is_ok()
            }),
        ];
        for (what, seconds, give) in gifts {
            let (disk, clock) = (SimulatedVolume::new(), Arc::new(ManualClock::new()));
            let (cache, names) = opened(&disk, &clock);
            plan_nothing(&cache);
            assert!(give(&cache, names), "{what}");
            assert_eq!(planned(&cache), seconds, "{what}");
        }
    }

    #[test]
    fn what_was_to_be_committed_when_the_file_was_lost_is_planned_to_be_swept() {
        let (disk, clock) = (SimulatedVolume::new(), Arc::new(ManualClock::new()));
        let (cache, names) = opened(&disk, &clock);
        disk.fail_every(&[DiskOperation::Write, DiskOperation::SetLen, DiskOperation::Sync], Failure::Io);
        names.insert(&2, 2).unwrap();
        assert!(cache.flush().is_err(), "it is kept, to be committed when the disk works again");
        plan_nothing(&cache);
        // There is no file any more, so it lives in memory alone.
        drop(names.remove(&1));
        assert_eq!(cache.stats().disk.unwrap().state, DiskState::Discarded);
        assert_eq!(planned(&cache), 51, "at the end of that second");
    }
}
