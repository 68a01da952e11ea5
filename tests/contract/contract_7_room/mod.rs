//! Contract 7: the space that the file takes on its disk, the part of it that live entries fill, and values
//! that are too large for the file.

mod older_files;

use std::time::Duration;

use larder::admin::Admin;
use larder::testing::{DiskOperation, Loss, SimulatedVolume};
use larder::{ByteSize, Cache, CacheBuilder, Durability, Error, Follower, InsertOptions, KeyspaceDefinition};

use crate::support::{HOUR, Place, Random};

const TEXTS: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("text").ttl(HOUR);

fn text(len: usize) -> String {
    "x".repeat(len)
}

fn small(builder: CacheBuilder, capacity: ByteSize) -> Cache {
    let builder = builder.disk_capacity(capacity).memory_capacity(ByteSize::kib(64)).shards(1);
    builder.flush_interval(Duration::from_hours(1)).open().unwrap()
}

/// Makes a directory on a file system in memory, if there is one. These tests sync the file thousands of
/// times.
fn place() -> Place {
    tempfile::tempdir_in("/dev/shm")
        .map_or_else(|_| Place::new(), |dir| Place::at(dir, larder::clock::ManualClock::new()))
}

/// Returns the size of the file's allocated blocks, as `du` reports it, and the file's length, both in bytes.
#[cfg(unix)]
fn extent(place: &Place) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    let found = std::fs::metadata(place.path()).unwrap();
    (found.blocks() * 512, found.len())
}

/// Sizes of the texts in each phase. A change of sizes needs the most space, because pages of one size leave
/// gaps that are too small for larger pages.
#[cfg(unix)]
const PHASES: [&[usize]; 5] = [&[100], &[5_000], &[100], &[33_000], &[100, 1_000, 5_000, 33_000]];

/// Inserts at least `capacity` bytes of texts under random keys, and commits after every 64 inserts.
/// Returns the largest extent after a commit.
#[cfg(unix)]
fn insert_texts(
    place: &Place,
    cache: &Cache,
    random: &mut Random,
    sizes: &[usize],
    capacity: ByteSize,
) -> (u64, u64) {
    let texts = cache.keyspace(TEXTS).unwrap();
    let (mut written, mut most) = (0, (0, 0));
    while written < capacity.as_u64() {
        for _ in 0..64 {
            let size = sizes[usize::try_from(random.below(sizes.len() as u64)).unwrap()];
            texts.insert(&random.below(100_000), text(size)).unwrap();
            written += size as u64;
        }
        cache.flush().unwrap();
        let now = extent(place);
        most = (most.0.max(now.0), most.1.max(now.1));
    }
    most
}

#[cfg(unix)]
#[test]
fn contract_7_the_file_never_takes_more_than_its_capacity_whatever_sizes_come() {
    let (place, capacity) = (place(), ByteSize::kib(1_536));
    let cache = small(place.builder(), capacity);
    if cache.stats().disk.unwrap().allocated_bytes.is_none() {
        return;
    }
    let mut random = Random::new(7);
    for sizes in PHASES {
        let most = insert_texts(&place, &cache, &mut random, sizes, capacity);
        let disk = cache.stats().disk.unwrap();
        assert!(most.0 <= capacity.as_u64(), "{sizes:?}: {} of {capacity} taken", most.0);
        assert!(most.1 <= 2 * capacity.as_u64(), "{sizes:?}: {} long", most.1);
        assert_eq!((disk.faults, disk.suspensions), (0, 0), "{sizes:?}: {disk:?}");
        assert_eq!(disk.allocated_bytes, Some(ByteSize::bytes(extent(&place).0)));
        assert!(disk.evictions > 0 && disk.entries > 0);
    }
    cache.close().unwrap();
    let cache = small(place.builder(), capacity);
    assert!(cache.stats().disk.unwrap().recovered_entries > 0);
    assert!(extent(&place).0 <= capacity.as_u64());
}

#[test]
fn contract_7_entries_fill_the_file() {
    // Each pair is a value size, and the minimum percentage of the capacity that live keys and values must
    // fill.
    for (size, least) in [(1_000, 40), (5_000, 45), (33_000, 60)] {
        let disk = SimulatedVolume::new();
        let capacity = ByteSize::mib(8);
        let cache = small(Cache::builder().path("/cache/room.larder").volume(&disk), capacity);
        let texts = cache.keyspace(TEXTS).unwrap();
        let mut random = Random::new(5);
        for round in 0..2 * capacity.as_u64() / size as u64 {
            texts.insert(&random.below(1 << 40), text(size)).unwrap();
            if round % 64 == 63 {
                cache.flush().unwrap();
                assert!(disk.allocated("/cache/room.larder").unwrap() <= capacity.as_u64());
            }
        }
        cache.flush().unwrap();
        let stats = cache.stats().disk.unwrap();
        let live = 100 * stats.entries * (8 + size as u64) / capacity.as_u64();
        assert!(live >= least, "{live} % of {size} B");
        let pages = disk.read("/cache/room.larder").unwrap().len() as u64;
        assert!(pages <= 2 * capacity.as_u64(), "{pages} long");
    }
}

#[test]
fn contract_7_a_full_cache_looks_full() {
    let disk = SimulatedVolume::new();
    let cache = small(Cache::builder().path("/cache/room.larder").volume(&disk), ByteSize::mib(2));
    let texts = cache.keyspace(TEXTS).unwrap();
    let empty = cache.stats().disk.unwrap();
    assert!(empty.bytes.is_zero() && empty.usable_bytes + empty.usable_bytes > empty.capacity);
    for key in 0..1_000 {
        texts.insert(&key, text(5_000)).unwrap();
    }
    cache.flush().unwrap();
    let stats = cache.stats();
    let full = stats.disk.clone().unwrap();
    assert!(full.evictions > 0);
    let (live, usable) = (full.bytes.as_u64(), full.usable_bytes.as_u64());
    assert!(live > usable / 10 * 9 && live <= usable, "{full:?}");
    let live = format!("live {} of usable {}", full.bytes, full.usable_bytes);
    assert!(stats.to_string().contains(&live), "{stats}");
    // Reopening the full file evicts no entry.
    drop(texts);
    cache.close().unwrap();
    let cache = small(Cache::builder().path("/cache/room.larder").volume(&disk), ByteSize::mib(2));
    cache.flush().unwrap();
    cache.sweep().unwrap();
    let again = cache.stats().disk.unwrap();
    assert_eq!((again.evictions, again.entries), (0, again.recovered_entries), "{again:?}");
}

/// If the file system does not report blocks (because it compresses, or its kind is unknown), the cache
/// bounds the length of the file.
#[test]
fn contract_7_where_blocks_are_not_told_the_length_stays_under_the_capacity() {
    let disk = SimulatedVolume::new();
    disk.hide_blocks(true);
    let capacity = ByteSize::mib(4);
    let builder = || Cache::builder().path("/cache/room.larder").volume(&disk);
    let cache = small(builder(), capacity);
    let texts = cache.keyspace(TEXTS).unwrap();
    let mut random = Random::new(3);
    for round in 0..3_000 {
        texts.insert(&random.below(1 << 40), text([100, 3_000, 20_000][round % 3])).unwrap();
        if round % 64 == 0 {
            cache.flush().unwrap();
            let len = disk.read("/cache/room.larder").unwrap().len() as u64;
            assert!(len <= capacity.as_u64(), "{len} long");
        }
    }
    cache.flush().unwrap();
    let stats = cache.stats().disk.unwrap();
    assert_eq!((stats.allocated_bytes, stats.usable_bytes), (None, ByteSize::bytes(capacity.as_u64() / 4)));
    assert!(!disk.operations().contains(&DiskOperation::Punch));
    drop(texts);
    cache.close().unwrap();
    // The file moves to a file system that reports blocks, and back. After each move, the cache recomputes
    // the sizes of its entries.
    disk.hide_blocks(false);
    let charged = [(); 2].map(|()| {
        let cache = small(builder(), capacity);
        let now = cache.stats().disk.unwrap();
        assert_eq!((now.entries, now.recovered_entries), (stats.entries, stats.entries));
        cache.close().unwrap();
        now.bytes
    });
    assert!(charged[0] == charged[1] && charged[0] != stats.bytes);
    disk.hide_blocks(true);
    assert_eq!(small(builder(), capacity).stats().disk.unwrap().bytes, stats.bytes);
}

#[test]
fn contract_7_a_value_too_large_for_the_file_lives_in_memory_and_nothing_older_shows() {
    let place = Place::new();
    let capacity = ByteSize::mib(4);
    let builder = || place.builder().disk_capacity(capacity).memory_capacity(ByteSize::mib(1)).shards(1);
    let cache = builder().open().unwrap();
    let texts = cache.keyspace(TEXTS).unwrap();
    // A value fits into the file if its page takes at most a sixteenth of the disk capacity.
    let fits = (256 << 10) - 200;
    texts.insert(&1, text(fits)).unwrap();
    texts.insert(&2, "older".to_owned()).unwrap();
    cache.flush().unwrap();
    texts.insert(&2, text(fits + 300)).unwrap();
    cache.flush().unwrap();
    let stats = cache.stats();
    assert_eq!((stats.too_large_for_disk, stats.keyspaces[0].too_large_for_disk), (1, 1));
    assert!(stats.to_string().contains("too large for the disk 1"), "{stats}");
    assert_eq!(
        (stats.unsaved_bytes, stats.disk.unwrap().entries),
        (ByteSize::ZERO, 1),
        "the value that it replaced is deleted"
    );
    assert_eq!(texts.get(&2).unwrap().len(), fits + 300, "it is in memory");
    let follower = Follower::open_with_clock(place.path(), place.clock.clone()).unwrap();
    assert!(follower.keyspace(TEXTS).get(&2).unwrap().is_none());
    // The entry is only in memory. When memory evicts it to make room for others, it is gone.
    for key in 10..40 {
        texts.insert(&key, text(100_000)).unwrap();
        cache.flush().unwrap();
        texts.get(&key);
    }
    assert!(texts.get(&2).is_none_or(|found| found.len() == fits + 300));
    drop(texts);
    cache.close().unwrap();
    let texts = builder().open().unwrap().keyspace(TEXTS).unwrap();
    assert!(texts.get(&2).is_none(), "not the older one");
}

#[test]
fn contract_7_a_value_too_large_for_the_file_is_no_durable_insert_and_names_what_would_do() {
    let place = Place::new();
    let cache =
        place.builder().disk_capacity(ByteSize::mib(4)).memory_capacity(ByteSize::mib(1)).open().unwrap();
    let texts = cache.keyspace(TEXTS).unwrap();
    texts.insert(&1, "older".to_owned()).unwrap();
    let immediate = InsertOptions::new().durability(Durability::Immediate);
    let error = texts.insert_with(&1, text(300_000), immediate).unwrap_err();
    assert!(matches!(error, Error::ValueTooLarge { .. }));
    assert!(error.to_string().contains("raise disk_capacity to 8 MiB or more"), "{error}");
    assert_eq!(*texts.get(&1).unwrap(), "older", "nothing was changed");
    // With the capacity that the error message recommends, the file can store the value.
    drop(texts);
    cache.close().unwrap();
    let cache = place.builder().disk_capacity(ByteSize::mib(8)).open().unwrap();
    cache.keyspace(TEXTS).unwrap().insert_with(&1, text(300_000), immediate).unwrap();
    // A value that is too large for memory as well is refused.
    drop(cache);
    let cache =
        place.builder().disk_capacity(ByteSize::mib(4)).memory_capacity(ByteSize::kib(64)).open().unwrap();
    let error = cache.keyspace(TEXTS).unwrap().insert(&1, text(300_000)).unwrap_err().to_string();
    assert!(error.contains("raise memory_capacity or disk_capacity"), "{error}");
}

/// The maximum page size of a file depends on the capacity for which the file was made. If its regions are
/// too small for a raised capacity, larder replaces the file with a copy.
#[test]
fn contract_7_a_file_takes_larger_values_when_its_capacity_is_raised() {
    let place = Place::new();
    let cache = place.builder().disk_capacity(ByteSize::mib(1)).open().unwrap();
    let texts = cache.keyspace(TEXTS).unwrap();
    for key in 0..200 {
        texts.insert(&key, text(500)).unwrap();
    }
    let immediate = InsertOptions::new().durability(Durability::Immediate);
    let error = texts.insert_with(&1_000, text(2_000_000), immediate).unwrap_err().to_string();
    assert!(error.contains("raise disk_capacity to 32 MiB or more"), "{error}");
    drop(texts);
    cache.close().unwrap();
    // The original has no spare room, so a compacted file with larger regions may be longer.
    let mut admin = Admin::open(place.path()).unwrap();
    assert!(admin.compact(&mut || true).unwrap().is_some());
    admin.close().unwrap();
    for _ in 0..2 {
        let cache = place.builder().disk_capacity(ByteSize::mib(32)).open().unwrap();
        let texts = cache.keyspace(TEXTS).unwrap();
        assert!((0..200).all(|key| texts.get(&key).is_some_and(|found| found.len() == 500)));
        texts.insert_with(&1_000, text(2_000_000), immediate).unwrap();
        drop(texts);
        cache.close().unwrap();
        let follower = Follower::open_with_clock(place.path(), place.clock.clone()).unwrap();
        assert_eq!(follower.keyspace(TEXTS).get(&1_000).unwrap().unwrap().len(), 2_000_000);
    }
}

/// A value of 20 kB leaves three of the eight blocks of its page unwritten. When the page is reused, larder
/// punches these blocks out.
#[test]
fn contract_7_no_loss_of_power_shows_what_a_page_had_before() {
    let disk = SimulatedVolume::new();
    let builder = |disk: &SimulatedVolume| {
        Cache::builder().path("/cache/room.larder").volume(disk).disk_capacity(ByteSize::mib(1))
    };
    let cache = small(builder(&disk), ByteSize::mib(1));
    let texts = cache.keyspace(TEXTS).unwrap();
    let value =
        |round: u64, len| char::from(b'a' + u8::try_from(round % 26).unwrap()).to_string().repeat(len);
    for round in 0..40 {
        // A page of 32 KiB is full in one round. In the next round, its last blocks are unwritten.
        texts.insert(&(round % 5), value(round, if round % 2 == 0 { 32_000 } else { 20_000 })).unwrap();
        cache.flush().unwrap();
    }
    assert!(disk.operations().contains(&DiskOperation::Punch), "no page was used again");
    let last = disk.changes();
    for at in last - 120..=last {
        for (seed, loss) in Loss::ALL.into_iter().enumerate() {
            let left = disk.after_power_loss(at, loss, seed as u64 + 1);
            let cache = builder(&left).open().unwrap();
            assert_eq!(cache.stats().disk.unwrap().quarantines, 0, "{loss:?} after {at} changes");
            let texts = cache.keyspace(TEXTS).unwrap();
            for key in 0..5 {
                let found = texts.get(&key).unwrap_or_else(|| panic!("{key} is gone, {loss:?} after {at}"));
                assert!(found.bytes().all(|byte| byte == found.as_bytes()[0]));
            }
            assert_eq!(cache.stats().disk.unwrap().damaged_records, 0);
        }
    }
}

/// Pages that another process may still read are neither reused nor moved.
#[test]
fn contract_7_a_reader_that_holds_a_snapshot_of_a_full_file_stops_no_commit() {
    let (place, capacity) = (place(), ByteSize::mib(1));
    let cache = small(place.builder(), capacity);
    let texts = cache.keyspace(TEXTS).unwrap();
    let mut random = Random::new(11);
    let mut fill = |rounds: u64, sizes: &[usize]| {
        for round in 0..rounds {
            let size = sizes[usize::try_from(random.below(sizes.len() as u64)).unwrap()];
            texts.insert(&random.below(1 << 40), text(size)).unwrap();
            if round % 16 == 15 {
                cache.flush().unwrap();
            }
        }
        cache.flush().unwrap();
    };
    fill(1_000, &[1_000]);
    assert!(cache.stats().disk.unwrap().evictions > 0, "the file is not full");
    texts.insert(&1, "removed while it is read".to_owned()).unwrap();
    cache.flush().unwrap();
    // A second handle with an open transaction acts like a reader in another process.
    let mut reader = redb::Database::builder();
    reader.set_concurrency_mode(redb::ConcurrencyMode::SingleWriter);
    let other = reader.open_read_only(place.path()).unwrap();
    let held = redb::ReadableDatabase::begin_read(&other).unwrap();
    fill(400, &[100, 5_000, 33_000]);
    assert!(texts.remove(&1).is_ok(), "a removal holds");
    let disk = cache.stats().disk.unwrap();
    assert_eq!((disk.suspensions, disk.discards, disk.quarantines), (0, 0, 0), "{disk:?}");
    assert!(disk.entries > 0, "entries were saved: {disk:?}");
    // After the reader has ended, the file can shrink.
    drop((held, other));
    place.clock.advance(Duration::from_mins(1));
    fill(300, &[1_000]);
    let disk = cache.stats().disk.unwrap();
    if let Some(allocated) = disk.allocated_bytes {
        assert!(allocated <= capacity, "{disk:?}");
    }
    assert_eq!(disk.suspensions, 0, "{disk:?}");
    assert!(cache.verify().unwrap().damage.is_none());
}
