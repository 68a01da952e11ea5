use larder::*;
use std::time::Duration;
const NAMES: KeyspaceDefinition<String, String> = KeyspaceDefinition::new("name").ttl(Duration::from_secs(60));
#[test]
fn smoke() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b.larder");
    let cache = Cache::builder().path(&path).memory_capacity(1 << 20).open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    for i in 0..1000 { names.insert(&format!("k{i:04}"), format!("v{i}")).unwrap(); }
    assert_eq!(*names.get("k0007").unwrap(), "v7");
    assert!(names.remove("k0007").unwrap());
    assert!(!names.remove("k0007").unwrap());
    assert_eq!(names.len(), 999);
    assert_eq!(names.remove_prefix("k09").unwrap(), 100);
    println!("{}", cache.stats());
    drop(names);
    cache.close().unwrap();
    let cache = Cache::builder().path(&path).open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    assert_eq!(names.len(), 899);
    assert_eq!(*names.get("k0100").unwrap(), "v100");
    let v = names.get_or_load("zz", || Ok::<_, ()>("loaded".to_owned())).unwrap();
    assert_eq!(*v, "loaded");
    assert_eq!(cache.clear().unwrap(), 900);
    assert!(names.is_empty());
    println!("{}", cache.stats());
}
