//! Contract 8: while one process writes to the cache, other processes can read what it has committed.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder::admin::Admin;
use larder::clock::{Clock, ManualClock};
use larder::inspect::{FileState, Inspector, RecordStatus};
use larder::{Cache, Error, Follower, KeyspaceDefinition, Timestamp};

use crate::support::child::Worker;
use crate::support::{HOUR, NAMES, Place, VERSIONS};

#[test]
fn contract_8_a_follower_sees_every_commit_of_another_process() {
    let place = Place::new();
    let mut worker = Worker::start("serve", &place.path());
    assert_eq!(worker.line().as_deref(), Some("open"));
    let follower = Follower::open(place.path()).unwrap();
    let versions = follower.keyspace(VERSIONS);
    assert_eq!(versions.get(&1).unwrap(), None);
    for version in 1..30 {
        worker.tell(&version.to_string());
        assert_eq!(worker.line().as_deref(), Some("done"));
        let expected = (version % 3 != 0).then_some(version);
        assert_eq!(versions.get(&1).unwrap(), expected);
        assert_eq!(versions.keys().unwrap().len(), usize::from(expected.is_some()));
    }
    let spaces = follower.keyspaces().unwrap();
    assert_eq!((spaces.len(), spaces[0].name.as_str(), spaces[0].key_shape.as_str()), (1, "version", "u64"));
    worker.tell("end");
    assert_eq!(worker.line(), None);
}

#[test]
fn contract_8_a_follower_does_not_keep_the_owner_from_reusing_space() {
    let place = Place::new();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    let grow = |rounds: u64| {
        for round in 0..rounds {
            for key in 0..200 {
                names.insert(&key.to_string(), format!("{round}").repeat(50)).unwrap();
            }
            cache.flush().unwrap();
        }
        std::fs::metadata(place.path()).unwrap().len()
    };
    let before = grow(20);
    let follower = Follower::open_with_clock(place.path(), place.clock.clone()).unwrap();
    let entries = follower.keyspace(NAMES);
    assert_eq!(entries.keys().unwrap().len(), 200);
    assert!(entries.get("7").unwrap().is_some());
    let after = grow(200);
    assert!(after <= 2 * before, "the file grew from {before} to {after} while it was followed");
}

#[test]
fn contract_8_a_follower_finds_no_expired_entry_and_no_other_version() {
    let place = Place::new();
    let cache = place.open();
    let names = cache.keyspace(NAMES.version(3)).unwrap();
    names.insert("key", "value".to_owned()).unwrap();
    cache.flush().unwrap();
    let follower = Follower::open_with_clock(place.path(), place.clock.clone() as Arc<dyn Clock>).unwrap();
    let other = follower.keyspace(NAMES);
    assert_eq!((other.get("key").unwrap(), other.ttl("key").unwrap()), (None, None));
    assert_eq!(other.keys().unwrap(), Vec::<String>::new());
    let entries = follower.keyspace(NAMES.version(3));
    assert_eq!(entries.get("key").unwrap().as_deref(), Some("value"));
    assert_eq!(entries.ttl("key").unwrap(), Some(HOUR.into()));
    place.clock.advance(HOUR);
    assert_eq!(entries.get("key").unwrap(), None);
    assert_eq!(entries.keys().unwrap(), Vec::<String>::new());
}

#[test]
fn contract_8_what_cannot_be_followed_is_told() {
    let place = Place::new();
    assert!(matches!(Follower::open(place.path()), Err(Error::Io { .. })), "a missing file is not made");
    assert!(!place.path().exists());
    std::fs::write(place.path(), "letters").unwrap();
    assert!(matches!(Follower::open(place.path()), Err(Error::Foreign { .. })));
    std::fs::remove_file(place.path()).unwrap();

    let mut worker = Worker::start("churn", &place.path());
    assert_eq!(worker.line().as_deref(), Some("open"));
    drop(worker.line());
    drop(worker.kill());
    let error = Follower::open(place.path()).unwrap_err().to_string();
    assert!(error.contains("crashed"), "{error}");
    place.open().close().unwrap();
    Follower::open(place.path()).unwrap();
}

#[test]
fn contract_8_a_follower_goes_on_with_the_file_that_took_a_damaged_ones_place() {
    let place = Place::new();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    names.insert("old", "old".to_owned()).unwrap();
    cache.flush().unwrap();
    let follower = Follower::open_with_clock(place.path(), place.clock.clone()).unwrap();
    let seen = follower.keyspace(NAMES);
    assert_eq!(seen.get("old").unwrap().as_deref(), Some("old"));
    let mut bytes = std::fs::read(place.path()).unwrap();
    bytes[4096..].fill(0xA5);
    std::fs::File::options().write(true).open(place.path()).unwrap().write_all(&bytes).unwrap();
    assert!(cache.verify().unwrap().damage.is_some());
    assert!(names.remove("old").is_ok());
    names.insert("new", "new".to_owned()).unwrap();
    cache.flush().unwrap();
    assert_eq!(seen.get("old").unwrap(), None, "the entry was removed from the current file");
    assert_eq!(seen.get("new").unwrap().as_deref(), Some("new"));
}

#[test]
fn contract_8_an_owner_may_come_back_beside_a_follower_of_one_that_was_killed() {
    let place = Place::new();
    let mut worker = Worker::start("churn", &place.path());
    assert_eq!(worker.line().as_deref(), Some("open"));
    let follower = Follower::open(place.path()).unwrap();
    let seen = follower.keyspace(VERSIONS);
    while seen.get(&1).unwrap().is_none() {
        drop(worker.line());
    }
    drop(worker.kill());
    let cache = place.open();
    assert_eq!(cache.stats().disk.unwrap().quarantined, None);
    cache.keyspace(VERSIONS).unwrap().insert(&1, u64::MAX).unwrap();
    cache.flush().unwrap();
    assert_eq!(seen.get(&1).unwrap(), Some(u64::MAX));
}

#[test]
fn contract_8_a_file_can_be_inspected_in_every_state_and_is_never_changed() {
    let place = Place::new();
    let mut worker = Worker::start("serve", &place.path());
    assert_eq!(worker.line().as_deref(), Some("open"));
    let inspector = Inspector::open(place.path()).unwrap();
    let state = || inspector.snapshot().unwrap().file().state;
    let find = |key: u64| {
        let snapshot = inspector.snapshot().unwrap();
        let keyspace = snapshot.keyspace("version").unwrap();
        let key = keyspace.shape().unwrap().parse_key(&key.to_string()).unwrap();
        snapshot.find(keyspace, &key).unwrap()
    };
    assert_eq!(state(), FileState::Owned { pid: Some(worker.pid()), has_ended: false });
    worker.tell("7");
    assert_eq!(worker.line().as_deref(), Some("done"));
    // The first commit has added the keyspace to the file. Key 2 was not written.
    assert_eq!(find(2), RecordStatus::Absent);
    assert_eq!(*find(1).live().unwrap().payload().unwrap(), [7], "a commit is seen");
    drop(worker.kill());
    let left = std::fs::read(place.path()).unwrap();
    assert_eq!(state(), FileState::Crashed);
    assert_eq!(*find(1).live().unwrap().payload().unwrap(), [7], "the file that a crash left is read");
    assert!(inspector.verify(&mut |_, _| {}).unwrap().is_whole());
    assert!(std::fs::read(place.path()).unwrap() == left, "the file is unchanged");
    let cache = place.open();
    assert_eq!(state(), FileState::Owned { pid: Some(std::process::id()), has_ended: false });
    cache.close().unwrap();
    assert_eq!(state(), FileState::Closed);
}

#[test]
fn contract_8_a_follower_refuses_a_key_that_is_too_long() {
    let place = Place::new();
    place.open().keyspace(NAMES).unwrap().insert("kept", "kept".to_owned()).unwrap();
    let follower = Follower::open_with_clock(place.path(), place.clock.clone()).unwrap();
    let (there, elsewhere) = (follower.keyspace(NAMES), follower.keyspace(NAMES.version(9)));
    // The encoding of a text key ends with two extra bytes.
    let longest = "k".repeat(larder::MAX_KEY_LEN - 2);
    let too_long = format!("{longest}k");
    for names in [there, elsewhere] {
        assert!(
            names.get(longest.as_str()).unwrap().is_none() && names.ttl(longest.as_str()).unwrap().is_none()
        );
        let refused = [names.get(too_long.as_str()).map(drop), names.ttl(too_long.as_str()).map(drop)];
        for refused in refused {
            let Err(Error::KeyTooLarge { keyspace, len, max }) = refused else { panic!("{refused:?}") };
            assert_eq!(
                (keyspace.as_str(), len, max),
                (NAMES.name(), larder::MAX_KEY_LEN + 1, larder::MAX_KEY_LEN)
            );
        }
    }
}

#[test]
fn contract_8_a_follower_whose_clock_is_behind_does_not_give_an_entry_a_longer_life() {
    let place = Place::new();
    place.open().keyspace(NAMES).unwrap().insert("kept", "kept".to_owned()).unwrap();
    let behind = Arc::new(larder::clock::ManualClock::starting_at(larder::Timestamp::ZERO));
    let follower = Follower::open_with_clock(place.path(), behind).unwrap();
    assert_eq!(follower.keyspace(NAMES).ttl("kept").unwrap(), Some(HOUR.into()));
}

#[test]
fn contract_8_a_follower_goes_over_to_the_file_that_a_compaction_made() {
    let place = Place::new();
    let cache = Cache::builder().path(place.path()).open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    for key in 0..500 {
        names.insert(&key.to_string(), format!("name {key}")).unwrap();
    }
    cache.close().unwrap();
    let follower = Follower::open(place.path()).unwrap();
    let seen = follower.keyspace(NAMES);
    assert!(seen.get("7").unwrap().is_some());
    let inspector = Inspector::open(place.path()).unwrap();
    let snapshot = inspector.snapshot().unwrap();
    let mut admin = Admin::open(place.path()).unwrap();
    let identity = snapshot.file().identity;
    let done = admin.compact(&mut || true).unwrap().unwrap();
    assert!(done.length < done.length_before, "no reader prevents it any more: {done:?}");
    assert!(seen.get("7").unwrap().is_some() && seen.keys().unwrap().len() == 500);
    assert!(admin.remove("name", b"7\0\0").unwrap());
    assert_eq!(seen.get("7").unwrap(), None, "the follower reads the current file");
    let page = snapshot.page(snapshot.keyspace("name").unwrap(), &[], None, 1000).unwrap();
    assert_eq!(page.len(), 500, "a snapshot that was opened before is unchanged");
    admin.close().unwrap();
    let cache = Cache::builder().path(place.path()).open().unwrap();
    assert_eq!(cache.keyspace(NAMES).unwrap().get("7"), None);
    assert_eq!(Inspector::open(place.path()).unwrap().snapshot().unwrap().file().identity, identity);
}

/// A clock that runs a function at its first reading.
struct ActingClock {
    clock: Arc<ManualClock>,
    act: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl std::fmt::Debug for ActingClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ActingClock").finish_non_exhaustive()
    }
}

impl Clock for ActingClock {
    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    fn wall(&self) -> Timestamp {
        let act = self.act.lock().unwrap().take();
        if let Some(act) = act {
            act();
        }
        self.clock.wall()
    }
}

/// More keys than a follower reads from one commit.
const MANY: usize = 300;

fn fill(cache: &Cache, keyspace: KeyspaceDefinition<String, String>) {
    let names = cache.keyspace(keyspace).unwrap();
    for key in 0..MANY {
        names.insert(&format!("{} {key:03}", keyspace.name()), "x".to_owned()).unwrap();
    }
    cache.flush().unwrap();
}

/// Gives the names another number, and fills a keyspace whose number is between the old and the new one.
fn retire_names(path: PathBuf, clock: Arc<ManualClock>) {
    let cache = Cache::builder().path(path).clock(clock).open().unwrap();
    fill(&cache, KeyspaceDefinition::new("neighbour").ttl(HOUR));
    fill(&cache, NAMES.version(1));
    fill(&cache, NAMES);
    cache.close().unwrap();
}

/// Puts a new file at the path, in which the names have a lower number.
fn replace_file(path: PathBuf, clock: Arc<ManualClock>) {
    std::fs::remove_file(&path).unwrap();
    let cache = Cache::builder().path(path).clock(clock).open().unwrap();
    fill(&cache, NAMES);
    cache.close().unwrap();
}

#[test]
fn contract_8_a_follower_lists_only_the_keys_of_its_keyspace_when_that_gets_another_number() {
    for change in [retire_names, replace_file] {
        let place = Place::new();
        let cache = place.open();
        fill(&cache, KeyspaceDefinition::new("first").ttl(HOUR));
        fill(&cache, NAMES);
        cache.close().unwrap();
        let (path, clock) = (place.path(), place.clock.clone());
        let act: Box<dyn FnOnce() + Send> = Box::new(move || change(path, clock));
        let acting = ActingClock { clock: place.clock.clone(), act: Mutex::new(Some(act)) };
        let follower = Follower::open_with_clock(place.path(), Arc::new(acting)).unwrap();
        let keys = follower.keyspace(NAMES).keys().unwrap();
        let expected: Vec<String> = (0..MANY).map(|key| format!("name {key:03}")).collect();
        assert!(keys == expected, "{} keys, the last is {:?}", keys.len(), keys.last());
    }
}
