//! A user's `Drop` may make any call, wherever the cache drops a value or an error.
//!
//! The cache must hold no lock while it drops a value. Otherwise a call in the `Drop` would wait forever.
//! The first test tries each way in which a value is dropped, with a `Drop` that calls most methods of the
//! cache and of its keyspaces. A watchdog turns a hang into a failure.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::{fmt, thread};

use larder::testing::Failure;
use larder::{Any, ByteSize, Cache, Change, Keyspace, KeyspaceDefinition, LoadError};
use serde::{Deserialize, Serialize};

use crate::support::simulated::{SimulatedPlace, WRITES, wait_until};
use crate::support::{HOUR, NAMES, Place, WATCHDOG};

/// Maximum number of drops per trial that call the cache. Each of them makes many calls.
const ENOUGH: u64 = 5;

const PAIRS: KeyspaceDefinition<(u64, u64), u64> = KeyspaceDefinition::new("pair").ttl(HOUR);
const CALLERS: KeyspaceDefinition<u64, Caller> = KeyspaceDefinition::new("caller").ttl(HOUR);
const NAMED_CALLERS: KeyspaceDefinition<String, Caller> = KeyspaceDefinition::new("named_caller").ttl(HOUR);

/// State that all values and errors of one trial share.
struct Calls {
    cache: Mutex<Option<Cache>>,
    /// Number of drops that have called the cache.
    made: AtomicU64,
}

thread_local! {
    /// Whether a `Drop` of this thread is calling the cache. Values that are dropped meanwhile make no calls.
    static IS_CALLING: Cell<bool> = const { Cell::new(false) };
}

impl Calls {
    fn make(&self) {
        let Some(cache) = self.cache.lock().unwrap().clone() else { return };
        if self.made.load(Ordering::SeqCst) >= ENOUGH || IS_CALLING.replace(true) {
            return;
        }
        call_everything(&cache);
        self.made.fetch_add(1, Ordering::SeqCst);
        IS_CALLING.set(false);
    }
}

/// Calls most public methods, and ignores the answers.
fn call_everything(cache: &Cache) {
    change_live_keys(cache);
    if let Ok(names) = cache.keyspace(NAMES) {
        drop((names.insert("a", "1".to_owned()), names.get("a"), names.peek("b"), names.touch("a")));
        drop(names.get_or_load("c", || Ok::<_, String>("3".to_owned())));
        drop(names.begin_update("a").map(larder::Update::finish));
        drop((names.remove("a"), names.remove_many(["b", "c"]), names.remove_prefix("d"), names.clear()));
        _ = (names.contains_key("a"), names.ttl("a"), names.count(), names.iter().count());
    }
    if let Ok(pairs) = cache.keyspace(PAIRS) {
        drop((pairs.insert(&(1, 2), 3), pairs.remove_matching((Any, &2))));
    }
    // Also calls the keyspace of the dropped value, if that keyspace can be opened.
    for version in 0..3 {
        if let Ok(callers) = cache.keyspace(CALLERS.version(version)) {
            drop((callers.get(&1), callers.remove(&1), callers.get_or_load(&2, || Err::<Caller, _>(()))));
            drop(callers.try_get_group([&1, &2, &3]));
            drop(callers.insert(&3, Caller::default()));
            let mut stale = cache.invalidation();
            stale.clear(&callers);
            drop(stale.commit());
        }
    }
    drop((cache.stats(), cache.flush(), cache.sweep(), cache.verify()));
}

/// Stores and changes keys of every shard. If a range removal is in progress, some of these keys are in
/// shards that it has not reached yet.
fn change_live_keys(cache: &Cache) {
    let caller = |_: Option<&Caller>, _| Change::insert(Caller::default());
    for number in 0..32 {
        if let Ok(pairs) = cache.keyspace(PAIRS) {
            drop((
                pairs.insert(&(number, 0), 1),
                pairs.increment(&(number, 0), 1),
                pairs.touch(&(number, 0)),
            ));
            drop(pairs.modify(&(number, 0), |_, _| Change::insert(3)));
        }
        if let Ok(callers) = cache.keyspace(CALLERS) {
            drop((callers.insert(&number, Caller::default()), callers.modify(&number, caller)));
        }
        if let Ok(named) = cache.keyspace(NAMED_CALLERS) {
            let name = format!("a{number}");
            drop((named.insert(&name, Caller::default()), named.modify(&name, caller)));
        }
    }
}

/// A value, or an error, that calls the cache when it is dropped.
#[derive(Serialize, Deserialize, Default)]
struct Caller {
    filler: Vec<u8>,
    #[serde(skip)]
    calls: Option<Arc<Calls>>,
}

impl Drop for Caller {
    fn drop(&mut self) {
        if let Some(calls) = self.calls.take() {
            calls.make();
        }
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Caller")
    }
}

struct DropTrial {
    place: SimulatedPlace,
    cache: Cache,
    callers: Keyspace<u64, Caller>,
    calls: Arc<Calls>,
}

impl DropTrial {
    fn new() -> Self {
        Self::with_memory(ByteSize::kib(64), 1)
    }

    /// Has room for more values than a removal keeps, in several shards.
    fn roomy() -> Self {
        Self::with_memory(ByteSize::mib(8), 4)
    }

    fn with_memory(memory: ByteSize, shards: usize) -> Self {
        let place = SimulatedPlace::new();
        let cache = place.builder().memory_capacity(memory).shards(shards).open().unwrap();
        let calls = Arc::new(Calls { cache: Mutex::new(Some(cache.clone())), made: AtomicU64::new(0) });
        Self { callers: cache.keyspace(CALLERS).unwrap(), place, cache, calls }
    }

    fn caller(&self) -> Caller {
        Caller { filler: vec![0; 1_000], calls: Some(self.calls.clone()) }
    }

    fn insert(&self) {
        self.callers.insert(&1, self.caller()).unwrap();
    }

    /// Inserts more values than a removal keeps.
    fn insert_many(&self) {
        for key in 0..2_000 {
            let value = Caller { filler: Vec::new(), calls: Some(self.calls.clone()) };
            self.callers.insert(&key, value).unwrap();
        }
    }

    fn wait(&self) {
        wait_until("the calls are made", || self.calls.made.load(Ordering::SeqCst) > 0);
    }

    /// Starts a load and a second caller on other threads, runs `meanwhile` during the load, and waits
    /// until both calls have returned.
    fn load_during(
        &self,
        load: impl FnOnce() -> Result<Caller, Caller> + Send,
        meanwhile: impl FnOnce(&Self) + Send,
    ) {
        let (loading, is_loading) = channel();
        let (go_on, may_go_on) = channel();
        thread::scope(|scope| {
            scope.spawn(move || {
                let loaded = catch_unwind(AssertUnwindSafe(|| {
                    self.callers.get_or_load(&1, || {
                        loading.send(()).unwrap();
                        may_go_on.recv().unwrap();
                        load()
                    })
                }));
                drop(loaded);
            });
            is_loading.recv().unwrap();
            let waiter = scope.spawn(|| {
                let loaded: Result<_, LoadError<Caller>> =
                    self.callers.get_or_load(&1, || Ok(Caller::default()));
                drop(loaded);
            });
            meanwhile(self);
            go_on.send(()).unwrap();
            waiter.join().unwrap();
        });
    }
}

type Way = fn(DropTrial) -> Arc<Calls>;

/// The ways in which the cache drops a value, a loader's error or a panic's payload.
const WAYS: [(&str, Way); 20] = [
    ("replaced", |trial| {
        trial.insert();
        trial.insert();
        trial.calls
    }),
    ("removed", |trial| {
        trial.insert();
        assert!(trial.callers.remove(&1).unwrap());
        trial.calls
    }),
    ("removed when it is committed", |trial| {
        trial.insert();
        trial.cache.flush().unwrap();
        assert_eq!(trial.callers.remove_many([&1]).unwrap(), 1);
        trial.calls
    }),
    ("cleared", |trial| {
        trial.insert();
        trial.callers.clear().unwrap();
        trial.calls
    }),
    ("cleared with all others", |trial| {
        trial.insert();
        trial.cache.clear().unwrap();
        trial.calls
    }),
    ("cleared, and more than a removal keeps", |_| {
        let trial = DropTrial::roomy();
        trial.insert_many();
        trial.callers.clear().unwrap();
        trial.calls
    }),
    ("cleared with all others, and more than a removal keeps", |_| {
        let trial = DropTrial::roomy();
        trial.insert_many();
        trial.cache.clear().unwrap();
        trial.calls
    }),
    ("removed by their prefix, and more than a removal keeps", |_| {
        let trial = DropTrial::roomy();
        let named = trial.cache.keyspace(NAMED_CALLERS).unwrap();
        for key in 0..2_000 {
            let value = Caller { filler: Vec::new(), calls: Some(trial.calls.clone()) };
            named.insert(&format!("a{key}"), value).unwrap();
        }
        named.remove_prefix("a").unwrap();
        trial.calls
    }),
    ("begun to be updated", |trial| {
        trial.insert();
        trial.callers.begin_update(&1).unwrap().finish();
        trial.calls
    }),
    ("evicted by the writer", |trial| {
        for key in 0..200 {
            trial.callers.insert(&key, trial.caller()).unwrap();
        }
        trial.cache.flush().unwrap();
        trial.wait();
        trial.calls
    }),
    ("expired", |trial| {
        trial.insert();
        trial.cache.flush().unwrap();
        trial.place.clock.advance(2 * HOUR);
        trial.cache.sweep().unwrap();
        trial.wait();
        trial.calls
    }),
    ("expired before it was committed", |trial| {
        trial.insert();
        trial.place.clock.advance(2 * HOUR);
        trial.cache.flush().unwrap();
        trial.wait();
        trial.calls
    }),
    ("replaced with its keyspace", |trial| {
        trial.insert();
        let DropTrial { place: _place, cache, callers, calls } = trial;
        drop(callers);
        cache.keyspace(CALLERS.version(7)).unwrap();
        calls
    }),
    ("replaced with its keyspace, and with more values than a removal keeps", |_| {
        let trial = DropTrial::roomy();
        trial.insert_many();
        let DropTrial { place: _place, cache, callers, calls } = trial;
        drop(callers);
        cache.keyspace(CALLERS.version(7)).unwrap();
        calls
    }),
    ("voided", |trial| {
        let value = trial.caller();
        trial.load_during(move || Ok(value), |trial| drop(trial.callers.remove(&1)));
        trial.calls
    }),
    ("failed, and shared", |trial| {
        let error = trial.caller();
        trial.load_during(move || Err(error), |_| ());
        trial.calls
    }),
    ("failed, and voided", |trial| {
        let error = trial.caller();
        trial.load_during(
            move || Err(error),
            |trial| {
                drop((trial.callers.remove(&1), trial.cache.clear()));
                drop(trial.callers.insert(&1, Caller::default()));
            },
        );
        trial.calls
    }),
    ("thrown", |trial| {
        let payload = trial.caller();
        trial.load_during(move || std::panic::resume_unwind(Box::new(payload)), |_| ());
        trial.calls
    }),
    ("without a file", |trial| {
        trial.insert();
        trial.place.disk.fail_every(&WRITES, Failure::Io);
        // The removal can't be committed, so the cache discards its file.
        drop(trial.callers.remove(&1));
        for key in 0..200 {
            trial.callers.insert(&key, trial.caller()).unwrap();
        }
        drop(trial.cache.flush());
        trial.wait();
        trial.calls
    }),
    ("closed", |trial| {
        trial.insert();
        trial.cache.close().unwrap();
        trial.calls
    }),
];

#[test]
fn a_drop_may_call_every_verb_wherever_a_value_is_let_go_of() {
    for (what, way) in WAYS {
        let (done, is_done) = channel();
        let trial = thread::spawn(move || {
            let calls = way(DropTrial::new());
            let made = calls.made.load(Ordering::SeqCst);
            // A value in the cache holds a handle of the cache. Removing this handle breaks the reference
            // cycle.
            let last = calls.cache.lock().unwrap().take();
            drop(last);
            done.send(made).unwrap();
        });
        match is_done.recv_timeout(WATCHDOG) {
            Ok(made) => assert!(made > 0, "{what}: nothing was dropped"),
            Err(RecvTimeoutError::Timeout) => panic!("{what}: it hangs"),
            Err(RecvTimeoutError::Disconnected) => {
                trial.join().unwrap();
            }
        }
    }
}

/// A value whose drop inserts it again, unless its key has an entry or the test is over.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Returning(u32);

static IS_OVER: AtomicBool = AtomicBool::new(false);
static RETURNS_TO: OnceLock<Keyspace<u32, Returning>> = OnceLock::new();

impl Drop for Returning {
    fn drop(&mut self) {
        if let Some(keyspace) = RETURNS_TO.get()
            && !IS_OVER.load(Ordering::SeqCst)
            && !keyspace.contains_key(&self.0)
        {
            drop(keyspace.insert(&self.0, Returning(self.0)));
        }
    }
}

#[test]
fn a_value_that_is_stored_again_when_it_is_dropped_is_stored() {
    let place = Place::new();
    let cache = place.open();
    let returning = cache.keyspace(KeyspaceDefinition::new("returning").ttl(HOUR)).unwrap();
    assert!(RETURNS_TO.set(returning).is_ok());
    let returning = RETURNS_TO.get().unwrap();
    returning.insert(&7, Returning(7)).unwrap();
    assert_eq!(returning.get(&7).unwrap().0, 7);
    IS_OVER.store(true, Ordering::SeqCst);
    cache.close().unwrap();
}
