//! Contract 6: when the disk fails at run time, memory continues to serve, and contract 3 holds across the
//! failure.
//!
//! A child process lowers the limit on the length of its files while its cache is open. Every write beyond
//! the limit then fails, as on a device that refuses writes. If such a write reached the operating system, it
//! would raise SIGXFSZ, which the child does not handle, so the child would end. `outages/states.rs` tests
//! each state of the disk tier. `faults/io_errors.rs` makes every single operation fail.

use std::path::Path;

use larder::{ByteSize, Cache, DiskState, Error};

use crate::faults::places::lower_file_size_limit;
use crate::support::child::Worker;
use crate::support::{BLOBS, HOUR, NAMES, Place, VERSIONS};

#[test]
fn contract_6_a_disk_that_fails_is_turned_off_and_nothing_invalidated_comes_back() {
    let place = Place::new();
    let mut worker = Worker::start("fail", &place.path());
    assert_eq!(worker.line().as_deref(), Some("went on in memory"));
    assert_eq!(worker.line(), None);
    let mut left = std::fs::read_dir(place.dir()).unwrap().map(|file| file.unwrap().file_name());
    assert!(left.all(|name| !name.to_str().unwrap().contains("discarded")), "the stale file is gone");
    let cache = Cache::builder().path(place.path()).open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    assert_eq!((names.get("victim"), names.get("other")), (None, None));
}

#[test]
fn contract_6_an_invalidation_that_cannot_be_made_durable_is_never_reported_as_done() {
    let place = Place::new();
    let mut worker = Worker::start("fail-moved", &place.path());
    assert_eq!(worker.line().as_deref(), Some("refused to promise"));
    assert_eq!(worker.line(), None);
    // The file is back, with the entries that the cache could not remove. The removals returned an error,
    // because they were not durable.
    let cache = Cache::builder().path(place.path()).open().unwrap();
    assert!(cache.keyspace(NAMES).unwrap().get("victim").is_some());
}

/// Maximum length of the child's files, in bytes.
const LIMIT: u64 = 2_000 << 10;

fn fill_until_it_fails(path: &Path) -> Cache {
    let cache =
        Cache::builder().path(path).memory_capacity(ByteSize::mib(64)).flush_interval(HOUR).open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    names.insert("victim", "committed".to_owned()).unwrap();
    names.insert("other", "committed".to_owned()).unwrap();
    cache.flush().unwrap();
    lower_file_size_limit(LIMIT);
    cache
}

fn fail_the_disk(cache: &Cache) {
    let blobs = cache.keyspace(BLOBS).unwrap();
    for key in 0.. {
        blobs.insert(&key, vec![7; 50_000]).unwrap();
        assert_eq!(
            blobs.get(&key).unwrap().len(),
            50_000,
            "a write is visible, whatever the state of the disk"
        );
        if cache.stats().disk.unwrap().off.is_some() {
            break;
        }
        drop(cache.flush());
    }
}

/// Runs in a child process: makes the disk fail, and continues to use the cache.
pub(crate) fn go_on(path: &Path) -> &'static str {
    let cache = fill_until_it_fails(path);
    fail_the_disk(&cache);
    let blobs = cache.keyspace(BLOBS).unwrap();
    assert!(blobs.count() > 10, "an uncommitted entry stays in memory");
    let names = cache.keyspace(NAMES).unwrap();
    assert_eq!(cache.stats().disk.unwrap().state, DiskState::Suspended);
    assert!(names.remove("victim").is_ok(), "the removal is durable");
    assert_eq!(cache.stats().disk.unwrap().discards, 1, "under the limit the file can only be discarded");
    assert!(names.get("victim").is_none() && names.contains_key("other"));
    names.insert("new", "in memory".to_owned()).unwrap();
    assert_eq!(*names.get("new").unwrap(), "in memory");
    let loaded = names.get_or_load("loaded", || Ok::<_, Error>("loaded".to_owned())).unwrap();
    assert!(*loaded == "loaded" && names.contains_key("loaded"));
    let versions = cache.keyspace(VERSIONS).unwrap();
    versions.insert(&1, 1).unwrap();
    assert_eq!(versions.count(), 1, "a keyspace can still be opened");
    assert!(cache.sweep().is_ok());
    assert!(cache.clear().unwrap() >= 3);
    assert!(names.is_empty() && versions.is_empty());
    drop(cache.close());
    "went on in memory"
}

/// Runs in a child process: makes the disk fail while the file is moved away.
pub(crate) fn refuse_to_promise(path: &Path) -> &'static str {
    let cache = fill_until_it_fails(path);
    let elsewhere = path.with_extension("elsewhere");
    std::fs::rename(path, &elsewhere).unwrap();
    std::fs::write(path, "a note of the user").unwrap();
    fail_the_disk(&cache);
    let names = cache.keyspace(NAMES).unwrap();
    assert!(matches!(names.remove("victim"), Err(Error::NotDurable { .. })));
    assert!(names.get("victim").is_none(), "memory is clean all the same");
    names.insert("taken", "by one".to_owned()).unwrap();
    let taken = names.take("taken").unwrap_err();
    assert!(matches!(taken.error, Error::NotDurable { .. }), "{taken}");
    assert_eq!(taken.applied.as_deref().map(String::as_str), Some("by one"), "the value is not lost");
    assert!(matches!(cache.clear(), Err(Error::NotDurable { .. })));
    assert_eq!(std::fs::read(path).unwrap(), b"a note of the user");
    std::fs::rename(elsewhere, path).unwrap();
    // The cache is neither closed nor dropped. Otherwise it would try again to put the file out of service,
    // and would find the file back at its path.
    std::mem::forget((cache, names));
    "refused to promise"
}
