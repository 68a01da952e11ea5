//! Tests which entries are evicted when the disk is full, and what a loss of power during an eviction
//! leaves.

use std::time::Duration;

use larder::clock::ManualClock;
use larder::testing::{Loss, SimulatedVolume};
use larder::{ByteSize, Cache, Durability, InsertOptions, Keyspace, KeyspaceDefinition};

use crate::support::Random;

const SHORT: Duration = Duration::from_mins(5);
const LONG: Duration = Duration::from_hours(2);
const VALUE: usize = 1_000;
const VALUES: KeyspaceDefinition<u64, Vec<u8>> = KeyspaceDefinition::new("values").ttl(LONG);

/// The setup of a cache on a simulated disk with a manual clock.
struct Disk {
    volume: SimulatedVolume,
    clock: std::sync::Arc<ManualClock>,
    memory: ByteSize,
    capacity: ByteSize,
}

impl Disk {
    fn new(memory: ByteSize) -> Self {
        let (volume, clock) = (SimulatedVolume::new(), std::sync::Arc::new(ManualClock::new()));
        Self { volume, clock, memory, capacity: ByteSize::mib(4) }
    }

    fn open(&self) -> (Cache, Keyspace<u64, Vec<u8>>) {
        let builder = Cache::builder().path("/cache/shop.larder").volume(&self.volume);
        let builder = builder.clock(self.clock.clone()).flush_interval(Duration::from_hours(1)).shards(1);
        let builder = builder.disk_capacity(self.capacity).memory_capacity(self.memory);
        let cache = builder.open().unwrap();
        let values = cache.keyspace(VALUES).unwrap();
        (cache, values)
    }

    /// Writes entries with a TTL of two hours until the disk has evicted some. Returns the number of entries
    /// that were written.
    fn fill(&self, cache: &Cache, values: &Keyspace<u64, Vec<u8>>) -> u64 {
        for number in 0.. {
            self.clock.advance(Duration::from_millis(1));
            values.insert(&number, vec![1; VALUE]).unwrap();
            if number % 100 == 99 {
                cache.flush().unwrap();
                if cache.stats().disk.unwrap().evictions > 200 {
                    return number + 1;
                }
            }
        }
        unreachable!("the file is full before that")
    }

    /// Returns the same setup with another state of the disk.
    fn with(&self, volume: SimulatedVolume) -> Self {
        Self { volume, clock: self.clock.clone(), ..*self }
    }

    /// Returns how many of these keys a restarted cache finds.
    fn found(&self, keys: std::ops::Range<u64>) -> usize {
        let (cache, values) = self.open();
        let found = keys.filter(|key| values.get(key).is_some()).count();
        cache.close().unwrap();
        found
    }
}

#[test]
fn short_lived_entries_have_their_place_on_a_disk_full_of_long_lived_ones() {
    for memory in [ByteSize::kib(64), ByteSize::mib(64)] {
        let disk = Disk::new(memory);
        let (cache, values) = disk.open();
        disk.fill(&cache, &values);
        for key in 1_000_000..1_000_400 {
            values.insert_with(&key, vec![2; VALUE], InsertOptions::new().ttl(SHORT)).unwrap();
        }
        cache.flush().unwrap();
        drop(values);
        cache.close().unwrap();
        assert_eq!(disk.found(1_000_000..1_000_400), 400, "memory of {memory}");
    }
}

#[test]
fn what_was_acknowledged_as_durable_a_moment_ago_is_not_the_next_victim() {
    for memory in [ByteSize::kib(64), ByteSize::mib(64)] {
        let disk = Disk::new(memory);
        let (cache, values) = disk.open();
        disk.fill(&cache, &values);
        for key in 1_000_000..1_000_100 {
            let options = InsertOptions::new().ttl(SHORT).durability(Durability::Immediate);
            values.insert_with(&key, vec![2; VALUE], options).unwrap();
        }
        // A crash at this moment loses everything that was not synced.
        let crashed = disk.volume.after_power_loss(disk.volume.changes(), Loss::Everything, 1);
        let crashed = disk.with(crashed);
        assert_eq!(crashed.found(1_000_000..1_000_100), 100, "memory of {memory}");
    }
}

#[test]
fn what_is_read_from_disk_outlives_what_is_not() {
    let disk = Disk::new(ByteSize::kib(64));
    let (cache, values) = disk.open();
    let written = disk.fill(&cache, &values);
    let on_disk = cache.stats().disk.unwrap().entries;
    // The hot keys are some of the oldest entries on disk.
    let first = written - on_disk;
    let hot: Vec<u64> = (first..first + on_disk / 4).step_by(7).collect();
    let mut hits = 0;
    for number in written..written + 2 * on_disk {
        disk.clock.advance(Duration::from_millis(1));
        values.insert(&number, vec![1; VALUE]).unwrap();
        if number % 100 == 0 {
            cache.flush().unwrap();
            hits = hot.iter().filter(|key| values.get(key).is_some()).count();
        }
    }
    assert!(hits * 10 >= hot.len() * 9, "{hits} of {}", hot.len());
    drop(values);
    cache.close().unwrap();
}

/// Writes entries with random TTLs, sizes and uses. A restart must find each of the last writes, unless the
/// entry has a short TTL. No key may have an overwritten value. Closing a cache checks that its counters
/// agree with its tables.
#[test]
fn mixed_lifetimes_on_a_full_disk_lose_nothing_but_the_old() {
    let seed = std::env::var("LARDER_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    println!("LARDER_SEED={seed}");
    let mut random = Random::new(seed);
    let disk = Disk::new(ByteSize::kib(256));
    let lifetimes = [1, 60, 300, 3_600, 7_200, 86_400].map(Duration::from_secs);
    let mut versions = std::collections::HashMap::new();
    for _ in 0..4 {
        let (cache, values) = disk.open();
        let mut last = Vec::new();
        for _ in 0..40 {
            last.clear();
            for _ in 0..60 {
                // Advances the clock, because writes within one millisecond have no order.
                disk.clock.advance(Duration::from_millis(1));
                let key = random.below(4_000);
                let version = versions.entry(key).and_modify(|version| *version += 1).or_insert(1_u32);
                let mut value = version.to_be_bytes().to_vec();
                value.resize([40, 400, 1_500, 6_000][usize::try_from(random.below(4)).unwrap()], 0);
                let lifetime = lifetimes[usize::try_from(random.below(6)).unwrap()];
                values.insert_with(&key, value, InsertOptions::new().ttl(lifetime)).unwrap();
                last.push((key, lifetime));
                values.get(&random.below(4_000));
            }
            cache.flush().unwrap();
            disk.clock.advance(Duration::from_secs(random.below(3)));
            if random.below(8) == 0 {
                cache.sweep().unwrap();
            }
        }
        let stats = cache.stats().disk.unwrap();
        assert!(stats.evictions > 0, "the test did not fill the disk");
        drop(values);
        cache.close().unwrap();
        let (cache, values) = disk.open();
        for (key, version) in &versions {
            let found = values.get(key).map(|value| u32::from_be_bytes(*value.first_chunk().unwrap()));
            assert!(
                found.is_none_or(|found| found == *version),
                "{key} has version {found:?}, not {version}"
            );
            let is_last = last.iter().rposition(|(other, _)| other == key);
            let lives = is_last.is_some_and(|at| last[at].1 > Duration::from_secs(5));
            assert!(found.is_some() || !lives, "{key} was written last and is gone");
        }
        drop(values);
        cache.close().unwrap();
    }
}

/// If a value needs more room than one transaction can free, several transactions come before its write. This
/// test loses power between these transactions.
#[test]
fn power_lost_while_room_is_made_leaves_whole_entries_and_undoes_no_removal() {
    let disk = Disk { capacity: ByteSize::mib(1), ..Disk::new(ByteSize::kib(64)) };
    let (cache, values) = disk.open();
    let written = disk.fill(&cache, &values);
    let (large, removed) = (1_000_000, written - 1);
    let (begin, commits) = (disk.volume.changes(), cache.stats().disk.unwrap().commits);
    values.insert(&large, vec![3; 60_000]).unwrap();
    assert!(values.remove(&removed).unwrap());
    let removed_at = disk.volume.changes();
    cache.flush().unwrap();
    let flushed_at = disk.volume.changes();
    assert!(cache.stats().disk.unwrap().commits > commits + 1, "it took several transactions");
    let step = (flushed_at - begin).div_ceil(25);
    let mut was_between = false;
    for changes in (begin..flushed_at).step_by(step).chain([removed_at, flushed_at]) {
        for loss in Loss::ALL {
            let left = disk.with(disk.volume.after_power_loss(changes, loss, changes as u64));
            let (cache, values) = left.open();
            let tier = cache.stats().disk.unwrap();
            assert!(tier.quarantined.is_none(), "{changes} {loss:?}: {tier:?}");
            let found = (0..written).chain([large]).filter(|key| values.get(key).is_some()).count() as u64;
            assert_eq!(found, tier.entries, "{changes} {loss:?}: what is counted is there");
            assert_eq!(cache.stats().disk.unwrap().damaged_records, 0);
            let has_large = values.get(&large).is_some();
            assert!(has_large || changes < flushed_at, "{changes} {loss:?}");
            assert!(values.get(&removed).is_none() || changes < removed_at, "{changes} {loss:?}");
            was_between |= !has_large && values.get(&removed).is_none();
            drop(values);
            cache.close().unwrap();
        }
    }
    assert!(was_between, "the removal was never waiting for the value");
}
