//! Tests of a version that the application replaces by another version while a caller uses it.

use std::cell::RefCell;
use std::rc::Rc;

use serde::{Deserialize, Deserializer, Serialize};

use super::*;

const UNSIGNED: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("price");
/// The bytes of the key 7 above are the bytes of `SAME_BYTES` here.
const SIGNED: KeyspaceDefinition<i64, u64> = KeyspaceDefinition::new("price").version(1);
const KEY: [u8; 8] = 7_u64.to_be_bytes();
const SAME_BYTES: i64 = i64::MIN + 7;

fn is_replaced<T: std::fmt::Debug>(result: &Result<T, Error>) {
    assert!(matches!(result, Err(Error::KeyspaceReplaced { name }) if name == "price"), "{result:?}");
}

#[test]
fn a_version_that_was_replaced_refuses_its_calls_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::builder().path(dir.path().join("shop.larder")).open().unwrap();
    for is_memory_only in [false, true] {
        let unsigned = if is_memory_only { UNSIGNED.memory_only() } else { UNSIGNED };
        let signed = if is_memory_only { SIGNED.memory_only() } else { SIGNED };
        cache.keyspace(unsigned).unwrap().insert(&7, 100).unwrap();
        let untyped = pinned(&cache, "price");
        assert_eq!(untyped.get(&KEY).unwrap(), Some(vec![100]));
        let prices = cache.keyspace(signed).unwrap();
        prices.insert(&SAME_BYTES, 90).unwrap();
        is_replaced(&untyped.info());
        is_replaced(&untyped.get(&KEY));
        is_replaced(&untyped.try_get(&KEY, 100));
        is_replaced(&untyped.expires_at(&KEY));
        is_replaced(&untyped.try_expires_at(&KEY));
        is_replaced(&untyped.use_frequency(&KEY));
        is_replaced(&untyped.keys_after(None));
        is_replaced(&untyped.remove(&KEY));
        is_replaced(&untyped.clear());
        is_replaced(&untyped.shorten(&KEY, Timestamp::ZERO));
        is_replaced(&cache.invalidation().remove_untyped(&untyped, &KEY).map(drop));
        is_replaced(&cache.invalidation().clear_untyped(&untyped).map(drop));
        #[cfg(feature = "async")]
        is_replaced(&untyped.begin_remove(&KEY));
        assert_eq!(prices.get(&SAME_BYTES).as_deref(), Some(&90));
        assert_eq!(pinned(&cache, "price").get(&KEY).unwrap(), Some(vec![90]), "the key of these bytes");
    }
}

/// Memory has the latest value, and the disk has an older one. The new version removes the latest value from
/// memory during the lookup.
#[test]
fn a_lookup_during_a_replacement_returns_no_older_value_from_disk() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::builder().path(dir.path().join("shop.larder")).open().unwrap();
    let prices = cache.keyspace(UNSIGNED).unwrap();
    prices.insert(&7, 1).unwrap();
    cache.flush().unwrap();
    prices.insert(&7, 2).unwrap();
    drop(prices);
    let untyped = pinned(&cache, "price");
    let opened = Cell::new(None);
    let found = untyped.look(&KEY, |found, full| {
        opened.set(Some(cache.keyspace(SIGNED).unwrap()));
        let typed = found.typed.as_ref().expect("the application has opened it");
        typed.read(&found.detached, full)
    });
    is_replaced(&found);
    assert!(opened.take().is_some_and(|prices| prices.is_empty()));
}

/// The types of the values change, but not their bytes. So the keyspace keeps its number in the file.
#[test]
fn a_keyspace_whose_types_change_back_has_the_calls_of_its_types() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::builder().path(dir.path().join("shop.larder")).open().unwrap();
    let untyped = cache.untyped_keyspace("price");
    let shorten = |seconds| {
        let pinned = untyped.pin().unwrap();
        pinned.shorten(&KEY, pinned.now().after(Duration::from_secs(seconds))).unwrap()
    };
    for _ in 0..2 {
        cache.keyspace(UNSIGNED).unwrap().insert(&7, 100).unwrap();
        assert_eq!(shorten(60), Shortened::Done);
        let prices = cache.keyspace(KeyspaceDefinition::<u64, (u64,)>::new("price")).unwrap();
        prices.insert(&7, (90,)).unwrap();
        assert_eq!(shorten(30), Shortened::Done);
        assert_eq!(untyped.pin().unwrap().get(&KEY).unwrap(), Some(vec![90]));
    }
}

thread_local! {
    /// Called when a [`HookedPrice`] is decoded.
    static ON_DECODE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

#[derive(Debug, PartialEq, Serialize)]
struct HookedPrice(u64);

impl<'de> Deserialize<'de> for HookedPrice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if let Some(hook) = ON_DECODE.take() {
            hook();
        }
        u64::deserialize(deserializer).map(Self)
    }
}

/// The shortened entry is stored under the number of the version, so this version must stay open until
/// then.
#[test]
fn no_version_is_opened_while_a_life_is_shortened() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    let definition = KeyspaceDefinition::<u64, HookedPrice>::new("price").never_expires();
    let cache = Cache::builder().path(&path).open().unwrap();
    cache.keyspace(definition).unwrap().insert(&7, HookedPrice(100)).unwrap();
    cache.close().unwrap();
    let cache = Cache::builder().path(&path).open().unwrap();
    // No handle stays, so the keyspace may be replaced.
    drop(cache.keyspace(definition).unwrap());
    let untyped = pinned(&cache, "price");
    let is_refused: Rc<Cell<bool>> = Rc::default();
    let (application, refused) = (cache.clone(), is_refused.clone());
    ON_DECODE.set(Some(Box::new(move || {
        refused.set(matches!(application.keyspace(SIGNED), Err(Error::KeyspaceConflict { .. })));
    })));
    let until = untyped.now().after(Duration::from_mins(1));
    assert_eq!(untyped.shorten(&KEY, until).unwrap(), Shortened::Done);
    assert!(is_refused.get(), "the life was being shortened on this thread");
    assert_eq!(untyped.expires_at(&KEY).unwrap(), Some(until));
    assert!(cache.keyspace(SIGNED).unwrap().is_empty(), "now it can be opened");
    is_replaced(&untyped.shorten(&KEY, until));
}
