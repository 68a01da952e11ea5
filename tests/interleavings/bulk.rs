//! Tests of calls for several keys at once.

use std::sync::Mutex;
use std::time::Duration;

use larder::testing::Loss;
use larder::{Error, Keyspace};
use shuttle::thread::sleep;

use crate::explorer::contest;
use crate::place::{Place, versions};

/// The keys of a group insert.
const GROUP: [u64; 3] = [1, 2, 3];

/// Loads the keys. The source has every key except 3.
fn load(versions: &Keyspace<u64, u64>, keys: &[u64]) -> Result<Vec<Option<u64>>, String> {
    let found = versions.get_or_load_many(keys, |missing| {
        sleep(Duration::ZERO);
        let known = missing.iter().filter(|key| ***key != 3);
        Ok::<_, String>(known.map(|&&key| (key, 10 * key)).collect::<Vec<_>>())
    });
    let found = found.map_err(|error| error.to_string())?;
    Ok(found.into_iter().map(|value| value.map(|value| *value)).collect())
}

/// Two callers load overlapping keys in opposite order. Both get all values, and neither waits for a load
/// that makes no progress.
pub(crate) fn overlapping_loads_of_several_keys_end() {
    let cache = Place::new().open();
    let versions = versions(&cache);
    let wrong = Mutex::new(Vec::new());
    let ask = |keys: &[u64], expected: &[Option<u64>]| {
        let found = load(&versions, keys);
        if found.as_deref() != Ok(expected) {
            wrong.lock().unwrap().push(found);
        }
    };
    contest([&|| ask(&[1, 2], &[Some(10), Some(20)]), &|| ask(&[2, 1], &[Some(20), Some(10)])]);
    cache.close().unwrap();
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "a load has another answer: {wrong:?}");
}

/// If the loader omits a key, no caller that waits for this key gets a value, and all callers continue.
pub(crate) fn an_omitted_key_stalls_no_caller() {
    let cache = Place::new().open();
    let versions = versions(&cache);
    let wrong = Mutex::new(Vec::new());
    let ask = |keys: &[u64], expected: &[Option<u64>]| {
        let found = load(&versions, keys);
        if found.as_deref() != Ok(expected) {
            wrong.lock().unwrap().push(found);
        }
    };
    contest([&|| ask(&[3, 1], &[None, Some(10)]), &|| ask(&[1, 3], &[Some(10), None]), &|| {
        let loaded = versions.get_or_load(&3, || Err::<u64, _>("none"));
        if loaded.is_ok() {
            wrong.lock().unwrap().push(Ok(Vec::new()));
        }
    }]);
    cache.close().unwrap();
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "a load has another answer: {wrong:?}");
}

/// Power is lost at any moment while a group is committed and one of its keys is overwritten. A restart finds
/// all keys as before the group, or all keys with values of the group or later.
pub(crate) fn a_group_is_committed_as_a_whole() {
    let (place, disk) = Place::on_a_disk();
    let cache = place.open();
    let versions = versions(&cache);
    for key in GROUP {
        versions.insert(&key, 1).unwrap();
    }
    cache.flush().unwrap();
    let before = disk.changes();
    contest([
        &|| {
            versions.insert_many(GROUP.map(|key| (key, 10))).unwrap();
            versions.insert(&2, 11).unwrap();
        },
        &|| {
            cache.flush().unwrap();
            cache.flush().unwrap();
        },
    ]);
    cache.close().unwrap();
    let mut last = None;
    for changes in before..=disk.changes() {
        let left = disk.after_power_loss(changes, Loss::Everything, 0);
        let content = left.read(place.path());
        if std::mem::replace(&mut last, content.clone()) == content {
            continue;
        }
        let cache = place.on(left).open();
        let versions = crate::place::versions(&cache);
        let found = GROUP.map(|key| versions.get(&key).map(|value| *value));
        cache.close().unwrap();
        let is_older = found == [Some(1); 3];
        assert!(is_older || found.iter().all(|value| *value >= Some(10)), "a part of a group: {found:?}");
    }
}

/// A group is inserted while another thread closes the cache. The file has the whole group, or the insert is
/// refused.
pub(crate) fn a_group_beside_a_close_is_whole() {
    let place = Place::new();
    let cache = place.open();
    let versions = versions(&cache);
    let stored = Mutex::new(None);
    contest([
        &|| {
            let result = versions.insert_many(GROUP.map(|key| (key, 10)));
            *stored.lock().unwrap() = Some(result);
        },
        &|| cache.close().unwrap(),
    ]);
    let found = GROUP.map(|key| place.committed(key));
    match stored.into_inner().unwrap() {
        Some(Ok(())) => assert_eq!(found, [Some(10); 3], "a part of a group"),
        Some(Err(Error::Closed)) => assert_eq!(found, [None; 3], "a part of a group"),
        other => panic!("{other:?}"),
    }
}
