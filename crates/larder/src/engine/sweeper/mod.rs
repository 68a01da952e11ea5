//! The sweeper thread, which deletes expired entries. A sweep only frees space: each lookup itself checks
//! whether an entry has expired.
//!
//! The sweeper thread sleeps until the next entry expires. Between two sweeps, it sleeps for at least the
//! sweep interval, so that entries that expire one after another share a transaction. If no entry can expire,
//! no sweep is planned. Storing an entry that expires before the planned sweep wakes the thread ([`handle`]).
//!
//! A sweep of many entries is made in parts. Each part is one transaction on disk, with a pause after it
//! ([`pause_after`]). During a transaction, one in fifty lookups on disk must wait, because its thread
//! contends with the writer thread for the locks of the memory allocator. Each of the two threads frees pages
//! of redb's page cache that the other thread has allocated. With the pauses, few lookups happen during a
//! transaction. Between two parts, messages are handled. [`Cache::sweep`](crate::Cache::sweep) does not
//! pause, because its caller waits.
//!
//! The thread also wakes every [`WATCH_INTERVAL`], or every sweep interval if that is longer. It then removes
//! leases whose deadlines have passed, and records the totals of the counters. In a cache with a file, it
//! also makes the writer thread check whether the file is still in its place, and commit the stamps of uses.
//! So even an idle cache notices when another program removes or replaces the file. With a remote tier, it
//! also wakes to renew the fences of updates ([`fences`](super::remote::fences)) and the leases of loads
//! ([`slot_leases`](super::remote::slot_leases)).

pub(super) mod handle;
pub(super) mod message;
pub(crate) mod report;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::tiers::Tiers;
use crate::sys::clock::Deadline;
use crate::sys::sync::Arc;
use crate::sys::sync::channel::{Receiver, RecvTimeoutError};
use crate::sys::user_code::drop_panic;
use crate::units::Timestamp;
use message::SweeperMessage;

/// The maximum duration of a sleep. It only prevents overflow in the arithmetic, and nothing depends on this
/// wake-up.
const MAX_SLEEP: Duration = Duration::from_hours(24);

/// The interval at which an idle cache checks whether its file is still in its place. If the
/// [`sweep_interval`](crate::CacheBuilder::sweep_interval) is longer, it applies instead. A cache with writes
/// checks its file at each commit.
pub const WATCH_INTERVAL: Duration = Duration::from_secs(10);

/// The pause after a part of a sweep, as a multiple of the part's duration. With full pauses, about one in
/// 32 lookups happens during a part.
const PAUSE_TIMES: u32 = 31;
/// The maximum pause. It limits the pause after a part that took long because it waited for other commits.
const MAX_PAUSE: Duration = Duration::from_secs(1);
/// The delay after which the sweeper thread makes no more pauses. The more time has passed since the expiry
/// of the next entry to delete, the shorter the pauses. So the sweeper thread keeps up with as many entries
/// as the writer thread can delete.
const MAX_SWEEP_DELAY: Duration = Duration::from_mins(1);

/// Returns the pause after a part of a sweep. `late` is the time since the expiry of the next entry to
/// delete.
fn pause_after(took: Duration, late: Duration, is_nearly_full: bool) -> Duration {
    if is_nearly_full {
        return Duration::ZERO;
    }
    let early = MAX_SWEEP_DELAY.saturating_sub(late);
    let pause = took.saturating_mul(PAUSE_TIMES).min(MAX_PAUSE);
    pause.mul_f64(early.as_secs_f64() / MAX_SWEEP_DELAY.as_secs_f64())
}

#[derive(Debug)]
pub(super) struct Sweeper {
    tiers: Arc<Tiers>,
    interval: Duration,
    last_sweep: Option<Timestamp>,
    /// When the next part of a sweep begins. `None` if no part is left.
    next_part: Option<Deadline>,
    /// The time of the last check of the file, or of the start of the thread.
    last_watch: Timestamp,
}

impl Sweeper {
    pub(crate) fn new(tiers: Arc<Tiers>, interval: Duration) -> Self {
        let last_watch = tiers.time.now();
        Self { tiers, interval, last_sweep: None, next_part: None, last_watch }
    }

    /// Cancels the first sweep. The next sweep begins after one interval at the earliest, as after a sweep.
    pub(super) fn without_first_sweep(mut self) -> Self {
        self.tiers.sweeper.plan_nothing();
        self.last_sweep = Some(self.last_watch);
        self
    }

    /// Runs the sweeper thread until it is stopped.
    ///
    /// If a listener forks, this thread also continues in the child. There, it ends and drops nothing.
    pub(crate) fn run(mut self, messages: Receiver<SweeperMessage>) {
        self.sweep_until_stopped(&messages);
        if !self.tiers.process.is_current() {
            std::mem::forget((self, messages));
        }
    }

    fn sweep_until_stopped(&mut self, messages: &Receiver<SweeperMessage>) {
        while self.tiers.process.is_current() {
            self.tiers.renew_at_server();
            let message = messages.recv_timeout(self.sleep(self.tiers.time.now()));
            self.tiers.sweeper.clear_wake();
            let is_stopping = self.tiers.sweeper.is_stopping();
            match message {
                Ok(message) => self.handle(message),
                Err(RecvTimeoutError::Timeout) if !is_stopping => self.step(),
                Err(_) => return,
            }
            if is_stopping {
                // Handle the messages that were sent before the stop.
                while let Ok(message) = messages.try_recv() {
                    self.handle(message);
                }
                return;
            }
        }
    }

    fn handle(&self, message: SweeperMessage) {
        match message {
            SweeperMessage::Wake => {}
            SweeperMessage::Tell(event) => self.tiers.sweeper.call_listener(&event),
            SweeperMessage::DropValues(evicted_values) => {
                drop(evicted_values);
            }
        }
    }

    fn sleep(&self, now: Timestamp) -> Duration {
        self.until_sweep(now).min(self.until_watch(now)).min(self.tiers.until_renewal())
    }

    fn until_sweep(&self, now: Timestamp) -> Duration {
        if let Some(next_part) = self.next_part {
            return next_part.left();
        }
        let due = self.tiers.sweeper.next_sweep().map_or(MAX_SLEEP, |next| next.since(now));
        let since_last = |last| self.interval.saturating_sub(now.since(last));
        let pause = self.last_sweep.map_or(Duration::ZERO, since_last);
        due.max(pause)
    }

    /// Returns the time until the next check of the file and of the leases.
    fn until_watch(&self, now: Timestamp) -> Duration {
        WATCH_INTERVAL.max(self.interval).saturating_sub(now.since(self.last_watch)).min(MAX_SLEEP)
    }

    fn step(&mut self) {
        let now = self.tiers.time.now();
        self.tiers.memory.drop_overdue_leases();
        if self.until_watch(now).is_zero() {
            self.last_watch = now;
            self.tiers.watch_file();
            self.tiers.commit_stamps();
            self.tiers.note_totals(now);
            if self.tiers.sweeper.next_sweep().is_none_or(|next| next > now) {
                return;
            }
        }
        let began = self.tiers.time.clock().monotonic();
        // Errors are ignored, because the writer thread reports them. A panic of a user's clock ends this
        // sweep, and the next sweep continues.
        let swept = catch_unwind(AssertUnwindSafe(|| self.tiers.sweep_parts(1))).map_err(drop_panic);
        let took = self.tiers.time.clock().monotonic().saturating_sub(began);
        let now = self.tiers.time.now();
        self.last_sweep = Some(now);
        let has_more = matches!(swept, Ok(Ok((_, true))));
        self.next_part = has_more.then(|| {
            let late = self.tiers.sweeper.next_sweep().map_or(Duration::ZERO, |due| now.since(due));
            Deadline::after(pause_after(took, late, self.tiers.is_nearly_full()))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::cache::Cache;
    use crate::api::keyspace::Keyspace;
    use crate::api::keyspace::definition::KeyspaceDefinition;
    use crate::disk::disk_status::DiskStatus;
    use crate::engine::absent_keys::AbsentKeys;
    use crate::engine::disk_tier::DiskTier;
    use crate::memory::Memory;
    use crate::stats::DiskState;
    use crate::stats::cumulative::CumulativeStats;
    use crate::sys::clock::cache_time::CacheTime;
    use crate::sys::clock::{Clock, ManualClock};
    use crate::sys::sync::channel::unbounded;
    use crate::sys::sync::{Ordering, StatisticU64};
    use crate::testing::volume::SimulatedVolume;
    use crate::testing::volume::operation::{DiskOperation, Failure};

    fn sweeper() -> (Arc<ManualClock>, Sweeper) {
        let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(10_000)));
        let time = CacheTime::new(clock.clone(), Timestamp::ZERO);
        let memory = Memory::new(1, 1 << 20, 1 << 20, 0);
        let (tiers, _messages) = Tiers::new(memory, time, DiskTier::absent(), None, None, None);
        (clock, Sweeper::new(tiers, Duration::from_secs(1)))
    }

    #[test]
    fn it_sleeps_until_the_next_entry_is_due_but_no_less_than_the_interval() {
        let (clock, mut sweeper) = sweeper();
        let now = || sweeper.tiers.time.now();
        assert_eq!(sweeper.sleep(now()), Duration::ZERO, "the first look is at once");
        sweeper.step();
        let now = sweeper.tiers.time.now();
        assert_eq!(sweeper.sleep(now), WATCH_INTERVAL, "nothing to expire, only the leases to look at");
        sweeper.tiers.sweeper.plan(Timestamp::from_millis(10_200));
        assert_eq!(sweeper.sleep(now), Duration::from_secs(1), "two sweeps are an interval apart");
        clock.advance(Duration::from_millis(1_500));
        assert_eq!(sweeper.sleep(sweeper.tiers.time.now()), Duration::ZERO);
    }

    #[test]
    fn without_its_first_sweep_it_sleeps_for_an_interval_at_least() {
        let (clock, sweeper) = sweeper();
        let sweeper = sweeper.without_first_sweep();
        let sleep = || sweeper.sleep(sweeper.tiers.time.now());
        assert_eq!(sleep(), WATCH_INTERVAL, "no entry will expire, only the leases to look at");
        sweeper.tiers.sweeper.plan(Timestamp::from_millis(10_200));
        clock.advance(Duration::from_millis(300));
        assert_eq!(sleep(), Duration::from_millis(700), "an entry is due, but the interval has not passed");
    }

    #[test]
    fn it_notes_what_was_counted_whenever_it_looks_after_the_file() {
        let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(10_000)));
        let time = CacheTime::new(clock.clone(), Timestamp::ZERO);
        let (commands, _inbox) = unbounded();
        let memory = Memory::new(1, 1 << 20, 1 << 20, 0);
        let disk = DiskTier::open(None, DiskStatus::default(), 0, AbsentKeys::without_file());
        let (tiers, _messages) = Tiers::new(memory, time, disk, Some(commands), None, None);
        tiers.sweeper.plan_nothing();
        let misses = Arc::new(StatisticU64::new(0));
        let counted = misses.clone();
        let counting = move |_| CumulativeStats {
            misses: counted.load(Ordering::Relaxed),
            ..CumulativeStats::default()
        };
        tiers.begin_totals(CumulativeStats::default(), Box::new(counting));
        let mut sweeper = Sweeper::new(tiers.clone(), Duration::from_secs(1));
        for _ in 0..12 {
            misses.fetch_add(1, Ordering::Relaxed);
            clock.advance(WATCH_INTERVAL);
            sweeper.step();
        }
        let totals = tiers.cumulative(0, usize::MAX).unwrap();
        let recent = tiers.recent(tiers.time.now(), &totals);
        let told: Vec<_> =
            recent.iter().map(|recent| (recent.over.as_secs(), recent.counts.misses)).collect();
        assert_eq!(told, [(60, 6)], "of twelve in two minutes");
    }

    #[test]
    fn it_pauses_less_the_later_it_is_and_not_at_all_if_room_is_short() {
        let ms = Duration::from_millis;
        assert_eq!(pause_after(ms(10), ms(0), false), ms(310));
        assert_eq!(pause_after(ms(10), MAX_SWEEP_DELAY / 2, false), ms(155));
        assert_eq!(pause_after(ms(10), MAX_SWEEP_DELAY, false), Duration::ZERO);
        assert_eq!(pause_after(ms(10), Duration::MAX, false), Duration::ZERO);
        assert_eq!(pause_after(ms(10), ms(0), true), Duration::ZERO);
        assert_eq!(pause_after(Duration::MAX, ms(0), false), MAX_PAUSE);
    }

    /// A clock that advances by the given number of milliseconds with each reading of the monotonic time.
    #[derive(Debug, Default)]
    struct Busy(ManualClock, StatisticU64);

    impl Clock for Busy {
        fn monotonic(&self) -> Duration {
            self.0.advance(Duration::from_millis(self.1.load(Ordering::Relaxed)));
            self.0.monotonic()
        }

        fn wall(&self) -> Timestamp {
            self.0.wall()
        }
    }

    #[test]
    fn a_sweep_of_many_entries_is_made_in_parts_with_pauses() {
        let (disk, clock) = (SimulatedVolume::new(), Arc::new(Busy::default()));
        let builder = Cache::builder().path("/cache/shop.larder").volume(&disk).clock(clock.clone());
        let cache = builder.stepped(1).open().unwrap();
        let names = cache.keyspace(NAME).unwrap();
        for number in 0..2_500 {
            names.insert(&number, number).unwrap();
        }
        cache.flush().unwrap();
        clock.0.advance(Duration::from_secs(51));
        clock.1.store(10, Ordering::Relaxed);
        let mut sweeper = Sweeper::new(cache.shared().tiers.clone(), Duration::from_secs(1));
        for swept in [1_000, 2_000] {
            sweeper.step();
            assert_eq!(cache.stats().disk.unwrap().expirations, swept);
            let sleep = sweeper.until_sweep(sweeper.tiers.time.now());
            assert!(
                sleep > Duration::ZERO && sleep <= MAX_PAUSE,
                "it pauses before the next part: {sleep:?}"
            );
        }
        sweeper.step();
        assert_eq!(cache.stats().disk.unwrap().expirations, 2_500);
        assert!(sweeper.next_part.is_none(), "nothing else is due");
    }

    #[test]
    fn a_caller_that_sweeps_waits_for_no_pause() {
        let (disk, clock) = (SimulatedVolume::new(), Arc::new(ManualClock::new()));
        let builder = Cache::builder().path("/cache/shop.larder").volume(&disk).clock(clock.clone());
        let cache = builder.stepped(1).open().unwrap();
        let names = cache.keyspace(NAME).unwrap();
        for number in 0..2_500 {
            names.insert(&number, number).unwrap();
        }
        cache.flush().unwrap();
        clock.advance(Duration::from_secs(51));
        assert_eq!(cache.sweep().unwrap().disk, 2_500);
    }

    const NAME: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("name").ttl(Duration::from_secs(50));

    /// Returns a cache on a simulated disk, with one entry whose remaining TTL is 30 s.
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
        open()
    }

    fn plan_nothing(cache: &Cache) {
        cache.sweep().unwrap();
        cache.shared().tiers.sweeper.plan_nothing();
    }

    fn planned(cache: &Cache) -> u64 {
        let tiers = &cache.shared().tiers;
        tiers.sweeper.next_sweep().unwrap().since(tiers.time.now()).as_secs()
    }

    /// A name, the seconds until the entry expires, and a function that adds the entry to memory.
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
                // This sweep finds nothing in memory yet.
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
        // The removal discards the file, so the inserted entry is then in memory only.
        drop(names.remove(&1));
        assert_eq!(cache.stats().disk.unwrap().state, DiskState::Discarded);
        assert_eq!(planned(&cache), 51, "at the end of that second");
    }
}
