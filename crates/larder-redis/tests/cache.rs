//! Tests of caches on several nodes that share a server, through the API of an application.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use larder::{Cache, Format, Keyspace, KeyspaceDefinition, Load, Loaded};

use crate::server::RedisServer;
use crate::support::eventually;

const PRICES: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("prices");
const PARTS: KeyspaceDefinition<(String, u32), String> = KeyspaceDefinition::new("parts");
const PLAIN: KeyspaceDefinition<String, String> = KeyspaceDefinition::new("plain").format(Format::Raw);

fn open(server: &RedisServer) -> (Cache, Keyspace<String, u64>) {
    let cache = larder_redis::open_url(&server.url("prefix=shop&staleness=200ms&memory=8MiB")).unwrap();
    let prices = cache.keyspace(PRICES).unwrap();
    (cache, prices)
}

fn get(prices: &Keyspace<String, u64>, key: &str) -> Option<u64> {
    prices.get(key).map(|price| *price)
}

#[test]
fn a_change_of_one_node_is_seen_by_the_others() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let ((_a, one), (_b, two)) = (open(&server), open(&server));
    assert_eq!(get(&one, "k"), None);
    one.insert("k", 1).unwrap();
    assert_eq!((get(&one, "k"), get(&two, "k")), (Some(1), Some(1)));
    two.insert("k", 2).unwrap();
    assert_eq!(get(&two, "k"), Some(2), "a node reads its own writes");
    eventually("the other one sees it", || get(&one, "k") == Some(2));
    assert!(one.remove("k").unwrap());
    assert_eq!(get(&one, "k"), None);
    eventually("the other one sees it", || get(&two, "k").is_none());
}

#[test]
fn hits_of_memory_do_not_ask_the_server() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (cache, prices) = open(&server);
    prices.insert("k", 1).unwrap();
    let hits = || cache.stats().keyspaces.iter().map(|keyspace| keyspace.memory_hits).sum::<u64>();
    eventually("memory has the value", || {
        let before = hits();
        get(&prices, "k") == Some(1) && hits() > before
    });
    let commands = |server: &RedisServer| {
        let info = server.cli(&["INFO", "commandstats"]);
        let line = info.lines().find(|line| line.starts_with("cmdstat_evalsha:")).unwrap().to_owned();
        line.split(['=', ',']).nth(1).unwrap().parse::<u64>().unwrap()
    };
    let before = commands(&server);
    let asked = (0..1000).filter(|_| get(&prices, "k") != Some(1)).count();
    assert_eq!(asked, 0);
    assert!(commands(&server) <= before + 3, "{} requests", commands(&server) - before);
}

#[test]
fn nodes_that_miss_at_once_load_once() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let nodes: Vec<_> = (0..3).map(|_| open(&server)).collect();
    for round in 0..5 {
        let (loads, callers) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let key = format!("loaded{round}");
        std::thread::scope(|scope| {
            for (_, prices) in nodes.iter().flat_map(|node| [node; 4]) {
                scope.spawn(|| {
                    callers.fetch_add(1, Ordering::SeqCst);
                    let value = prices.get_or_load(key.as_str(), || {
                        loads.fetch_add(1, Ordering::SeqCst);
                        eventually("all callers have come", || callers.load(Ordering::SeqCst) == 12);
                        Ok::<_, std::io::Error>(7)
                    });
                    assert_eq!(*value.unwrap(), 7);
                });
            }
        });
        assert_eq!(loads.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn a_removal_on_another_node_voids_the_load_that_is_under_way() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let ((_a, one), (_b, two)) = (open(&server), open(&server));
    let loaded = one.get_or_load("k", || {
        // The source changes after the loader has read the old value.
        two.remove("k").unwrap();
        Ok::<_, std::io::Error>(1)
    });
    assert_eq!(*loaded.unwrap(), 1);
    assert_eq!((get(&one, "k"), get(&two, "k")), (None, None), "it was answered, and not kept");
}

#[test]
fn changes_by_closures_of_several_nodes_are_all_counted() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let nodes: Vec<_> = (0..3).map(|_| open(&server)).collect();
    nodes[0].1.insert("count", 0).unwrap();
    std::thread::scope(|scope| {
        for (_, prices) in &nodes {
            scope.spawn(|| {
                for _ in 0..50 {
                    prices.increment("count", 1).unwrap();
                }
            });
        }
    });
    eventually("all agree", || nodes.iter().all(|(_, prices)| get(prices, "count") == Some(150)));
}

#[test]
fn ranges_and_keyspaces_are_removed_on_all_nodes() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let ((a, _), (b, _)) = (open(&server), open(&server));
    let (one, two) = (a.keyspace(PARTS).unwrap(), b.keyspace(PARTS).unwrap());
    let key = |shop: &str, number: u32| (shop.to_owned(), number);
    let fill = || {
        for number in 0..20 {
            one.insert(&key("a", number), "v".to_owned()).unwrap();
            one.insert(&key("b", number), "v".to_owned()).unwrap();
        }
        eventually("both have them", || two.get(&key("b", 3)).is_some() && two.get(&key("a", 3)).is_some());
    };
    fill();
    assert_eq!(one.remove_prefix(("a",)).unwrap(), 20);
    eventually("the range is gone", || two.get(&key("a", 3)).is_none());
    assert!(two.get(&key("b", 3)).is_some());
    assert_eq!(two.keys().count(), 20);
    two.clear().unwrap();
    eventually("all are gone", || one.get(&key("b", 3)).is_none());
    fill();
    a.clear().unwrap();
    eventually("all are gone", || two.get(&key("b", 3)).is_none());
}

#[test]
fn a_value_that_is_made_to_expire_is_kept_for_its_grace_and_not_counted() {
    const KEPT: KeyspaceDefinition<(String, u32), u64> = KeyspaceDefinition::new("kept")
        .ttl(Duration::from_mins(1))
        .grace(Duration::from_mins(1))
        .absent_ttl(Duration::from_mins(1));
    let Some(server) = RedisServer::start(&[]) else { return };
    let ((a, _), (b, _)) = (open(&server), open(&server));
    let (one, two) = (a.keyspace(KEPT).unwrap(), b.keyspace(KEPT).unwrap());
    let fill = || {
        one.insert_many([(("a", 1), 10), (("a", 2), 20), (("b", 1), 30)]).unwrap();
        assert!(one.expire(&("a", 1)).unwrap());
        assert!(one.get_or_load_optional(&("a", 3), || Ok::<_, String>(None::<u64>)).unwrap().is_none());
    };
    fill();
    eventually("the other one sees it", || two.get(&("a", 1)).is_none());
    let loaded = two.get_or_load_with(&("a", 1), |_| Err::<Load<u64>, _>("the source is away"));
    let Loaded { value, is_stale, .. } = loaded.unwrap();
    assert_eq!((value.as_deref(), is_stale), (Some(&10), true));
    let removed = [("a", 1), ("a", 2), ("a", 3)].map(|key| two.remove(&key).unwrap());
    assert_eq!(removed, [false, true, false]);
    fill();
    assert_eq!(two.remove_prefix(("a",)).unwrap(), 1);
    fill();
    assert_eq!(two.clear().unwrap(), 2);
    fill();
    assert_eq!(b.clear().unwrap(), 2);
}

#[test]
fn plain_values_are_read_by_other_programs() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (cache, _) = open(&server);
    let plain = cache.keyspace(PLAIN).unwrap();
    plain.insert("greeting", "hello".to_owned()).unwrap();
    let slot = "shop:0:plain:greeting";
    assert_eq!(server.cli(&["GET", slot]), "hello");
    assert_eq!(server.cli(&["SET", slot, "changed"]), "OK");
    eventually("the change is seen", || plain.get("greeting").is_some_and(|text| *text == "changed"));
    server.cli(&["DEL", slot]);
    eventually("the removal is seen", || plain.get("greeting").is_none());
}

#[test]
fn a_server_that_is_away_costs_hits_and_fails_invalidations() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let (cache, prices) = open(&server);
    prices.insert("k", 1).unwrap();
    server.kill();
    let loaded = |value| *prices.get_or_load("k", || Ok::<u64, std::io::Error>(value)).unwrap();
    eventually("memory answers nothing", || loaded(2) == 2);
    assert_eq!(loaded(3), 3, "nothing is kept without the server");
    assert!(prices.remove("k").is_err());
    assert!(prices.insert("k", 4).is_err());
    server.restart();
    eventually("it works again", || prices.insert("k", 5).is_ok());
    assert_eq!(get(&prices, "k"), Some(5));
    cache.close().unwrap();
}

#[test]
fn async_callers_share_the_connection() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (_cache, prices) = open(&server);
    pollster::block_on(async {
        prices.insert_async("k", 1).await.unwrap();
        assert_eq!(prices.get_async("k").await.as_deref(), Some(&1));
        let load = || async { Ok::<u64, std::io::Error>(2) };
        assert_eq!(*prices.get_or_load_async("l", load).await.unwrap(), 2);
        assert!(prices.remove_async("k").await.unwrap());
        assert_eq!(prices.get_async("k").await, None);
    });
}

#[test]
fn a_url_that_is_wrong_is_an_error_before_the_server_is_asked() {
    for url in
        ["redis://127.0.0.1:1/?flush=1s", "redis://127.0.0.1:1/?memroy=1MiB", "rediss://h:0", "redis://"]
    {
        assert!(larder_redis::open_url(url).is_err(), "{url}");
    }
    let cache = larder_redis::open_url("memory:").unwrap();
    assert!(!cache.keyspace(PRICES).unwrap().remove("k").unwrap());
}
