//! Kills a writing process with `kill -9` repeatedly, and checks the content of its file (contracts 3 and 4).
//!
//! A child process writes with several threads, and reports the calls that have returned ([`writer`]). Its
//! parent kills the child at a moment that a seed decides. Then the parent opens the file, and checks live
//! and stale values against the reports ([`ack_log`]). The test kills several children on one file, with
//! and without a clean opening in between. Some kills happen while the child creates, opens or closes the
//! cache.

mod ack_log;
pub(crate) mod counters;
pub(crate) mod writer;

use std::os::unix::process::ExitStatusExt;

use larder::{Cache, KeyspaceDefinition};

use crate::support::child::Worker;
use crate::support::harness::Harness;
use crate::support::{HOUR, Key, LOCK_WAIT, Place, Random, WRITTEN, Written, spin};
use ack_log::{Absent, AckLog, Found, all_keys};
use writer::{Lie, stale_answer};

/// The keyspace of the writer. Its grace allows a failed load to return an expired value.
const GRACEFUL: KeyspaceDefinition<Key, Written> = WRITTEN.grace(HOUR);

/// Number of kills per seed. About one kill in five uses a new file, and each other kill uses the file of
/// the previous kill.
const CHAIN: u64 = 6;
/// Maximum number of versions that a child uses.
const VERSIONS_OF_A_RUN: u64 = 1_000_000;

/// After this number of lines, a child is killed even if it has not printed the word.
const MAX_LINES: usize = 400;

/// The moment at which the child is killed.
#[derive(Debug)]
enum Moment {
    /// `micros` microseconds after the start of the child.
    AfterStart { micros: u64 },
    /// `micros` microseconds after the child has printed the word `times` times.
    After { word: &'static str, times: u64, micros: u64 },
}

impl Moment {
    fn choose(random: &mut Random) -> Self {
        match random.below(8) {
            0 => Self::AfterStart { micros: random.below(15_000) },
            1 | 2 => Self::After { word: "opening", times: 1 + random.below(3), micros: random.below(6_000) },
            3 => Self::After { word: "closing", times: 1 + random.below(2), micros: random.below(4_000) },
            4 => Self::After { word: "will", times: 1 + random.below(20), micros: random.below(2_000) },
            _ => Self::After { word: "did", times: 1 + random.below(40), micros: random.below(300) },
        }
    }

    /// Waits for this moment, and kills the child. Returns the lines that the child printed.
    fn kill(&self, mut worker: Worker) -> Result<Vec<String>, String> {
        let mut said = Vec::new();
        let micros = match *self {
            Self::AfterStart { micros } => micros,
            Self::After { word, times, micros } => {
                let mut left = times;
                while left > 0 {
                    let line = worker.line().ok_or("the child ended by itself; its own message is above")?;
                    let is_it = line.split(' ').next() == Some(word);
                    // A child with a planted fault may never print the word.
                    left = if said.len() < MAX_LINES { left - u64::from(is_it) } else { 0 };
                    said.push(line);
                }
                micros
            }
        };
        spin(micros);
        let (rest, status) = worker.kill_and_look();
        said.extend(rest);
        if status.signal().is_none() {
            return Err(format!("the child ended by itself ({status}); its own message is above"));
        }
        Ok(said)
    }
}

/// Opens the file after a crash, and returns its content. A kill is not damage, so the file must not be moved
/// aside.
fn look(place: &Place) -> Result<(Found, Absent), String> {
    let cache = Cache::builder()
        .path(place.path())
        .open_timeout(LOCK_WAIT)
        .range_rows(2)
        .open()
        .map_err(|error| error.to_string())?;
    if let Some(aside) = cache.stats().disk.and_then(|disk| disk.quarantined) {
        return Err(format!("a killed file was taken for a damaged one: {}", aside.display()));
    }
    let written = cache.keyspace(GRACEFUL).map_err(|error| error.to_string())?;
    let absent: Absent =
        all_keys().filter(|key| matches!(written.find(key), larder::Found::Absent)).collect();
    let mut found: Found = written.iter().map(|(key, value)| (key, (*value).clone())).collect();
    let unlike = found.iter().find(|(key, value)| written.get(key).as_deref() != Some(*value));
    if let Some((key, _)) = unlike {
        return Err(format!("{key:?} is found by walking, and not by looking it up"));
    }
    // Stale values follow the same rule as live values: the value is the last acknowledged one or a later
    // one, and was not removed.
    for key in all_keys().filter(|key| !absent.contains(key)) {
        if let Some(value) = stale_answer(&written, key)
            && found.insert(key, value).is_some()
        {
            return Err(format!("{key:?} is live, and was answered with a stale value"));
        }
    }
    if cache.stats().disk.is_some_and(|disk| disk.damaged_records > 0 || disk.off.is_some()) {
        return Err(format!("the disk is off, or a record is damaged: {:?}", cache.stats().disk));
    }
    cache.close().map_err(|error| error.to_string())?;
    Ok((found, absent))
}

/// Kills a writer `kills` times. Returns the number of acknowledgements that were checked.
fn kill_again_and_again(seed: u64, kills: u64, lie: Lie) -> Result<u64, String> {
    let mut random = Random::of_round(seed);
    let (mut place, mut log) = (Place::new(), AckLog::default());
    let mut acknowledged = 0;
    for kill in 1..=kills {
        if random.below(5) == 0 {
            acknowledged += log.acknowledged;
            (place, log) = (Place::new(), AckLog::default());
        }
        let first = kill * VERSIONS_OF_A_RUN;
        let task = format!("kill {} {first} {}", random.below(u64::MAX), lie.name());
        let moment = Moment::choose(&mut random);
        let failed = |why: String| format!("kill {kill} of {kills}, {moment:?}: {why}");
        let said = moment.kill(Worker::start(&task, &place.path())).map_err(failed)?;
        for line in &said {
            log.hear(line);
        }
        let last = first + VERSIONS_OF_A_RUN - 1;
        log.crashed(last);
        // In some rounds, the next child is the first process that opens the file after the kill.
        if kill == kills || random.below(4) > 0 {
            let (found, absent) = look(&place).map_err(failed)?;
            log.check(&found).map_err(failed)?;
            log.check_absent(&absent).map_err(failed)?;
            log.settle(&found, last);
            log.settle_absent(absent);
        }
    }
    Ok(acknowledged + log.acknowledged)
}

#[test]
fn contract_4_nothing_acknowledged_is_lost_or_comes_back_by_kill_9() {
    let harness =
        Harness::new("contract_4_nothing_acknowledged_is_lost_or_comes_back_by_kill_9", "LARDER_KILLS", 12);
    let mut acknowledged = 0;
    let mut left = harness.rounds();
    for seed in harness.seeds() {
        let kills = left.min(CHAIN);
        if kills == 0 {
            break;
        }
        left -= kills;
        acknowledged += harness.replayable_with(seed, CHAIN, || {
            kill_again_and_again(seed, kills, Lie::None).unwrap_or_else(|why| panic!("seed {seed}: {why}"))
        });
    }
    eprintln!("{} kills, {acknowledged} acknowledgements checked", harness.rounds());
}

/// Returns the error that reveals the lie within a few chains of kills.
fn is_found_out(lie: Lie) -> Option<String> {
    (0..4).find_map(|seed| kill_again_and_again(seed, CHAIN, lie).err())
}

#[test]
fn the_kill_harness_catches_a_flush_that_was_not_made() {
    let fault = is_found_out(Lie::Flush).expect("a writer that lies about its flushes passed");
    assert!(fault.contains("durable"), "{fault}");
}

#[test]
fn the_kill_harness_catches_a_removal_that_was_not_made() {
    let fault = is_found_out(Lie::Remove).expect("a writer that lies about its removals passed");
    assert!(fault.contains("came back"), "{fault}");
}

#[test]
fn the_kill_harness_catches_a_removed_value_that_is_served_stale() {
    let fault = is_found_out(Lie::Expire).expect("a writer that only expires what it removes passed");
    assert!(fault.contains("came back"), "{fault}");
}
