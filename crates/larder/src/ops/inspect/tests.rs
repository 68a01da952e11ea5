use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::*;
use crate::api::cache::Cache;
use crate::api::keyspace::definition::KeyspaceDefinition;
use crate::sys::clock::ManualClock;
use crate::units::Timestamp;

const HOUR: Duration = Duration::from_hours(1);
const NAMES: KeyspaceDefinition<String, String> = KeyspaceDefinition::new("name").ttl(HOUR);

fn place() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    (dir, path)
}

fn open(path: &Path) -> Cache {
    Cache::builder().path(path).flush_interval(HOUR).open_timeout(Duration::from_secs(10)).open().unwrap()
}

fn put(cache: &Cache, key: &str, value: &str) {
    cache.keyspace(NAMES).unwrap().insert(key, value.to_owned()).unwrap();
    cache.flush().unwrap();
}

/// Copies an open file. The copy is like a file left by a crash.
fn crashed(path: &Path) -> (tempfile::TempDir, PathBuf) {
    let (dir, copy) = place();
    fs::copy(path, &copy).unwrap();
    (dir, copy)
}

fn find(snapshot: &Snapshot, key: &str) -> RecordStatus {
    let keyspace = snapshot.keyspace("name").unwrap();
    snapshot.find(keyspace, &keyspace.shape().unwrap().parse_key(key).unwrap()).unwrap()
}

#[test]
fn a_snapshot_is_one_commit_whatever_comes_after_it() {
    let (_dir, path) = place();
    let cache = open(&path);
    put(&cache, "one", "1");
    let inspector = Inspector::open(&path).unwrap();
    let before = inspector.snapshot().unwrap();
    put(&cache, "two", "2");
    assert!(cache.keyspace(NAMES).unwrap().remove("one").unwrap());
    assert!(find(&before, "one").live().is_some() && find(&before, "two") == RecordStatus::Absent);
    let keyspace = before.keyspace("name").unwrap();
    assert_eq!((keyspace.entries, before.page(keyspace, &[], None, 9).unwrap().len()), (1, 1));
    let after = inspector.snapshot().unwrap();
    assert!(find(&after, "two").live().is_some() && find(&after, "one") == RecordStatus::Absent);
    assert!(after.file().sequence > before.file().sequence);
    assert_eq!(after.file().state, FileState::Owned { pid: Some(std::process::id()), has_ended: false });
}

#[test]
fn a_file_that_a_crash_left_is_read_and_an_owner_that_opens_it_is_noticed() {
    let (_dir, path) = place();
    let cache = open(&path);
    put(&cache, "one", "1");
    let (_other, copy) = crashed(&path);
    let bytes = fs::read(&copy).unwrap();
    let inspector = Inspector::open(&copy).unwrap();
    let snapshot = inspector.snapshot().unwrap();
    assert_eq!(snapshot.file().state, FileState::Crashed);
    assert!(!snapshot.file().closed_cleanly);
    assert_eq!(*find(&snapshot, "one").live().unwrap().payload().unwrap(), *b"\x011");
    assert!(inspector.verify(&mut |_, _| {}).unwrap().is_whole());
    assert!(fs::read(&copy).unwrap() == bytes, "nothing is written");
    // The owner that opens the file now may reuse pages that the snapshot reads.
    let owner = open(&copy);
    put(&owner, "two", "2");
    let keyspace = snapshot.keyspace("name").unwrap();
    let error = snapshot.page(keyspace, &[], None, 9).unwrap_err().to_string();
    assert!(error.contains("an owner has opened it meanwhile; try again"), "{error}");
    assert!(find(&inspector.snapshot().unwrap(), "two").live().is_some());
    owner.close().unwrap();
    let snapshot = inspector.snapshot().unwrap();
    assert_eq!((snapshot.file().state, snapshot.file().closed_cleanly), (FileState::Closed, true));
}

#[test]
fn what_has_expired_is_told_apart_and_counted() {
    let (_dir, path) = place();
    let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(1_000_000)));
    let cache = Cache::builder().path(&path).clock(clock.clone()).flush_interval(HOUR).open().unwrap();
    put(&cache, "one", "1");
    cache.close().unwrap();
    let inspector = Inspector::open_with_clock(&path, clock.clone()).unwrap();
    let snapshot = inspector.snapshot().unwrap();
    assert!(find(&snapshot, "one").live().is_some());
    assert_eq!(snapshot.unswept().unwrap(), [0]);
    clock.advance(HOUR);
    let snapshot = inspector.snapshot().unwrap();
    assert!(
        matches!(find(&snapshot, "one"), RecordStatus::Expired(record) if *record.payload().unwrap() == *b"\x011")
    );
    assert_eq!(snapshot.unswept().unwrap(), [1]);
    assert_eq!(snapshot.keyspaces()[0].entries, 1);
}

#[test]
fn pages_follow_one_another_and_keep_to_their_prefix() {
    let (_dir, path) = place();
    let cache = open(&path);
    let names = cache.keyspace(NAMES).unwrap();
    for number in 0..50 {
        names.insert(&format!("key {number:02}"), "x".repeat(100_000)).unwrap();
    }
    cache.flush().unwrap();
    let snapshot = Inspector::open(&path).unwrap().snapshot().unwrap();
    let keyspace = snapshot.keyspace("name").unwrap();
    let (mut seen, mut pages) = (Vec::new(), 0);
    while let Some(page) = Some(snapshot.page(keyspace, &[], seen.last().map(Vec::as_slice), 30).unwrap())
        .filter(|page| !page.is_empty())
    {
        pages += 1;
        seen.extend(page.into_iter().map(|entry| entry.key));
    }
    assert_eq!(seen.len(), 50);
    assert!(seen.is_sorted() && pages > 2, "pages of large values are short: {pages}");
    let prefix = keyspace.shape().unwrap().parse_prefix("key 1").unwrap();
    assert_eq!(snapshot.page(keyspace, &prefix, None, 5).unwrap().len(), 5);
    assert_eq!(snapshot.page(keyspace, &prefix, Some(&seen[18]), 5).unwrap().len(), 1);
}

/// The checks take long enough for the owner to commit and reuse pages meanwhile.
#[test]
fn verifying_beside_an_owner_at_work_never_tells_of_damage_that_is_not_there() {
    let (_dir, path) = place();
    let cache = open(&path);
    let names = cache.keyspace(NAMES).unwrap();
    for number in 0..10_000 {
        names.insert(&number.to_string(), "x".repeat(500)).unwrap();
    }
    cache.flush().unwrap();
    let inspector = Inspector::open(&path).unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0_u64.. {
                let key = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 10_000;
                names.insert(&key.to_string(), "x".repeat((number % 1_000) as usize)).unwrap();
                if number % 20 == 0 {
                    cache.flush().unwrap();
                }
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let mut told = 0;
        for _ in 0..10 {
            let found = inspector.verify(&mut |_, _| {});
            told += u32::from(found.as_ref().is_ok_and(|found| found.pages == PageVerifyReport::Whole));
            // Stops the other thread before the test panics.
            if !found.as_ref().is_ok_and(FileVerifyReport::is_whole) {
                is_over.store(true, Ordering::Relaxed);
                panic!("{found:?}");
            }
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(told > 0, "the pages could never be told");
    });
}

#[test]
fn damage_is_found_where_it_is() {
    let (_dir, path) = place();
    let cache = open(&path);
    let names = cache.keyspace(NAMES).unwrap();
    for number in 0..2_000 {
        names.insert(&number.to_string(), format!("the name of {number}")).unwrap();
    }
    cache.close().unwrap();
    let inspector = Inspector::open(&path).unwrap();
    let found = inspector.verify(&mut |done, of| assert!(done <= of)).unwrap();
    assert_eq!((found.is_whole(), found.records, found.damaged_records), (true, 2_000, 0));
    // Damages a page in use, and the old pages that it replaced.
    let mut bytes = fs::read(&path).unwrap();
    let text = b"the name of 1234";
    for at in 0..bytes.len() - text.len() {
        if bytes[at..].starts_with(text) {
            bytes[at] ^= 1;
        }
    }
    fs::write(&path, &bytes).unwrap();
    let found = inspector.verify(&mut |_, _| {}).unwrap();
    assert!(matches!(found.pages, PageVerifyReport::Damaged { .. }), "{found:?}");
    assert_eq!((found.records, found.damaged_records), (2_000, 1));
    assert_eq!(
        found.damaged,
        [DamagedRecord { keyspace: Some("name".to_owned()), key: b"1234\0\0".to_vec() }]
    );
    assert!(fs::read(&path).unwrap() == bytes, "nothing is written");
}

#[test]
fn an_owner_is_not_kept_out_by_who_looks() {
    let (_dir, path) = place();
    open(&path).close().unwrap();
    let inspector = Inspector::open(&path).unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                drop(inspector.snapshot());
                drop(inspector.verify(&mut |_, _| {}));
            }
        });
        for _ in 0..50 {
            // The timeout is zero, so opening fails if an inspector holds the lock even for a moment.
            let cache = Cache::builder().path(&path).open_timeout(Duration::ZERO).open();
            let cache = cache.unwrap_or_else(|error| {
                is_over.store(true, Ordering::Relaxed);
                panic!("{error}")
            });
            cache.close().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
    });
}
