//! Kills a process that increments a counter and inserts new keys, with `kill -9` (contract 4). A crash may
//! set a counter back to its value at the last commit, but no further.

use std::path::Path;
use std::thread;

use larder::{ByteSize, Cache, Durability, InsertOptions, Keyspace, KeyspaceDefinition};

use crate::support::child::{Worker, say};
use crate::support::harness::Harness;
use crate::support::{HOUR, LOCK_WAIT, Place, Random, spin};

/// Key 0 is a counter that all threads increment. Each other key is inserted once.
const COUNTERS: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("counter").ttl(HOUR);
const THREADS: u64 = 3;
/// Number of increments per thread between two flushes.
const STEPS: u64 = 5;
/// The keys of a run begin at a multiple of this number.
const KEYS_OF_A_RUN: u64 = 1 << 32;

fn open(path: &Path) -> (Cache, Keyspace<u64, u64>) {
    let builder = Cache::builder().path(path).memory_capacity(ByteSize::kib(64)).open_timeout(LOCK_WAIT);
    let cache = builder.open().unwrap();
    let counters = cache.keyspace(COUNTERS).unwrap();
    (cache, counters)
}

/// Runs in a child process until it is killed.
pub(crate) fn count_until_killed(path: &Path) {
    let (cache, counters) = open(path);
    let first = counters.get(&0).map_or(0, |sum| *sum);
    say(&format!("began {first}"));
    let immediately = InsertOptions::new().durability(Durability::Immediate);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (cache, counters) = (&cache, &counters);
            scope.spawn(move || {
                for round in 1.. {
                    let mut sum = 0;
                    for _ in 0..STEPS {
                        sum = counters.increment(&0, 1).unwrap();
                    }
                    cache.flush().unwrap();
                    say(&format!("did count {sum}"));
                    let key = (first + 1) * KEYS_OF_A_RUN + round * THREADS + thread;
                    let there = counters.insert_if_absent_with(&key, sum, immediately).unwrap();
                    assert!(there.is_none(), "no other thread has this key");
                    say(&format!("did insert {key} {sum}"));
                }
            });
        }
    });
}

fn kill_a_counter(seed: u64, kills: u64) {
    let mut random = Random::of_round(seed);
    let place = Place::new();
    let mut committed = 0;
    for _ in 0..kills {
        let mut worker = Worker::start("count", &place.path());
        let mut said = Vec::new();
        for _ in 0..=random.below(40) {
            said.push(worker.line().expect("the child works until it is killed"));
        }
        spin(random.below(2_000));
        said.extend(worker.kill_and_look().0);
        let mut inserted = Vec::new();
        for line in &said {
            let words: Vec<&str> = line.split(' ').collect();
            let numbers: Vec<u64> = words.iter().filter_map(|word| word.parse().ok()).collect();
            match words[..2] {
                ["did", "count"] => committed = committed.max(numbers[0]),
                ["did", "insert"] => inserted.push((numbers[0], numbers[1])),
                ["began", _] => assert!(numbers[0] >= committed, "it began at {}", numbers[0]),
                _ => {}
            }
        }
        let (cache, counters) = open(&place.path());
        let sum = counters.get(&0).map_or(0, |sum| *sum);
        // Each thread has reported a flush of its increments, except for those of its last rounds.
        let most = committed + 2 * THREADS * STEPS;
        assert!((committed..=most).contains(&sum), "seed {seed}: {sum} after {committed} were committed");
        for (key, value) in inserted {
            assert_eq!(counters.get(&key).as_deref(), Some(&value), "seed {seed}: key {key} is lost");
            assert!(counters.insert_if_absent(&key, 0).unwrap().is_some(), "seed {seed}: given twice");
        }
        committed = sum;
        cache.close().unwrap();
    }
}

#[test]
fn contract_4_a_killed_counter_loses_only_what_was_not_committed() {
    let test = "contract_4_a_killed_counter_loses_only_what_was_not_committed";
    Harness::new(test, "LARDER_COUNTER_KILLS", 2).run(|seed| kill_a_counter(seed, 3));
}
