//! Chooses the next thread at each point: at random, or by priorities that change at a few points (PCT).
//!
//! PCT finds any bug that needs `d` ordered points with a probability of at least 1/(n·k^(d-1)), for n
//! threads and k points (Burckhardt et al., "A Randomized Scheduler with Probabilistic Guarantees of Finding
//! Bugs", 2010). Random schedules find bugs that need many switches. So the explorer alternates between the
//! two methods. shuttle has both methods, but this file differs from shuttle in two ways:
//!
//! - A single number, the seed, determines a schedule and replays it. (shuttle's PCT learns its `k` from
//!   earlier schedules. Here `k` is the length of one fixed schedule.)
//! - Only the *contest* is explored. While the cache opens or closes, no priority changes, and each thread
//!   runs until it must wait.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};
use shuttle::thread::scope;

use crate::harness::replay;
use crate::watchdog::{Watch, patience};

/// The PCT parameter `d`: a bug that needs at most this number of ordered points can be found. A schedule has
/// one priority change less.
const PCT_DEPTH: usize = 3;
/// Seed of the schedule that measures the length of a scenario.
const MEASURING_SEED: u64 = 0;

thread_local! {
    /// Whether the contest is running. All threads of an execution, and the scheduler, are coroutines of one
    /// system thread.
    static IS_CONTEST: Cell<bool> = const { Cell::new(false) };
}

/// Runs each function in its own thread, and explores the order of their steps. Before and after the contest,
/// each thread runs until it must wait.
pub(crate) fn contest<const N: usize>(contenders: [&(dyn Fn() + Sync); N]) {
    IS_CONTEST.set(true);
    // The current thread only waits for the scope. shuttle wakes such a thread when the other threads have
    // ended, even if it waits for something else.
    scope(|threads| {
        for contender in contenders {
            threads.spawn(contender);
        }
    });
    IS_CONTEST.set(false);
}

/// A pseudorandom generator with the algorithm Splitmix64 (Steele et al., "Fast Splittable Pseudorandom
/// Number Generators", 2014).
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

#[derive(Debug)]
enum Plan {
    Random,
    Pct {
        /// Priority of each thread. Among the runnable threads, the one with the highest priority runs
        /// next.
        priorities: HashMap<usize, u64>,
        changes: [u64; PCT_DEPTH - 1],
        lowest: u64,
    },
}

/// The scheduler of all scenarios.
#[derive(Debug)]
pub(crate) struct Explorer {
    next_seed: u64,
    left: u64,
    current_seed: Arc<AtomicU64>,
    random: Random,
    plan: Plan,
    /// Number of points in the contest so far at which more than one thread could run.
    points: u64,
    /// Number of points in the measuring schedule. `None` before that schedule has run.
    usual_points: Option<u64>,
    has_begun: bool,
    /// Ends the process if the current schedule hangs. shuttle itself detects a deadlock and an endless
    /// schedule, but not a thread that waits for something outside of shuttle.
    watch: Option<Watch>,
}

impl Explorer {
    /// Explores `schedules` schedules, with consecutive seeds from `first_seed` on. Writes the seed of the
    /// current schedule to `current_seed`.
    pub(crate) fn new(first_seed: u64, schedules: u64, current_seed: Arc<AtomicU64>) -> Self {
        Self {
            next_seed: first_seed,
            left: schedules,
            current_seed,
            random: Random(MEASURING_SEED),
            plan: Plan::Random,
            points: 0,
            usual_points: None,
            has_begun: false,
            watch: None,
        }
    }

    fn begin(&mut self, seed: u64) {
        self.current_seed.store(seed, Ordering::SeqCst);
        let test = std::thread::current().name().unwrap_or("").to_owned();
        self.watch = Some(Watch::over(replay(&test, seed), patience()));
        self.random = Random(seed);
        self.points = 0;
        self.plan = match self.usual_points {
            Some(usual) if seed.is_multiple_of(2) => Plan::Pct {
                priorities: HashMap::new(),
                changes: std::array::from_fn(|_| 1 + self.random.below(usual)),
                lowest: u64::MAX / 2,
            },
            _ => Plan::Random,
        };
    }
}

impl Scheduler for Explorer {
    fn new_execution(&mut self) -> Option<Schedule> {
        IS_CONTEST.set(false);
        if !std::mem::replace(&mut self.has_begun, true) {
            self.begin(MEASURING_SEED);
            return Some(Schedule::new(MEASURING_SEED));
        }
        self.usual_points.get_or_insert(self.points.max(1));
        self.watch = None;
        self.left = self.left.checked_sub(1)?;
        let seed = self.next_seed;
        self.next_seed = seed.wrapping_add(1);
        self.begin(seed);
        Some(Schedule::new(seed))
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        if !IS_CONTEST.get() {
            return straight_on(runnable, current, is_yielding);
        }
        if let [only] = runnable {
            return Some(only.id());
        }
        self.points += 1;
        let (random, points) = (&mut self.random, self.points);
        match &mut self.plan {
            Plan::Random => {
                let at = random.below(runnable.len() as u64);
                runnable.get(usize::try_from(at).unwrap_or(0)).map(|task| task.id())
            }
            Plan::Pct { priorities, changes, lowest } => {
                if let Some(current) = current
                    && (is_yielding || changes.contains(&points))
                {
                    *lowest -= 1;
                    priorities.insert(usize::from(current), *lowest);
                }
                let mut priority_of = |task: TaskId| {
                    *priorities
                        .entry(usize::from(task))
                        .or_insert_with(|| u64::MAX / 2 + random.below(1 << 32))
                };
                runnable.iter().map(|task| task.id()).max_by_key(|&task| priority_of(task))
            }
        }
    }

    fn next_u64(&mut self) -> u64 {
        // Outside the contest, no wait times out, because nothing is explored there.
        if IS_CONTEST.get() { self.random.next() } else { 0 }
    }
}

/// Returns the current thread, unless it waits or yields. Otherwise returns the next runnable thread in
/// cyclic order.
fn straight_on(runnable: &[&Task], current: Option<TaskId>, is_yielding: bool) -> Option<TaskId> {
    let last = current.map_or(0, usize::from);
    let is_last = |task: &&&Task| usize::from(task.id()) == last;
    let is_later = |task: &&&Task| usize::from(task.id()) > last;
    let goes_on = runnable.iter().find(is_last).filter(|_| !is_yielding);
    let next = goes_on.or_else(|| runnable.iter().find(is_later)).or(runnable.first());
    next.map(|task| task.id())
}
