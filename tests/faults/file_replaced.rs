//! Tests of users and programs that remove, move, replace or overwrite the cache file while a service uses
//! it.
//!
//! The tests use real files. After a restart, an acknowledged durable insert is found again, unless an
//! event reported its loss. An entry whose removal was acknowledged does not come back.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use larder::testing::await_first_sweep;
use larder::{
    Cache, DiskState, Durability, Error, Event, Follower, INITIAL_RETRY_DELAY, InsertOptions, WATCH_INTERVAL,
};

use crate::support::simulated::{Names, disk_of, state_of, wait_until};
use crate::support::{NAMES, Place};

/// A cache on a real file, with a list of its events.
pub(crate) struct WatchedCache {
    pub(crate) place: Place,
    pub(crate) cache: Cache,
    pub(crate) names: Names,
    pub(crate) told: Arc<Mutex<Vec<Event>>>,
}

impl WatchedCache {
    /// Opens a cache with the entries `kept` and `old`, which are committed and in memory.
    pub(crate) fn new() -> Self {
        Self::at(Place::new())
    }

    fn at(place: Place) -> Self {
        let told = Arc::<Mutex<Vec<Event>>>::default();
        let events = told.clone();
        let builder = place.builder().on_event(move |event| events.lock().unwrap().push(event.clone()));
        let cache = builder.open().unwrap();
        let names = cache.keyspace(NAMES).unwrap();
        names.insert("kept", "kept 1".to_owned()).unwrap();
        names.insert("old", "old 1".to_owned()).unwrap();
        cache.flush().unwrap();
        // The first sweep looks for the file. A test may have moved the file by then.
        await_first_sweep(&cache).unwrap();
        Self { place, cache, names, told }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.place.path()
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.place.dir().join(name)
    }

    pub(crate) fn wait_for(&self, what: &str, is_it: impl Fn(&Event) -> bool) {
        wait_until(what, || self.told.lock().unwrap().iter().any(&is_it));
    }

    pub(crate) fn insert_now(&self, key: &str, value: &str) -> Result<(), Error> {
        let immediate = InsertOptions::new().durability(Durability::Immediate);
        self.names.insert_with(key, value.to_owned(), immediate)
    }

    /// Closes the cache, ignoring the result, and opens it again. Returns the values of some keys.
    pub(crate) fn restart(self, keys: &[&str]) -> Vec<Option<String>> {
        let Self { place, cache, names, .. } = self;
        drop(names);
        drop(cache.close());
        found(&place, keys)
    }

    fn is_suspended(&self, cause: &str) {
        let disk = disk_of(&self.cache);
        assert_eq!(disk.state, DiskState::Suspended);
        assert!(disk.off.as_ref().is_some_and(|off| off.contains(cause)), "{:?}", disk.off);
        self.wait_for(
            cause,
            |event| matches!(event, Event::DiskSuspended { cause: told } if told.contains(cause)),
        );
    }

    fn retry(&self) {
        self.place.clock.advance(INITIAL_RETRY_DELAY);
        drop(self.cache.flush());
    }
}

fn found(place: &Place, keys: &[&str]) -> Vec<Option<String>> {
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    let found = keys.iter().map(|key| names.get(*key).map(|value| (*value).clone())).collect();
    drop(names);
    cache.close().unwrap();
    found
}

#[expect(clippy::unnecessary_wraps, reason = "it is what a lookup answers")]
pub(crate) fn some(value: &str) -> Option<String> {
    Some(value.to_owned())
}

#[expect(clippy::needless_pass_by_value, reason = "an answer is judged once")]
pub(crate) fn is_not_durable<T: std::fmt::Debug>(answer: Result<T, Error>) {
    assert!(matches!(answer, Err(Error::NotDurable { .. })), "{answer:?}");
}

const MOVED: &str = "was moved away";
const REPLACED: &str = "another file stands in the place of the cache file";

#[test]
fn what_is_written_after_the_file_was_removed_is_in_a_fresh_one() {
    let watched = WatchedCache::new();
    watched.names.insert("waits", "waits 1".to_owned()).unwrap();
    fs::remove_file(watched.path()).unwrap();
    watched.insert_now("new", "new 1").unwrap();
    let disk = disk_of(&watched.cache);
    assert_eq!((disk.state, disk.discards, disk.recoveries), (DiskState::On, 1, 1));
    watched.wait_for(
        "it is told",
        |event| matches!(event, Event::DiskDiscarded { cause } if cause.contains("removed")),
    );
    watched.wait_for("it works again", |event| *event == Event::DiskRecovered { kept_entries: false });
    assert_eq!(watched.names.get("kept").as_deref().map(String::as_str), Some("kept 1"), "memory has it");
    assert!(watched.names.remove("kept").unwrap());
    assert_eq!(watched.restart(&["new", "waits", "kept"]), [some("new 1"), some("waits 1"), None]);
}

#[test]
fn a_flush_and_a_close_with_nothing_to_commit_notice_that_the_file_was_removed() {
    let watched = WatchedCache::new();
    fs::remove_file(watched.path()).unwrap();
    watched.cache.flush().unwrap();
    assert_eq!(disk_of(&watched.cache).discards, 1);
    assert!(watched.path().exists());
    fs::remove_file(watched.path()).unwrap();
    watched.names.insert("late", "late 1".to_owned()).unwrap();
    watched.cache.close().unwrap();
    let discards = watched
        .told
        .lock()
        .unwrap()
        .iter()
        .filter(|event| matches!(event, Event::DiskDiscarded { .. }))
        .count();
    assert_eq!(discards, 2, "the listener is told, too, though the sweeper has ended");
    assert_eq!(watched.restart(&["late"]), [some("late 1")]);
}

/// The sweep makes the writer commit before the flush.
#[test]
fn a_flush_knows_of_what_was_committed_before_it_and_is_gone() {
    for closes in [false, true] {
        let watched = WatchedCache::new();
        watched.names.insert("new", "new 1".to_owned()).unwrap();
        watched.cache.sweep().unwrap();
        fs::remove_file(watched.path()).unwrap();
        if closes {
            is_not_durable(watched.cache.close());
        } else {
            is_not_durable(watched.cache.flush());
            watched.cache.flush().unwrap();
        }
    }
}

#[test]
fn an_idle_cache_notices_by_itself() {
    let watched = WatchedCache::new();
    fs::rename(watched.path(), watched.beside("elsewhere")).unwrap();
    watched.place.clock.advance(WATCH_INTERVAL);
    wait_until("the sweeper looks", || state_of(&watched.cache) != DiskState::On);
    watched.is_suspended(MOVED);
}

#[test]
fn a_file_that_was_moved_away_suspends_the_disk_until_it_is_back() {
    let watched = WatchedCache::new();
    let elsewhere = watched.beside("elsewhere");
    fs::rename(watched.path(), &elsewhere).unwrap();
    is_not_durable(watched.insert_now("new", "new 1"));
    watched.is_suspended(MOVED);
    is_not_durable(watched.cache.flush());
    assert!(watched.names.contains_key("kept") && watched.names.contains_key("new"), "memory serves");
    watched.retry();
    assert_eq!(state_of(&watched.cache), DiskState::Suspended);
    fs::rename(&elsewhere, watched.path()).unwrap();
    watched.place.clock.advance(10 * INITIAL_RETRY_DELAY);
    watched.cache.flush().unwrap();
    watched.wait_for("it is back", |event| *event == Event::DiskRecovered { kept_entries: true });
    assert!(watched.names.remove("old").unwrap());
    assert_eq!(watched.restart(&["new", "kept", "old"]), [some("new 1"), some("kept 1"), None]);
}

#[test]
fn a_rename_away_and_back_between_two_looks_is_no_outage() {
    let watched = WatchedCache::new();
    let elsewhere = watched.beside("elsewhere");
    fs::rename(watched.path(), &elsewhere).unwrap();
    watched.names.insert("new", "new 1".to_owned()).unwrap();
    fs::rename(&elsewhere, watched.path()).unwrap();
    watched.cache.flush().unwrap();
    let disk = disk_of(&watched.cache);
    assert_eq!((disk.faults, disk.suspensions, disk.discards), (0, 0, 0));
}

#[test]
fn removals_beside_a_file_that_was_moved_away_are_not_durable() {
    let watched = WatchedCache::new();
    let elsewhere = watched.beside("elsewhere");
    fs::rename(watched.path(), &elsewhere).unwrap();
    is_not_durable(watched.names.remove("kept"));
    is_not_durable(watched.names.clear());
    assert!(!watched.names.contains_key("kept"), "memory is clean");
    // The old file is back and still has the removed entry. So the cache puts this file out of service, and
    // makes a new file.
    fs::rename(&elsewhere, watched.path()).unwrap();
    assert_eq!(watched.names.clear().unwrap(), 0);
    watched.retry();
    assert_eq!(watched.restart(&["kept", "old"]), [None, None]);
}

/// A backup tool may copy the file with `cp`, remove it, and move the copy back with `mv`. This test replaces
/// the file with its copy while the cache is open.
#[test]
fn a_copy_in_the_place_of_the_file_is_not_believed_and_not_touched() {
    for is_linked in [false, true] {
        let watched = WatchedCache::new();
        let (copy, link) = (watched.beside("copy"), watched.beside("link"));
        fs::copy(watched.path(), &copy).unwrap();
        if is_linked {
            // A hard link keeps the original file.
            fs::hard_link(watched.path(), &link).unwrap();
        }
        fs::rename(&copy, watched.path()).unwrap();
        let before = fs::read(watched.path()).unwrap();
        is_not_durable(watched.names.remove("kept"));
        is_not_durable(watched.cache.flush());
        is_not_durable(watched.insert_now("new", "new 1"));
        let off = disk_of(&watched.cache).off.unwrap();
        assert!(off.contains(REPLACED), "{off}");
        assert!(!watched.names.contains_key("kept") && watched.names.contains_key("old"));
        is_not_durable(watched.cache.close());
        assert!(fs::read(watched.path()).unwrap() == before, "the copy was touched");
    }
}

#[test]
fn a_file_replaced_without_a_write_to_follow_is_noticed_by_flush_and_close() {
    for closes in [false, true] {
        let watched = WatchedCache::new();
        let copy = watched.beside("copy");
        fs::copy(watched.path(), &copy).unwrap();
        assert!(watched.names.remove("kept").unwrap());
        fs::rename(&copy, watched.path()).unwrap();
        let before = fs::read(watched.path()).unwrap();
        if closes {
            is_not_durable(watched.cache.close());
        } else {
            is_not_durable(watched.cache.flush());
            watched.is_suspended(REPLACED);
        }
        assert!(fs::read(watched.path()).unwrap() == before);
    }
}

#[test]
fn the_place_of_a_removed_file_is_used_again_once_the_other_file_is_gone() {
    let watched = WatchedCache::new();
    let letters = watched.beside("letters");
    fs::write(&letters, "a note of the user").unwrap();
    fs::rename(&letters, watched.path()).unwrap();
    is_not_durable(watched.insert_now("new", "new 1"));
    watched.is_suspended(REPLACED);
    assert!(fs::read(watched.path()).unwrap() == b"a note of the user");
    fs::rename(watched.path(), &letters).unwrap();
    watched.retry();
    assert_eq!(state_of(&watched.cache), DiskState::On);
    assert_eq!(watched.restart(&["new"]), [some("new 1")]);
}

/// Checks a file that is changed in place, for example by `truncate -s 0`, by `cp` of another file, or by a
/// log rotation. The inode stays the same.
#[test]
fn a_file_that_is_cut_or_overwritten_in_its_place_is_moved_aside_as_damaged() {
    let other = {
        let place = Place::new();
        let cache = place.open();
        cache.keyspace(NAMES).unwrap().insert("kept", "another's".to_owned()).unwrap();
        cache.close().unwrap();
        fs::read(place.path()).unwrap()
    };
    for content in [&b""[..], &b"a note of the user"[..], &other] {
        let watched = WatchedCache::new();
        fs::write(watched.path(), content).unwrap();
        watched.insert_now("new", "new 1").unwrap();
        let disk = disk_of(&watched.cache);
        assert_eq!((disk.state, disk.discards, disk.quarantines), (DiskState::On, 1, 1));
        let aside = disk.quarantined.unwrap();
        assert!(fs::read(aside).unwrap() == content, "it is kept as it was found");
        assert!(watched.names.remove("old").unwrap());
        assert_eq!(watched.restart(&["new", "old"]), [some("new 1"), None]);
    }
}

#[test]
fn a_directory_that_was_removed_is_made_anew_with_a_file_and_a_lock() {
    let place = Place::new();
    let path = place.dir().join("a/b/shop.larder");
    let cache = place.builder().path(&path).open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    names.insert("kept", "kept 1".to_owned()).unwrap();
    cache.flush().unwrap();
    fs::remove_dir_all(place.dir().join("a")).unwrap();
    assert!(names.remove("kept").unwrap());
    names.insert("new", "new 1".to_owned()).unwrap();
    cache.flush().unwrap();
    assert_eq!(state_of(&cache), DiskState::On);
    let second = Cache::builder().path(&path).open().unwrap_err();
    assert!(matches!(second, Error::InUse { .. }), "{second}");
    drop(names);
    cache.close().unwrap();
    let reopened = place.builder().path(&path).open().unwrap().keyspace(NAMES).unwrap();
    assert!(reopened.contains_key("new") && !reopened.contains_key("kept"));
}

#[test]
fn a_directory_that_was_renamed_is_waited_for() {
    let place = Place::new();
    let (here, there) = (place.dir().join("here"), place.dir().join("there"));
    let cache = place.builder().path(here.join("shop.larder")).open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    names.insert("kept", "kept 1".to_owned()).unwrap();
    cache.flush().unwrap();
    fs::rename(&here, &there).unwrap();
    names.insert("new", "new 1".to_owned()).unwrap();
    is_not_durable(cache.flush());
    assert!(!here.exists(), "nothing is made in its place");
    fs::rename(&there, &here).unwrap();
    place.clock.advance(INITIAL_RETRY_DELAY);
    cache.flush().unwrap();
    drop(names);
    cache.close().unwrap();
    let reopened = place.builder().path(here.join("shop.larder")).open().unwrap().keyspace(NAMES).unwrap();
    assert!(reopened.contains_key("new") && reopened.contains_key("kept"));
}

#[test]
fn a_follower_goes_on_when_the_file_was_moved_away_and_is_back() {
    let watched = WatchedCache::new();
    let follower = Follower::open_with_clock(watched.path(), watched.place.clock.clone()).unwrap();
    let seen = follower.keyspace(NAMES);
    assert_eq!(seen.get("kept").unwrap().as_deref(), Some("kept 1"));
    let elsewhere = watched.beside("elsewhere");
    fs::rename(watched.path(), &elsewhere).unwrap();
    assert!(seen.get("kept").is_err(), "its entries may have been invalidated since");
    is_not_durable(watched.cache.flush());
    fs::rename(&elsewhere, watched.path()).unwrap();
    watched.retry();
    assert!(watched.names.remove("kept").unwrap());
    assert_eq!(seen.get("kept").unwrap(), None);
    assert_eq!(seen.get("old").unwrap().as_deref(), Some("old 1"));
    // After the cache file is removed, the cache makes a new file, and the follower reads it.
    fs::remove_file(watched.path()).unwrap();
    watched.insert_now("new", "new 1").unwrap();
    assert_eq!(seen.get("new").unwrap().as_deref(), Some("new 1"));
    assert_eq!(seen.get("old").unwrap(), None);
}

#[test]
fn a_removal_of_a_missing_key_notices_an_older_file_in_the_place_of_the_cache_file() {
    let watched = WatchedCache::new();
    fs::copy(watched.path(), watched.beside("copy")).unwrap();
    assert!(watched.names.remove("old").unwrap());
    fs::rename(watched.beside("copy"), watched.path()).unwrap();
    // The older file at the path contains the key, but neither tier of the cache does. A restart would find
    // the key in the older file.
    let answer = watched.names.remove("old");
    let found = watched.restart(&["old"]);
    assert!(answer.is_err() || found == [None], "{answer:?}, and a restart finds {found:?}");
}
