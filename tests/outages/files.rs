//! Tests of the files beside the cache file. Files of other programs are left unchanged. A ballast that a
//! crash left is completed. The latest damaged file is kept.

use std::fs;

use larder::testing::{Failure, Loss};
use larder::{ByteSize, Cache, DiskState, Error, MAX_RETRY_DELAY};

use crate::support::simulated::{PATH, SimulatedPlace, WRITES, disk_of, state_of, suspended};
use crate::support::{NAMES, Place};

/// The first bytes of a ballast file.
const MARK: &[u8] = b"larder";

#[test]
fn a_place_that_is_refused_is_left_as_it_was() {
    let place = Place::new();
    let names =
        ["shop.larder", "shop.larder.discarded-2024", "shop.larder.larder-new", "shop.larder.ballast"];
    for name in names {
        fs::write(place.dir().join(name), "a note of the user").unwrap();
    }
    assert!(matches!(Cache::builder().path(place.path()).open(), Err(Error::Foreign { .. })));
    for name in names {
        assert_eq!(fs::read(place.dir().join(name)).unwrap(), b"a note of the user", "{name}");
    }
}

#[test]
fn letters_with_the_name_of_a_discarded_file_are_not_deleted() {
    let place = Place::new();
    let letters = place.dir().join("shop.larder.discarded-2024");
    fs::write(&letters, "a note of the user").unwrap();
    place.open().close().unwrap();
    assert_eq!(fs::read(&letters).unwrap(), b"a note of the user");
}

#[test]
fn letters_with_the_name_of_an_unfinished_file_are_not_deleted_when_the_capacity_grows() {
    let place = Place::new();
    let open = |capacity| place.builder().disk_capacity(capacity).open().unwrap();
    let cache = open(ByteSize::mib(1));
    cache.keyspace(NAMES).unwrap().insert("kept", "kept".to_owned()).unwrap();
    cache.close().unwrap();
    let letters = place.dir().join("shop.larder.larder-new");
    fs::write(&letters, "a note of the user").unwrap();
    let cache = open(ByteSize::gib(1));
    assert_eq!(fs::read(&letters).unwrap(), b"a note of the user");
    let names = cache.keyspace(NAMES).unwrap();
    assert_eq!(names.get("kept").as_deref().map(String::as_str), Some("kept"));
}

#[test]
fn letters_with_the_name_of_an_unfinished_file_are_not_deleted_after_a_discard() {
    let place = SimulatedPlace::new();
    let (cache, names) = suspended(&place);
    let letters = format!("{PATH}.larder-new");
    place.disk.write(&letters, b"a note of the user");
    // The file is discarded, because a removal cannot be committed to it.
    place.disk.fail_every(&WRITES, Failure::Io);
    assert!(names.remove("kept").is_ok());
    place.retry(&cache);
    assert_eq!(place.disk.read(&letters).as_deref(), Some(&b"a note of the user"[..]));
    assert_eq!(state_of(&cache), DiskState::Discarded);
    let why = disk_of(&cache).off.unwrap();
    assert!(why.contains(".larder-new") && why.contains("not one"), "{why}");
    place.disk.unlink(&letters);
    place.retry(&cache);
    assert_eq!(state_of(&cache), DiskState::On);
}

#[test]
fn the_ballast_is_taken_again_after_a_loss_of_power_at_any_moment() {
    let place = SimulatedPlace::new();
    place.open().flush().unwrap();
    let ballast = format!("{PATH}.ballast");
    for changes in 0..=place.disk.changes() {
        for seed in 0..4 {
            let left = place.moved_to(place.disk.after_power_loss(changes, Loss::Some, seed));
            let before = left.disk.read(&ballast).map(|bytes| bytes.len());
            drop(left.open());
            let is_held = left.disk.read(&ballast).is_some_and(|bytes| bytes.starts_with(MARK));
            assert!(is_held, "after {changes} changes, seed {seed}: of what was {before:?} bytes long");
        }
    }
}

#[test]
fn letters_written_into_the_cache_file_itself_are_kept_aside() {
    let place = SimulatedPlace::new();
    let (cache, names) = suspended(&place);
    place.disk.write(PATH, b"a note of the user");
    place.disk.fail_every(&WRITES, Failure::Io);
    assert!(names.remove("kept").is_ok());
    place.disk.heal();
    place.clock.advance(MAX_RETRY_DELAY);
    drop(cache.flush());
    assert_eq!(state_of(&cache), DiskState::On);
    let kept = place.disk.files();
    assert!(
        kept.iter().any(|file| place.disk.read(file).is_some_and(|bytes| bytes == b"a note of the user")),
        "{kept:?}"
    );
}

#[test]
fn the_latest_damaged_file_is_kept_whatever_the_clock_said_before() {
    let place = SimulatedPlace::new();
    let cache = place.open();
    cache.keyspace(NAMES).unwrap().insert("kept", "kept".to_owned()).unwrap();
    cache.close().unwrap();
    // These names contain times of a clock that was ahead.
    for at in 9_000_000_000_000_u64..9_000_000_000_003 {
        place.disk.write(format!("{PATH}.damaged-{at}"), b"old");
    }
    let mut bytes = place.disk.read(PATH).unwrap();
    for page in bytes.chunks_mut(4_096).skip(1) {
        page[..64].fill(0x5A);
    }
    place.disk.write(PATH, &bytes);
    let kept = disk_of(&place.open()).quarantined.unwrap();
    assert!(place.quarantined_files().contains(&kept), "{kept:?} is not in {:?}", place.disk.files());
}
