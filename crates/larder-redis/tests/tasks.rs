//! Tests of async calls with a real server: many more of them than worker threads wait for it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use larder::KeyspaceDefinition;

use crate::proxy::Proxy;
use crate::server::RedisServer;
use crate::support::eventually;

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
