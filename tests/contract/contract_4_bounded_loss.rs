//! Contract 4: a crash loses at most the unflushed entries, and no entry is ever damaged.
//!
//! The first test kills a process with one thread. The tests in [`crate::faults::kill`] kill a process with
//! several threads, at any moment.

use std::collections::HashMap;

use larder::{Durability, InsertOptions};

use crate::support::child::Worker;
use crate::support::simulated::open_swept;
use crate::support::{LOCK_WAIT, NAMES, Place, VERSIONS};

#[test]
fn contract_4_what_was_acknowledged_survives_kill_9() {
    let place = Place::new();
    // All rounds use the same file. Each round ends with a clear.
    for round in 0..4 {
        let mut worker = Worker::start("churn", &place.path());
        let mut said = Vec::new();
        for _ in 0..(5 + round * 7) {
            said.extend(worker.line());
        }
        said.extend(worker.kill());
        assert_eq!(said[0], "open", "round {round}");

        let (mut flushed, mut now, mut gone) = (0, HashMap::new(), HashMap::new());
        for line in &said[1..] {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |at: usize| words[at].parse::<u64>().unwrap();
            match words[0] {
                "flushed" => flushed = number(1),
                "now" => drop(now.insert(number(1), number(2))),
                _ => drop(gone.insert(number(1), number(2))),
            }
        }
        let cache = larder::Cache::builder().path(place.path()).open_timeout(LOCK_WAIT).open().unwrap();
        let versions = cache.keyspace(VERSIONS).unwrap();
        for key in 0..20 {
            let version = versions.get(&key).map(|version| *version);
            if let Some(&removed) = gone.get(&key) {
                assert!(
                    version.is_none_or(|version| version > removed),
                    "round {round}: {key} came back as {version:?}, removed at {removed}"
                );
            }
            // The entry may be missing because a removal was done, but not yet reported.
            let was_flushed = flushed > gone.get(&key).copied().unwrap_or(0);
            if let Some(version) = version.filter(|_| was_flushed) {
                assert!(version >= flushed, "round {round}: {key} is {version}, flushed at {flushed}");
            }
        }
        let lost = (0..20)
            .filter(|key| versions.get(key).is_none() && flushed > gone.get(key).copied().unwrap_or(0))
            .count();
        assert!(
            lost <= 1,
            "round {round}: {lost} flushed keys are missing, and one removal at most was under way"
        );
        for (key, version) in now {
            assert!(
                versions.get(&key).is_some_and(|found| *found >= version),
                "round {round}: {key} lost {version}"
            );
        }
        let left = versions.count();
        assert_eq!(cache.clear().unwrap(), left);
    }
}

#[test]
fn contract_4_an_insert_reaches_the_disk_within_the_flush_interval() {
    let place = Place::new();
    let cache = larder::Cache::builder().path(place.path()).open_timeout(LOCK_WAIT).open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    // The first insert after each commit must wake the writer, so the test inserts several times.
    for number in 1..4 {
        names.insert(&number.to_string(), "value".to_owned()).unwrap();
        // Without a flush, the entry is committed within the flush interval. The duration of that interval
        // can't be measured on a busy machine, so the test only checks that the commit happens.
        let waits = (0..20_000_000).find(|_| {
            std::thread::yield_now();
            cache.stats().unsaved_bytes.is_zero()
        });
        assert!(waits.is_some(), "insert {number} was never committed");
        assert_eq!(cache.stats().disk.unwrap().entries, number);
    }
}

#[test]
fn contract_4_immediate_durability_is_on_disk_when_it_returns() {
    let place = Place::new();
    // A late first sweep would commit the buffered entry.
    let cache = open_swept(place.builder());
    let names = cache.keyspace(NAMES).unwrap();
    names.insert("buffered", "old".to_owned()).unwrap();
    let disk = |key: &str| {
        let copy = Place::new();
        std::fs::copy(place.path(), copy.path()).unwrap();
        copy.open().keyspace(NAMES).unwrap().get(key)
    };
    assert!(disk("buffered").is_none());
    names
        .insert_with("now", "value".to_owned(), InsertOptions::new().durability(Durability::Immediate))
        .unwrap();
    assert_eq!(*disk("now").unwrap(), "value");
    assert!(disk("buffered").is_some(), "a commit takes along what is buffered");
}

#[test]
fn contract_4_closing_and_dropping_lose_nothing() {
    let place = Place::new();
    {
        let cache = place.open();
        cache.keyspace(NAMES).unwrap().insert("closed", String::new()).unwrap();
        cache.close().unwrap();
        cache.close().unwrap();
    }
    {
        let names = place.open().keyspace(NAMES).unwrap();
        names.insert("dropped", String::new()).unwrap();
    }
    let cache = place.open();
    let stats = cache.stats().disk.unwrap();
    assert!(stats.was_closed_cleanly);
    assert_eq!(stats.recovered_entries, 2);
    let names = cache.keyspace(NAMES).unwrap();
    assert!(names.contains_key("closed") && names.contains_key("dropped"));
}
