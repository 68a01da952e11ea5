//! A test harness with seeds: the number of rounds, the seed of each round, and the message when a round
//! fails.
//!
//! `cargo test` runs a few rounds of each harness, the gate runs more, and a soak run has a time limit. A
//! round that fails or hangs ([`crate::support::watchdog`]) prints the command that replays only this round.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::clock::{Clock, SystemClock};

use crate::support::panics_with;
use crate::support::seeds::{first_seed, number, replay};
use crate::support::watchdog::{Watch, patience};

/// A test that runs many rounds, each with its own seed.
pub(crate) struct Harness {
    /// Name of the test, as `cargo test` filters by it.
    test: &'static str,
    /// Environment variable for the number of rounds.
    variable: &'static str,
    rounds: u64,
    first_seed: u64,
    /// Factor for the time limit of a round.
    slowness: u32,
}

impl Harness {
    /// Returns a harness that runs `rounds` rounds by default. The environment variable `variable` overrides
    /// that number.
    pub(crate) fn new(test: &'static str, variable: &'static str, rounds: u64) -> Self {
        let rounds = number(variable).unwrap_or(rounds);
        Self { test, variable, rounds, first_seed: first_seed(), slowness: 1 }
    }

    /// Raises the time limit, for rounds that take minutes. The trials within such a round are watched
    /// separately.
    pub(crate) fn with_long_rounds(self) -> Self {
        Self { slowness: 10, ..self }
    }

    pub(crate) fn rounds(&self) -> u64 {
        self.rounds
    }

    pub(crate) fn first_seed(&self) -> u64 {
        self.first_seed
    }

    pub(crate) fn seeds(&self) -> impl Iterator<Item = u64> + use<> {
        let first_seed = self.first_seed;
        (0..self.rounds).map(move |at| first_seed.wrapping_add(at))
    }

    /// Runs all rounds, each with its own seed.
    ///
    /// # Panics
    /// Panics if a round panics. First prints the command that replays the round.
    pub(crate) fn run(&self, mut round: impl FnMut(u64)) {
        for seed in self.seeds() {
            self.replayable(seed, || round(seed));
        }
        eprintln!("{}: {} rounds from seed {}", self.test, self.rounds, self.first_seed);
    }

    /// Runs rounds on all cores until their results add up to `rounds`. A round returns how much work it
    /// did. If `rounds` is 1, each core runs at most one round.
    ///
    /// # Panics
    /// Panics if a round panics. First prints the command that replays the round.
    pub(crate) fn run_until(&self, round: impl Fn(u64) -> u64 + Sync) {
        let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        std::thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(|| {
                    while done.load(Ordering::Relaxed) < self.rounds {
                        let seed = self.first_seed.wrapping_add(next.fetch_add(1, Ordering::Relaxed));
                        done.fetch_add(self.replayable(seed, || round(seed)), Ordering::Relaxed);
                        if self.rounds == 1 {
                            break;
                        }
                    }
                });
            }
        });
        let (rounds, done) = (next.into_inner(), done.into_inner());
        eprintln!("{}: {done} in {rounds} rounds from seed {}", self.test, self.first_seed);
    }

    /// Runs a part of the first round, for a harness whose rounds take long.
    pub(crate) fn sample<T>(&self, round: impl FnOnce(u64) -> T) -> T {
        self.replayable(self.first_seed, || round(self.first_seed))
    }

    /// Runs rounds for `rounds` seconds, but at least one round.
    ///
    /// # Panics
    /// Panics as [`run`](Harness::run) does.
    pub(crate) fn run_for_seconds(&self, mut round: impl FnMut(u64)) {
        let clock = SystemClock::new();
        let end = clock.monotonic() + Duration::from_secs(self.rounds);
        let mut rounds = 0;
        while rounds == 0 || clock.monotonic() < end {
            let seed = self.first_seed.wrapping_add(rounds);
            self.replayable(seed, || round(seed));
            rounds += 1;
        }
        eprintln!("{}: {rounds} rounds in {} s from seed {}", self.test, self.rounds, self.first_seed);
    }

    /// Runs work that depends on a seed. If the work panics, prints the command that replays it.
    pub(crate) fn replayable<T>(&self, seed: u64, work: impl FnOnce() -> T) -> T {
        self.replayable_with(seed, 1, work)
    }

    /// Like [`replayable`](Harness::replayable), for work of several rounds.
    pub(crate) fn replayable_with<T>(&self, seed: u64, rounds: u64, work: impl FnOnce() -> T) -> T {
        let Self { test, variable, .. } = self;
        let replay = replay(seed, (variable, rounds), "cargo test -p larder-tests", test);
        // The time limit grows with the number of rounds. A hanging child is detected earlier, because it
        // prints nothing.
        let rounds = u32::try_from(rounds.max(1)).unwrap_or(u32::MAX);
        let _watch =
            Watch::over(replay.clone(), patience().saturating_mul(rounds.saturating_mul(self.slowness)));
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
            eprintln!("{replay}");
            resume_unwind(panic)
        })
    }
}

#[test]
fn a_harness_gives_each_round_its_own_seed_and_passes_a_failure_on() {
    let harness = Harness { test: "none", variable: "NONE", rounds: 4, first_seed: 7, slowness: 1 };
    let mut seeds = Vec::new();
    harness.run(|seed| seeds.push(seed));
    assert_eq!(seeds, [7, 8, 9, 10]);
    let fails = || harness.run(|seed| assert!(seed < 9, "planted"));
    assert!(panics_with("planted", fails), "a round that panics fails the test");
}

/// The child process of `a_round_that_hangs_is_a_failure_with_its_seed`: runs a round that never ends.
pub(crate) fn hang() {
    let (test, variable) = ("a_test_that_hangs", "ROUNDS");
    let harness = Harness { test, variable, rounds: 1, first_seed: 4711, slowness: 1 };
    harness.run(|_| {
        loop {
            std::thread::park();
        }
    });
}

#[test]
fn a_round_that_hangs_is_a_failure_with_its_seed() {
    let said = crate::support::child::output_of("hang", &[(crate::support::watchdog::PATIENCE, "1")]);
    assert!(!said.status.success());
    let told = String::from_utf8_lossy(&said.stderr).into_owned();
    let expected =
        "it hangs: replay it: LARDER_SEED=4711 ROUNDS=1 cargo test -p larder-tests a_test_that_hangs";
    assert!(told.contains(expected), "{told}");
}
