//! Runs eight workers and a server that is killed repeatedly.
//!
//! A process serves a cache file over a Unix socket. Each worker has its own connection, and changes and
//! reads entries. After a short time, the process is killed with SIGKILL or shut down, and is started again
//! with the same file. A judge knows all requests and replies of the workers, and checks these rules:
//!
//! - After an acknowledged removal, a read returns no stale value, in this life of the server or in a later
//!   one.
//! - A read returns a group of `MSET` or `MULTI` completely or not at all.
//! - A change that was acknowledged as durable is not lost. `WAIT`, and a database with durable writes,
//!   acknowledge changes in this way.
//! - Counters count each increment exactly once. Buffered counters decrease only in a crash.
//! - A walk returns each key that exists during the whole walk.
//!
//! [`judge`]: the values that a read may return. [`workers`]: the requests. [`shop`]: the state that the
//! workers share. [`server`]: the server process. [`planted`]: faults that the harness must find.
//! [`seeds`]: the seed of a run.
//!
//! `LARDER_KILLS_SECONDS` sets the duration of a run. `LARDER_SEED` sets the seed for the requests and for
//! the times of the kills, but not the order in which threads and processes run.

mod judge;
mod planted;
#[path = "../../../../tests/support/seeds.rs"]
mod seeds;
mod server;
mod shop;
mod workers;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use judge::{Finding, Life, Promise};
use planted::Fault;
use seeds::{first_seed, number, replay};
use server::Process;
use shop::{Choices, Shop, WORKERS};
use workers::{Stopped, Worker};

const SECONDS: &str = "LARDER_KILLS_SECONDS";

/// Duration of the harness in `cargo test`, in seconds.
const USUAL_SECONDS: u64 = 5;

#[derive(Debug, Default)]
struct Done {
    kills: u64,
    /// Number of times that the server was shut down cleanly.
    ends: u64,
    acts: u64,
}

/// The state of the run, which the workers share.
#[derive(Debug, Default)]
struct Stage {
    now: Mutex<Now>,
    changed: Condvar,
    acts: AtomicU64,
}

#[derive(Debug, Default)]
struct Now {
    /// The current life of the server, or `None` between two lives.
    life: Option<Life>,
    is_over: bool,
    finding: Option<Finding>,
}

impl Stage {
    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_life(&self, life: Option<Life>) {
        self.lock().life = life;
        self.changed.notify_all();
    }

    /// Waits until the server serves, and returns its life. Returns `None` at the end of the run or after a
    /// finding.
    fn await_life(&self) -> Option<Life> {
        let mut now = self.lock();
        loop {
            if now.is_over || now.finding.is_some() {
                return None;
            }
            if now.life.is_some() {
                return now.life;
            }
            now = self.changed.wait(now).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn serves(&self, life: Life) -> bool {
        self.lock().life == Some(life)
    }

    fn found(&self, finding: Finding) {
        self.lock().finding.get_or_insert(finding);
        self.changed.notify_all();
    }

    fn is_found(&self) -> bool {
        self.lock().finding.is_some()
    }
}

/// Runs until the time is over, or until the judge finds a broken promise.
fn run(seed: u64, time: Duration, fault: Option<Fault>) -> Result<Done, Finding> {
    let dir = tempfile::tempdir().unwrap();
    let (shop, stage) = (Shop::new(), Stage::default());
    let mut done = Done::default();
    std::thread::scope(|scope| {
        for number in 0..WORKERS {
            let (shop, stage, dir) = (&shop, &stage, dir.path());
            let choices = Choices::new(seed.wrapping_add(1 + number as u64));
            scope.spawn(move || work(shop, stage, dir, number, choices));
        }
        let led = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            lead(seed, time, fault, dir.path(), &shop, &stage, &mut done);
        }));
        // Ends the workers even after a failure.
        stage.lock().is_over = true;
        stage.changed.notify_all();
        led.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    done.acts = stage.acts.load(Ordering::Relaxed);
    match stage.lock().finding.take() {
        Some(finding) => Err(finding),
        None => Ok(done),
    }
}

/// Starts and kills the server until the time is over.
fn lead(
    seed: u64,
    time: Duration,
    fault: Option<Fault>,
    dir: &Path,
    shop: &Shop,
    stage: &Stage,
    done: &mut Done,
) {
    let mut choices = Choices::new(seed);
    let flush_interval = [2, 20, 200][usize::try_from(choices.below(3)).unwrap()];
    let began = Instant::now();
    for life in 1.. {
        let mut process = Process::start(dir, flush_interval, fault);
        if life > 1 && choices.below(8) == 0 {
            // Kills the process within 30 ms of its start, so that it may still be opening the file.
            let _ = process.run_for(Duration::from_millis(choices.below(30)));
            process.kill();
            done.kills += 1;
            continue;
        }
        if !process.await_ready() {
            return stage.found(Finding::new(Promise::Service, format!("life {life} does not serve")));
        }
        if life == 1 {
            let mut choices = choices.clone();
            let stored = Worker::connect(shop, 0, life, dir, &mut choices).map_err(Stopped::from);
            stored.and_then(|mut worker| worker.store_walked_keys()).unwrap();
        }
        stage.set_life(Some(life));
        let is_last = began.elapsed() >= time;
        let is_running = process.run_for(Duration::from_millis(choices.below(250)));
        let is_in_order = is_running && (is_last || choices.below(6) == 0);
        if is_in_order {
            if !process.end() {
                stage.found(Finding::new(Promise::Service, format!("life {life} has not ended in order")));
            }
            done.ends += 1;
        } else if is_running {
            process.kill();
            done.kills += 1;
        } else {
            stage.found(Finding::new(Promise::Service, format!("life {life} has ended by itself")));
        }
        stage.set_life(None);
        if is_in_order {
            shop.ended(life);
        }
        if is_last || stage.is_found() {
            return;
        }
    }
}

/// Runs a worker until the end of the run. The worker opens a connection in each life of the server.
fn work(shop: &Shop, stage: &Stage, dir: &Path, number: usize, mut choices: Choices) {
    while let Some(life) = stage.await_life() {
        let Ok(mut worker) = Worker::connect(shop, number, life, dir, &mut choices) else {
            std::thread::yield_now();
            continue;
        };
        // The connection may already belong to the next life.
        if !stage.serves(life) {
            continue;
        }
        loop {
            match worker.act() {
                Ok(()) => stage.acts.fetch_add(1, Ordering::Relaxed),
                Err(Stopped::Killed) => break,
                Err(Stopped::Found(finding)) => return stage.found(finding),
            };
            if stage.is_found() {
                return;
            }
        }
    }
}

#[test]
fn eight_workers_get_what_they_were_promised_while_the_server_is_killed() {
    let seed = first_seed();
    let seconds = number(SECONDS).unwrap_or(USUAL_SECONDS);
    match run(seed, Duration::from_secs(seconds), None) {
        Ok(Done { kills, ends, acts }) => {
            println!("killed {kills} times, ended {ends} times, {acts} acts from seed {seed}");
            assert!(kills > 0 && acts > 0);
        }
        Err(finding) => {
            let replay = replay(seed, (SECONDS, seconds), "cargo test -p larder-serve", "eight_workers_get");
            panic!("{finding}\n{replay}")
        }
    }
}
