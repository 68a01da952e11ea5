//! Tests of async calls with a real server: many more of them than worker threads wait for it.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use larder::KeyspaceDefinition;

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
    let Some(server) = RedisServer::start(&[]) else { return };
    let proxy = Proxy::start(server.socket());
    let cache = larder_redis::open_url(&proxy.url("request_timeout=20s")).unwrap();
    let prices = cache.keyspace(PRICES).unwrap();
    for number in 0..CALLS {
        prices.insert(&number, number).unwrap();
    }
    // The first lookup sends the text of its script.
    assert_eq!(pollster::block_on(prices.get_async(&0)).as_deref(), Some(&0));
    let (before, prices) = (scripts(&server), &prices);
    proxy.hold_answers(true);
    let lookups = begin((0..CALLS).map(|number| {
        let prices = prices.clone();
        // Key 0 is in memory.
        Box::pin(async move { prices.get_async(&(number + 1)).await }) as Call<Option<Arc<u64>>>
    }));
    eventually("the server has run all lookups", || scripts(&server) - before == CALLS);
    proxy.hold_answers(false);
    for (number, lookup) in (1..).zip(lookups) {
        let expected = (number < CALLS).then_some(number);
        assert_eq!(pollster::block_on(lookup).as_deref().copied(), expected);
    }
    cache.close().unwrap();
}

#[test]
fn many_loads_of_tasks_are_at_the_server_at_the_same_time() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let proxy = Proxy::start(server.socket());
    let cache = larder_redis::open_url(&proxy.url("request_timeout=20s")).unwrap();
    let prices = cache.keyspace(PRICES).unwrap();
    let load = |number: u64| {
        let prices = prices.clone();
        let loader = move || async move { Ok::<_, std::io::Error>(number) };
        Box::pin(async move { prices.get_or_load_async(&number, loader).await.ok() })
            as Call<Option<Arc<u64>>>
    };
    // The first load sends the texts of its scripts.
    assert_eq!(pollster::block_on(load(CALLS)).as_deref(), Some(&CALLS));
    let before = scripts(&server);
    proxy.hold_answers(true);
    let loads = begin((0..CALLS).map(load));
    eventually("the server has given all leases", || scripts(&server) - before == CALLS);
    proxy.hold_answers(false);
    for (number, load) in (0..).zip(loads) {
        assert_eq!(pollster::block_on(load).as_deref(), Some(&number));
    }
    eventually("the server has all values", || scripts(&server) - before == 2 * CALLS);
    assert_eq!(prices.get(&7).as_deref(), Some(&7));
    cache.close().unwrap();
}

/// Measures loads of 256 tasks on one thread, over a proxy that delays the answers of the server by 1 ms.
#[test]
#[ignore = "a measurement, which prints its result"]
fn measures_the_loads_of_256_tasks() {
    const TASKS: u64 = 256;
    let Some(server) = RedisServer::start(&[]) else { return };
    let proxy = Proxy::start(server.socket());
    let cache = larder_redis::open_url(&proxy.url("request_timeout=20s")).unwrap();
    let prices = cache.keyspace(PRICES).unwrap();
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
