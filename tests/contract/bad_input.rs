//! A path that can't be opened and a value that can't be stored give an error that names the cause and the
//! remedy. A failed call changes nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use larder::admin::Admin;
use larder::{
    ByteSize, Cache, Error, InsertOptions, KeyspaceDefinition, MAX_DEPTH, MAX_EMPTY_ELEMENTS, MAX_KEY_LEN,
};
use serde::{Deserialize, Serialize, Serializer};

use crate::support::child::Worker;
use crate::support::skip::skip;
use crate::support::{LOCK_WAIT, NAMES, Place};

fn error(path: impl Into<std::path::PathBuf>) -> Error {
    Cache::builder().path(path).open().unwrap_err()
}

#[test]
fn a_path_that_is_no_file_is_refused() {
    let place = Place::new();
    let directory = error(place.dir());
    assert!(matches!(directory, Error::NotAFile { what: "a directory", .. }), "{directory}");
    fs::write(place.dir().join("target"), "").unwrap();
    std::os::unix::fs::symlink(place.dir().join("target"), place.path()).unwrap();
    let link = error(place.path());
    assert!(matches!(link, Error::NotAFile { what: "a symbolic link", .. }), "{link}");
    assert_eq!(fs::metadata(place.dir().join("target")).unwrap().len(), 0);
    let socket = place.dir().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert!(matches!(error(&socket), Error::NotAFile { .. }));
    let below_a_file = error(place.dir().join("target/shop.larder"));
    assert!(below_a_file.to_string().contains("target"), "{below_a_file}");
}

#[test]
fn missing_directories_are_made_and_everything_is_the_owners_alone() {
    let place = Place::new();
    let path = place.dir().join("a/b/shop.larder");
    let _cache = Cache::builder().path(&path).open().unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place.dir().join("a")), 0o700);
    assert_eq!(mode(&place.dir().join("a/b")), 0o700);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&place.dir().join("a/b/shop.larder.lock")), 0o600);
}

#[test]
fn a_file_in_use_names_its_owner_and_can_be_waited_for() {
    let place = Place::new();
    let here = place.open();
    let held = error(place.path());
    assert!(held.to_string().contains(&format!("this process ({})", std::process::id())), "{held}");
    here.close().unwrap();

    let mut worker = Worker::start("hold", &place.path());
    assert_eq!(worker.line().as_deref(), Some("open"));
    let Error::InUse { pid: Some(pid), .. } = error(place.path()) else { panic!("it names no owner") };
    assert_ne!(pid, std::process::id());
    worker.tell("leave");
    place.builder().open_timeout(std::time::Duration::from_secs(20)).open().unwrap();
}

/// The lock file is in the same directory as the cache file. So every path to that directory leads to the
/// same lock.
#[test]
fn a_file_has_one_owner_by_every_name_of_its_directory() {
    let place = Place::new();
    let (real, one, other) = (place.dir().join("real"), place.dir().join("one"), place.dir().join("other"));
    fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink("real", &one).unwrap();
    std::os::unix::fs::symlink(&one, &other).unwrap();
    let up = "../".repeat(std::env::current_dir().unwrap().components().count());
    let relative = Path::new(&up).join(real.strip_prefix("/").unwrap());
    let names = [real.clone(), one, other, real.join("../real/."), relative];
    for (at, name) in names.iter().enumerate() {
        let owner = Cache::builder().path(name.join("shop.larder")).open_timeout(LOCK_WAIT).open().unwrap();
        let seen = owner.keyspace(NAMES).unwrap();
        assert_eq!(seen.count(), at as u64, "{}: it is the same file", name.display());
        seen.insert(&at.to_string(), String::new()).unwrap();
        for other in &names {
            let path = other.join("shop.larder");
            let (held, admin) = (error(&path), Admin::open(&path).unwrap_err());
            for refused in [held, admin] {
                let is_told =
                    matches!(refused, Error::InUse { pid: Some(pid), .. } if pid == std::process::id());
                assert!(is_told, "{} beside {}: {refused}", other.display(), name.display());
            }
        }
        owner.close().unwrap();
    }
    let mut left: Vec<_> = fs::read_dir(&real).unwrap().map(|file| file.unwrap().file_name()).collect();
    left.retain(|file| !file.to_string_lossy().ends_with(".ballast"));
    left.sort();
    assert_eq!(left, ["shop.larder", "shop.larder.lock"], "one file, and one lock");
}

/// A second name of the file (a hard link) has its own lock file. The store also locks the file itself, so
/// there is still one owner.
#[test]
fn a_file_with_two_names_has_one_owner() {
    let place = Place::new();
    let owner = place.open();
    let other = place.dir().join("other.larder");
    fs::hard_link(place.path(), &other).unwrap();
    let refused = error(&other);
    assert!(matches!(refused, Error::InUse { .. }), "{refused}");
    owner.close().unwrap();
    let other = Cache::builder().path(&other).open_timeout(LOCK_WAIT).open().unwrap();
    let refused = error(place.path());
    assert!(matches!(refused, Error::InUse { .. }), "{refused}");
    drop(other);
}

/// If a symbolic link in the path of an open cache is changed to another directory, the cache keeps its own
/// file. Another cache can then open a file in the other directory.
#[test]
fn a_link_that_leads_elsewhere_now_gives_another_file() {
    let place = Place::new();
    let link = place.dir().join("current");
    let lead_to = |name: &str| {
        drop(fs::remove_file(&link));
        drop(fs::create_dir(place.dir().join(name)));
        std::os::unix::fs::symlink(name, &link).unwrap();
    };
    lead_to("old");
    let open = || place.builder().path(link.join("shop.larder")).open().unwrap();
    let old = open();
    let names = old.keyspace(NAMES).unwrap();
    names.insert("of the old", String::new()).unwrap();
    old.flush().unwrap();
    lead_to("new");
    let new = open();
    assert_eq!(new.keyspace(NAMES).unwrap().count(), 0);
    assert!(names.remove("of the old").unwrap());
    names.insert("later", String::new()).unwrap();
    old.close().unwrap();
    new.close().unwrap();
    lead_to("old");
    assert_eq!(open().keyspace(NAMES).unwrap().keys().collect::<Vec<_>>(), ["later"]);
}

#[test]
fn a_file_without_permission_is_told() {
    // Root may read every file, so this error occurs only for other users.
    if rustix::process::geteuid().is_root() {
        skip("root has every permission");
        return;
    }
    let place = Place::new();
    place.open().close().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o000)).unwrap();
    let denied = error(place.path());
    assert!(matches!(denied, Error::Permission { .. }), "{denied}");
}

#[test]
fn absurd_settings_and_lifetimes_are_refused() {
    let absurd = Cache::builder().memory_capacity(ByteSize::bytes(0)).open().unwrap_err();
    assert!(matches!(absurd, Error::InvalidSetting { setting: "memory_capacity", .. }), "{absurd}");
    let cache = Cache::builder().open().unwrap();
    for ttl in [std::time::Duration::ZERO, std::time::Duration::MAX] {
        assert!(matches!(cache.keyspace(NAMES.ttl(ttl)), Err(Error::InvalidSetting { setting: "ttl", .. })));
        let names = cache.keyspace(NAMES).unwrap();
        let options = InsertOptions::new().ttl(ttl);
        assert!(matches!(
            names.insert_with("key", String::new(), options),
            Err(Error::InvalidSetting { setting: "ttl", .. })
        ));
        assert!(names.is_empty());
    }
    let nameless = cache.keyspace(KeyspaceDefinition::<String, String>::new("")).unwrap_err();
    assert!(matches!(nameless, Error::InvalidSetting { setting: "keyspace name", .. }), "{nameless}");
}

#[test]
fn a_key_that_is_too_long_is_an_error_to_write_and_a_miss_to_read() {
    let cache = Cache::builder().open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    names.insert(&"k".repeat(MAX_KEY_LEN - 2), String::new()).unwrap();
    let long = "k".repeat(MAX_KEY_LEN - 1);
    assert!(matches!(
        names.insert(&long, String::new()),
        Err(Error::KeyTooLarge { len: 4097, max: 4096, .. })
    ));
    assert!(matches!(names.remove(&long), Err(Error::KeyTooLarge { .. })));
    assert!(names.get(&long).is_none() && !names.contains_key(&long));
}

#[derive(Debug, PartialEq, Deserialize)]
struct Fickle(bool);

impl Serialize for Fickle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 { serializer.serialize_bool(true) } else { Err(serde::ser::Error::custom("not this one")) }
    }
}

#[test]
fn a_value_that_does_not_serialize_leaves_the_entry_before_it() {
    const FICKLE: KeyspaceDefinition<u8, Fickle> = KeyspaceDefinition::new("fickle");
    for definition in [FICKLE, FICKLE.memory_only()] {
        let place = Place::new();
        let cache = place.open();
        let space = cache.keyspace(definition).unwrap();
        space.insert(&1, Fickle(true)).unwrap();
        let refused = space.insert(&1, Fickle(false)).unwrap_err();
        assert!(refused.to_string().contains("not this one"), "{refused}");
        assert_eq!(space.get(&1).as_deref(), Some(&Fickle(true)));
        let loaded = space.get_or_load(&2, || Ok::<_, Error>(Fickle(false))).unwrap();
        assert!(!loaded.0 && !space.contains_key(&2), "a value that can't be cached is still returned");
    }
}

#[derive(Debug, Serialize, Deserialize)]
enum List {
    End,
    Next(Box<List>),
}

#[test]
fn a_value_that_could_not_be_read_back_is_refused_and_leaves_the_entry_before_it() {
    const LISTS: KeyspaceDefinition<u8, List> = KeyspaceDefinition::new("list");
    const UNITS: KeyspaceDefinition<u8, Vec<()>> = KeyspaceDefinition::new("unit");
    let list = |nodes| (0..nodes).fold(List::End, |rest, _| List::Next(Box::new(rest)));
    for (lists, units) in [(LISTS, UNITS), (LISTS.memory_only(), UNITS.memory_only())] {
        let place = Place::new();
        let cache = place.open();
        let (lists, units) = (cache.keyspace(lists).unwrap(), cache.keyspace(units).unwrap());
        lists.insert(&1, list(MAX_DEPTH - 1)).unwrap();
        let refused = lists.insert(&1, list(MAX_DEPTH)).unwrap_err();
        assert!(matches!(refused, Error::Encode { .. }) && refused.to_string().contains("128 levels"));
        assert!(lists.contains_key(&1));
        units.insert(&1, vec![(); MAX_EMPTY_ELEMENTS]).unwrap();
        let refused = units.insert(&1, vec![(); usize::MAX]).unwrap_err();
        assert!(
            matches!(refused, Error::Encode { .. }) && refused.to_string().contains("elements in sequences")
        );
        assert_eq!(units.get(&1).unwrap().len(), MAX_EMPTY_ELEMENTS);
    }
    // A value at the depth limit can also be read back from the disk.
    let place = Place::new();
    let cache = place.open();
    cache.keyspace(LISTS).unwrap().insert(&1, list(MAX_DEPTH - 1)).unwrap();
    cache.close().unwrap();
    assert!(place.open().keyspace(LISTS).unwrap().get(&1).is_some());
}

#[test]
fn a_closed_cache_answers_nothing_and_takes_nothing() {
    let place = Place::new();
    let cache = place.open();
    let names = cache.keyspace(NAMES).unwrap();
    names.insert("key", String::new()).unwrap();
    cache.close().unwrap();
    assert!(names.get("key").is_none() && names.is_empty());
    assert!(matches!(names.insert("key", String::new()), Err(Error::Closed)));
    assert!(matches!(names.remove("key"), Err(Error::Closed)));
    assert!(matches!(names.clear(), Err(Error::Closed)));
    assert!(matches!(cache.flush(), Err(Error::Closed)));
    assert!(matches!(cache.keyspace(NAMES), Err(Error::Closed)));
    let loaded = names.get_or_load("key", || Ok::<_, Error>("loaded".to_owned())).unwrap();
    assert_eq!(*loaded, "loaded", "an application goes on without its cache");
}
