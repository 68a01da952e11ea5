//! Tests of how the disk tier comes back into service. Neither the remains of a failure nor an action of the
//! operator prevents its return. If a disk fails again soon after each recovery, the cache waits longer
//! before each retry.

use larder::testing::{DiskOperation, Failure};
use larder::{ByteSize, Cache, DiskState, Error, INITIAL_RETRY_DELAY, Keyspace, MAX_RETRY_DELAY};

use crate::support::harness::Harness;
use crate::support::simulated::{
    PATH, SimulatedPlace, discarded, disk_of, open_swept, recover, state_of, suspend_on_full_disk, suspended,
    wait_until,
};
use crate::support::{BLOBS, Random};

type Blobs = Keyspace<u64, Vec<u8>>;

/// Opens a cache whose lookups mostly read the disk.
fn reading(place: &SimulatedPlace) -> (Cache, Blobs) {
    let builder = place.builder().page_cache(ByteSize::kib(64)).memory_capacity(ByteSize::kib(64));
    let cache = builder.verify_on_open(0).open().unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    (cache, blobs)
}

/// Opens a cache with `count` blobs of 1,000 bytes on disk.
fn filled_with(place: &SimulatedPlace, count: u64) -> (Cache, Blobs) {
    let (cache, blobs) = reading(place);
    for key in 0..count {
        blobs.insert(&key, vec![1; 1_000]).unwrap();
    }
    drop(blobs);
    cache.close().unwrap();
    reading(place)
}

#[test]
fn a_disk_that_is_full_again_at_the_first_commit_is_left_alone_for_longer() {
    let place = SimulatedPlace::new();
    let cache = open_swept(place.builder().write_buffer(ByteSize::mib(16)));
    let blobs = cache.keyspace(BLOBS).unwrap();
    suspend_on_full_disk(&place, &cache, &blobs);
    let mut tries = 0;
    let mut last = place.next_operation();
    // In the time of the injected clock, this loop takes 30 seconds.
    for _ in 0..300 {
        place.clock.advance(INITIAL_RETRY_DELAY);
        assert!(cache.flush().is_err());
        let now = place.next_operation();
        tries += u64::from(now > last);
        last = now;
    }
    assert!(tries < 20, "it opened, and its commit failed, {tries} times");
}

#[test]
fn a_bad_sector_does_not_make_the_tier_flap() {
    let place = SimulatedPlace::new();
    let (cache, blobs) = filled_with(&place, 2_000);
    let mut outages = 0;
    let mut key = 0;
    for _ in 0..100 {
        place.disk.fail_every(&[DiskOperation::Read], Failure::Io);
        wait_until("a lookup fails", || {
            key = (key + 17) % 2_000;
            drop(blobs.get(&key));
            state_of(&cache) == DiskState::Suspended
        });
        place.disk.heal();
        place.clock.advance(INITIAL_RETRY_DELAY);
        drop(cache.flush());
        if state_of(&cache) != DiskState::On {
            break;
        }
        outages += 1;
    }
    assert!(outages < 20, "{outages} outages in {outages} tenths of a second");
}

#[test]
fn a_fresh_file_that_could_not_be_used_does_not_bar_the_next() {
    for operation in 0..80 {
        let place = SimulatedPlace::new();
        let (cache, _names) = discarded(&place);
        place.disk.fail_from(place.next_operation() + operation, Failure::Io);
        place.clock.advance(MAX_RETRY_DELAY);
        drop(cache.flush());
        place.retry(&cache);
        let disk = disk_of(&cache);
        assert_eq!(disk.state, DiskState::On, "{operation}: {:?} {:?}", disk.off, place.disk.files());
    }
}

#[test]
fn a_file_that_the_operator_deletes_is_out_of_the_way() {
    let place = SimulatedPlace::new();
    let (cache, names) = suspended(&place);
    assert!(names.remove("kept").is_err(), "it can't be renamed aside");
    place.disk.unlink(PATH);
    recover(&place, &cache);
    assert!(!names.remove("kept").unwrap());
}

#[test]
fn calls_that_cannot_wait_do_not_put_the_next_try_off() {
    let place = SimulatedPlace::new();
    let (cache, names) = suspended(&place);
    for _ in 0..10 {
        assert!(names.remove("kept").is_err());
    }
    place.disk.heal();
    place.clock.advance(INITIAL_RETRY_DELAY);
    drop(cache.flush());
    assert_eq!(state_of(&cache), DiskState::On, "ten calls at the same moment count as one failure");
}

#[test]
fn a_crash_on_a_full_disk_is_got_over_with_the_room_of_the_ballast() {
    let place = SimulatedPlace::new();
    let (_cache, _blobs) = filled_with(&place, 900);
    let crashed = place.moved_to(place.disk.copy());
    crashed.disk.set_capacity(Some(crashed.disk.used()));
    let (cache, blobs) = reading(&crashed);
    assert!(blobs.remove(&1).unwrap());
    assert_eq!(disk_of(&cache).discards, 0);
    assert!(blobs.get(&1).is_none() && blobs.get(&2).is_some());
    let without_room = SimulatedPlace::new();
    without_room.disk.set_capacity(Some(0));
    let told = without_room.builder().open().unwrap_err().to_string();
    assert!(told.contains("no space left"), "{told}");
}

/// Makes one disk operation fail, or that operation and all later ones, while a cache reads, writes and
/// sweeps. Then heals the disk, and checks that the file was kept.
fn fail_and_heal(seed: u64) {
    let random = &mut Random::of_round(seed);
    let place = SimulatedPlace::new();
    let (cache, blobs) = filled_with(&place, 200);
    let failure =
        [Failure::Io, Failure::ShortWrite, Failure::Full][usize::try_from(random.below(3)).unwrap()];
    let number = place.next_operation() + random.below(400);
    if random.below(2) == 0 {
        place.disk.fail_once(number, failure);
    } else {
        place.disk.fail_from(number, failure);
    }
    for round in 0..4 {
        for key in 0..50 {
            drop(blobs.get(&(key * 4 + round)));
        }
        blobs.insert(&round, vec![2; 5_000]).unwrap();
        drop(cache.flush());
        drop(cache.sweep());
        if round == 2 {
            place.disk.heal();
            place.clock.advance(MAX_RETRY_DELAY);
        }
    }
    drop(cache.flush());
    let disk = disk_of(&cache);
    let told = place.events();
    assert_eq!((disk.state, disk.discards), (DiskState::On, 0), "{failure:?}: {:?} {told:?}", disk.off);
    assert!(place.quarantined_files().is_empty(), "an error is no damage: {failure:?} {told:?}");
}

#[test]
fn an_error_of_input_or_output_costs_no_file() {
    Harness::new("an_error_of_input_or_output", "LARDER_OUTAGE_ROUNDS", 25).run(fail_and_heal);
}

#[test]
fn verifying_what_cannot_be_read_is_an_error() {
    let place = SimulatedPlace::new();
    drop(filled_with(&place, 1_000));
    let mut failed = 0;
    for operation in (0..3_000).step_by(97) {
        let before = place.disk.failed();
        let (cache, _blobs) = reading(&place);
        place.disk.fail_from(place.next_operation() + operation, Failure::Io);
        let found = cache.verify();
        let has_failed = place.disk.failed() > before;
        place.disk.heal();
        match found {
            Ok(found) => assert!(!has_failed || found.records == 1_000, "operation {operation}: {found:?}"),
            Err(error) => {
                failed += 1;
                assert!(matches!(error, Error::Verify { .. }), "operation {operation}: {error}");
            }
        }
    }
    assert!(failed > 0);
}
