//! A user's `Drop` may panic while a loader runs, or when its load ends. During a panic of the loader it
//! would end the process. Otherwise it would replace the result of the load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use larder::{
    Cache, Error, Keyspace, KeyspaceDefinition, Load, LoadError, LoadPolicy, Loaded, LookupOutcome,
};
use serde::{Deserialize, Serialize, Serializer};
use smol::block_on;

use super::elsewhere;
use crate::support::simulated::SimulatedPlace;
use crate::support::tasks::{HandPolled, HandRuntime};
use crate::support::{HOUR, panics_with};

/// A value whose `Drop` panics while its alarm is set, even during another panic. Its bytes name the alarm,
/// so that a value that any thread decodes has it, too.
#[derive(Serialize, Deserialize)]
struct Fragile(#[serde(serialize_with = "encode")] usize);

struct Alarm {
    is_set: AtomicBool,
    panics: AtomicU64,
}

const ALARMS: usize = 32;
static OF_VALUES: [Alarm; ALARMS] =
    [const { Alarm { is_set: AtomicBool::new(false), panics: AtomicU64::new(0) } }; ALARMS];

/// The value of this alarm does not encode, because its `Serialize` panics.
const UNENCODABLE: usize = ALARMS - 1;
/// The alarm that no test sets.
const SAFE: Fragile = Fragile(ALARMS - 2);

#[expect(clippy::trivially_copy_pass_by_ref, reason = "`serialize_with` passes a reference")]
fn encode<S: Serializer>(alarm: &usize, serializer: S) -> Result<S::Ok, S::Error> {
    assert_ne!(*alarm, UNENCODABLE, "Serialize panics");
    alarm.serialize(serializer)
}

impl Drop for Fragile {
    fn drop(&mut self) {
        let alarm = &OF_VALUES[self.0];
        if alarm.is_set.load(Ordering::SeqCst) {
            alarm.panics.fetch_add(1, Ordering::SeqCst);
            panic!("planted");
        }
    }
}

fn set(alarm: usize) {
    OF_VALUES[alarm].is_set.store(true, Ordering::SeqCst);
}

/// Lets the drops of a value no longer panic. Returns how often they have.
fn unset(alarm: usize) -> u64 {
    OF_VALUES[alarm].is_set.store(false, Ordering::SeqCst);
    OF_VALUES[alarm].panics.load(Ordering::SeqCst)
}

const FRAGILE: KeyspaceDefinition<u64, Fragile> =
    KeyspaceDefinition::new("fragile").ttl(HOUR).grace(Duration::from_hours(10));

/// Opens a cache with a value on disk, and in memory.
fn with_value(place: &SimulatedPlace, alarm: usize) -> (Cache, Keyspace<u64, Fragile>) {
    let cache = place.open();
    let fragile = cache.keyspace(FRAGILE).unwrap();
    fragile.insert(&1, Fragile(alarm)).unwrap();
    cache.flush().unwrap();
    (cache, fragile)
}

/// Removes the value of key 1, and sets its alarm. Then the load has the last handles of the value.
fn remove(fragile: &Keyspace<u64, Fragile>, alarm: usize) {
    elsewhere(|| fragile.remove(&1)).unwrap();
    set(alarm);
}

/// How a loader ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Panics,
    Fails,
    Loads,
}

impl End {
    const ALL: [Self; 3] = [Self::Panics, Self::Fails, Self::Loads];

    fn result(self) -> Result<Load<Fragile>, &'static str> {
        match self {
            Self::Panics => panic!("the loader panics"),
            Self::Fails => Err("it fails"),
            Self::Loads => Ok(Load::Cache(Arc::new(SAFE))),
        }
    }

    fn check(self, way: &str, answer: Result<Loaded<Fragile>, LoadError<&'static str>>) {
        let is_right = match (self, &answer) {
            (Self::Panics, Err(LoadError::Panicked)) => true,
            (Self::Fails, Err(LoadError::Loader(error))) => **error == "it fails",
            (Self::Loads, Ok(loaded)) => loaded.value.as_ref().is_some_and(|value| value.0 == SAFE.0),
            _ => false,
        };
        let answer = answer.map(|loaded| loaded.value.map(|value| value.0));
        assert!(is_right, "{way}, {self:?}: {answer:?}");
    }
}

/// The stale value is the last handle, because the loader removes the key.
#[test]
fn a_loader_and_the_stale_value_that_it_got_may_both_panic() {
    let place = SimulatedPlace::new();
    let (_cache, fragile) = with_value(&place, 0);
    place.clock.advance(2 * HOUR);
    let load = || {
        fragile.get_or_load_with(&1, |stale| {
            assert!(stale.is_some());
            remove(&fragile, 0);
            drop(stale);
            End::Panics.result()
        })
    };
    assert!(panics_with("the loader panics", load));
    assert_eq!(unset(0), 1);
}

#[test]
fn a_loader_of_a_task_and_the_stale_value_that_it_got_may_both_panic() {
    type Answer = Result<Loaded<Fragile>, LoadError<&'static str>>;
    type Loads = fn(Keyspace<u64, Fragile>, usize, End) -> Answer;
    fn ends(
        stale: Option<Arc<Fragile>>,
        fragile: &Keyspace<u64, Fragile>,
        alarm: usize,
        end: End,
    ) -> Result<Load<Fragile>, &'static str> {
        assert!(stale.is_some());
        remove(fragile, alarm);
        drop(stale);
        end.result()
    }
    let ways: [(&str, Loads); 2] = [
        ("a loader of the call", |fragile, alarm, end| {
            let of_loader = fragile.clone();
            let loader = move |stale| async move { ends(stale, &of_loader, alarm, end) };
            block_on(fragile.get_or_load_with_async(&1, loader))
        }),
        ("a registered loader", |fragile, alarm, end| {
            let of_loader = fragile.clone();
            let loader = move |_, stale| {
                let fragile = of_loader.clone();
                async move { ends(stale, &fragile, alarm, end) }
            };
            let loading = fragile.with_async_loader(LoadPolicy::new(), loader).unwrap();
            block_on(loading.get_async(&1))
        }),
    ];
    let mut alarms = 1..;
    for (way, load) in ways {
        for end in End::ALL {
            let (place, alarm) = (SimulatedPlace::new(), alarms.next().unwrap());
            let (_cache, fragile) = with_value(&place, alarm);
            place.clock.advance(2 * HOUR);
            let answer = load(fragile, alarm, end);
            assert_eq!(unset(alarm), 1, "{way}, {end:?}");
            end.check(way, answer);
        }
    }
}

/// The loader runs on a thread of the pool, which has read the stale value from disk.
#[test]
fn a_loader_of_the_pool_and_the_stale_value_that_only_the_disk_has_may_both_panic() {
    let (place, alarm) = (SimulatedPlace::new(), 8);
    drop(with_value(&place, alarm).0.close());
    let cache = place.open();
    place.clock.advance(2 * HOUR);
    let loader = move |_: &u64, stale: Option<Arc<Fragile>>| {
        assert!(stale.is_some());
        drop(stale);
        set(alarm);
        End::Panics.result()
    };
    let policy = LoadPolicy::new().hard_timeout(HOUR);
    let loading = cache.keyspace(FRAGILE).unwrap().with_loader(policy, loader).unwrap();
    let answer = loading.get(&1);
    assert!(unset(alarm) > 0);
    assert!(answer.is_ok_and(|loaded| loaded.is_stale && loaded.value.is_some()), "the key has a grace");
}

/// The refresh has the last handles of the old value, because the key gets a new one.
#[test]
fn a_loader_and_the_live_value_that_it_refreshes_may_both_panic() {
    let (place, alarm) = (SimulatedPlace::new(), 9);
    let (_cache, fragile) = with_value(&place, alarm);
    let ((begun, is_begun), (go_on, goes_on)) = (channel(), channel::<()>());
    let goes_on = std::sync::Mutex::new(goes_on);
    let loader = move |_: &u64, live: Option<Arc<Fragile>>| {
        assert!(live.is_some());
        drop(live);
        begun.send(()).unwrap();
        goes_on.lock().unwrap().recv().unwrap();
        End::Panics.result()
    };
    let loading = fragile.with_loader(LoadPolicy::new(), loader).unwrap();
    assert!(loading.refresh(&1).unwrap());
    is_begun.recv().unwrap();
    fragile.insert(&1, SAFE).unwrap();
    set(alarm);
    go_on.send(()).unwrap();
    while fragile.stats().load_failures == 0 {
        std::thread::yield_now();
    }
    assert_eq!(unset(alarm), 1);
    assert!(fragile.get(&1).is_some_and(|value| value.0 == SAFE.0));
}

#[test]
fn a_loader_of_a_task_and_the_live_value_that_it_refreshes_may_both_panic() {
    for (alarm, end) in (10..).zip(End::ALL) {
        let (place, runtime) = (SimulatedPlace::new(), HandRuntime::default());
        let cache = runtime.of(place.builder()).open().unwrap();
        let fragile = cache.keyspace(FRAGILE).unwrap();
        fragile.insert(&1, Fragile(alarm)).unwrap();
        cache.flush().unwrap();
        let of_loader = fragile.clone();
        let loader = move |_, live: Option<Arc<Fragile>>| {
            let fragile = of_loader.clone();
            async move {
                assert!(live.is_some());
                fragile.insert(&1, SAFE).unwrap();
                set(alarm);
                drop(live);
                end.result()
            }
        };
        let loading = fragile.with_async_loader(LoadPolicy::new(), loader).unwrap();
        assert!(block_on(loading.refresh_async(&1)).unwrap());
        runtime.finish();
        assert_eq!(unset(alarm), 1, "{end:?}");
        assert!(fragile.get(&1).is_some_and(|value| value.0 == SAFE.0), "{end:?}");
        cache.close().unwrap();
    }
}

/// Key 1 is found, and then key 2 is loaded. The call has the last handle of the value of key 1.
#[test]
fn a_loader_of_several_keys_and_a_value_that_was_found_may_both_panic() {
    type Loads = fn(&Keyspace<u64, Fragile>, usize);
    let ways: [(&str, Loads); 3] = [
        ("get_or_load_many", |fragile, alarm| {
            drop(fragile.get_or_load_many([1_u64, 2], |missing| {
                assert_eq!(missing, [2]);
                remove(fragile, alarm);
                End::Panics.result().map(|_| [(2_u64, SAFE)])
            }));
        }),
        ("get_or_load_many_local_async", |fragile, alarm| {
            let load = async |missing: &[u64]| {
                assert_eq!(missing, [2]);
                remove(fragile, alarm);
                End::Panics.result().map(|_| [(2_u64, SAFE)])
            };
            drop(block_on(fragile.get_or_load_many_local_async([1_u64, 2], load)));
        }),
        ("get_many with a registered loader", |fragile, alarm| {
            let of_loader = fragile.clone();
            let loader = move |_: &u64, _: Option<Arc<Fragile>>| {
                remove(&of_loader, alarm);
                End::Panics.result()
            };
            drop(fragile.with_loader(LoadPolicy::new(), loader).unwrap().get_many([1_u64, 2]));
        }),
    ];
    for (alarm, (way, load)) in (14..).zip(ways) {
        let place = SimulatedPlace::new();
        let (_cache, fragile) = with_value(&place, alarm);
        assert!(panics_with("the loader panics", || load(&fragile, alarm)), "{way}");
        assert_eq!(unset(alarm), 1, "{way}");
    }
}

#[test]
fn a_loaded_value_that_does_not_encode_may_panic_twice() {
    let place = SimulatedPlace::new();
    let (_cache, fragile) = with_value(&place, 20);
    set(UNENCODABLE);
    let load = || fragile.get_or_load(&2, || Ok::<_, Error>(Fragile(UNENCODABLE)));
    assert!(panics_with("Serialize panics", || load().map(drop)));
    assert_eq!(unset(UNENCODABLE), 1);
}

/// The last task that waits for a load drops the loader of the first one.
#[test]
fn a_task_that_waits_for_a_load_may_leave_although_the_drop_of_the_loader_panics() {
    let cache = Cache::builder().open().unwrap();
    let (fragile, owned) = (cache.keyspace(FRAGILE).unwrap(), Fragile(23));
    let loader = || async move {
        std::future::pending::<()>().await;
        Ok::<_, Error>(owned)
    };
    let mut first = HandPolled::new(fragile.get_or_load_async(&2, loader));
    let mut second = HandPolled::new(fragile.get_or_load_async(&2, || async { Ok::<_, Error>(SAFE) }));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    first.leave();
    set(23);
    second.leave();
    assert_eq!(unset(23), 1);
}

/// The flight or the lease has the last handle of a value that is not cached.
#[test]
fn a_value_of_a_load_that_is_not_cached_may_panic() {
    let lease = |fragile: &Keyspace<u64, Fragile>| match fragile.lookup(&2).unwrap() {
        LookupOutcome::Load(lease) => lease,
        _ => panic!("no value and no load of the key is expected"),
    };
    let place = SimulatedPlace::new();
    let (cache, fragile) = with_value(&place, 21);
    let held = lease(&fragile);
    let LookupOutcome::Wait(pending) = fragile.lookup(&2).unwrap() else { panic!("it is being loaded") };
    assert!(!fragile.remove(&2).unwrap());
    assert!(!held.fill(Fragile(21)).unwrap(), "the removal voids the load");
    set(21);
    drop(pending);
    assert_eq!(unset(21), 1);
    cache.close().unwrap();
    set(22);
    lease(&fragile).decline_with(Fragile(22));
    assert_eq!(unset(22), 1);
}
