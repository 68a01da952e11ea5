//! Tests of keyspaces: types, versions, tiers, iteration, and several keyspaces in one cache.

use larder::{ByteSize, Cache, Error, KeyspaceDefinition, SweepReport};

use crate::support::{NAMES, Place, VERSIONS};

#[test]
fn a_name_is_open_with_one_definition_at_a_time() {
    let place = Place::new();
    let cache = place.open();
    let names = cache.keyspace(NAMES.version(1)).unwrap();
    let conflicts = [
        cache.keyspace(KeyspaceDefinition::<u64, String>::new("name").version(1)).unwrap_err(),
        cache.keyspace(KeyspaceDefinition::<String, u64>::new("name").version(1)).unwrap_err(),
        cache.keyspace(NAMES.version(2)).unwrap_err(),
        cache.keyspace(NAMES.version(1).memory_only()).unwrap_err(),
    ];
    for conflict in conflicts {
        assert!(matches!(conflict, Error::KeyspaceConflict { .. }));
        let text = conflict.to_string();
        assert!(text.contains("<alloc::string::String, alloc::string::String> version 1"), "{text}");
    }
    let again = cache.keyspace(NAMES.version(1)).unwrap();
    names.insert("key", "value".to_owned()).unwrap();
    assert_eq!(*again.get("key").unwrap(), "value");
    drop((names, again));
    cache.keyspace(NAMES.version(2)).unwrap();
}

#[test]
fn a_new_version_or_key_shape_begins_empty_and_frees_the_old_entries() {
    let place = Place::new();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    for number in 0..2_500 {
        names.insert(&number.to_string(), number.to_string()).unwrap();
    }
    cache.flush().unwrap();
    drop(names);
    let newer = cache.keyspace(NAMES.version(1)).unwrap();
    assert!(newer.get("7").is_none() && newer.is_empty());
    newer.insert("7", "new".to_owned()).unwrap();
    cache.close().unwrap();

    let cache = place.open();
    assert_eq!(cache.stats().disk.unwrap().recovered_entries, 1);
    let SweepReport { .. } = cache.sweep().unwrap();
    let disk = cache.stats().disk.unwrap();
    assert_eq!(disk.bytes, larder_bytes(&cache), "the bytes charged are those of the one entry");
    assert!(disk.bytes < ByteSize::bytes(500));
    // The version is the same, but the key type differs.
    let keyed = cache.keyspace(KeyspaceDefinition::<u64, String>::new("name").version(1)).unwrap();
    assert!(keyed.is_empty());
    drop(keyed);
    assert!(cache.keyspace(NAMES.version(1)).unwrap().is_empty(), "the entries with the old keys are gone");
}

fn larder_bytes(cache: &Cache) -> ByteSize {
    cache.keyspace(NAMES.version(1)).unwrap();
    cache.stats().keyspaces.iter().map(|keyspace| keyspace.disk_bytes).sum()
}

#[test]
fn a_memory_only_keyspace_never_reaches_the_disk() {
    const LOGINS: KeyspaceDefinition<String, String> = KeyspaceDefinition::new("login").memory_only();
    let place = Place::new();
    let cache = place.open();
    let logins = cache.keyspace(LOGINS).unwrap();
    logins.insert("ada", "a-secret-that-must-not-be-found".to_owned()).unwrap();
    logins.insert("bob", "a-secret-that-must-not-be-found".to_owned()).unwrap();
    assert!(logins.remove("bob").unwrap() && !logins.remove("bob").unwrap());
    assert!(logins.touch("ada").unwrap());
    cache.flush().unwrap();
    assert_eq!(*logins.get("ada").unwrap(), "a-secret-that-must-not-be-found");
    assert_eq!(logins.iter().map(|(key, _)| key).collect::<Vec<_>>(), ["ada"]);
    cache.close().unwrap();
    let bytes = std::fs::read(place.path()).unwrap();
    assert!(!bytes.windows(8).any(|window| window == b"a-secret"));
    assert!(place.open().keyspace(LOGINS).unwrap().is_empty());
}

#[test]
fn keyspaces_do_not_see_one_another() {
    let place = Place::new();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    let others = cache.keyspace(KeyspaceDefinition::<String, String>::new("other")).unwrap();
    let memory = cache.keyspace(KeyspaceDefinition::<String, String>::new("memory").memory_only()).unwrap();
    for space in [&names, &others, &memory] {
        space.insert("key", space.name().to_owned()).unwrap();
    }
    assert_eq!(others.clear().unwrap(), 1);
    assert!(others.is_empty() && names.contains_key("key") && memory.contains_key("key"));
    assert_eq!(memory.remove_prefix("k").unwrap(), 1);
    assert!(names.contains_key("key"));
    memory.insert("key", String::new()).unwrap();
    assert_eq!(cache.clear().unwrap(), 2);
}

#[test]
fn a_walk_is_in_key_order_over_all_tiers() {
    const PAIRS: KeyspaceDefinition<(String, i32), u64> = KeyspaceDefinition::new("pair");
    let place = Place::new();
    let cache = place.builder().memory_capacity(larder::ByteSize::kib(64)).open().unwrap();
    let pairs = cache.keyspace(PAIRS).unwrap();
    let mut expected = Vec::new();
    for number in (-400..400).rev() {
        let name = if number % 3 == 0 { "a" } else { "a\0b" };
        pairs.insert(&(name, number), 7).unwrap();
        expected.push((name.to_owned(), number));
        if number == 0 {
            // Some entries are on disk only, some are in both tiers, and some are uncommitted.
            cache.flush().unwrap();
        }
    }
    for number in [-7, 7, 300] {
        let name = if number % 3 == 0 { "a" } else { "a\0b" };
        assert!(pairs.remove(&(name, number)).unwrap());
        expected.retain(|key| key.1 != number);
    }
    expected.sort();
    assert_eq!(pairs.keys().collect::<Vec<_>>(), expected);
    assert_eq!(pairs.iter().map(|(key, _)| key).collect::<Vec<_>>(), expected);
    assert_eq!(pairs.count(), 797);
    assert_eq!(
        pairs.remove_prefix(("a",)).unwrap(),
        expected.iter().filter(|key| key.0 == "a").count() as u64
    );
    assert!(pairs.keys().all(|key| key.0 == "a\0b"));
}

#[test]
fn a_cache_without_a_path_is_only_in_memory() {
    let cache = Cache::builder().open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    versions.insert(&1, 1).unwrap();
    cache.flush().unwrap();
    assert_eq!(versions.get(&1).as_deref(), Some(&1));
    assert!(versions.remove(&1).unwrap() && !versions.remove(&1).unwrap());
    versions.insert(&2, 2).unwrap();
    assert_eq!(versions.clear().unwrap(), 1);
    let stats = cache.stats();
    assert!(stats.disk.is_none() && stats.memory.entries == 0);
    cache.close().unwrap();
}
