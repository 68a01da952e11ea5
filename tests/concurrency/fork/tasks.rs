//! The tasks that the forking processes run.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use larder::admin::Admin;
use larder::{
    Any, Cache, CacheBuilder, Change, Durability, Error, Follower, InsertOptions, Keyspace,
    KeyspaceDefinition, SlowLoads, Stats,
};

use super::lasting;
use super::split::{Says, split};
use crate::support::child::say;
use crate::support::{HOUR, Random, SetOnDrop, VERSIONS, panics_with};

const PAIRS: KeyspaceDefinition<(u64, u64), u64> = KeyspaceDefinition::new("pair").ttl(HOUR);
const FORKS: u64 = 200;
/// The report of a child that could not abandon the file.
pub(super) const HELD: &str = "held";

pub(crate) fn run(path: &Path, task: &str) {
    match task {
        "verbs" => verbs(&Cache::builder().path(path), Some(path)),
        "verbs-memory" => verbs(&Cache::builder(), None),
        "busy" => busy(path),
        "last-handle" => last_handle(path),
        "others" => others(path),
        "callbacks" => callbacks(path),
        "async-loaders" => super::async_loaders::run(path),
        "control" => lasting::control(path),
        "daemon" => return lasting::daemon(path),
        "abandon" => return lasting::abandon(path),
        other => panic!("no task {other:?}"),
    }
    say("passed");
}

/// Asserts that this process still holds the lock of the cache and the locks of the store.
fn assert_owned(path: &Path) {
    let refused = Cache::builder().path(path).open().unwrap_err();
    let pid = std::process::id();
    assert!(
        matches!(refused, Error::InUse { pid: Some(owner), has_ended: false, .. } if owner == pid),
        "{refused}"
    );
    let mut store = redb::Builder::new();
    store.set_concurrency_mode(redb::ConcurrencyMode::SingleWriter);
    let refused = store.create(path).map(drop).unwrap_err();
    assert!(matches!(refused, redb::DatabaseError::DatabaseAlreadyOpen), "{refused}");
}

fn is_forked<T>(answer: &Result<T, Error>) -> bool {
    matches!(answer, Err(Error::Forked))
}

/// Checks that all calls except lookups and loads are refused in a child, or return empty iterators and
/// statistics.
fn ask_everything(says: &mut Says, cache: &Cache, versions: &Keyspace<u64, u64>) {
    let immediate = InsertOptions::new().durability(Durability::Immediate);
    let mut refused = |step: &str, is_refused: bool| {
        says.step(step);
        assert!(is_refused, "{step} is not refused");
    };
    refused("insert", is_forked(&versions.insert(&1, 11)));
    refused("insert_with", is_forked(&versions.insert_with(&1, 11, immediate)));
    refused("insert_many", is_forked(&versions.insert_many([(1, 11), (5, 50)])));
    refused("touch", is_forked(&versions.touch(&1)));
    let modified = versions.modify(1, |_, _| Change::insert(11_u64));
    refused("modify", is_forked(&modified.map_err(Error::from)));
    refused("increment", is_forked(&versions.increment(1, 1)));
    refused("take", is_forked(&versions.take(1).map_err(Error::from)));
    refused("remove", is_forked(&versions.remove(&1)));
    refused("remove_many", is_forked(&versions.remove_many([&1, &2])));
    refused("clear", is_forked(&versions.clear()));
    refused("begin_update", is_forked(&versions.begin_update(&1)));
    refused("cache.clear", is_forked(&cache.clear()));
    refused("flush", is_forked(&cache.flush()));
    refused("sweep", is_forked(&cache.sweep()));
    refused("verify", is_forked(&cache.verify()));
    refused("close", is_forked(&cache.close()));
    refused("keyspace", is_forked(&cache.keyspace(VERSIONS)));
    let mut invalidation = cache.invalidation();
    invalidation.remove(versions, &1).unwrap();
    refused("invalidation", is_forked(&invalidation.commit()));
    says.step("len");
    assert_eq!((versions.count(), versions.iter().count(), versions.keys().count()), (0, 0, 0));
    assert!(versions.is_empty() && !versions.iter().is_complete() && !versions.keys().is_complete());
    says.step("stats");
    assert_eq!(cache.stats(), Stats::default());
    says.step("keys at work");
    assert_eq!((cache.hot_keys(None, 9), cache.slow_loads(None, 9)), (None, SlowLoads::default()));
}

/// Makes the calls that take several keys. Key 1 is in memory. Key 2 has the value `of_two`, or is on disk
/// only.
fn ask_many(says: &mut Says, versions: &Keyspace<u64, u64>, of_two: Option<u64>) {
    says.step("get_many");
    let found: Vec<_> = versions.get_many([1, 2, 5]).iter().map(|value| value.as_deref().copied()).collect();
    assert_eq!(found, [Some(10), of_two, None]);
    says.step("get_or_load_many");
    let loaded = versions.get_or_load_many([1, 5, 6], |keys| {
        assert_eq!(keys, [5, 6]);
        Ok::<_, ()>([(5, 7)])
    });
    let loaded: Vec<_> = loaded.unwrap().iter().map(|value| value.as_deref().copied()).collect();
    assert_eq!((loaded, versions.get(&5)), (vec![Some(10), Some(7), None], None));
}

fn verbs(builder: &CacheBuilder, path: Option<&Path>) {
    let open = || builder.clone().flush_interval(HOUR).open().unwrap();
    let mut cache = open();
    let mut versions = cache.keyspace(VERSIONS).unwrap();
    versions.insert(&2, 20).unwrap();
    if path.is_some() {
        // After reopening, key 2 is on disk only.
        cache.close().unwrap();
        cache = open();
        versions = cache.keyspace(VERSIONS).unwrap();
    }
    versions.insert(&1, 10).unwrap();
    let pairs = cache.keyspace(PAIRS).unwrap();
    let sevens = super::loaders::sevens(&versions);
    let (mut iter, mut keys) = (versions.iter(), versions.keys());
    let update = pairs.begin_update(&(3, 3)).unwrap();
    // The flush stores the keyspaces in the file.
    cache.flush().unwrap();
    let before = path.map(|path| std::fs::read(path).unwrap()).unwrap_or_default();
    let child = match split() {
        Ok(child) => child,
        Err(says) => says.run(move |says| {
            says.step("get");
            let on_disk = path.map_or(Some(20), |_| None);
            assert_eq!(
                (versions.get(&1).as_deref(), versions.get(&2).as_deref()),
                (Some(&10), on_disk.as_ref())
            );
            assert_eq!(
                (versions.peek(&1).as_deref(), versions.peek(&2).as_deref()),
                (Some(&10), on_disk.as_ref())
            );
            assert_eq!((versions.contains_key(&1), versions.contains_key(&2)), (true, on_disk.is_some()));
            assert_eq!((versions.ttl(&1).is_some(), versions.ttl(&2).is_some()), (true, on_disk.is_some()));
            ask_many(says, &versions, on_disk);
            super::async_loaders::load_in_child(says, &versions);
            says.step("get_or_load");
            let load = |key: u64| versions.get_or_load(&key, || Ok::<u64, ()>(7)).unwrap();
            assert_eq!((*load(1), *load(2)), (10, on_disk.unwrap_or(7)));
            assert_eq!((*load(5), versions.get(&5)), (7, None), "a load is answered and not cached");
            super::loaders::ask(says, &sevens);
            ask_everything(says, &cache, &versions);
            says.step("ranges");
            assert!(is_forked(&pairs.remove_prefix((1,))) && is_forked(&pairs.remove_matching((Any, &1))));
            says.step("iterators");
            assert!(!iter.is_complete() && iter.next().is_none() && keys.next().is_none());
            says.step("abandon");
            cache.abandon_in_child().unwrap();
            cache.abandon_in_child().unwrap();
            says.step("drop");
            drop((iter, keys, update, pairs, sevens, versions, cache));
            // The parent's cache does not prevent the child from opening its own cache.
            says.step("own");
            let own = Cache::builder().open().unwrap();
            own.keyspace(VERSIONS).unwrap().insert(&1, 1).unwrap();
            own.close().unwrap();
        }),
    };
    drop(child.ends_well());
    if let Some(path) = path {
        assert_owned(path);
        assert!(std::fs::read(path).unwrap() == before, "the child has changed the file");
    }
    assert!(matches!(cache.abandon_in_child(), Err(Error::NotForked)));
    drop(update);
    pairs.get_or_load(&(3, 3), || Ok::<u64, ()>(33)).unwrap();
    assert!(pairs.contains_key(&(3, 3)), "the child's drop left the parent's fence to the parent");
    assert_eq!((versions.get(&1).as_deref(), versions.get(&2).as_deref()), (Some(&10), Some(&20)));
    assert!(versions.remove(&1).unwrap());
    cache.close().unwrap();
    if path.is_some() {
        let versions = open().keyspace(VERSIONS).unwrap();
        assert_eq!((versions.get(&1), versions.get(&2).as_deref()), (None, Some(&20)));
    }
}

/// Opens a cache that commits continuously, with a small memory and a small write buffer. Callers therefore
/// often wait.
pub(super) fn busy_cache(path: &Path) -> (Cache, Keyspace<u64, u64>) {
    let cache = Cache::builder()
        .path(path)
        .flush_interval(Duration::from_millis(1))
        .memory_capacity(larder::ByteSize::kib(64))
        .write_buffer(larder::ByteSize::kib(64))
        .shards(2)
        // In the parent, every load counts as slow, and lookups are sampled. In a child, neither must
        // happen.
        .slow_load(Duration::ZERO)
        .sample_keys(true)
        .open()
        .unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    (cache, versions)
}

fn busy(path: &Path) {
    let (cache, versions) = busy_cache(path);
    let is_done = AtomicBool::new(false);
    let mut held = 0;
    thread::scope(|scope| {
        let _ends = SetOnDrop(&is_done);
        for thread in 0..3 {
            let (cache, versions, is_done) = (&cache, &versions, &is_done);
            scope.spawn(move || {
                let mut random = Random::new(thread + 1);
                while !is_done.load(Ordering::SeqCst) {
                    let key = random.below(2_000);
                    match random.below(8) {
                        0 => drop(versions.remove(&key).unwrap()),
                        1 => drop(versions.get_or_load(&key, || Ok::<u64, ()>(key)).unwrap()),
                        2 => drop(versions.begin_update(&key).unwrap()),
                        3 => drop(cache.stats()),
                        _ => versions.insert(&key, key).unwrap(),
                    }
                }
            });
        }
        for round in 0..FORKS {
            match split() {
                Ok(child) => held += u64::from(child.ends_well().contains(HELD)),
                Err(says) => says.run(|says| {
                    says.step("get");
                    for key in round..round + 50 {
                        assert!(versions.get(&key).is_none_or(|value| *value == key));
                        assert!(versions.peek(&key).is_none_or(|value| *value == key));
                        versions.contains_key(&key);
                        let loaded = versions.get_or_load(&key, || Ok::<u64, ()>(key)).unwrap();
                        assert_eq!(*loaded, key);
                    }
                    ask_everything(says, &cache, &versions);
                    // The calls also work from several threads of the child.
                    says.step("threads");
                    thread::scope(|scope| {
                        for _ in 0..2 {
                            scope.spawn(|| (0..50).for_each(|key| drop(versions.get(&key))));
                        }
                    });
                    says.step("abandon");
                    if cache.abandon_in_child().is_err() {
                        says.step(HELD);
                    }
                }),
            }
        }
    });
    // The parent's threads hold the locks of the cache only for microseconds.
    assert!(held <= FORKS / 10, "{held} of {FORKS} children could not give the file up");
    for key in 0..50 {
        let removed = versions.remove(&key).unwrap();
        assert!(removed || versions.get(&key).is_none());
    }
    cache.flush().unwrap();
    assert!(cache.verify().unwrap().damage.is_none());
    cache.close().unwrap();
    let (cache, versions) = busy_cache(path);
    assert!(cache.stats().disk.unwrap().was_closed_cleanly);
    assert!((0..50).all(|key| versions.get(&key).is_none()));
    assert!(versions.iter().all(|(key, value)| *value == key));
}

fn last_handle(path: &Path) {
    let (cache, versions) = busy_cache(path);
    for round in 0..FORKS {
        for key in 0..50 {
            versions.insert(&key, round).unwrap();
        }
        match split() {
            Ok(child) => drop(child.ends_well()),
            Err(says) => says.run(move |says| {
                says.step("drop");
                drop((versions, cache));
            }),
        }
    }
    cache.close().unwrap();
    let (_cache, versions) = busy_cache(path);
    assert!((0..50).all(|key| versions.get(&key).as_deref() == Some(&(FORKS - 1))));
}

fn others(path: &Path) {
    let (cache, versions) = busy_cache(path);
    versions.insert(&1, 10).unwrap();
    cache.flush().unwrap();
    let follower = Follower::open(path).unwrap();
    let inspector = larder::inspect::Inspector::open(path).unwrap();
    let snapshot = inspector.snapshot().unwrap();
    let seen = follower.keyspace(VERSIONS);
    let child = match split() {
        Ok(child) => child,
        Err(says) => says.run(move |says| {
            says.step("follow");
            assert!(is_forked(&seen.get(&1)) && is_forked(&seen.keys()));
            assert!(is_forked(&follower.keyspaces()) && is_forked(&seen.ttl(&1)));
            says.step("inspect");
            assert!(is_forked(&snapshot.page(&snapshot.keyspaces()[0], &[], None, 1)));
            assert!(is_forked(&snapshot.unswept()));
            says.step("drop");
            drop((snapshot, seen, follower));
        }),
    };
    drop(child.ends_well());
    assert_eq!(seen.get(&1).unwrap(), Some(10));
    snapshot.unswept().unwrap();
    drop((snapshot, versions));
    cache.close().unwrap();

    let mut admin = Admin::open(path).unwrap();
    let before = std::fs::read(path).unwrap();
    let child = match split() {
        Ok(child) => child,
        Err(says) => says.run(move |says| {
            says.step("administer");
            assert!(is_forked(&admin.remove("version", &1_u64.to_be_bytes())) && is_forked(&admin.clear()));
            assert!(is_forked(&admin.compact(&mut || true)) && is_forked(&admin.sweep(&mut || true)));
            says.step("close");
            assert!(is_forked(&admin.close()));
        }),
    };
    drop(child.ends_well());
    assert!(std::fs::read(path).unwrap() == before, "the child has changed the file");
    assert_owned(path);
    assert!(admin.remove("version", &1_u64.to_be_bytes()).unwrap());
    admin.close().unwrap();
}

/// A closure of `modify` forks, and returns in both processes. The child's change is refused, and the
/// parent's change succeeds.
fn closure_that_forks(versions: &Keyspace<u64, u64>) {
    let mut child = None;
    let modified = versions.modify(1, |old, _| {
        match split() {
            Ok(forked) => child = Some(forked),
            Err(says) => std::mem::forget(says),
        }
        Change::insert(old.unwrap() + 1)
    });
    let Some(child) = child else {
        std::process::exit(i32::from(!is_forked(&modified.map_err(Error::from))));
    };
    assert_eq!((child.ends(), modified.unwrap().new_value()), (0, Some(&11)));
}

fn callbacks(path: &Path) {
    let parent = std::process::id();
    let (cache, versions) = busy_cache(path);
    let mut child = None;
    let loaded = versions.get_or_load(&1, || {
        match split() {
            Ok(forked) => child = Some(forked),
            // The loader returns in both processes. The child keeps its pipe open, so the parent can detect
            // when the child ends.
            Err(says) => std::mem::forget(says),
        }
        Ok::<u64, ()>(10)
    });
    assert_eq!(*loaded.unwrap(), 10);
    if std::process::id() != parent {
        let is_quiet = versions.get(&1).is_none() && is_forked(&versions.insert(&1, 11));
        drop((versions, cache));
        std::process::exit(i32::from(!is_quiet));
    }
    assert_eq!(child.unwrap().ends(), 0);
    assert_eq!(versions.get(&1).as_deref(), Some(&10));
    closure_that_forks(&versions);
    let panics = || versions.get_or_load(&2, || -> Result<u64, ()> { panic!("planted") });
    assert!(panics_with("planted", panics));
    assert!(*versions.get_or_load(&2, || Ok::<u64, ()>(20)).unwrap() == 20);
    cache.close().unwrap();

    // A listener forks on the sweeper thread. In the child, that thread ends, and then the process ends.
    let (told, tells) = std::sync::mpsc::channel();
    let volume = larder::testing::SimulatedVolume::new();
    let cache = Cache::builder()
        .path("/shop.larder")
        .volume(&volume)
        .on_event(move |_| match split() {
            Ok(child) => told.send(child.ends()).unwrap(),
            Err(says) => std::mem::forget(says),
        })
        .open()
        .unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    volume.fail_from(0, larder::testing::Failure::Io);
    versions.insert(&1, 1).unwrap();
    drop(cache.flush());
    assert_eq!(tells.recv_timeout(super::split::PATIENCE).unwrap(), 0);
}
