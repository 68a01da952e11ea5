//! Races between a fill, a change and a push, over whole caches. The test plants the order of the steps: the
//! decoding of a value runs the other steps, so they come after the answer of the server and before the fill.
//! A proxy holds the pushes back.
//!
//! - A *change* is a removal or an insert, by another cache or by this one.
//! - A *barrier* is a request whose answer comes after all pushes of the changes that were acknowledged
//!   before it was sent.

use std::cell::{Cell, RefCell};
use std::thread;
use std::time::{Duration, Instant};

use larder::{Cache, Keyspace, KeyspaceDefinition};
use serde::{Deserialize, Deserializer, Serialize};

use crate::proxy::Proxy;
use crate::server::RedisServer;
use crate::support::{eventually, now};

const NUMBERS: KeyspaceDefinition<u64, Gated> = KeyspaceDefinition::new("numbers");
const BARRIERS: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("barriers");
/// The environment variable with the number of races of each tracking mode. Default 240.
const RACES: &str = "LARDER_REDIS_CACHE_RACES";
/// The staleness bound. It is long, so that memory answers while pushes are held back.
const BOUND: Duration = Duration::from_secs(1);
/// One of this many races loses the connection. These races are rare because they take the longest.
const LOSSES: usize = 80;

thread_local! {
    /// What the next decoding of a value on this thread runs.
    static AT_DECODE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// A number whose decoding runs the steps of a race.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Gated(u64);

impl<'de> Deserialize<'de> for Gated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(deserializer)?;
        if let Some(run) = AT_DECODE.take() {
            run();
        }
        Ok(Self(number))
    }
}

const OLD: u64 = 1;
const NEW: u64 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Answer, change, push, fill.
    PushBeforeFill,
    /// Answer, change, fill, push.
    FillBeforePush,
    /// Answer, fill, change, push.
    ChangeAfterFill,
    /// Answer, change by this cache, fill.
    OwnChange,
    /// Answer, change by this cache at the server, fill, answer to the change.
    OwnChangeUnanswered,
    /// Lease, change, fill at the server.
    ChangeInLoad,
    /// Answer, loss of the connection, new connection, change, fill.
    LossBeforeFill,
}

const ORDERS: [Order; 6] = [
    Order::PushBeforeFill,
    Order::FillBeforePush,
    Order::ChangeAfterFill,
    Order::OwnChange,
    Order::OwnChangeUnanswered,
    Order::ChangeInLoad,
];

struct RacingCache {
    _cache: Cache,
    numbers: Keyspace<u64, Gated>,
    barriers: Keyspace<u64, u64>,
}

impl RacingCache {
    fn open(url: &str) -> Self {
        let cache = larder_redis::open_url(url).unwrap();
        let (numbers, barriers) = (cache.keyspace(NUMBERS).unwrap(), cache.keyspace(BARRIERS).unwrap());
        Self { _cache: cache, numbers, barriers }
    }

    fn get(&self, key: u64) -> Option<u64> {
        self.numbers.get(&key).map(|value| value.0)
    }

    /// Looks a key up, and runs `steps` after the answer of the server and before the fill.
    fn get_with(&self, key: u64, steps: impl FnOnce() + Send) -> Option<u64> {
        thread::scope(|scope| {
            let (ask, asked) = std::sync::mpsc::channel();
            let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
            let lookup = scope.spawn(move || {
                AT_DECODE.set(Some(Box::new(move || {
                    ask.send(()).unwrap();
                    may_go_on.recv().unwrap();
                })));
                let found = self.get(key);
                assert!(AT_DECODE.take().is_none(), "the value was not decoded");
                found
            });
            asked.recv().expect("the lookup decodes a value");
            steps();
            go_on.send(()).unwrap();
            lookup.join().unwrap()
        })
    }

    /// Removes the key if `at` is odd, or inserts a new value if `at` is even.
    fn change(&self, at: u64, key: u64) {
        if at.is_multiple_of(2) {
            self.numbers.insert(&key, Gated(NEW)).unwrap();
        } else {
            assert!(self.numbers.remove(&key).unwrap());
        }
    }

    fn barrier(&self) {
        self.barriers.insert(&0, 0).unwrap();
    }
}

/// A cache behind a proxy, and a cache that changes what the first one reads.
struct Racers {
    proxy: Proxy,
    racer: RacingCache,
    other: RacingCache,
    /// Number of lookups that returned the old value after its change and before its push.
    early: Cell<u64>,
}

impl Racers {
    fn new(server: &RedisServer, tracking: &str) -> Self {
        let options = format!("staleness=1s&request_timeout=20s&memory=8MiB&tracking={tracking}");
        let proxy = Proxy::start(server.socket());
        let racer = RacingCache::open(&proxy.url(&options));
        let other = RacingCache::open(&server.url(&options));
        for cache in [&racer, &other] {
            eventually("the cache is connected", || cache.barriers.insert(&0, 0).is_ok());
        }
        Self { proxy, racer, other, early: Cell::new(0) }
    }

    /// Looks a key up that was changed, before the push of the change. Then lets the push arrive. Memory may
    /// return the old value until the bound has passed. After that, the lookup waits for the server.
    fn look_before_the_push(&self, key: u64, changed: Instant) {
        let asked = now();
        let found = thread::scope(|scope| {
            let racer = &self.racer;
            let lookup = scope.spawn(|| racer.get(key));
            eventually("memory answers, or the bound has passed", || {
                lookup.is_finished() || changed.elapsed() > BOUND
            });
            self.proxy.hold_answers(false);
            lookup.join().unwrap()
        });
        if found == Some(OLD) {
            assert!(asked <= changed + BOUND, "an answer is older than the bound");
            self.early.set(self.early.get() + 1);
        }
    }

    /// Runs a race on a key of its own. Checks that no lookup after it returns the old value.
    fn race(&self, at: u64, order: Order) {
        let Self { proxy, racer, other, early: _ } = self;
        let key = at;
        if order != Order::ChangeInLoad {
            other.numbers.insert(&key, Gated(OLD)).unwrap();
            racer.barrier();
        }
        let found = match order {
            Order::PushBeforeFill => racer.get_with(key, || {
                other.change(at, key);
                racer.barrier();
            }),
            Order::FillBeforePush => {
                let mut changed = now();
                let found = racer.get_with(key, || {
                    proxy.hold_answers(true);
                    other.change(at, key);
                    changed = now();
                });
                self.look_before_the_push(key, changed);
                racer.barrier();
                found
            }
            Order::ChangeAfterFill => {
                let found = racer.get(key);
                other.change(at, key);
                racer.barrier();
                found
            }
            Order::OwnChange => racer.get_with(key, || racer.change(at, key)),
            Order::OwnChangeUnanswered => thread::scope(|scope| {
                let found = racer.get_with(key, || {
                    proxy.hold_answers(true);
                    scope.spawn(|| racer.change(at, key));
                    eventually("the server has made the change", || other.get(key) != Some(OLD));
                });
                proxy.hold_answers(false);
                found
            }),
            Order::LossBeforeFill => racer.get_with(key, || {
                proxy.cut(false);
                eventually("there is a new connection", || racer.barriers.insert(&0, 0).is_ok());
                other.change(at, key);
            }),
            Order::ChangeInLoad => {
                let load = || {
                    other.numbers.insert(&key, Gated(NEW)).unwrap();
                    other.change(at, key);
                    Ok::<_, std::io::Error>(Gated(OLD))
                };
                Some(racer.numbers.get_or_load(&key, load).unwrap().0)
            }
        };
        assert_eq!(found, Some(OLD), "{order:?}, race {at}: the order is not as planted");
        let expected = at.is_multiple_of(2).then_some(NEW);
        for (cache, name) in [(racer, "racing"), (other, "other")] {
            let found = [cache.get(key), cache.get(key)];
            assert_eq!(found, [expected; 2], "{order:?}, race {at}: the {name} cache is stale");
        }
    }
}

#[test]
fn no_cache_keeps_a_fill_that_a_change_has_overtaken() {
    let count = std::env::var(RACES).map_or(240, |count| count.parse::<usize>().unwrap());
    let Some(server) = RedisServer::start(&[]) else { return };
    for tracking in ["per-key", "broadcast"] {
        let (racers, began) = (Racers::new(&server, tracking), now());
        for at in 0..count {
            let order = ORDERS[at % ORDERS.len()];
            let order = if at % LOSSES == LOSSES - 1 { Order::LossBeforeFill } else { order };
            // The lowest bit of the quotient selects the kind of change, so each order has both kinds.
            let number = 2 * at as u64 + (at / ORDERS.len()) as u64 % 2;
            racers.race(number, order);
        }
        let early = racers.early.get();
        println!("{tracking}: {count} races in {:?}, {early} lookups before the push", began.elapsed());
        assert!(early > 0, "memory never had the old value before the push");
        server.cli(&["FLUSHALL"]);
    }
}
