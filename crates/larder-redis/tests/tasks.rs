//! Tests of async calls with a real server: many more of them than worker threads wait for it.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use larder::{Cache, Change, Error, Keyspace, KeyspaceDefinition};

use crate::proxy::Proxy;
use crate::server::RedisServer;
use crate::support::{eventually, now};

const PRICES: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("prices");
const CALLS: u64 = 200;

/// Returns how many scripts the server has run.
fn scripts(server: &RedisServer) -> u64 {
    let stats = server.cli(&["info", "commandstats"]);
    let calls = stats.lines().filter_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
    calls.filter_map(|line| line.split(',').next()?.parse::<u64>().ok()).sum()
}

/// A cache that reaches its server through a proxy.
struct Proxied {
    server: RedisServer,
    proxy: Proxy,
    cache: Cache,
    prices: Keyspace<u64, u64>,
}

impl Proxied {
    /// Returns `None` if no server is installed.
    fn open() -> Option<Self> {
        let server = RedisServer::start(&[])?;
        let proxy = Proxy::start(server.socket());
        let cache = larder_redis::open_url(&proxy.url("")).unwrap();
        let prices = cache.keyspace(PRICES).unwrap();
        Some(Self { server, proxy, cache, prices })
    }

    /// Begins a call for each number, and holds back the answers until the server has run a script for each.
    fn all_at_once<T>(&self, call: impl Fn(u64) -> Call<T>) -> Vec<Call<T>> {
        let before = scripts(&self.server);
        self.proxy.hold_answers(true);
        let calls = begin((0..CALLS).map(call));
        eventually("the server has run all scripts", || scripts(&self.server) - before == CALLS);
        self.proxy.hold_answers(false);
        calls
    }
}

type Call<T> = Pin<Box<dyn Future<Output = T>>>;

/// Polls each call once. None of them may end.
fn begin<T>(calls: impl Iterator<Item = Call<T>>) -> Vec<Call<T>> {
    let mut calls: Vec<_> = calls.collect();
    for call in &mut calls {
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    calls
}

#[test]
fn many_lookups_of_tasks_are_at_the_server_at_the_same_time() {
    let Some(proxied) = Proxied::open() else { return };
    let prices = &proxied.prices;
    for number in 0..CALLS {
        prices.insert(&number, number).unwrap();
    }
    // The first lookup sends the text of its script.
    assert_eq!(pollster::block_on(prices.get_async(&0)).as_deref(), Some(&0));
    let lookups = proxied.all_at_once(|number| {
        let prices = prices.clone();
        // Key 0 is in memory.
        Box::pin(async move { prices.get_async(&(number + 1)).await })
    });
    for (number, lookup) in (1..).zip(lookups) {
        let expected = (number < CALLS).then_some(number);
        assert_eq!(pollster::block_on(lookup).as_deref().copied(), expected);
    }
    proxied.cache.close().unwrap();
}

#[test]
fn many_loads_of_tasks_are_at_the_server_at_the_same_time() {
    let Some(proxied) = Proxied::open() else { return };
    let load = |number: u64| {
        let prices = proxied.prices.clone();
        let loader = move || async move { Ok::<_, std::io::Error>(number) };
        Box::pin(async move { prices.get_or_load_async(&number, loader).await.ok() })
            as Call<Option<Arc<u64>>>
    };
    // The first load sends the texts of its scripts.
    assert_eq!(pollster::block_on(load(CALLS)).as_deref(), Some(&CALLS));
    let before = scripts(&proxied.server);
    for (number, load) in (0..).zip(proxied.all_at_once(load)) {
        assert_eq!(pollster::block_on(load).as_deref(), Some(&number));
    }
    eventually("the server has all values", || scripts(&proxied.server) - before == 2 * CALLS);
    assert_eq!(proxied.prices.get(&7).as_deref(), Some(&7));
    proxied.cache.close().unwrap();
}

#[test]
fn many_changes_of_tasks_are_at_the_server_at_the_same_time() {
    let Some(proxied) = Proxied::open() else { return };
    let add = |number: u64| {
        let prices = proxied.prices.clone();
        let add = |value: Option<&u64>, _| Change::insert(value.map_or(1, |value| value + 1));
        let add = async move { prices.modify_async(&number, add).await };
        Box::pin(async move { add.await.unwrap().new_value().copied() }) as Call<Option<u64>>
    };
    // The first change sends the texts of its scripts.
    assert_eq!(pollster::block_on(add(CALLS)), Some(1));
    assert!(proxied.all_at_once(add).into_iter().all(|add| pollster::block_on(add) == Some(1)));
    let insert = |number: u64| {
        let prices = proxied.prices.clone();
        Box::pin(async move { prices.insert_async(&number, 10 * number).await }) as Call<Result<(), Error>>
    };
    assert!(proxied.all_at_once(insert).into_iter().all(|insert| pollster::block_on(insert).is_ok()));
    assert!((0..CALLS).all(|number| proxied.prices.get(&number).as_deref() == Some(&(10 * number))));
    proxied.cache.close().unwrap();
}

#[test]
fn the_values_of_a_group_are_at_the_server_at_the_same_time() {
    const VALUES: u64 = 100;
    let Some(proxied) = Proxied::open() else { return };
    // The first insert sends the text of its script.
    proxied.prices.insert(&VALUES, 0).unwrap();
    let (before, prices) = (scripts(&proxied.server), proxied.prices.clone());
    proxied.proxy.hold_answers(true);
    let inserting =
        std::thread::spawn(move || prices.insert_many((0..VALUES).map(|number| (number, number))));
    eventually("the server has all values", || scripts(&proxied.server) - before == VALUES);
    proxied.proxy.hold_answers(false);
    inserting.join().unwrap().unwrap();
    assert!((0..VALUES).all(|number| proxied.prices.get(&number).as_deref() == Some(&number)));
    proxied.cache.close().unwrap();
}

/// Measures loads of 256 tasks on one thread, over a proxy that delays the answers of the server by 1 ms.
#[test]
#[ignore = "a measurement, which prints its result"]
fn measures_the_loads_of_256_tasks() {
    const TASKS: u64 = 256;
    let Some(Proxied { server: _server, proxy, cache, prices }) = Proxied::open() else { return };
    proxy.delay(Duration::from_millis(1));
    for round in 0..5 {
        let began = now();
        let mut loads: Vec<_> = (0..TASKS)
            .map(|task| {
                let (prices, number) = (prices.clone(), round * TASKS + task);
                let loader = move || async move { Ok::<_, std::io::Error>(number) };
                Box::pin(async move { prices.get_or_load_async(&number, loader).await.ok() })
                    as Call<Option<Arc<u64>>>
            })
            .collect();
        let all = poll_fn(|context| {
            loads.retain_mut(|load| load.as_mut().poll(context).is_pending());
            if loads.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        });
        pollster::block_on(all);
        eprintln!("{TASKS} loads in {} ms", began.elapsed().as_millis());
    }
    cache.close().unwrap();
}
