//! Contract 7 for files that were created with another layout, or that lost their holes in a copy.

use larder::ByteSize;
use larder::admin::Admin;

use super::{PHASES, TEXTS, extent, insert_texts, place, small, text};
use crate::support::Random;

/// A copy by a program that does not support holes has zeros in their place.
#[cfg(unix)]
#[test]
fn contract_7_a_copy_without_holes_is_brought_down_to_its_capacity() {
    for size in [33_000, 20_000, 5_000] {
        let (place, capacity) = (place(), ByteSize::mib(4));
        let cache = small(place.builder(), capacity);
        if cache.stats().disk.unwrap().allocated_bytes.is_none() {
            return;
        }
        let texts = cache.keyspace(TEXTS).unwrap();
        for key in 0..2 * capacity.as_u64() / size {
            texts.insert(&key, text(usize::try_from(size).unwrap())).unwrap();
            if key % 16 == 0 {
                cache.flush().unwrap();
            }
        }
        drop(texts);
        cache.close().unwrap();
        let bytes = std::fs::read(place.path()).unwrap();
        std::fs::remove_file(place.path()).unwrap();
        std::fs::write(place.path(), &bytes).unwrap();
        let before = extent(&place);
        let cache = small(place.builder(), capacity);
        let after = extent(&place);
        assert!(cache.stats().disk.unwrap().entries > 0);
        assert!(after.0 <= capacity.as_u64(), "{size}: {before:?} became {after:?}");
        let texts = cache.keyspace(TEXTS).unwrap();
        for key in 0..capacity.as_u64() / size {
            texts.insert(&(1_000 + key), text(usize::try_from(size).unwrap())).unwrap();
            cache.flush().unwrap();
            assert!(extent(&place).0 <= capacity.as_u64(), "{size}: {:?}", extent(&place));
        }
    }
}

/// A file of an earlier version has one region. So has a file that a tool made, because the tool does not
/// know the capacity. When such a file grows, its length doubles.
#[cfg(unix)]
#[test]
fn contract_7_a_file_of_one_region_stays_within_its_capacity() {
    for first in [1_536, 8 << 10] {
        let (place, capacity) = (place(), ByteSize::kib(1_536));
        Admin::create(place.path()).unwrap().close().unwrap();
        let cache = small(place.builder(), ByteSize::kib(first));
        if cache.stats().disk.unwrap().allocated_bytes.is_none() {
            return;
        }
        let texts = cache.keyspace(TEXTS).unwrap();
        for key in 0..6_000 {
            texts.insert(&key, text(1_000)).unwrap();
            if key % 64 == 0 {
                cache.flush().unwrap();
            }
        }
        drop(texts);
        cache.close().unwrap();
        let cache = small(place.builder(), capacity);
        let mut random = Random::new(7);
        for sizes in PHASES {
            // The bounds must also hold for the extent at the start of a phase.
            let opened = extent(&place);
            let most = insert_texts(&place, &cache, &mut random, sizes, capacity);
            let most = (most.0.max(opened.0), most.1.max(opened.1));
            let disk = cache.stats().disk.unwrap();
            assert_eq!((disk.faults, disk.suspensions), (0, 0), "{sizes:?}: {disk:?}");
            assert!(most.0 <= capacity.as_u64() && most.1 <= 2 * capacity.as_u64(), "{sizes:?}: {most:?}");
        }
    }
}
