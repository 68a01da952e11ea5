//! A stress test with a disk that fails and heals while threads work. The writer's steps have several
//! parts, the threads also remove ranges, and some of them change the version of their keyspace.
//!
//! Each thread owns keys, and records in [`promises`] what the cache promised. Another thread makes the
//! disk fail, and checks the content that a crash would leave. The test checks these rules:
//!
//! - A thread never finds an entry that it has removed or replaced.
//! - A crash never brings back an entry whose removal was acknowledged.
//! - No entry is visible in another keyspace, or in another version of its keyspace.
//! - When the disk is healed for good, every entry that is found is as its thread left it.

mod owner;
mod promises;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use larder::testing::{DiskOperation, Failure, Loss, SimulatedVolume};
use larder::{ByteSize, Cache, DiskState, INITIAL_RETRY_DELAY, MAX_RETRY_DELAY};

use crate::support::harness::Harness;
use crate::support::simulated::{SimulatedPlace, disk_of, state_of, wait_until};
use crate::support::{Random, SetOnDrop, panics_with};
use owner::Owner;
use promises::{Promised, Promises, look_at};

/// Number of disk failures per round.
const FAULTS: u64 = 20;

/// A fault to plant, which a round must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Planted {
    Nothing,
    /// Records a failed removal as acknowledged.
    LyingAcknowledgement,
    /// Opens the first version of the keyspace instead of the next version.
    SameVersion,
}

/// A cache, its disk, and the promises to its owners.
struct StressTrial {
    place: SimulatedPlace,
    cache: Cache,
    promises: Vec<Promises>,
    planted: Planted,
    is_over: AtomicBool,
    /// Number of calls that the owners have made.
    calls: AtomicU64,
}

impl StressTrial {
    fn new(planted: Planted) -> Self {
        let place = SimulatedPlace::new();
        let cache = open(&place);
        let promises = (0..promises::OWNERS).map(|_| Promises::default()).collect();
        let (is_over, calls) = (AtomicBool::new(false), AtomicU64::new(0));
        Self { place, cache, promises, planted, is_over, calls }
    }

    /// Makes the disk fail in a random way: at one of its next operations, from such an operation on, or at
    /// every operation of some kinds.
    fn fail(&self, random: &mut Random) {
        let (disk, soon) = (&self.place.disk, self.place.next_operation() + random.below(40));
        let failure = if random.below(3) == 0 { Failure::Full } else { Failure::Io };
        match random.below(5) {
            0 => disk.fail_once(soon, failure),
            1 => disk.fail_from(soon, failure),
            2 => disk.fail_every(&[DiskOperation::Sync], failure),
            3 => disk.fail_every(&DiskOperation::CHANGES, failure),
            _ => disk.fail_every(
                &[DiskOperation::Write, DiskOperation::SetLen, DiskOperation::Sync, DiskOperation::Rename],
                failure,
            ),
        }
    }

    /// Waits until the owners have made a random number of further calls, below 200.
    fn let_go_on(&self, random: &mut Random) {
        let enough = self.calls.load(Ordering::Relaxed) + random.below(200);
        wait_until("calls return", || self.calls.load(Ordering::Relaxed) >= enough);
    }

    /// Returns the disk that a crash would leave now.
    fn crash(&self, random: &mut Random) -> SimulatedVolume {
        let disk = &self.place.disk;
        match random.below(8) {
            0..=3 => disk.copy(),
            at => disk.after_power_loss(
                disk.changes(),
                Loss::ALL[usize::try_from(at - 4).unwrap()],
                random.below(1 << 32),
            ),
        }
    }

    /// Makes the disk fail and heal several times, and checks the content after crashes.
    fn disturb(&self, random: &mut Random) {
        for _ in 0..FAULTS {
            self.fail(random);
            self.let_go_on(random);
            // The promises are read before the crash. A promise that is made during the crash may or may not
            // be on the disk.
            let promised: Vec<Promised> = self.promises.iter().map(Promises::promised).collect();
            let state = state_of(&self.cache);
            let crashed = self.place.moved_to(self.crash(random));
            look_at(&open(&crashed), &promised, state);
            let is_healed = random.below(4) > 0;
            if is_healed {
                self.place.disk.heal();
            }
            let pause = [INITIAL_RETRY_DELAY, MAX_RETRY_DELAY][usize::from(random.below(3) > 0)];
            self.place.clock.advance(pause);
            if is_healed {
                self.let_go_on(random);
            }
        }
    }
}

/// Opens a cache whose writer's steps have several parts, and whose lookups mostly read the disk.
fn open(place: &SimulatedPlace) -> Cache {
    let builder = place.builder().memory_capacity(ByteSize::kib(64)).write_buffer(ByteSize::kib(256));
    builder
        .disk_capacity(ByteSize::mib(1))
        .flush_interval(Duration::from_millis(2))
        .range_rows(2)
        .open()
        .unwrap()
}

/// Runs a round. Returns the number of suspensions and discards of the disk tier.
fn work_under_faults(seed: u64, planted: Planted) -> u64 {
    let trial = StressTrial::new(planted);
    let mut owners: Vec<Owner<'_>> = (0..promises::OWNERS).map(|at| Owner::new(&trial, at, seed)).collect();
    thread::scope(|scope| {
        let workers: Vec<_> = owners.iter_mut().map(|owner| scope.spawn(|| owner.work())).collect();
        let over = SetOnDrop(&trial.is_over);
        let disturbed = catch_unwind(AssertUnwindSafe(|| trial.disturb(&mut Random::of_round(seed))));
        // Heals the disk even if a check has failed. Otherwise an owner would wait forever.
        trial.place.disk.heal();
        drop(over);
        // The message of a worker's panic tells which check has failed.
        let worked = workers.into_iter().map(thread::ScopedJoinHandle::join);
        if let Some(panic) = worked.chain([disturbed]).find_map(Result::err) {
            std::panic::resume_unwind(panic);
        }
    });
    trial.place.retry(&trial.cache);
    let disk = disk_of(&trial.cache);
    assert_eq!(disk.state, DiskState::On, "the disk is healed: {:?}", disk.off);
    for owner in &mut owners {
        owner.look_at_all();
        owner.insert(0);
    }
    trial.cache.flush().unwrap();
    let left = open(&trial.place.moved_to(trial.place.disk.copy()));
    for owner in &owners {
        owner.look_after_crash(&left);
    }
    disk.suspensions + disk.discards
}

#[test]
fn threads_get_what_they_were_promised_while_the_disk_fails_and_heals() {
    let harness = Harness::new("threads_get_what_they_were_promised", "LARDER_OUTAGE_STRESS", 1);
    let mut outages = 0;
    harness.run(|seed| outages += work_under_faults(seed, Planted::Nothing));
    eprintln!("the disk tier was lost {outages} times");
    assert!(outages > 0, "no operation failed");
}

#[test]
fn threads_notice_a_promise_that_is_not_kept() {
    let faults = [
        (Planted::LyingAcknowledgement, "was removed up to"),
        (Planted::SameVersion, "a value of another key or version"),
    ];
    for (planted, judge) in faults {
        let is_noticed = |seed| panics_with(judge, || work_under_faults(seed, planted));
        assert!((0..10).any(is_noticed), "{planted:?} was not noticed");
    }
}
