//! What the processes do that fork.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use larder::admin::Admin;
use larder::control::Client;
use larder::{
    Any, Cache, CacheBuilder, Durability, Error, Follower, InsertOptions, Keyspace, KeyspaceDefinition, Stats,
};
use rustix::process::{Signal, getpid, kill_process};

use super::split::{Says, split};
use crate::child::{hear, say};
use crate::support::{HOUR, Random, SetOnDrop, VERSIONS};

const PAIRS: KeyspaceDefinition<(u64, u64), u64> = KeyspaceDefinition::new("pair").ttl(HOUR);
const FORKS: u64 = 200;
/// What a child says that could not give the file up.
const HELD: &str = "held";

pub(crate) fn run(path: &Path, task: &str) {
    match task {
        "verbs" => verbs(&Cache::builder().path(path), Some(path)),
        "verbs-memory" => verbs(&Cache::builder(), None),
        "busy" => busy(path),
        "last-handle" => last_handle(path),
        "others" => others(path),
        "callbacks" => callbacks(path),
        "control" => control(path),
        "daemon" => return daemon(path),
        "abandon" => return abandon(path),
        other => panic!("no task {other:?}"),
    }
    say("passed");
}

fn is_forked<T>(answer: &Result<T, Error>) -> bool {
    matches!(answer, Err(Error::Forked))
}

/// Everything that a child may ask of a keyspace in which memory has 1 and the disk alone has 2, and that changes nothing.
fn ask_everything(says: &mut Says, cache: &Cache, versions: &Keyspace<u64, u64>) {
    let immediate = InsertOptions::new().durability(Durability::Immediate);
    let mut refused = |step: &str, is_refused: bool| {
        says.step(step);
        assert!(is_refused, "{step} is not refused");
    };
    refused("insert", is_forked(&versions.insert(&1, 11)));
    refused("insert_with", is_forked(&versions.insert_with(&1, 11, immediate)));
    refused("touch", is_forked(&versions.touch(&1)));
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
    assert_eq!((versions.len(), versions.iter().count(), versions.keys().count()), (0, 0, 0));
    assert!(versions.is_empty());
    says.step("stats");
    assert_eq!(cache.stats(), Stats::default());
}

fn verbs(builder: &CacheBuilder, path: Option<&Path>) {
    let open = || builder.clone().flush_interval(HOUR).open().unwrap();
    let mut cache = open();
    let mut versions = cache.keyspace(VERSIONS).unwrap();
    versions.insert(&2, 20).unwrap();
    if path.is_some() {
        // From here on 2 is on disk alone.
        cache.close().unwrap();
        cache = open();
        versions = cache.keyspace(VERSIONS).unwrap();
    }
    versions.insert(&1, 10).unwrap();
    let pairs = cache.keyspace(PAIRS).unwrap();
    let (mut iter, mut keys) = (versions.iter(), versions.keys());
    let update = pairs.begin_update(&(3, 3)).unwrap();
    let child = match split() {
        Ok(child) => child,
        Err(says) => says.run(move |says| {
            says.step("get");
            let on_disk = path.map_or(Some(20), |_| None);
            assert_eq!((versions.get(&1).as_deref(), versions.get(&2).as_deref()), (Some(&10), on_disk.as_ref()));
            assert_eq!((versions.peek(&1).as_deref(), versions.peek(&2).as_deref()), (Some(&10), on_disk.as_ref()));
            assert_eq!((versions.contains(&1), versions.contains(&2)), (true, on_disk.is_some()));
            assert_eq!((versions.ttl(&1).is_some(), versions.ttl(&2).is_some()), (true, on_disk.is_some()));
            says.step("get_or_load");
            let load = |key: u64| versions.get_or_load(&key, || Ok::<u64, ()>(7)).unwrap();
            assert_eq!((*load(1), *load(2)), (10, on_disk.unwrap_or(7)));
            assert_eq!((*load(5), versions.get(&5)), (7, None), "a load is answered and not cached");
            ask_everything(says, &cache, &versions);
            says.step("ranges");
            assert!(is_forked(&pairs.remove_prefix((1,))) && is_forked(&pairs.remove_matching((Any, &1))));
            says.step("iterators");
            drop((iter.by_ref().count(), keys.by_ref().count()));
            says.step("abandon");
            cache.abandon_in_child().unwrap();
            cache.abandon_in_child().unwrap();
            says.step("drop");
            drop((iter, keys, update, pairs, versions, cache));
            // A cache of its own, where the parent's is not in the way.
            says.step("own");
            let own = Cache::builder().open().unwrap();
            own.keyspace(VERSIONS).unwrap().insert(&1, 1).unwrap();
            own.close().unwrap();
        }),
    };
    drop(child.ends_well());
    assert!(matches!(cache.abandon_in_child(), Err(Error::NotForked)));
    drop(update);
    pairs.get_or_load(&(3, 3), || Ok::<u64, ()>(33)).unwrap();
    assert!(pairs.contains(&(3, 3)), "the child's drop left the parent's fence to the parent");
    assert_eq!((versions.get(&1).as_deref(), versions.get(&2).as_deref()), (Some(&10), Some(&20)));
    if let Some(path) = path {
        let Err(Error::InUse { pid, has_ended: false, .. }) = Cache::builder().path(path).open() else {
            panic!("the child has given the lock up")
        };
        assert_eq!(pid, Some(std::process::id()));
    }
    assert!(versions.remove(&1).unwrap());
    cache.close().unwrap();
    if path.is_some() {
        let versions = open().keyspace(VERSIONS).unwrap();
        assert_eq!((versions.get(&1), versions.get(&2).as_deref()), (None, Some(&20)));
    }
}

/// A cache that commits all the time, with a small memory and a small write buffer, so that writers wait.
fn busy_cache(path: &Path) -> (Cache, Keyspace<u64, u64>) {
    let cache = Cache::builder()
        .path(path)
        .flush_interval(Duration::from_millis(1))
        .memory_capacity(larder::ByteSize::kib(64))
        .write_buffer(larder::ByteSize::kib(64))
        .shards(2)
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
                        versions.contains(&key);
                        let loaded = versions.get_or_load(&key, || Ok::<u64, ()>(key)).unwrap();
                        assert_eq!(*loaded, key);
                    }
                    ask_everything(says, &cache, &versions);
                    // From threads of its own, too.
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
    // The parent's threads use its locks for microseconds.
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
    let followed = follower.keyspace(VERSIONS);
    let child = match split() {
        Ok(child) => child,
        Err(says) => says.run(move |says| {
            says.step("follow");
            assert!(is_forked(&followed.get(&1)) && is_forked(&followed.keys()));
            assert!(is_forked(&follower.keyspaces()) && is_forked(&followed.ttl(&1)));
            says.step("inspect");
            assert!(is_forked(&snapshot.page(&snapshot.keyspaces()[0], &[], None, 1)));
            assert!(is_forked(&snapshot.unswept()));
            says.step("drop");
            drop((snapshot, followed, follower));
        }),
    };
    drop(child.ends_well());
    assert_eq!(followed.get(&1).unwrap(), Some(10));
    snapshot.unswept().unwrap();
    drop((snapshot, versions));
    cache.close().unwrap();

    let mut admin = Admin::open(path).unwrap();
    let child = match split() {
        Ok(child) => child,
        Err(says) => says.run(move |says| {
            says.step("administer");
            assert!(is_forked(&admin.remove("version", &1_u64.to_be_bytes())) && is_forked(&admin.clear()));
            assert!(is_forked(&admin.compact()) && is_forked(&admin.sweep(&mut || true)));
            says.step("close");
            assert!(is_forked(&admin.close()));
        }),
    };
    drop(child.ends_well());
    assert!(matches!(Cache::builder().path(path).open(), Err(Error::InUse { .. })), "the parent has the lock");
    assert!(admin.remove("version", &1_u64.to_be_bytes()).unwrap());
    admin.close().unwrap();
}

fn callbacks(path: &Path) {
    let parent = std::process::id();
    let (cache, versions) = busy_cache(path);
    let mut child = None;
    let loaded = versions.get_or_load(&1, || {
        match split() {
            Ok(forked) => child = Some(forked),
            // Not run to its end here: the loader returns in both processes.
            Err(says) => drop(says),
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
    let panicked = thread::scope(|scope| {
        let load = || versions.get_or_load(&2, || -> Result<u64, ()> { panic!("planted") });
        scope.spawn(load).join().is_err()
    });
    assert!(panicked && *versions.get_or_load(&2, || Ok::<u64, ()>(20)).unwrap() == 20);
    cache.close().unwrap();

    // A listener, on the sweeper's thread: what is left of that thread in the child ends, and the process with it.
    let (told, tells) = std::sync::mpsc::channel();
    let volume = larder::testing::SimulatedVolume::new();
    let cache = Cache::builder()
        .path("/shop.larder")
        .volume(&volume)
        .on_event(move |_| {
            if let Ok(child) = split() {
                told.send(child.ends()).unwrap();
            }
        })
        .open()
        .unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    volume.fail_from(0, larder::testing::Failure::Io);
    versions.insert(&1, 1).unwrap();
    drop(cache.flush());
    assert_eq!(tells.recv_timeout(super::split::PATIENCE).unwrap(), 0);
}

fn control(path: &Path) {
    let socket = path.with_extension("sock");
    let cache = Cache::builder().path(path).control_socket(&socket).open().unwrap();
    let mut client = Client::connect(&socket).unwrap();
    client.stats().unwrap();
    let (mut until, end) = std::io::pipe().unwrap();
    let child = match split() {
        Ok(child) => child,
        Err(says) => says.run(move |_| {
            drop(end);
            // It lives until its parent has closed the cache.
            std::io::Read::read_to_end(&mut until, &mut Vec::new()).unwrap();
        }),
    };
    cache.close().unwrap();
    say("closed");
    assert!(client.stats().is_err(), "the client is let go of");
    drop(end);
    drop(child.ends_well());
    let cache = Cache::builder().path(path).control_socket(&socket).open().unwrap();
    Client::connect(&socket).unwrap().stats().unwrap();
    cache.close().unwrap();
}

/// Opens a cache, forks twice, and ends without closing the cache. What is left does what it is told.
fn daemon(path: &Path) {
    let cache = Cache::builder().path(path).open().unwrap();
    let versions = cache.keyspace(VERSIONS).unwrap();
    versions.insert(&1, 10).unwrap();
    cache.flush().unwrap();
    let (mut until, parent_lives) = std::io::pipe().unwrap();
    match split() {
        Ok(child) => {
            child.ends();
            // As a daemon's first process ends: nothing is dropped.
            drop(parent_lives);
            std::process::exit(0);
        }
        Err(says) => match split() {
            Ok(_) => kill_process(getpid(), Signal::KILL).unwrap(),
            Err(says_itself) => {
                drop((says, parent_lives));
                says_itself.run(move |_| {
                    std::io::Read::read_to_end(&mut until, &mut Vec::new()).unwrap();
                    serve_as_daemon(path, &cache);
                });
            }
        },
    }
}

fn serve_as_daemon(path: &Path, inherited: &Cache) {
    say("orphaned");
    assert_eq!(hear(), "abandon");
    inherited.abandon_in_child().unwrap();
    say("abandoned");
    assert_eq!(hear(), "open");
    let own = Cache::builder().path(path).open().unwrap();
    let versions = own.keyspace(VERSIONS).unwrap();
    versions.insert(&2, 20).unwrap();
    say("reopened");
    assert_eq!(hear(), "close");
    own.close().unwrap();
    say("closed");
}

/// Forks while the writer is at work, and is killed. Its child gives the file up, and lives on.
fn abandon(path: &Path) {
    let (cache, versions) = busy_cache(path);
    versions.insert_with(&0, 1, InsertOptions::new().durability(Durability::Immediate)).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for key in 1.. {
                versions.insert(&key, key).unwrap();
            }
        });
        // In the middle of it.
        for key in 1..20 {
            drop(versions.remove(&key).unwrap());
        }
        let (mut until, parent_lives) = std::io::pipe().unwrap();
        match split() {
            Ok(_) => kill_process(getpid(), Signal::KILL).unwrap(),
            Err(says) => says.run(|_| {
                drop(parent_lives);
                let abandoned = cache.abandon_in_child();
                std::io::Read::read_to_end(&mut until, &mut Vec::new()).unwrap();
                say(if abandoned.is_ok() { "abandoned" } else { HELD });
                assert_eq!(hear(), "end");
                say("ends");
            }),
        }
    });
}
