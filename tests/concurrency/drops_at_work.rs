//! Tests of values whose `Drop` panics or waits while the cache works. The cache must still finish that work.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use larder::{ByteSize, Cache, Durability, Error, InsertOptions, Keyspace, KeyspaceDefinition, LoadError};
use serde::{Deserialize, Serialize};

use crate::support::simulated::{PATH, SimulatedPlace, disk_of, wait_until};
use crate::support::{HOUR, Place, watch_this_test};

type Act = Arc<dyn Fn() + Send + Sync>;

#[derive(Serialize, Deserialize, Default)]
struct Actor {
    filler: Vec<u8>,
    #[serde(skip)]
    act: Option<Act>,
}

impl Drop for Actor {
    fn drop(&mut self) {
        if let Some(act) = self.act.take() {
            act();
        }
    }
}

const ACTORS: KeyspaceDefinition<u64, Actor> = KeyspaceDefinition::new("actor").ttl(HOUR);

fn actor(act: &Act) -> Actor {
    Actor { filler: vec![0; 1_000], act: Some(act.clone()) }
}

/// Returns a function that panics while `is_armed` is set.
fn panics(is_armed: &Arc<AtomicBool>) -> Act {
    counted_panics(is_armed, &Arc::default())
}

/// Like [`panics`], but also counts the panics.
fn counted_panics(is_armed: &Arc<AtomicBool>, count: &Arc<AtomicU64>) -> Act {
    let (is_armed, count) = (is_armed.clone(), count.clone());
    Arc::new(move || {
        if is_armed.load(Ordering::SeqCst) {
            count.fetch_add(1, Ordering::SeqCst);
            panic!("planted");
        }
    })
}

#[test]
fn what_replaces_a_value_whose_drop_panics_is_committed_in_its_time() {
    type Replaces = fn(&Keyspace<u64, Actor>);
    let ways: [(&str, Replaces); 2] = [
        ("an insert", |actors| actors.insert(&1, Actor::default()).unwrap()),
        ("a load of what has expired", |actors| {
            drop(actors.get_or_load(&2, || Ok::<_, ()>(Actor::default())));
        }),
    ];
    for (what, replaces) in ways {
        let place = Place::new();
        let cache = place.builder().flush_interval(Duration::from_millis(1)).sweep_interval(HOUR);
        let cache = cache.open().unwrap();
        let actors = cache.keyspace(ACTORS).unwrap();
        let (is_armed, count) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let short = larder::InsertOptions::new().ttl(Duration::from_secs(100));
        actors.insert(&1, actor(&counted_panics(&is_armed, &count))).unwrap();
        actors.insert_with(&2, actor(&counted_panics(&is_armed, &count)), short).unwrap();
        cache.flush().unwrap();
        // The sweeper has just run, and does not run again for an hour.
        cache.sweep().unwrap();
        is_armed.store(true, Ordering::SeqCst);
        if what != "an insert" {
            place.clock.advance(Duration::from_secs(101));
        }
        replaces(&actors);
        is_armed.store(false, Ordering::SeqCst);
        assert!(count.load(Ordering::SeqCst) > 0 || what != "an insert", "{what}: nothing was dropped");
        wait_until(what, || cache.stats().unsaved_bytes.is_zero());
        cache.close().unwrap();
    }
}

#[test]
fn a_sweep_in_which_a_drop_panics_plans_the_next_one() {
    let place = SimulatedPlace::new();
    let cache = place.open();
    let actors = cache.keyspace(ACTORS).unwrap();
    let is_armed = Arc::new(AtomicBool::new(true));
    let for_seconds = |seconds| larder::InsertOptions::new().ttl(Duration::from_secs(seconds));
    actors.insert_with(&1, actor(&panics(&is_armed)), for_seconds(100)).unwrap();
    actors.insert_with(&2, Actor::default(), for_seconds(100)).unwrap();
    actors.insert_with(&3, Actor::default(), for_seconds(200)).unwrap();
    cache.flush().unwrap();
    let on_disk = |count| cache.stats().disk.unwrap().entries == count;
    assert!(on_disk(3));
    for left in [1, 0] {
        place.clock.advance(Duration::from_secs(102));
        wait_until("expired entries are swept", || cache.stats().memory.entries == left && on_disk(left));
    }
    drop(actors);
}

#[test]
fn no_value_is_dropped_on_the_thread_that_commits_while_the_cache_is_closed() {
    let place = SimulatedPlace::new();
    let cache = place.builder().memory_capacity(ByteSize::kib(64)).open().unwrap();
    let actors = cache.keyspace(ACTORS).unwrap();
    let threads = Arc::new(Mutex::new(Vec::new()));
    let dropped = threads.clone();
    let tells: Act = Arc::new(move || {
        dropped.lock().unwrap().push(thread::current().name().unwrap_or_default().to_owned());
    });
    // The values need more memory than the cache has, so committed values are evicted.
    for key in 0..200 {
        actors.insert(&key, actor(&tells)).unwrap();
    }
    cache.close().unwrap();
    let threads = threads.lock().unwrap();
    assert_eq!(threads.len(), 200);
    assert!(threads.iter().all(|name| name != "larder-writer"), "the writer waits for them");
}

#[test]
fn who_waits_for_a_load_gets_its_value_though_the_drop_of_another_panics() {
    const IN_MEMORY: KeyspaceDefinition<u64, Actor> = ACTORS.memory_only();
    let _watch = watch_this_test();
    let cache = Cache::builder().memory_capacity(ByteSize::kib(64)).shards(1).open().unwrap();
    let actors = cache.keyspace(IN_MEMORY).unwrap();
    let (is_armed, count) = (Arc::new(AtomicBool::new(false)), Arc::default());
    for key in 0..100 {
        actors.insert(&key, actor(&counted_panics(&is_armed, &count))).unwrap();
    }
    let (loading, is_loading) = mpsc::channel();
    thread::scope(|scope| {
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let loads = scope.spawn(|| {
            let load = move || {
                loading.send(()).unwrap();
                may_go_on.recv().unwrap();
                Ok::<_, ()>(Actor { filler: vec![7; 30_000], act: None })
            };
            actors.get_or_load(&1_000, load).unwrap().filler.len()
        });
        is_loading.recv().unwrap();
        let waits = scope.spawn(|| actors.get_or_load(&1_000, || Err::<Actor, _>(())));
        wait_until("it waits", || cache.stats().misses >= 2);
        is_armed.store(true, Ordering::SeqCst);
        go_on.send(()).unwrap();
        assert_eq!(loads.join().unwrap(), 30_000);
        is_armed.store(false, Ordering::SeqCst);
        assert!(count.load(Ordering::SeqCst) > 0, "nothing was evicted for it");
        let waited = waits.join().unwrap();
        assert!(!matches!(waited, Err(LoadError::Panicked)), "the loader did not panic");
        assert_eq!(waited.unwrap().filler.len(), 30_000);
    });
}

/// The dropped value commits what replaces it, and another program then removes the file.
#[test]
fn a_durable_insert_whose_value_is_lost_before_its_commit_is_requested_is_not_durable() {
    const IMMEDIATELY: InsertOptions = InsertOptions::new().durability(Durability::Immediate);
    type Inserts = fn(&Keyspace<u64, Actor>) -> Result<(), Error>;
    let ways: [(&str, Inserts); 2] = [
        ("an insert", |actors| actors.insert_with(&1, Actor::default(), IMMEDIATELY)),
        ("a group", |actors| {
            actors.insert_many_with([(1, Actor::default()), (2, Actor::default())], IMMEDIATELY)
        }),
    ];
    for (way, insert) in ways {
        let place = SimulatedPlace::new();
        let cache = Arc::new(place.open());
        let actors = cache.keyspace(ACTORS).unwrap();
        let (user, disk) = (cache.clone(), place.disk.clone());
        let act: Act = Arc::new(move || {
            user.flush().unwrap();
            disk.unlink(PATH);
            user.flush().unwrap();
        });
        actors.insert(&1, actor(&act)).unwrap();
        assert!(matches!(insert(&actors), Err(Error::NotDurable { .. })), "{way}");
        let disk = disk_of(&cache);
        assert_eq!((disk.discards, disk.entries), (1, 0), "{way}");
        assert!(insert(&actors).is_ok(), "{way}");
    }
}
