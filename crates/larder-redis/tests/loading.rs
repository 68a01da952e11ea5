//! A test of a server that loads its data after a restart, and meanwhile refuses requests.

use larder::{Error, KeyspaceDefinition};

use crate::server::RedisServer;
use crate::support::eventually;

const PRICES: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("prices");

/// The server handles requests only between two keys that it loads, each of which takes 5 ms. There are so
/// many keys that it loads until the test lets it hurry.
const SLOW: [&str; 4] = ["--key-load-delay", "5000", "--loading-process-events-interval-bytes", "1024"];
const FILL: &str = "for i = 1, 8000 do redis.call('SET', 'other:' .. i, string.rep('x', 1024)) end";

/// The data that is loaded is of the time before the last change.
#[test]
fn a_server_that_loads_its_data_serves_nothing_and_afterwards_nothing_stale() {
    let Some(mut server) = RedisServer::start(&["--rdbcompression", "no"]) else { return };
    server.cli(&["EVAL", FILL, "0"]);
    let cache = larder_redis::open_url(&server.url("memory=8MiB&staleness=200ms")).unwrap();
    let prices = cache.keyspace(PRICES).unwrap();
    prices.insert("k", 1).unwrap();
    assert_eq!(server.cli(&["SAVE"]), "OK");
    prices.insert("k", 2).unwrap();
    eventually("memory answers", || {
        let before = prices.stats().memory_hits;
        prices.get("k").is_some_and(|price| *price == 2) && prices.stats().memory_hits > before
    });

    server.restart_without_waiting(&SLOW);
    eventually("the server loads", || server.cli(&["PING"]).starts_with("LOADING"));
    eventually("memory is not used", || prices.get("k").is_none());
    let remote = || cache.stats().remote.unwrap();
    for round in 1..=20 {
        let (failures, misses) = (remote().failures, prices.stats().misses);
        assert!(prices.get("k").is_none());
        assert_eq!((remote().failures, prices.stats().misses), (failures + 1, misses + 1));
        let loaded = prices.get_or_load("k", || Ok::<u64, std::io::Error>(round)).unwrap();
        assert_eq!(*loaded, round, "the value of a load is not kept");
        let refused = [prices.insert("k", 3).unwrap_err(), prices.remove("k").map(drop).unwrap_err()];
        assert!(refused.iter().all(|error| matches!(error, Error::Remote { .. })), "{refused:?}");
    }
    eventually("the error names the reason", || {
        prices.remove("k").is_err_and(|error| format!("{error} {error:?}").contains("LOADING"))
    });
    assert!(server.cli(&["PING"]).starts_with("LOADING"), "the server has not loaded all the time");

    assert_eq!(server.cli(&["CONFIG", "SET", "key-load-delay", "0"]), "OK");
    let answers = || {
        let failures = remote().failures;
        let price = prices.get("k");
        assert!(price.is_none(), "{price:?} is of before the restart");
        remote().failures == failures
    };
    eventually("the tier answers", answers);
    assert_eq!(server.cli(&["EXISTS", "larder:0:prices:k"]), "1", "the server has the data of before");
    prices.remove("k").unwrap();
    prices.insert("k", 4).unwrap();
    assert_eq!(prices.get("k").map(|price| *price), Some(4));
}
