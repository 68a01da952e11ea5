//! Contract 7: memory, the write buffer, the file and the threads stay within their bounds.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use larder::{
    ByteSize, Cache, ENTRY_OVERHEAD, InsertOptions, KeyspaceDefinition, Load, LoadPolicy, MemoryStats,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::support::{BLOBS, OnDrop, Place, Random, assert_capacity_is_usable, taken};

#[test]
fn contract_7_memory_stays_under_its_capacity_and_the_write_buffer() {
    let place = Place::new();
    let (capacity, buffer) = (1_u64 << 20, 256_u64 << 10);
    let cache = Cache::builder()
        .path(place.path())
        .memory_capacity(capacity)
        .write_buffer(buffer)
        .flush_interval(Duration::from_millis(1))
        .open()
        .unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    let (done, most) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|seed| {
                let blobs = &blobs;
                scope.spawn(move || {
                    let mut random = Random::new(seed + 7);
                    for _ in 0..3_000 {
                        let size = usize::try_from(1_u64 << random.below(15)).unwrap();
                        blobs.insert(&random.below(3_000), vec![1; size]).unwrap();
                        blobs.get(&random.below(3_000));
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let stats = cache.stats();
                assert!(stats.unsaved_bytes.as_u64() <= buffer, "{} unsaved", stats.unsaved_bytes);
                let MemoryStats { weight, unsaved_weight, .. } = stats.memory;
                assert!(weight.as_u64() <= capacity, "{weight} of {capacity}");
                most.fetch_max(u64::from(weight + unsaved_weight), Ordering::SeqCst);
            }
        });
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::SeqCst);
    });
    let most = most.into_inner();
    // The statistics sum up the unsaved weights one shard after another, and then read the weight of
    // memory. Meanwhile entries are committed and inserted, so the total may exceed the bound by a few
    // values.
    assert!(most <= capacity + buffer + (64 << 10), "{most} in memory");
    assert!(most > capacity / 2, "the test did not fill memory: {most}");
    cache.flush().unwrap();
    assert!(cache.stats().memory.weight.as_u64() <= capacity);
    assert_eq!(cache.stats().unsaved_bytes, ByteSize::ZERO, "room was lost");
}

/// Checks that reserved room is always released. If it were not, no lookup would fail, but part of the
/// capacity would become unusable.
#[test]
fn contract_7_all_of_memory_can_be_used_after_any_number_of_overwrites() {
    let place = Place::new();
    let capacity = 256_u64 << 10;
    let cache = Cache::builder()
        .path(place.path())
        .memory_capacity(capacity)
        .shards(4)
        .flush_interval(Duration::from_millis(1))
        .open()
        .unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    let in_memory =
        cache.keyspace(KeyspaceDefinition::<u64, Vec<u8>>::new("in memory").memory_only()).unwrap();
    thread::scope(|scope| {
        for thread in 0..2 {
            let (blobs, in_memory) = (&blobs, &in_memory);
            scope.spawn(move || {
                let mut random = Random::new(thread + 7);
                for round in 0..4_000_u64 {
                    let key = random.below(20);
                    blobs.insert(&key, vec![1; 500]).unwrap();
                    if round % 16 == 0 {
                        // The loader inserts the key itself, so the result of the load is not stored.
                        for keyspace in [blobs, in_memory] {
                            keyspace.remove(&(key + 20)).map(drop).unwrap();
                            let load = || keyspace.insert(&(key + 20), vec![2; 500]).map(|()| vec![3; 500]);
                            drop(keyspace.get_or_load(&(key + 20), load).unwrap());
                        }
                    }
                }
            });
        }
    });
    cache.flush().unwrap();
    assert_capacity_is_usable(&cache, 1_000 + 100 + ENTRY_OVERHEAD);
}

#[test]
fn contract_7_one_value_may_take_the_whole_memory_and_a_heavier_one_is_served_from_disk() {
    let place = Place::new();
    let capacity = 256_u64 << 10;
    let cache = place.builder().memory_capacity(capacity).shards(16).open().unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    for key in 0..100 {
        blobs.insert(&key, vec![0; 1000]).unwrap();
    }
    cache.flush().unwrap();
    // The weight of an entry includes its key, the encoded length, and the `Vec` itself.
    let whole = usize::try_from(capacity - ENTRY_OVERHEAD).unwrap() - 8 - 5 - size_of::<Vec<u8>>();
    blobs.insert(&1_000, vec![1; whole]).unwrap();
    cache.flush().unwrap();
    let stats = cache.stats().memory;
    let weight = stats.weight.as_u64();
    assert!(weight <= capacity && weight > capacity - 16, "{stats:?}");
    assert!(blobs.get(&1_000).is_some() && cache.stats().memory.hits == 1, "it is held in memory");

    blobs.insert(&2_000, vec![2; whole + 1_000]).unwrap();
    cache.flush().unwrap();
    assert_eq!(blobs.get(&2_000).unwrap().len(), whole + 1_000);
    let stats = cache.stats();
    assert_eq!(stats.disk.unwrap().hits, 1);
    assert!(stats.memory.bypassed >= 1);
}

/// A value of many short strings, such as the product codes of a category. In memory it takes several times
/// as much as its encoding.
type Codes = Vec<String>;

fn codes(first: u64) -> Codes {
    (0..20).map(|number| format!("{:08}", first * 20 + number)).collect()
}

#[test]
fn contract_7_a_keyspace_that_weighs_what_values_own_keeps_that_within_the_capacity() {
    let capacity = 1_u64 << 20;
    let fill = |definition: KeyspaceDefinition<u64, Codes>| {
        let cache = Cache::builder().memory_capacity(capacity).open().unwrap();
        let keyspace = cache.keyspace(definition.memory_only()).unwrap();
        for key in 0..5_000 {
            keyspace.insert(&key, codes(key)).unwrap();
        }
        let MemoryStats { entries, weight, .. } = cache.stats().memory;
        // Each string of eight bytes takes 24 bytes in the list and 32 bytes in a heap block. The list is a
        // heap block too.
        let taken = 24 + 20 * 24 + 8 + 20 * 32;
        (entries * (taken + 8 + ENTRY_OVERHEAD), weight.as_u64())
    };
    let definition = KeyspaceDefinition::<u64, Codes>::new("codes");
    let (taken, weight) = fill(definition.weigh_heap());
    assert!(taken <= capacity && taken > capacity / 10 * 9, "{taken}");
    assert!(weight.abs_diff(taken) * 100 <= taken, "{weight} was charged for {taken}");
    let (taken, _) = fill(definition);
    assert!(taken > capacity * 2, "weighed by their encodings, twice as many are kept: {taken}");
}

#[test]
fn contract_7_what_is_promoted_from_disk_is_weighed_as_what_is_inserted() {
    let place = Place::new();
    let keyspace =
        |cache: &Cache| cache.keyspace(KeyspaceDefinition::<u64, Codes>::new("codes").weigh_heap()).unwrap();
    let cache = place.open();
    keyspace(&cache).insert(&1, codes(1)).unwrap();
    cache.flush().unwrap();
    let inserted = cache.stats().memory.weight;
    cache.close().unwrap();
    let cache = place.open();
    assert_eq!(cache.stats().memory.weight, ByteSize::ZERO);
    assert!(keyspace(&cache).get(&1).is_some());
    let promoted = cache.stats().memory.weight;
    // After decoding, the list may have unused capacity.
    assert!(promoted >= inserted && promoted <= inserted + ByteSize::bytes(20 * 24), "{promoted} {inserted}");
}

#[test]
fn contract_7_the_file_stays_under_its_capacity() {
    let place = Place::new();
    let capacity = ByteSize::mib(8);
    let cache = place
        .builder()
        .memory_capacity(ByteSize::kib(256))
        .disk_capacity(capacity)
        .flush_interval(Duration::from_millis(1))
        .open()
        .unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    let mut random = Random::new(5);
    let mut most = 0;
    for round in 0..12_000 {
        let size = usize::try_from(1_u64 << random.below(12)).unwrap();
        let ttl = Duration::from_secs(60 + random.below(3_000));
        blobs.insert_with(&random.below(50_000), vec![3; size], InsertOptions::new().ttl(ttl)).unwrap();
        if round % 50 == 0 {
            most = most.max(taken(&place.path()));
        }
    }
    cache.flush().unwrap();
    let disk = cache.stats().disk.unwrap();
    assert!(most.max(taken(&place.path())) <= capacity.as_u64(), "the file took {most} bytes");
    assert!(disk.file_bytes <= capacity + capacity, "{} long", disk.file_bytes);
    assert!(disk.evictions > 0, "the test did not fill the file: {disk:?}");
    // The counters must agree with the entries after all these overwrites and evictions.
    drop(blobs);
    cache.close().unwrap();
    let cache = place.builder().disk_capacity(capacity).open().unwrap();
    // The first commit may evict a few more entries.
    cache.flush().unwrap();
    let kept = cache.stats().disk.unwrap().entries;
    assert_eq!(kept, cache.keyspace(BLOBS).unwrap().count());
    assert!(kept <= disk.entries && kept > disk.entries / 2, "{kept} of {} entries", disk.entries);
}

#[test]
fn contract_7_a_file_made_larger_is_brought_under_a_smaller_capacity() {
    let place = Place::new();
    let cache = place.open();
    let blobs = cache.keyspace(BLOBS).unwrap();
    for key in 0..3_000 {
        blobs.insert(&key, vec![4; 4_000]).unwrap();
    }
    cache.close().unwrap();
    assert!(std::fs::metadata(place.path()).unwrap().len() > 8 << 20);
    let cache = place.builder().disk_capacity(ByteSize::mib(4)).open().unwrap();
    let disk = cache.stats().disk.unwrap();
    assert!(
        disk.allocated_bytes.unwrap_or(disk.file_bytes) <= ByteSize::mib(4)
            && disk.file_bytes <= ByteSize::mib(8),
        "{disk:?}"
    );
    assert!(disk.recovered_entries > 0 && disk.recovered_entries == cache.keyspace(BLOBS).unwrap().count());
}

#[test]
fn contract_7_entries_that_memory_holds_are_evicted_from_disk_last() {
    let place = Place::new();
    let cache = place
        .builder()
        .disk_capacity(ByteSize::mib(4))
        .memory_capacity(ByteSize::kib(256))
        .shards(1)
        .open()
        .unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    let soon = InsertOptions::new().ttl(Duration::from_mins(1));
    for key in 0..20 {
        blobs.insert_with(&key, vec![5; 1_000], soon).unwrap();
    }
    cache.flush().unwrap();
    for key in 100..3_000 {
        blobs.insert(&key, vec![5; 1_000]).unwrap();
        for hot in 0..20 {
            assert!(blobs.get(&hot).is_some());
        }
        if key % 100 == 0 {
            cache.flush().unwrap();
        }
    }
    cache.close().unwrap();
    let cache = place.open();
    let blobs = cache.keyspace(BLOBS).unwrap();
    let kept = (0..20).filter(|key| blobs.contains_key(key)).count();
    assert!(kept >= 18, "{kept} of 20 hot entries are on disk, though they expire first");
}

#[test]
fn contract_7_writers_wait_for_room_and_go_on() {
    let place = Place::new();
    let cache = place.builder().write_buffer(ByteSize::kib(64)).open().unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    // The threads write much more than the buffer can hold. Without a flush, every writer must make progress.
    thread::scope(|scope| {
        for thread in 0..4 {
            let blobs = &blobs;
            scope.spawn(move || {
                (0..100).for_each(|key| blobs.insert(&(thread * 100 + key), vec![6; 4_000]).unwrap());
            });
        }
    });
    assert_eq!(blobs.count(), 400);
    // A value larger than the buffer waits until the buffer is empty. Until it is committed, no other value
    // enters the buffer.
    blobs.insert(&1, vec![0; 64 << 10]).unwrap();
    blobs.insert(&2, vec![0; 1 << 20]).unwrap();
    assert_eq!((blobs.get(&1).unwrap().len(), blobs.get(&2).unwrap().len()), (64 << 10, 1 << 20));
}

/// Returns the number of larder's threads in this process, and retries while the number differs from
/// `expected`. A thread gets its name just after it starts, and the kernel still lists it for a moment after
/// it ends.
fn threads(expected: usize) -> usize {
    let count = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.filter(|name| name.starts_with("larder-")).count()
    };
    let looks = std::iter::repeat_with(|| {
        thread::yield_now();
        count()
    });
    looks.take(5_000).find(|found| *found == expected).unwrap_or_else(count)
}

/// A value that holds a handle of its own cache. Such values are in memory only.
struct Keeper(#[expect(dead_code, reason = "held for its Drop")] Option<OnDrop>);

impl Serialize for Keeper {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Keeper {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <()>::deserialize(deserializer).map(|()| Self(None))
    }
}

const KEEPERS: KeyspaceDefinition<u64, Keeper> = KeyspaceDefinition::new("keeper").memory_only();

#[test]
fn contract_7_the_last_handle_may_go_inside_a_users_drop_on_a_worker() {
    let place = Place::new();
    let gone = Arc::new(AtomicBool::new(false));
    let cache = place.open();
    let keepers = cache.keyspace(KEEPERS).unwrap();
    let handle = Mutex::new(Some((cache.clone(), keepers.clone())));
    let noted = gone.clone();
    let value = Keeper(Some(OnDrop(Box::new(move || {
        drop(handle.lock().unwrap().take());
        noted.store(true, Ordering::SeqCst);
    }))));
    keepers.insert_with(&1, value, InsertOptions::new().ttl(Duration::from_secs(1))).unwrap();
    drop((cache, keepers));
    // The sweeper drops the value, and with it the last handle of the cache. The sweeper must then close the
    // file without joining its own thread.
    place.clock.advance(Duration::from_secs(10));
    while !gone.load(Ordering::SeqCst) {
        thread::yield_now();
    }
    place.builder().open_timeout(Duration::from_secs(20)).open().unwrap();
}

#[test]
fn contract_7_a_users_drop_may_call_the_cache() {
    let place = Place::new();
    let cache = place.open();
    let keepers = cache.keyspace(KEEPERS).unwrap();
    let weak = Mutex::new(Some(keepers.clone()));
    let calls = Arc::new(AtomicU64::new(0));
    let counted = calls.clone();
    let value = Keeper(Some(OnDrop(Box::new(move || {
        if let Some(keepers) = weak.lock().unwrap().take() {
            // If the caller of this drop held the lock of a shard, this call would never return.
            assert!(!keepers.contains_key(&1));
            counted.fetch_add(1, Ordering::SeqCst);
        }
    }))));
    keepers.insert(&1, value).unwrap();
    assert!(keepers.remove(&1).unwrap());
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[test]
fn contract_7_two_threads_and_none_after_close() {
    // Other tests in this process have caches too, so a child process counts its threads.
    let place = Place::new();
    let mut worker = crate::support::child::Worker::start("threads", &place.path());
    assert_eq!(worker.line().as_deref(), Some("open 2 loading 3 closed 0 memory only 1"));
}

/// Runs in a child process. Returns the number of larder's threads while a cache is open, is loading, is
/// closed, and is in memory only.
pub(crate) fn count_threads(path: &std::path::Path) -> String {
    let cache = Cache::builder().path(path).open().unwrap();
    let open = threads(2);
    let loader = |_: &u64, _: Option<Arc<Vec<u8>>>| Ok::<_, ()>(Load::Cache(Arc::new(vec![7])));
    let blobs = cache.keyspace(BLOBS).unwrap().with_loader(LoadPolicy::new(), loader).unwrap();
    assert!(blobs.refresh(1).unwrap());
    let loading = threads(3);
    cache.close().unwrap();
    let closed = threads(0);
    let cache = Cache::builder().open().unwrap();
    let memory_only = threads(1);
    drop(cache);
    format!("open {open} loading {loading} closed {closed} memory only {memory_only}")
}
