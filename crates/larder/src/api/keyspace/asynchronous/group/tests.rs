//! Tests of lookups at one moment that do not wait.

use crate::api::cache::Cache;
use crate::api::keyspace::Keyspace;
use crate::api::keyspace::definition::KeyspaceDefinition;
use crate::testing::await_first_sweep;
use crate::testing::volume::SimulatedVolume;
use crate::testing::volume::operation::Failure;
use std::sync::Arc;
use std::time::Duration;

mod beside;

const NUMBERS: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("number");
const TEXTS: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("text");

fn opened(disk: &SimulatedVolume) -> Cache {
    let builder = Cache::builder().path("/cache/shop.larder").volume(disk);
    builder.flush_interval(Duration::from_hours(1)).open().unwrap()
}

/// Returns a cache with entries 1 and 2. They are on disk only.
fn on_disk(disk: &SimulatedVolume) -> (Cache, Keyspace<u64, u64>) {
    let cache = opened(disk);
    cache.keyspace(NUMBERS).unwrap().insert_many([(1, 10), (2, 20)]).unwrap();
    cache.close().unwrap();
    let cache = opened(disk);
    let numbers = cache.keyspace(NUMBERS).unwrap();
    (cache, numbers)
}

fn plain(found: Option<Vec<Option<Arc<u64>>>>) -> Option<Vec<Option<u64>>> {
    found.map(|found| found.iter().map(|value| value.as_deref().copied()).collect())
}

#[test]
fn only_a_thread_with_inline_calls_reads_the_disk_and_the_lookups_are_counted() {
    let disk = SimulatedVolume::new();
    let (cache, numbers) = on_disk(&disk);
    numbers.insert(&3, 30).unwrap();
    assert_eq!(plain(numbers.try_get_group([&3, &1])), None, "this thread may not read the disk");
    assert_eq!(plain(numbers.try_get_group([&3, &3])), Some(vec![Some(30); 2]));
    let inline = cache.inline_calls();
    let all = || plain(numbers.try_get_group([&3, &1, &4, &2, &1]));
    assert_eq!(all(), Some(vec![Some(30), Some(10), None, Some(20), Some(10)]));
    drop(inline);
    assert_eq!(
        plain(numbers.try_get_group([&1, &2])),
        Some(vec![Some(10), Some(20)]),
        "they are in memory now"
    );
    let stats = numbers.stats();
    assert_eq!((stats.memory_hits, stats.disk_hits, stats.misses), (5, 3, 1));
    cache.close().unwrap();
    assert_eq!(plain(numbers.try_get_group([&3])), None, "the cache is closed");
}

/// If the entry were reported as missing, a caller would find only a part of the values that were stored
/// together.
#[test]
fn an_entry_that_cannot_be_read_now_is_not_reported_as_missing() {
    let disk = SimulatedVolume::new();
    let (cache, numbers) = on_disk(&disk);
    await_first_sweep(&cache).unwrap();
    let _inline = cache.inline_calls();
    numbers.insert(&3, 30).unwrap();
    disk.fail_from(0, Failure::Io);
    assert!(cache.flush().is_err());
    assert_eq!(plain(numbers.try_get_group([&3, &1])), None);
    assert_eq!(plain(numbers.try_get_group([&3])), Some(vec![Some(30)]));
    disk.heal();
}

#[test]
fn large_values_on_disk_are_left_to_a_transaction() {
    let disk = SimulatedVolume::new();
    let cache = opened(&disk);
    let texts = cache.keyspace(TEXTS).unwrap();
    texts.insert_many([(1, "a".repeat(600 << 10)), (2, "b".repeat(600 << 10))]).unwrap();
    cache.close().unwrap();
    let cache = opened(&disk);
    let texts = cache.keyspace(TEXTS).unwrap();
    let _inline = cache.inline_calls();
    assert!(texts.try_get_group([&1, &2]).is_none());
    let lens =
        |found: Vec<Option<Arc<String>>>| found.iter().flatten().map(|text| text.len()).collect::<Vec<_>>();
    assert_eq!(texts.try_get_group([&1]).map(lens), Some(vec![600 << 10]));
}
