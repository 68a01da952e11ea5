//! Checks that no answer is stale: with many threads, across restarts, and after kills (contracts 1 and 3).
//!
//! Every key stands for an item of a source whose versions only increase ([`oracle`]). A child process
//! changes the source, and invalidates the changed keys in the cache. The child checks that each answer
//! includes all changes that were acknowledged before the lookup ([`engine`]). The child also closes and
//! reopens the cache now and then. The parent kills the child from time to time, and starts another child on
//! the same file.

mod engine;
mod oracle;

pub(crate) use engine::work_until_killed;

use crate::support::child::Worker;
use crate::support::harness::Harness;
use crate::support::{Place, Random};

/// Five sums over all rounds: the disk hits, evictions from memory, voided fills and requests of the caches
/// that were closed, and the kills.
type Seen = [u64; 5];

/// Starts one to four children on one file, one after another, and kills each of them.
fn work_and_kill(seed: u64, plant: &str, totals: &mut Seen) -> Result<(), String> {
    let mut random = Random::of_round(seed);
    // A file system in memory allows many more steps per second.
    let place = if random.below(3) == 0 { Place::new() } else { Place::in_memory() };
    for _ in 0..=random.below(4) {
        let mut worker =
            Worker::start(&format!("staleness {} {plant}", random.below(u64::MAX)), &place.path());
        let mut ticks = 1 + random.below(60);
        while ticks > 0 {
            let line = worker.line().ok_or("the child ended by itself; its own message is above")?;
            let words: Vec<&str> = line.split(' ').collect();
            match words[0] {
                "tick" => ticks -= 1,
                "life" => {
                    for (sum, word) in totals.iter_mut().zip(&words[1..]) {
                        *sum += word.parse::<u64>().unwrap();
                    }
                }
                "stale" => return Err(line),
                _ => {}
            }
        }
        let said = worker.kill();
        totals[4] += 1;
        if let Some(line) = said.into_iter().find(|line| line.starts_with("stale")) {
            return Err(line);
        }
    }
    Ok(())
}

#[test]
fn contract_3_no_answer_is_stale_under_threads_restarts_and_kills() {
    let harness = Harness::new(
        "contract_3_no_answer_is_stale_under_threads_restarts_and_kills",
        "LARDER_STALENESS_SECONDS",
        2,
    );
    let mut seen = Seen::default();
    harness.run_for_seconds(|seed| {
        work_and_kill(seed, "none", &mut seen).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    });
    let [disk_hits, evictions, voided, requests, kills] = seen;
    eprintln!(
        "{requests} requests, {disk_hits} disk hits, {evictions} evictions, {voided} voided fills, {kills} kills"
    );
    assert!(kills > 0);
}

/// Plants a fault, and returns the message that reports it. Tries several seeds, because a fault becomes
/// visible only with some thread schedules.
fn is_found_out(plant: &str) -> Option<String> {
    (0..20).find_map(|seed| work_and_kill(seed, plant, &mut Seen::default()).err())
}

#[test]
fn the_staleness_harness_catches_a_removal_that_is_not_made() {
    let fault = is_found_out("forgets").expect("a cache that forgets to remove passed");
    assert!(fault.contains("was gone"), "{fault}");
}

#[test]
fn the_staleness_harness_catches_an_old_value_that_is_brought_back() {
    let fault = is_found_out("brings-back").expect("a cache that brings old values back passed");
    assert!(fault.contains("was gone"), "{fault}");
}
