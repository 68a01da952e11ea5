//! Errors of `get_or_load`: `?` works for loaders with any error type, and the caller can get the loader's
//! own error.

use std::error::Error as StdError;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use larder::testing::{Failure, SimulatedVolume};
use larder::{Cache, DiskState, KeyspaceDefinition, LoadError};
use serde::{Deserialize, Serialize, Serializer};

use crate::support::warnings::Warnings;
use crate::support::{BLOBS, NAMES, Place, watch_this_test};

type Boxed = Box<dyn StdError + Send + Sync>;

fn names() -> larder::Keyspace<String, String> {
    Cache::builder().open().unwrap().keyspace(NAMES).unwrap()
}

/// Defines an application function that loads with `?`. The parameters are the loader's error, its type, and
/// the error type of the application.
macro_rules! propagates {
    ($error:expr => $loader:ty => $own:ty) => {{
        fn load(loader: impl FnOnce() -> $loader) -> Result<String, $own> {
            let names = names();
            let value = names.get_or_load("key", || Err::<String, _>(loader()))?;
            Ok((*value).clone())
        }
        load(|| $error).unwrap_err().to_string()
    }};
}

#[test]
fn a_question_mark_passes_on_loads_that_failed_with_any_type_of_error() {
    let io = || std::io::Error::other("the database is away");
    let expected = "the loader failed: the database is away";
    let texts = [
        propagates!(Boxed::from("the database is away") => Boxed => Boxed),
        propagates!(Boxed::from("the database is away") => Boxed => Box<dyn StdError>),
        propagates!(Boxed::from("the database is away") => Boxed => anyhow::Error),
        propagates!(anyhow::anyhow!("the database is away") => anyhow::Error => Boxed),
        propagates!(anyhow::anyhow!("the database is away") => anyhow::Error => Box<dyn StdError>),
        propagates!(anyhow::anyhow!("the database is away") => anyhow::Error => anyhow::Error),
        propagates!("the database is away".to_owned() => String => Boxed),
        propagates!("the database is away".to_owned() => String => anyhow::Error),
        propagates!("the database is away" => &'static str => Box<dyn StdError>),
        propagates!(std::io::Error::other("the database is away") => std::io::Error => Boxed),
        propagates!(std::io::Error::other("the database is away") => std::io::Error => anyhow::Error),
        propagates!(Arc::new(std::io::Error::other("the database is away")) => Arc<std::io::Error> => Boxed),
    ];
    for text in texts {
        assert_eq!(text, expected);
    }
    // The text contains the cause of the loader's error, because a converted error keeps only the text.
    let caused = propagates!(anyhow::Error::new(io()).context("no price") => anyhow::Error => anyhow::Error);
    assert_eq!(caused, "the loader failed: no price: the database is away");
}

#[test]
fn the_loaders_error_is_to_be_had_by_its_type() {
    let names = names();
    let error = names.get_or_load("key", || Err::<String, _>(std::io::Error::other("away"))).unwrap_err();
    assert_eq!(error.loader_error().map(std::io::Error::kind), Some(std::io::ErrorKind::Other));
    assert_eq!(error.into_loader_error().unwrap().to_string(), "away");
    let nested = names.get_or_load("key", || {
        let inner = names.get_or_load("key", || Err::<String, _>("not run")).unwrap_err();
        assert!(inner.loader_error().is_none());
        assert!(matches!(inner.into_loader_error(), Err(LoadError::Cycle)));
        Err::<String, _>("outer")
    });
    assert_eq!(nested.unwrap_err().loader_error(), Some(&"outer"));
    let long = "k".repeat(10_000);
    let error = names.get_or_load(&long, || Err::<String, _>("not run")).unwrap_err();
    assert!(error.to_string().contains("10002 bytes") && error.source().is_none(), "{error}");
}

#[test]
fn a_caller_waits_for_anothers_load_no_longer_than_it_may() {
    let _watch = watch_this_test();
    let timeout = Duration::from_millis(2);
    let cache = Cache::builder().load_timeout(timeout).open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    let (started, wait_for_start) = mpsc::channel();
    let (go_on, wait_to_go_on) = mpsc::channel::<()>();
    let names = &names;
    thread::scope(|scope| {
        let first = scope.spawn(move || {
            names.get_or_load("key", || {
                started.send(()).unwrap();
                wait_to_go_on.recv().unwrap();
                Ok::<_, String>("loaded".to_owned())
            })
        });
        wait_for_start.recv().unwrap();
        let error = names.get_or_load("key", || Err::<String, _>("a second loader".to_owned())).unwrap_err();
        assert!(matches!(error, LoadError::Timeout { waited } if waited == timeout), "{error:?}");
        assert!(error.to_string().contains("2ms") && error.to_string().contains("load_timeout"), "{error}");
        go_on.send(()).unwrap();
        assert_eq!(*first.join().unwrap().unwrap(), "loaded", "the load went on");
        assert_eq!(names.get("key").unwrap().as_str(), "loaded", "and its value is cached");
    });
}

/// The cache can't detect that a loader joins a thread that waits for the same key. The load timeout ends
/// that wait.
#[test]
fn a_loader_that_joins_a_thread_which_asks_for_its_key_is_ended_by_the_timeout() {
    let cache = Cache::builder().load_timeout(Duration::from_millis(2)).open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    let outer = names.get_or_load("key", || {
        let inner = thread::scope(|scope| {
            let asked = scope.spawn(|| names.get_or_load("key", || Err::<String, _>("not run".to_owned())));
            asked.join().unwrap()
        });
        assert!(matches!(inner, Err(LoadError::Timeout { .. })), "{inner:?}");
        Ok::<_, String>("outer".to_owned())
    });
    assert_eq!(*outer.unwrap(), "outer");
}

#[derive(Debug, Deserialize)]
struct Unencodable;

impl Serialize for Unencodable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("there are no bytes for it"))
    }
}

const UNENCODABLE: KeyspaceDefinition<u64, Unencodable> = KeyspaceDefinition::new("unencodable");
const SECRETS: KeyspaceDefinition<u64, Vec<u8>> = KeyspaceDefinition::new("secret").memory_only();

#[test]
fn a_loaded_value_that_cannot_be_kept_is_counted_and_told_once_a_keyspace() {
    let place = Place::new();
    let memory = 256 << 10;
    let cache = place.builder().memory_capacity(memory).write_buffer(64 << 10).open().unwrap();
    let (blobs, secrets) = (cache.keyspace(BLOBS).unwrap(), cache.keyspace(SECRETS).unwrap());
    let unencodable = cache.keyspace(UNENCODABLE).unwrap();
    let size = usize::try_from(memory).unwrap();
    let warnings = Warnings::default();
    warnings.of(|| {
        for _ in 0..3 {
            assert_eq!(blobs.get_or_load(&1, || Ok::<_, String>(vec![1; size])).unwrap().len(), size);
            assert_eq!(secrets.get_or_load(&1, || Ok::<_, String>(vec![1; size])).unwrap().len(), size);
            unencodable.get_or_load(&1, || Ok::<_, String>(Unencodable)).unwrap();
        }
        blobs.get_or_load(&2, || Ok::<_, String>(vec![2])).unwrap();
    });
    let stats = cache.stats();
    let counts: Vec<_> =
        stats.keyspaces.iter().map(|space| (&*space.name, space.loads, space.uncacheable)).collect();
    assert_eq!(counts, [("blob", 4, 3), ("secret", 3, 3), ("unencodable", 3, 3)]);
    assert_eq!((stats.uncacheable, stats.voided_fills), (9, 0));
    assert!(stats.to_string().contains("uncacheable 9"), "{stats}");
    let warnings = warnings.texts();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    for (keyspace, remedy) in [
        ("blob", "raise memory_capacity"),
        ("secret", "raise memory_capacity"),
        ("unencodable", "there are no bytes for it"),
    ] {
        let is_told =
            |text: &String| text.contains(&format!("keyspace=\"{keyspace}\"")) && text.contains(remedy);
        assert!(warnings.iter().any(is_told), "{keyspace}: {warnings:?}");
    }
}

#[test]
fn a_loaded_value_that_finds_no_room_without_a_file_is_told_too() {
    let disk = SimulatedVolume::new();
    let builder = Cache::builder().path("/shop.larder").volume(&disk).memory_capacity(64 << 10);
    let cache = builder.stepped(1).open().unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    disk.fail_from(0, Failure::Io);
    blobs.insert(&1, vec![1]).unwrap();
    cache.flush().unwrap_err();
    blobs.remove(&1).unwrap_err();
    assert_eq!(cache.stats().disk.unwrap().state, DiskState::Discarded);
    let warnings = Warnings::default();
    warnings.of(|| {
        for _ in 0..2 {
            blobs.get_or_load(&2, || Ok::<_, String>(vec![2; 100 << 10])).unwrap();
        }
    });
    assert_eq!(cache.stats().uncacheable, 2);
    let warnings = warnings.texts();
    assert!(matches!(&*warnings, [one] if one.contains("memory has no room for it")), "{warnings:?}");
}

#[test]
fn a_fill_that_an_invalidation_overtakes_is_voided_and_cacheable() {
    let cache = Cache::builder().open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    let load = || {
        names.remove("key").unwrap();
        Ok::<_, String>("old".to_owned())
    };
    names.get_or_load("key", load).unwrap();
    let stats = cache.stats();
    assert_eq!((stats.voided_fills, stats.uncacheable), (1, 0));
}

#[test]
fn a_value_that_is_too_heavy_for_memory_voids_nothing_when_it_is_read_from_disk() {
    let place = Place::new();
    let cache = place.builder().memory_capacity(64 << 10).open().unwrap();
    let blobs = cache.keyspace(BLOBS).unwrap();
    blobs.insert(&1, vec![1; 100_000]).unwrap();
    cache.flush().unwrap();
    assert_eq!(blobs.get(&1).unwrap().len(), 100_000);
    let stats = cache.stats();
    assert_eq!((stats.voided_fills, stats.promotions, stats.memory.bypassed), (0, 0, 2));
}
