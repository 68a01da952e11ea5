use std::time::Duration;

use super::*;
use crate::api::cache::Cache;
use crate::api::keyspace::definition::KeyspaceDefinition;
use crate::api::keyspace::insert_options::InsertOptions;
use crate::config::CacheBuilder;
use crate::format::codec::compression::Compression;

type Blob = Box<[u8]>;

const BLOBS: KeyspaceDefinition<u64, Blob> = KeyspaceDefinition::new("blob").format(Format::Raw);
const WEIGHED: KeyspaceDefinition<u64, Blob> =
    KeyspaceDefinition::new("weighed").format(Format::Raw).weigher(|_| 1);
const COMPRESSED: KeyspaceDefinition<u64, Blob> =
    KeyspaceDefinition::new("compressed").format(Format::Raw).compress(Compression::Lz4, 1_000);

/// The encoded key of a `u64`, and the number of its keyspace.
const KEY_LEN: usize = 8 + KeyspaceId::LEN;

fn blob(len: usize) -> Blob {
    vec![7; len].into()
}

#[test]
fn an_encoding_keeps_no_room_that_is_a_good_part_of_it() {
    let mut roomy = Vec::with_capacity(100_000);
    roomy.extend([7; 10_000]);
    let trimmed = trimmed(roomy);
    assert_eq!((trimmed.len(), trimmed.capacity()), (10_000, 10_000));
}

#[test]
fn the_write_buffer_is_charged_what_is_allocated() {
    let room = |payload: &[u8]| {
        let mut bytes = Vec::with_capacity(1_000);
        bytes.extend_from_slice(payload);
        room_for(22, &UnsavedPayload::Encoded(bytes), Weight::of(500)) - 500 - UNSAVED_OVERHEAD
    };
    assert_eq!(room(&[1]), 0, "no block of its own");
    assert!((1_008..=1_024).contains(&room(&[2; 100])), "{}", room(&[2; 100]));
    let of_key = |len| room_for(len, &UnsavedPayload::EMPTY, Weight::of(0)) - UNSAVED_OVERHEAD;
    assert_eq!((of_key(22), of_key(23), of_key(100)), (0, 32, 112), "the copy of the key in the batch");
}

/// Opens a cache with a file whose writer commits nothing by itself.
fn open(dir: &tempfile::TempDir, settings: impl FnOnce(CacheBuilder) -> CacheBuilder) -> Cache {
    let builder = Cache::builder().path(dir.path().join("file")).flush_interval(Duration::from_mins(1));
    settings(builder).open().unwrap()
}

/// Returns what the write buffer is charged for one insert, besides the overhead of a change.
fn charged(cache: &Cache, definition: KeyspaceDefinition<u64, Blob>, len: usize) -> u64 {
    let blobs = cache.keyspace(definition).unwrap();
    cache.flush().unwrap();
    let before = cache.stats().unsaved_bytes.as_u64();
    blobs.insert(&1, blob(len)).unwrap();
    let charged = cache.stats().unsaved_bytes.as_u64() - before;
    charged - room_of_change(KEY_LEN)
}

#[test]
fn a_value_that_is_its_own_encoding_is_charged_once() {
    const LEN: usize = 10_000;
    let dir = tempfile::tempdir().unwrap();
    let entry = 8 + ENTRY_OVERHEAD;
    let cache = open(&dir, |builder| builder);
    assert_eq!(charged(&cache, BLOBS, LEN), entry + 16 + LEN as u64, "its pointer and its bytes");
    let weighed = charged(&cache, WEIGHED, LEN);
    assert_eq!(weighed, entry + 1 + LEN as u64 + 24, "the weight of the weigher, and a copy");
    let compressed = charged(&cache, COMPRESSED, LEN);
    assert!(compressed > entry + 16 + LEN as u64, "a value and its compressed copy: {compressed}");
    assert_eq!(charged(&cache, COMPRESSED, 1_000), entry + 16 + 1_000, "not compressed, so no copy");
    cache.close().unwrap();
    let cache = open(&dir, |builder| builder.weigher(|_| 1));
    assert_eq!(charged(&cache, BLOBS, LEN), 1 + LEN as u64 + 24, "the cache's weigher weighs the entry");
}

#[test]
fn values_that_are_their_own_encodings_come_back_from_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let lens = [0, 1, 15, 16, 1_000, 1_001, 100_000];
    for is_reopened in [false, true] {
        let cache = open(&dir, |builder| builder);
        for definition in [BLOBS, WEIGHED, COMPRESSED] {
            let blobs = cache.keyspace(definition).unwrap();
            for (key, len) in (0..).zip(lens) {
                if !is_reopened {
                    blobs.insert(&key, blob(len)).unwrap();
                }
                assert_eq!(blobs.get(&key).as_deref(), Some(&blob(len)), "{} {len}", blobs.name());
            }
        }
        cache.close().unwrap();
    }
}

#[test]
fn a_value_that_is_its_own_encoding_may_be_too_large_for_the_file() {
    const LEN: usize = 2 << 20;
    let dir = tempfile::tempdir().unwrap();
    let cache = open(&dir, |builder| builder.disk_capacity(ByteSize::mib(16)));
    let blobs = cache.keyspace(BLOBS).unwrap();
    blobs.insert(&1, blob(1)).unwrap();
    cache.flush().unwrap();
    let immediate = InsertOptions::new().durability(Durability::Immediate);
    let refused = blobs.insert_with(&1, blob(LEN), immediate).unwrap_err();
    assert!(matches!(refused, Error::ValueTooLarge { bound: "the page it takes on disk", .. }), "{refused}");
    assert_eq!(charged(&cache, BLOBS, LEN), 8 + ENTRY_OVERHEAD + 16 + LEN as u64);
    cache.flush().unwrap();
    assert_eq!((blobs.get(&1).map(|value| value.len()), cache.stats().too_large_for_disk), (Some(LEN), 1));
    drop(blobs);
    cache.close().unwrap();
    let blobs = open(&dir, |builder| builder.disk_capacity(ByteSize::mib(16))).keyspace(BLOBS).unwrap();
    assert!(blobs.get(&1).is_none(), "neither the value nor the one that it replaced");
}
