mod absences;
mod damage;
mod idle;

use std::time::Duration;

use super::*;
use crate::api::cache::Cache;
use crate::api::keyspace::absence::Found;
use crate::api::keyspace::definition::KeyspaceDefinition;
use crate::config::MAX_TTL;
use crate::ops::inspect::{Inspector, RecordStatus};
use crate::sys::clock::{Clock, ManualClock};
use crate::sys::sync::Arc;

const PRODUCTS: KeyspaceDefinition<String, u64> =
    KeyspaceDefinition::new("product").ttl(Duration::from_hours(1)).version(3);

fn shop(path: &Path) {
    let cache = Cache::builder().path(path).open().unwrap();
    let products = cache.keyspace(PRODUCTS).unwrap();
    for number in 0..50 {
        products.insert(&format!("P{number}"), number).unwrap();
    }
    cache.close().unwrap();
}

fn of_version(version: u32) -> NewKeyspace {
    NewKeyspace {
        name: "product".to_owned(),
        version,
        key_shape: <String as crate::format::key::Key>::shape(),
        value_format: 0,
        schema: None,
        fingerprint: 0,
    }
}

fn is_whole(path: &Path, entries: u64) {
    let inspector = Inspector::open(path).unwrap();
    let verified = inspector.verify(&mut |_, _| {}).unwrap();
    assert!(verified.is_whole() && verified.records == entries, "{verified:?}");
    let file = inspector.snapshot().unwrap().file();
    assert!(file.closed_cleanly && file.entries == entries, "{file:?}");
}

#[test]
fn what_is_removed_by_hand_is_gone_for_the_cache_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    shop(&path);
    let before = Inspector::open(&path).unwrap().snapshot().unwrap().file().sequence;
    let mut admin = Admin::open(&path).unwrap();
    assert!(admin.remove("product", b"P7\0\0").unwrap());
    assert!(!admin.remove("product", b"P7\0\0").unwrap());
    assert!(!admin.remove("none", b"P7\0\0").unwrap());
    assert_eq!(admin.remove_prefix("product", b"P1").unwrap(), 11);
    admin.close().unwrap();
    is_whole(&path, 38);
    let after = Inspector::open(&path).unwrap().snapshot().unwrap().file().sequence;
    assert_eq!(after, before + 3);
    let cache = Cache::builder().path(&path).open().unwrap();
    let products = cache.keyspace(PRODUCTS).unwrap();
    assert!(products.get("P7").is_none() && products.get("P12").is_none());
    assert_eq!(products.get("P20").as_deref(), Some(&20));
    cache.close().unwrap();
    let mut admin = Admin::open(&path).unwrap();
    assert_eq!(admin.clear().unwrap(), 38);
    admin.close().unwrap();
    is_whole(&path, 0);
}

#[test]
fn what_is_written_by_hand_is_found_by_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    let mut admin = Admin::create(&path).unwrap();
    let now = admin.now();
    let at = |ms: i64| Timestamp::from_millis(now.as_millis().saturating_add_signed(ms));
    let entry = |key: &[u8], written: i64, expires: i64, value: u8| NewEntry {
        key: key.to_vec(),
        written_at: at(written),
        expires_at: at(expires),
        delete_after: at(expires + 60_000),
        fingerprint: None,
        compression: 0,
        value: Some(vec![value]),
    };
    let new = of_version(3);
    assert_eq!(admin.keyspace(new).unwrap().number, 1);
    let entries = vec![
        entry(b"new\0\0", -10_000, 600_000, 1),
        entry(b"old\0\0", -10_000, -1, 2),
        entry(b"future\0\0", 3_600_000, 7_200_000, 3),
    ];
    let Written { written, expired, kept_newer } = admin.write("product", entries).unwrap();
    assert_eq!((written, expired, kept_newer), (2, 1, 0));
    let again = admin.write("product", vec![entry(b"new\0\0", -20_000, 600_000, 9)]).unwrap();
    assert_eq!((again.written, again.kept_newer), (0, 1));
    assert_eq!(admin.write("none", vec![entry(b"new\0\0", 0, 600_000, 9)]).unwrap(), Written::default());
    assert!(admin.write("product", vec![entry(&[0; 5000], 0, 600_000, 9)]).is_err());
    // The grace time is limited, and never negative.
    let odd = [(1, at(0)), (2, Timestamp::NEVER)]
        .map(|(key, delete_after)| NewEntry { delete_after, ..entry(&[key, 0, 0], 0, 600_000, 4) });
    assert_eq!(admin.write("product", odd.to_vec()).unwrap().written, 2);
    admin.close().unwrap();
    is_whole(&path, 4);
    let snapshot = Inspector::open(&path).unwrap().snapshot().unwrap();
    let product = snapshot.keyspace("product").unwrap();
    let grace = |key: &[u8]| {
        let found = snapshot.find(product, key).unwrap();
        let record = found.live().unwrap();
        record.delete_after.since(record.expires_at)
    };
    let minute = Duration::from_mins(1);
    assert_eq!(
        (grace(b"new\0\0"), grace(b"future\0\0"), grace(&[1, 0, 0])),
        (minute, minute, Duration::ZERO)
    );
    assert_eq!(grace(&[2, 0, 0]), MAX_TTL + MAX_TTL / 4);
    let cache = Cache::builder().path(&path).open().unwrap();
    let products = cache.keyspace(PRODUCTS).unwrap();
    assert_eq!(products.get("new").as_deref(), Some(&1));
    assert!(products.ttl("future").unwrap() <= Duration::from_hours(1));
    assert!(products.get("old").is_none());
}

#[test]
fn time_begins_at_the_files_mark_where_the_clock_is_behind() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    // This time is far ahead of the system's clock.
    let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(4_102_444_800_000)));
    let cache = Cache::builder().path(&path).clock(clock.clone()).open().unwrap();
    cache.keyspace(PRODUCTS).unwrap().insert("P1", 1).unwrap();
    cache.close().unwrap();
    let admin = Admin::open(&path).unwrap();
    assert_eq!(admin.now(), clock.wall());
    admin.close().unwrap();
}

#[test]
fn a_file_that_a_cache_has_is_refused_and_so_is_a_cache_beside_an_admin() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    shop(&path);
    let cache = Cache::builder().path(&path).open().unwrap();
    let pid = std::process::id();
    let refused = Admin::open(&path).unwrap_err();
    assert!(matches!(refused, Error::InUse { pid: Some(owner), .. } if owner == pid), "{refused}");
    cache.close().unwrap();
    let admin = Admin::open(&path).unwrap();
    let refused = Cache::builder().path(&path).open().unwrap_err();
    assert!(matches!(refused, Error::InUse { pid: Some(owner), .. } if owner == pid), "{refused}");
    admin.close().unwrap();
    assert!(matches!(Admin::open(dir.path().join("none")), Err(Error::Missing { .. })));
    assert!(!dir.path().join("none.lock").exists());
}

#[test]
fn another_version_is_retired_and_swept_and_a_compacted_file_is_shorter() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    let cache = Cache::builder().path(&path).open().unwrap();
    let products = cache.keyspace(PRODUCTS).unwrap();
    for number in 0..20_000 {
        products.insert(&format!("P{number}"), number).unwrap();
    }
    cache.flush().unwrap();
    assert_eq!(products.remove_prefix("P1").unwrap(), 11_111);
    // The writer executes one part of the removal after each step, so the loop flushes until no part is left.
    while cache.stats().disk.unwrap().pending_removals > 0 {
        cache.flush().unwrap();
    }
    assert_eq!(cache.stats().disk.unwrap().discards, 0, "what a part has written is the cache's own");
    cache.close().unwrap();
    let len = || std::fs::metadata(&path).unwrap().len();
    let before = len();
    let file = Inspector::open(&path).unwrap().snapshot().unwrap().file();
    assert_eq!(file.entries, 20_000 - 11_111, "{file:?}");
    let new = of_version(4);
    let mut admin = Admin::open(&path).unwrap();
    assert_eq!(admin.keyspace(new).unwrap().entries, 0);
    assert_eq!(admin.compact(&mut || true).unwrap().unwrap().expired, 0);
    admin.close().unwrap();
    assert!(len() < before / 4, "{before} {}", len());
    is_whole(&path, 0);
    assert!(Inspector::open(&path).unwrap().snapshot().unwrap().retired().is_empty());
}

#[test]
fn what_is_written_compressed_is_shorter_and_the_same_to_the_cache() {
    const PAGES: KeyspaceDefinition<String, String> =
        KeyspaceDefinition::new("page").format(crate::format::codec::format::Format::Raw);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    let mut admin = Admin::create(&path).unwrap();
    let now = admin.now();
    let pages = NewKeyspace { name: "page".to_owned(), value_format: 2, ..of_version(0) };
    admin.keyspace(pages.clone()).unwrap();
    let page = "airtime and data ".repeat(200);
    let entry = |key: &str, compression: u8, value: &str| NewEntry {
        key: format!("{key}\0\0").into_bytes(),
        written_at: now,
        expires_at: now.after(Duration::from_hours(1)),
        delete_after: now.after(Duration::from_hours(1)),
        fingerprint: None,
        compression,
        value: Some(value.as_bytes().to_vec()),
    };
    // Compression does not shorten the fourth value. The last entry has an unknown compression number.
    let entries = vec![
        entry("as is", 0, &page),
        entry("LZ4", 1, &page),
        entry("zstd", 2, &page),
        entry("short", 1, "x"),
        entry("later", 3, &page),
    ];
    admin.write("page", entries).unwrap();
    let unknown = admin.keyspace(NewKeyspace { value_format: 3, ..pages }).unwrap_err();
    assert!(unknown.to_string().contains("1 (MessagePack)"), "{unknown}");
    admin.close().unwrap();
    let snapshot = Inspector::open(&path).unwrap().snapshot().unwrap();
    let facts = snapshot.keyspace("page").unwrap();
    let zstd = if cfg!(feature = "zstd") { "Zstandard" } else { "LZ4" };
    for (key, compression, len) in [
        ("as is", "none", 3400),
        ("LZ4", "LZ4", 50),
        ("zstd", zstd, 50),
        ("short", "none", 1),
        ("later", "none", 3400),
    ] {
        let finding = snapshot.find(facts, format!("{key}\0\0").as_bytes()).unwrap();
        let record = finding.live().unwrap();
        assert_eq!(record.compression_name(), compression, "{key}");
        assert!(record.stored().len() <= len, "{key}: {}", record.stored().len());
        let size = ByteSize::bytes(record.payload().unwrap().len() as u64);
        assert_eq!(size, record.payload_len(), "{key}");
    }
    drop(snapshot);
    let cache = Cache::builder().path(&path).open().unwrap();
    let pages = cache.keyspace(PAGES).unwrap();
    for key in ["as is", "LZ4", "zstd", "later"] {
        assert_eq!(*pages.get(key).unwrap(), page, "{key}");
    }
    assert_eq!(*pages.get("short").unwrap(), "x");
}

/// Creates a file with two keyspaces of `count` values each. Removes `removed` of every ten values of the
/// first keyspace. If `clears`, also removes all values of the second.
fn worn(path: &std::path::Path, sizes: &[usize], count: u64, removed: u64, clears: bool) {
    const BLOBS: KeyspaceDefinition<u64, Vec<u8>> =
        KeyspaceDefinition::new("blob").format(crate::format::codec::format::Format::Raw);
    const OTHERS: KeyspaceDefinition<u64, Vec<u8>> =
        KeyspaceDefinition::new("other").format(crate::format::codec::format::Format::Raw);
    let cache = Cache::builder().path(path).open().unwrap();
    let (blobs, others) = (cache.keyspace(BLOBS).unwrap(), cache.keyspace(OTHERS).unwrap());
    for number in 0..count {
        let key = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let size = sizes[usize::try_from(number).unwrap() % sizes.len()];
        blobs.insert(&key, vec![7; size]).unwrap();
        others.insert(&key, vec![8; size / 2]).unwrap();
        if number % 500 == 499 {
            cache.flush().unwrap();
        }
    }
    cache.flush().unwrap();
    if clears {
        let _ = others.clear().unwrap();
    }
    let gone = (0..count).filter(|number| number % 10 < removed);
    for chunk in gone.collect::<Vec<_>>().chunks(200) {
        let keys: Vec<u64> = chunk.iter().map(|number| number.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
        let _ = blobs.remove_many(&keys).unwrap();
    }
    cache.close().unwrap();
}

#[test]
fn no_compaction_lengthens_a_file() {
    let shapes: [(&[usize], u64, u64, bool); 7] = [
        (&[100], 8_000, 5, false),
        (&[1_000], 4_000, 5, true),
        (&[1_000], 4_000, 0, false),
        (&[5_000], 1_000, 5, false),
        (&[33_000], 150, 9, true),
        (&[100, 1_000, 5_000, 33_000], 800, 3, true),
        (&[100], 3, 0, false),
    ];
    for (sizes, count, removed, clears) in shapes {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shop.larder");
        worn(&path, sizes, count, removed, clears);
        let len = || std::fs::metadata(&path).unwrap().len();
        let mut before = len();
        for round in 0..3 {
            let mut admin = Admin::open(&path).unwrap();
            let told = admin.compact(&mut || true).unwrap().unwrap();
            admin.close().unwrap();
            assert_eq!(told.length.as_u64(), len());
            assert!(
                len() <= before,
                "{sizes:?} {count} {removed} {clears}, round {round}: {before} became {}",
                len()
            );
            before = len();
        }
    }
}

#[test]
fn a_compacted_file_that_is_cut_is_still_known_as_ours() {
    for len in [600, 4_096, 20_000, 100_000] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shop.larder");
        worn(&path, &[100, 5_000], 2_000, 5, false);
        let mut admin = Admin::open(&path).unwrap();
        assert!(admin.compact(&mut || true).unwrap().is_some());
        admin.close().unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(len).unwrap();
        let cut = std::fs::read(&path).unwrap();
        // The shortest file has only the identity mark.
        let cache = Cache::builder().path(&path).open();
        let cache = cache.unwrap_or_else(|error| panic!("cut to {len} bytes: {error}"));
        let aside = cache.stats().disk.unwrap().quarantined.unwrap();
        assert!(std::fs::read(aside).unwrap() == cut);
        cache.close().unwrap();
    }
}

#[test]
fn a_stump_of_a_compacted_file_is_still_known_as_ours() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    worn(&path, &[100], 500, 5, false);
    let mut admin = Admin::open(&path).unwrap();
    assert!(admin.compact(&mut || true).unwrap().is_some());
    admin.close().unwrap();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(300).unwrap();
    let cache = Cache::builder().path(&path).open().unwrap();
    assert!(cache.stats().disk.unwrap().quarantined.is_some());
    cache.close().unwrap();
}

#[cfg(unix)]
#[test]
fn a_compacted_file_is_its_owners_as_before() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    const NOBODY: u32 = 65_534;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    worn(&path, &[100], 500, 5, false);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o660)).unwrap();
    // Only root may give a file to another user.
    let is_given = chown(&path, Some(NOBODY), Some(NOBODY)).is_ok();
    let before = std::fs::metadata(&path).unwrap();
    assert!(!is_given || before.uid() == NOBODY);
    let mut admin = Admin::open(&path).unwrap();
    assert!(admin.compact(&mut || true).unwrap().is_some());
    admin.close().unwrap();
    let after = std::fs::metadata(&path).unwrap();
    let rights = |of: &std::fs::Metadata| (of.uid(), of.gid(), of.mode() & 0o7777);
    assert_ne!(before.ino(), after.ino());
    assert_eq!(rights(&after), rights(&before));
}
