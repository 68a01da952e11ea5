//! The content of the files before they are damaged. The trials compare answers with this content.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use larder::clock::ManualClock;
use larder::{Cache, Durability, InsertOptions, Keyspace, Timestamp};

use super::kinds::Image;
use crate::support::{Key, Place, WRITTEN, Written};

/// The names of the images, with the number of keys that each has before its later changes.
pub(super) const IMAGES: [(&str, u64); 3] = [("small", 40), ("large", 700), ("crashed", 120)];

/// The versions of the first and of the later inserts. Later inserts replace some keys and add others.
const FIRST: u64 = 1;
const SECOND: u64 = 2;

/// Returns the version that the key has in the earlier image.
fn earlier(keys: u64, key: u64) -> Option<u64> {
    (key < keys).then_some(FIRST)
}

/// Returns the version that the key has in the image. Of the first keys, a third were replaced and a seventh
/// were removed. A quarter more keys were added.
pub(super) fn now(keys: u64, key: u64) -> Option<u64> {
    match key {
        key if key >= keys + keys / 4 => None,
        key if key % 7 == 1 => None,
        key if key >= keys || key % 3 == 0 => Some(SECOND),
        _ => Some(FIRST),
    }
}

/// Returns every key of group 0 that ever had a value, and some keys that never had one.
pub(super) fn all_keys(keys: u64) -> impl Iterator<Item = Key> {
    (0..keys + keys / 4 + 5).map(|key| (0, key))
}

/// Checks an answer, which must be a miss or the version that the key has in the image. With
/// `may_bring_back`, an earlier version is allowed too.
pub(super) fn judge(
    keys: u64,
    key: Key,
    found: Option<&Written>,
    may_bring_back: bool,
) -> Result<(), String> {
    let Some(found) = found else { return Ok(()) };
    if !found.is_whole(key) {
        return Err(format!("{key:?} has a value that was never written: {found:?}"));
    }
    let version = Some(found.version);
    if version == now(keys, key.1) || (may_bring_back && version == earlier(keys, key.1)) {
        return Ok(());
    }
    Err(format!("{key:?} is version {version:?}; the file had {:?}", now(keys, key.1)))
}

/// Opens a cache that commits only on request, so that the file is never copied during a commit.
fn open(place: &Place) -> (Cache, Keyspace<Key, Written>) {
    let cache = place.builder().stepped(1).open().unwrap();
    let written = cache.keyspace(WRITTEN).unwrap();
    (cache, written)
}

/// Makes the images in a directory.
///
/// Every run makes the same bytes: the clock stands still, the random numbers have a fixed seed, and each
/// change has its own commit. Within a commit of several changes, a random order would change the tree.
pub(super) fn make_images(dir: &Path) {
    let now_options = InsertOptions::new().durability(Durability::Immediate);
    for (name, keys) in IMAGES {
        let mut place = Place::in_memory();
        place.clock = Arc::new(clock());
        let copy = |which: &str| fs::copy(place.path(), dir.join(format!("{name}.{which}"))).unwrap();
        let (cache, written) = open(&place);
        for key in 0..keys {
            written.insert_with(&(0, key), Written::new((0, key), FIRST), now_options).unwrap();
        }
        cache.close().unwrap();
        copy("earlier");

        let (cache, written) = open(&place);
        for key in (0..keys).filter(|key| key % 7 == 1) {
            assert!(written.remove(&(0, key)).unwrap());
        }
        for key in (0..keys + keys / 4).filter(|key| now(keys, *key) == Some(SECOND)) {
            written.insert_with(&(0, key), Written::new((0, key), SECOND), now_options).unwrap();
        }
        // After this insert, the two last commits have the same entries in group 0. If the last commit is
        // damaged, redb falls back to the commit before it.
        written.insert_with(&(1, 1), Written::new((1, 1), 1), now_options).unwrap();
        if name == "crashed" {
            copy("now");
            keep_lock(&place, dir, name);
        }
        cache.close().unwrap();
        if name != "crashed" {
            copy("now");
            keep_lock(&place, dir, name);
        }
    }
}

/// Copies the lock file, which an owner leaves beside a file that it has accepted.
fn keep_lock(place: &Place, dir: &Path, name: &str) {
    fs::copy(place.dir().join("shop.larder.lock"), dir.join(format!("{name}.lock"))).unwrap();
}

/// Returns a clock that is set to the time of the images and of the trials.
pub(super) fn clock() -> ManualClock {
    ManualClock::starting_at(Timestamp::from_millis(1_700_000_000_000))
}

pub(super) fn read_image(dir: &Path, name: &str) -> Image {
    let read = |which: &str| fs::read(dir.join(format!("{name}.{which}"))).unwrap();
    Image { now: read("now"), earlier: read("earlier"), lock: read("lock") }
}

#[test]
fn the_judge_catches_wrong_old_and_torn_values() {
    let key = (0, 3);
    let judged = |value: &Written, may| judge(40, key, Some(value), may);
    judged(&Written::new(key, SECOND), false).unwrap();
    judge(40, key, None, false).unwrap();
    assert!(judged(&Written::new(key, FIRST), false).is_err(), "it was replaced");
    judged(&Written::new(key, FIRST), true).unwrap();
    assert!(judged(&Written::new((0, 4), SECOND), true).is_err(), "another key's");
    let mut torn = Written::new(key, SECOND);
    torn.version = FIRST;
    assert!(judged(&torn, true).is_err());
    assert!(judge(40, (0, 8), Some(&Written::new((0, 8), FIRST)), false).is_err(), "it was removed");
}
