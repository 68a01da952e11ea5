//! Tests of entries written through `Admin` into a keyspace with a time to idle.

use super::*;

#[test]
fn an_entry_that_is_written_by_hand_ends_at_its_expiry_however_often_it_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    let mut admin = Admin::create(&path).unwrap();
    let (now, idle) = (admin.now(), Duration::from_mins(8));
    let entry = |key: &[u8]| NewEntry {
        key: key.to_vec(),
        written_at: now,
        expires_at: now.after(idle),
        delete_after: now.after(idle),
        fingerprint: None,
        compression: 0,
        value: Some(vec![4]),
    };
    admin.keyspace(of_version(3)).unwrap();
    admin.write("product", vec![entry(b"P1\0\0"), entry(b"P2\0\0")]).unwrap();
    admin.close().unwrap();
    let clock = Arc::new(ManualClock::starting_at(now));
    let cache = Cache::builder().path(&path).clock(clock.clone()).open().unwrap();
    let products = cache.keyspace(PRODUCTS.time_to_idle(idle)).unwrap();
    clock.advance(idle.saturating_sub(Duration::from_millis(2)));
    assert!(products.get("P1").is_some() && products.touch("P2").unwrap());
    clock.advance(Duration::from_millis(2));
    assert!(products.get("P1").is_none(), "it was used");
    assert!(products.get("P2").is_some(), "it was touched");
    cache.close().unwrap();
}
