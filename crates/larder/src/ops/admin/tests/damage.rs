//! Tests of changes by hand to a file with damaged records.

use redb::ReadableTable;

use super::*;
use crate::disk::store::database::builder;
use crate::disk::store::tables::ENTRIES;
use crate::format::keyspace_id::KeyspaceId;
use crate::sys::volume::Volume;
use crate::sys::volume::os::OsVolume;

/// Changes the last byte of an entry's record, so that its checksum is wrong.
fn damage_record(path: &Path, key: &[u8]) {
    let db = builder(1 << 20).create_with_backend(OsVolume.open(path, false).unwrap()).unwrap();
    let txn = db.begin_write().unwrap();
    {
        let mut entries = txn.open_table(ENTRIES).unwrap();
        let mut record = entries.get(key).unwrap().unwrap().value().to_vec();
        *record.last_mut().unwrap() ^= 0xFF;
        entries.insert(key, record.as_slice()).unwrap();
    }
    txn.commit().unwrap();
    db.close().unwrap();
}

#[test]
fn a_damaged_record_is_no_later_version_and_no_live_value() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    shop(&path);
    let full = |key: &[u8]| [&KeyspaceId::on_disk(1).to_bytes()[..], key].concat();
    for key in [b"P1\0\0", b"P2\0\0"] {
        damage_record(&path, &full(key));
    }
    let mut admin = Admin::open(&path).unwrap();
    let now = admin.now();
    let entry = |key: &[u8]| NewEntry {
        key: key.to_vec(),
        written_at: Timestamp::from_millis(now.as_millis() - 3_600_000),
        expires_at: now.after(Duration::from_hours(1)),
        delete_after: now.after(Duration::from_hours(1)),
        fingerprint: None,
        compression: 0,
        value: Some(vec![9]),
    };
    let written = admin.write("product", vec![entry(b"P1\0\0"), entry(b"P3\0\0")]).unwrap();
    assert_eq!((written.written, written.kept_newer), (1, 1), "the cache wrote P3 later");
    assert!(!admin.remove("product", b"P2\0\0").unwrap());
    admin.close().unwrap();
    is_whole(&path, 49);
    let cache = Cache::builder().path(&path).open().unwrap();
    let products = cache.keyspace(PRODUCTS).unwrap();
    assert_eq!([products.get("P1").as_deref(), products.get("P3").as_deref()], [Some(&9), Some(&3)]);
}
