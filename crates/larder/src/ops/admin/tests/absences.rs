//! Tests of absences written through `Admin`.

use super::*;

#[test]
fn an_absence_is_written_kept_and_removed_as_an_entry_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    let mut admin = Admin::create(&path).unwrap();
    let (now, key) = (admin.now(), b"gone\0\0");
    let entry = |ms: u64, value: Option<Vec<u8>>| NewEntry {
        key: key.to_vec(),
        written_at: Timestamp::from_millis(now.as_millis() - ms),
        expires_at: now.after(Duration::from_hours(1)),
        delete_after: now.after(Duration::from_hours(2)),
        fingerprint: Some(7),
        compression: 1,
        value,
    };
    admin.keyspace(of_version(3)).unwrap();
    assert_eq!(admin.write("product", vec![entry(10, None)]).unwrap().written, 1);
    let older = admin.write("product", vec![entry(20, Some(vec![1]))]).unwrap();
    assert_eq!((older.written, older.kept_newer), (0, 1), "an absence is newer than what was there before");
    admin.close().unwrap();
    let inspector = Inspector::open(&path).unwrap();
    assert!(inspector.verify(&mut |_, _| ()).unwrap().is_whole());
    let snapshot = inspector.snapshot().unwrap();
    let found = snapshot.find(snapshot.keyspace("product").unwrap(), key).unwrap();
    let RecordStatus::KnownAbsent(record) = &found else { panic!("{found:?}") };
    assert!(record.is_absence && record.fingerprint.is_none() && record.stored().is_empty());
    assert_eq!(record.delete_after, record.expires_at, "an absence has no grace");
    drop(snapshot);
    let cache = Cache::builder().path(&path).open().unwrap();
    let products = cache.keyspace(PRODUCTS).unwrap();
    assert_eq!((products.find("gone"), products.count()), (Found::Absent, 0));
    cache.close().unwrap();
    let mut admin = Admin::open(&path).unwrap();
    assert!(!admin.remove("product", key).unwrap(), "there was no value");
    admin.close().unwrap();
    is_whole(&path, 0);
    let cache = Cache::builder().path(&path).open().unwrap();
    assert_eq!(cache.keyspace(PRODUCTS).unwrap().find("gone"), Found::Unknown);
}
