//! Tests of a full disk. Each trial fills the disk, works while it is full, makes room, and recovers, several
//! times on the same disk.
//!
//! Removals must hold while the disk is full, whether the ballast makes room for them or the file is
//! discarded. When the disk has room again, the cache stores entries as before.

use larder::{ByteSize, Cache, DiskState, Keyspace, KeyspaceDefinition, MAX_RETRY_DELAY};

use crate::support::harness::Harness;
use crate::support::simulated::{SimulatedPlace, disk_of, state_of};
use crate::support::{HOUR, Random};

const MANY: KeyspaceDefinition<u64, Vec<u8>> = KeyspaceDefinition::new("many").ttl(HOUR);

fn open(place: &SimulatedPlace) -> (Cache, Keyspace<u64, Vec<u8>>) {
    let builder = place.builder().memory_capacity(ByteSize::mib(1)).disk_capacity(ByteSize::mib(64));
    let cache = builder.write_buffer(ByteSize::mib(1)).open().unwrap();
    let many = cache.keyspace(MANY).unwrap();
    (cache, many)
}

/// Maximum number of inserts until the disk should be full. A file that has already grown may need no more
/// room.
const MAX_INSERTS: u64 = 3_000;
/// Number of times that the same disk is filled.
const FILLINGS: usize = 3;

/// Fills the disk, removes entries while the disk is full, and then makes room. The file may be lost, but a
/// removed entry must not come back.
fn fill_and_free(place: &SimulatedPlace, random: &mut Random) -> (u64, bool) {
    let (cache, many) = open(place);
    // Limits the free room on the disk to a random size.
    place.disk.set_capacity(Some(place.disk.used() + random.below(3 << 20)));
    let first = random.below(1_000);
    let mut key = first;
    while state_of(&cache) == DiskState::On && key < first + MAX_INSERTS {
        many.insert(&key, vec![7; 1 + usize::try_from(random.below(8_000)).unwrap()]).unwrap();
        key += 1;
        if random.below(20) == 0 {
            drop(cache.flush());
        }
    }
    let was_full = disk_of(&cache).faults > 0;
    let removed: Vec<u64> = (0..20).map(|_| random.below(key)).collect();
    for key in &removed {
        assert!(many.remove(key).is_ok(), "a full disk still allows renaming");
        assert!(many.get(key).is_none());
    }
    let held = || removed.iter().all(|key| many.get(key).is_none());
    let crashed = place.moved_to(place.disk.copy());
    let (_, found) = open(&crashed);
    assert!(removed.iter().all(|key| found.get(key).is_none()), "a removal on a full disk came back");
    place.disk.set_capacity(None);
    place.clock.advance(MAX_RETRY_DELAY);
    // The first flush may report inserts that were made while the cache had no file.
    drop(cache.flush());
    cache.flush().unwrap();
    assert!(state_of(&cache) == DiskState::On && held());
    many.insert(&u64::MAX, vec![9; 100]).unwrap();
    let discards = disk_of(&cache).discards;
    cache.close().unwrap();
    let (_cache, reopened) = open(place);
    assert_eq!(reopened.get(&u64::MAX).map(|value| value.len()), Some(100));
    assert!(removed.iter().all(|key| reopened.get(key).is_none()));
    (discards, was_full)
}

#[test]
fn a_full_disk_is_got_over_again_and_again() {
    let harness = Harness::new("a_full_disk_is_got_over", "LARDER_FULL_DISKS", 3);
    let (mut fillings, mut full, mut discards) = (0, 0, 0);
    harness.run(|seed| {
        let place = SimulatedPlace::new();
        let mut random = Random::new(seed);
        for _ in 0..FILLINGS {
            let (discarded, was_full) = fill_and_free(&place, &mut random);
            fillings += 1;
            full += u64::from(was_full);
            discards += discarded;
        }
        let left = place.disk.files();
        assert!(left.len() <= 2, "a cache file and its ballast are all that is left: {left:?}");
    });
    eprintln!("{full} of {fillings} fillings were full, and the file was lost {discards} times");
    assert!(2 * full > fillings, "the disk was hardly ever full");
}
