use std::time::Duration;

use super::*;
use crate::api::cache::Cache;
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::definition::KeyspaceDefinition;
use crate::testing::volume::SimulatedVolume;
use crate::testing::volume::operation::{DiskOperation, Failure};

const NUMBER: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("number");

/// A cache with 1,200 committed entries.
type Filled = (Cache, Keyspace<u64, u64>);

fn filled() -> Filled {
    let cache = Cache::builder().path("/cache/shop.larder").volume(&SimulatedVolume::new()).open().unwrap();
    let numbers = cache.keyspace(NUMBER).unwrap();
    numbers.insert_many((0..1_200).map(|number| (number, number))).unwrap();
    cache.flush().unwrap();
    (cache, numbers)
}

fn begun(cache: &Cache) -> AbsentKeys {
    let filter = Arc::new(KeyFilter::new(1 << 20, 0));
    let known = KnownKeys { filter, from: KnownKeys::NO_KEYSPACE };
    let keys = AbsentKeys::new(Some(known), 1 << 20, FilterSettings::default());
    keys.begin_build(1_200);
    assert!(part(&keys, cache), "there are more keys");
    keys
}

fn part(keys: &AbsentKeys, cache: &Cache) -> bool {
    let tiers = &cache.shared().tiers;
    let snapshot = tiers.disk.snapshots.current().clone().unwrap();
    keys.build_part(&snapshot, |key| tiers.memory.key(key).hash, &|| false)
}

/// Builds the other parts. Each part has at least one of the 1,200 keys.
fn finish(keys: &AbsentKeys, cache: &Cache) {
    assert!((0..=1_200).any(|_| !part(keys, cache)), "the build does not end");
}

/// Returns how many of these numbers the filter lacks.
fn lacked(keys: &AbsentKeys, (cache, numbers): &Filled, range: std::ops::Range<u64>) -> usize {
    let memory = &cache.shared().tiers.memory;
    range.filter(|number| keys.lack(memory.key(numbers.encode(number).unwrap().as_slice()))).count()
}

#[test]
fn a_new_filter_has_the_keys_of_the_file_and_those_that_are_written_meanwhile() {
    let filled = filled();
    let (cache, numbers) = &filled;
    let keys = begun(cache);
    assert_eq!(lacked(&keys, &filled, 0..2_000), 0, "it is not complete");
    let full = numbers.encode(&5_000).unwrap();
    keys.insert([cache.shared().tiers.memory.key(full.as_slice()).hash].into_iter());
    finish(&keys, cache);
    assert_eq!((lacked(&keys, &filled, 0..1_200), lacked(&keys, &filled, 5_000..5_001)), (0, 0));
    assert!(lacked(&keys, &filled, 2_000..3_000) > 950);
    assert!(!part(&keys, cache), "it is complete");
}

#[test]
fn the_statistics_do_not_wait_while_a_part_reads_the_file() {
    let filled = filled();
    let tiers = &filled.0.shared().tiers;
    let (keys, snapshot) = (Arc::new(begun(&filled.0)), tiers.disk.snapshots.current().clone().unwrap());
    let size = keys.statistics().2;
    let reads = std::cell::Cell::new(0);
    let is_over = || {
        reads.set(reads.get() + 1);
        // With a lock held during the reads, the call would not return. So another thread makes it.
        let (sender, answer) = std::sync::mpsc::channel();
        let keys = keys.clone();
        std::thread::spawn(move || sender.send(keys.statistics().2));
        let shown = answer.recv_timeout(Duration::from_secs(20)).expect("the statistics wait for the build");
        assert_eq!(shown, size, "a part is counted when its keys have been read");
        reads.get() == 3
    };
    assert!(keys.build_part(&snapshot, |key| tiers.memory.key(key).hash, &is_over));
    assert_eq!(reads.get(), 3);
    finish(&keys, &filled.0);
    assert_eq!(keys.statistics().2, size, "the new filter has replaced the old one, which was empty");
}

#[test]
fn a_page_that_is_unreadable_ends_the_build_and_no_other_is_begun_for_the_file() {
    let disk = SimulatedVolume::new();
    // A first sweep would read the file while the disk fails, and withdraw the snapshot.
    let open = || Cache::builder().path("/cache/shop.larder").volume(&disk).stepped(1).open().unwrap();
    let numbers = open().keyspace(NUMBER).unwrap();
    numbers.insert_many((0..1_200).map(|number| (number, number))).unwrap();
    drop(numbers);
    // Opened again, so that no page is in the cache.
    let cache = open();
    let keys = {
        let filter = Arc::new(KeyFilter::new(1 << 20, 0));
        let known = KnownKeys { filter, from: KnownKeys::NO_KEYSPACE };
        AbsentKeys::new(Some(known), 1 << 20, FilterSettings::default())
    };
    (0..1_000).for_each(|_| keys.note_unfound());
    assert!(keys.needs_build(0, 0));
    keys.begin_build(1_200);
    disk.fail_every(&[DiskOperation::Read], Failure::Io);
    assert!(!part(&keys, &cache) && !keys.is_building());
    (0..2_000).for_each(|_| keys.note_unfound());
    assert!(!keys.needs_build(0, 0));
    keys.begin_again();
    keys.forget();
    (0..2_000).for_each(|_| keys.note_unfound());
    assert!(keys.needs_build(0, 0), "this file is another");
}

#[test]
fn a_filter_that_is_not_complete_is_given_up_after_an_outage() {
    let filled = filled();
    let cache = &filled.0;
    let keys = begun(cache);
    keys.forget();
    assert!(!part(&keys, cache));
    assert_eq!(lacked(&keys, &filled, 0..3_000), 0, "nothing is known");
    let keys = begun(cache);
    keys.begin_again();
    assert!(!part(&keys, cache));
    assert_eq!(lacked(&keys, &filled, 0..1_200), 1_200, "the new file has no entry");
}

#[test]
fn a_filter_is_built_when_many_reads_find_nothing() {
    let known = |from| Some(KnownKeys { filter: Arc::new(KeyFilter::new(1 << 20, 0)), from });
    let keys = AbsentKeys::new(known(2), 1 << 20, FilterSettings::default());
    let read = |reads| (0..reads).for_each(|_| keys.note_unfound());
    read(999);
    assert!(!keys.needs_build(0, 0));
    read(1);
    assert!(keys.needs_build(8_000, 0) && !keys.needs_build(8_008, 0));
    assert!(keys.needs_build(1, 1_000 * BYTES_PER_READ) && !keys.needs_build(1, 1_001 * BYTES_PER_READ));
    keys.begin_build(0);
    assert!(!keys.needs_build(0, 0), "it is being built");
    keys.begin_again();
    read(1_000);
    assert!(!keys.needs_build(0, 0), "it knows all keyspaces, and has no more keys than the file");
    keys.insert((0..300).map(|hash| hash << 20));
    assert!(keys.needs_build(100, 0) && !keys.needs_build(200, 0), "most of its keys were deleted");
    assert!(!AbsentKeys::without_file().needs_build(0, 0));
}

#[cfg(feature = "async")]
#[test]
fn a_lookup_of_several_keys_must_not_use_a_filter_that_was_replaced() {
    let keys = begun(&filled().0);
    let before = keys.current().unwrap();
    assert!(keys.is_current(&before));
    keys.begin_again();
    assert!(!keys.is_current(&before));
}

/// Looks up 100 keys that the file lacks. Returns how many of these lookups the filter has answered, and how
/// many have read the file.
fn lookups_of_absent(cache: &Cache, look: impl FnOnce(std::ops::Range<u64>)) -> (u64, u64) {
    let counted = || cache.stats().disk.map(|disk| (disk.filtered, disk.unfound)).unwrap();
    let before = counted();
    look(10_000..10_100);
    let after = counted();
    (after.0 - before.0, after.1 - before.1)
}

#[test]
fn bulk_lookups_and_loads_of_keys_that_the_file_lacks_read_no_file() {
    let (cache, numbers) = filled();
    // 16 bits for each key: about one key in 240 is read from the file although it is absent.
    let is_filtered = |(filtered, read): (u64, u64)| filtered >= 95 && read <= 5;
    let found = lookups_of_absent(&cache, |keys| {
        let keys: Vec<_> = keys.collect();
        assert_eq!(numbers.get_many(&keys).iter().flatten().count(), 0);
    });
    assert!(is_filtered(found), "get_many: {found:?}");
    let found = lookups_of_absent(&cache, |keys| {
        let keys: Vec<_> = keys.collect();
        let got = cache.transaction(|tx| tx.get_many(&numbers, &keys)).unwrap();
        assert_eq!(got.iter().flatten().count(), 0);
    });
    assert!(is_filtered(found), "in a transaction: {found:?}");
    let found = lookups_of_absent(&cache, |keys| {
        let none = |_: &[u64]| Ok::<_, crate::Error>(Vec::<(u64, u64)>::new());
        assert_eq!(numbers.get_or_load_many(keys, none).unwrap().iter().flatten().count(), 0);
    });
    assert!(is_filtered(found), "get_or_load_many: {found:?}");
    // The keys of the file are found, also when memory no longer has them.
    let found = numbers.get_many((0..1_200).collect::<Vec<_>>());
    assert_eq!(found.iter().flatten().count(), 1_200);
}
