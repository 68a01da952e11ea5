//! Calls for several keys.

use std::sync::Mutex;
use std::time::Duration;

use larder::Keyspace;
use shuttle::thread::sleep;

use crate::explorer::contest;
use crate::place::{Place, versions};

/// Loads the keys. The source has no value for key 3.
fn load(versions: &Keyspace<u64, u64>, keys: &[u64]) -> Result<Vec<Option<u64>>, String> {
    let found = versions.get_or_load_many(keys, |missing| {
        sleep(Duration::ZERO);
        let known = missing.iter().filter(|key| ***key != 3);
        Ok::<_, String>(known.map(|&&key| (key, 10 * key)).collect::<Vec<_>>())
    });
    let found = found.map_err(|error| error.to_string())?;
    Ok(found.into_iter().map(|value| value.map(|value| *value)).collect())
}

/// Two callers load overlapping keys in the opposite order. Each gets all values, and waits only for a load
/// that goes on.
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
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// A key that the loader omits is absent for the callers that wait for it, and they go on.
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
    assert!(wrong.is_empty(), "{wrong:?}");
}
