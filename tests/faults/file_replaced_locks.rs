//! Tests of lock files that are removed or replaced while their cache is open.

use std::fs;
use std::path::{Path, PathBuf};

use larder::{Cache, DiskState, Error, Event, INITIAL_RETRY_DELAY};

use crate::faults::file_replaced::{WatchedCache, is_not_durable, some};
use crate::support::simulated::state_of;

fn lock_of(path: &Path) -> PathBuf {
    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    lock.into()
}

#[test]
fn a_lock_that_was_removed_or_replaced_is_taken_again_before_anybody_is_answered() {
    for replaces in [false, true] {
        let watched = WatchedCache::new();
        let lock = lock_of(&watched.path());
        fs::remove_file(&lock).unwrap();
        if replaces {
            fs::write(&lock, "").unwrap();
        }
        watched.cache.flush().unwrap();
        watched.wait_for("it is told", |event| matches!(event, Event::LockLost { is_held: true, .. }));
        let second = Cache::builder().path(watched.path()).open().unwrap_err();
        assert!(matches!(second, Error::InUse { pid: Some(_), .. }), "{second}");
        watched.cache.flush().unwrap();
        let told = watched.told.lock().unwrap().len();
        assert_eq!(told, 1, "told once");
        assert_eq!(watched.restart(&["kept"]), [some("kept 1")]);
    }
}

#[test]
fn a_lock_that_another_has_leaves_the_file_in_service_and_in_its_place() {
    let watched = WatchedCache::new();
    let lock = lock_of(&watched.path());
    fs::remove_file(&lock).unwrap();
    let other = fs::File::create(&lock).unwrap();
    other.lock().unwrap();
    watched.insert_now("new", "new 1").unwrap();
    watched.wait_for("it is told", |event| matches!(event, Event::LockLost { is_held: false, .. }));
    // From now on the file may belong to another process. So the cache must neither move a file aside nor
    // create one.
    fs::write(watched.path(), "").unwrap();
    is_not_durable(watched.names.remove("kept"));
    assert!(fs::read(watched.path()).unwrap().is_empty());
    drop(other);
    assert!(watched.names.remove("old").is_ok());
    watched.place.clock.advance(10 * INITIAL_RETRY_DELAY);
    drop(watched.cache.flush());
    watched.cache.flush().unwrap();
    assert_eq!(state_of(&watched.cache), DiskState::On);
}
