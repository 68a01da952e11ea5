//! Tests of a version that the application replaces by another version while a caller uses it.

use std::cell::RefCell;
use std::rc::Rc;

use serde::{Deserialize, Deserializer, Serialize};

use super::*;

const UNSIGNED: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("price");
const SIGNED: KeyspaceDefinition<i64, u64> = KeyspaceDefinition::new("price").version(1);
const KEY: [u8; 8] = 7_u64.to_be_bytes();

/// The types of the values change, but not their bytes. So the keyspace keeps its number in the file.
#[test]
fn a_keyspace_whose_types_change_back_has_the_calls_of_its_types() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::builder().path(dir.path().join("shop.larder")).open().unwrap();
    let untyped = cache.untyped_keyspace("price");
    let shorten = |seconds| {
        untyped.shorten(&KEY, untyped.now().after(Duration::from_secs(seconds))).unwrap()
    };
    for _ in 0..2 {
        cache.keyspace(UNSIGNED).unwrap().insert(&7, 100).unwrap();
        assert_eq!(shorten(60), Shortened::Done);
        let prices = cache.keyspace(KeyspaceDefinition::<u64, (u64,)>::new("price")).unwrap();
        prices.insert(&7, (90,)).unwrap();
        assert_eq!(shorten(30), Shortened::Done);
        assert_eq!(untyped.get(&KEY).unwrap(), Some(vec![90]));
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

/// The life is shortened under the number of the version, so the version must stay until then.
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
    let untyped = cache.untyped_keyspace("price");
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
}
