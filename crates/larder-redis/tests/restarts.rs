//! Tests of restarts of the server with and without its data, and of the events that void memory.

use std::time::Duration;

use larder::remote::{LeaseReply, Life, RemoteTier, SetCondition};

use crate::node::{Node, NodeFault};
use crate::server::RedisServer;
use crate::support::{ask, eventually, key, open};

const URL: &str = "staleness=500ms";

fn get(node: &Node, name: &str) -> Option<Vec<u8>> {
    eventually("the tier answers", || ask(|reply| node.tier.get(key(name), reply)).is_ok());
    ask(|reply| node.tier.get(key(name), reply)).unwrap().map(|record| record.bytes)
}

/// Reads the key until its value is in memory.
fn warm(node: &Node, name: &str) {
    eventually("memory answers", || {
        node.get(&key(name), || ());
        node.hit(&key(name)).is_some()
    });
}

fn set_and_warm(node: &Node, name: &str, value: &[u8]) {
    assert!(node.set(&key(name), value));
    warm(node, name);
}

#[test]
fn a_restart_with_data_of_an_earlier_time_makes_all_a_miss() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let node = Node::open(&server.url(URL), NodeFault::None);
    assert!(node.set(&key("k"), b"old"));
    assert_eq!(server.cli(&["SAVE"]), "OK");
    set_and_warm(&node, "k", b"new");
    let lease = ask(|reply| node.tier.lease(key("loaded"), Duration::from_mins(1), reply)).unwrap();
    let LeaseReply::Leased(token) = lease else { panic!("{lease:?}") };
    assert_eq!(server.cli(&["SAVE"]), "OK");
    server.cli(&["SET", "larder:1:prices:k", "later"]);
    server.restart();
    eventually("the loss is seen", || node.hit(&key("k")).is_none());
    assert!(server.cli(&["EXISTS", "larder:1:prices:k"]) == "1", "the server has the data of before");
    assert_eq!(get(&node, "k"), None);
    let fill = ask(|reply| node.tier.fill(key("loaded"), token, b"v".to_vec(), Life::Never, reply)).unwrap();
    assert_eq!(fill, larder::remote::FillReply::Void, "a lease of before fills nothing");
    assert!(node.set(&key("k"), b"again"));
    assert_eq!(get(&open_node(&server), "k").as_deref(), Some(b"again".as_slice()));
}

fn open_node(server: &RedisServer) -> Node {
    Node::open(&server.url(URL), NodeFault::None)
}

#[test]
fn a_restart_of_a_server_that_is_declared_durable_keeps_the_entries() {
    let arguments = ["--appendonly", "yes", "--appendfsync", "always"];
    let Some(mut server) = RedisServer::start(&arguments) else { return };
    let node = Node::open(&server.url("staleness=500ms&fsync=always"), NodeFault::None);
    assert!(node.set(&key("k"), b"kept"));
    let before = node.tier.generation();
    server.restart();
    eventually("the loss is seen", || node.tier.generation() != before);
    assert_eq!(get(&node, "k").as_deref(), Some(b"kept".as_slice()));
}

#[test]
fn a_restart_without_data_begins_empty_and_a_second_client_agrees() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let (one, two) = (open_node(&server), open_node(&server));
    assert!(one.set(&key("k"), b"v"));
    server.restart();
    assert_eq!(get(&one, "k"), None);
    eventually("it can be written again", || one.set(&key("k"), b"w"));
    assert_eq!(get(&two, "k").as_deref(), Some(b"w".as_slice()));
}

#[test]
fn a_flush_voids_memory_and_the_data_has_its_name_again() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let node = open_node(&server);
    set_and_warm(&node, "k", b"v");
    let before = node.tier.generation();
    for flush in ["FLUSHALL", "FLUSHDB"] {
        assert_eq!(server.cli(&[flush]), "OK");
        eventually("memory is empty", || node.hit(&key("k")).is_none());
        assert_eq!(get(&node, "k"), None);
        set_and_warm(&node, "k", b"v");
    }
    assert_eq!(node.tier.generation(), before, "the connection was kept");
    assert!(!server.cli(&["GET", "larder::world"]).is_empty());
}

#[test]
fn pushes_of_other_programs_and_clients_void_memory() {
    let Some(server) = RedisServer::start(&[]) else { return };
    for tracking in ["per-key", "broadcast"] {
        let url = server.url(&format!("tracking={tracking}"));
        let (one, two) = (Node::open(&url, NodeFault::None), Node::open(&url, NodeFault::None));
        let changes: [&dyn Fn(); 6] = [
            &|| assert_eq!(server.cli(&["DEL", "larder:1:prices:k"]), "1"),
            &|| assert_eq!(server.cli(&["SET", "larder:1:prices:k", "x"]), "OK"),
            &|| assert!(two.remove(&key("k"))),
            &|| assert!(two.set(&key("k"), b"other")),
            &|| assert!(ask(|reply| two.tier.remove_range(key(""), reply)).unwrap() <= 1),
            &|| assert!(ask(|reply| two.tier.remove_range(key("k"), reply)).unwrap() <= 1),
        ];
        for (at, change) in changes.into_iter().enumerate() {
            set_and_warm(&one, "k", b"v");
            change();
            eventually("the copy is gone", || one.hit(&key("k")).is_none_or(|found| found != b"v"));
            println!("{tracking}: change {at} was pushed");
        }
        assert_eq!(one.get_or_load(&key("k"), || b"loaded".to_vec()).as_deref(), Some(b"loaded".as_slice()));
        warm(&two, "k");
    }
}

#[test]
fn an_evicted_generation_voids_its_keyspace() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let node = open_node(&server);
    set_and_warm(&node, "k", b"v");
    let generation = server.cli(&["KEYS", "larder::g:*"]);
    assert_eq!(server.cli(&["DEL", &generation]), "1");
    eventually("the copy is gone", || node.hit(&key("k")).is_none());
    assert_eq!(get(&node, "k"), None);
    assert!(node.set(&key("other"), b"w"), "the generation is made anew");
    assert_eq!(get(&node, "k"), None, "and it is not the one of before");
}

#[test]
fn an_evicted_marker_is_written_again_and_keeps_the_entries() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let node = open_node(&server);
    assert!(node.set(&key("k"), b"v"));
    let marker = server.cli(&["GET", "larder::world"]);
    server.cli(&["DEL", "larder::world"]);
    eventually("the marker is there again", || server.cli(&["GET", "larder::world"]) == marker);
    assert_eq!(get(&node, "k").as_deref(), Some(b"v".as_slice()));
}

#[test]
fn a_full_server_still_removes_and_answers() {
    let arguments = ["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"];
    let Some(server) = RedisServer::start(&arguments) else { return };
    let tier = open(&server.url(""));
    let set_len = |name: &str, len: usize| {
        ask(|reply| tier.set(key(name), vec![b'x'; len], Life::Never, SetCondition::Always, reply))
    };
    let mut stored = 0;
    // Large values come first and small values last, until no value fits.
    for len in [64 << 10, 1 << 10, 1] {
        while set_len(&format!("k{stored}"), len).is_ok() {
            stored += 1;
            assert!(stored < 100_000, "the server never fills");
        }
    }
    // Otherwise the buffers of the connections, which also count, could decide whether a request fits.
    server.cli(&["CONFIG", "SET", "maxmemory", "2900kb"]);
    let set = |name: &str| set_len(name, 64 << 10);
    let error = set("more").unwrap_err();
    assert!(error.to_string().contains("OOM") && !error.may_be_applied(), "{error}");
    assert!(ask(|reply| tier.get(key("k0"), reply)).unwrap().is_some());
    assert!(ask(|reply| tier.lease(key("new"), Duration::from_secs(1), reply)).is_err());
    assert_eq!(ask(|reply| tier.remove(vec![key("k0")], reply)).unwrap(), 1);
    assert_eq!(ask(|reply| tier.remove_range(key(""), reply)).unwrap(), stored - 1);
    assert!(set("after").unwrap());
}

#[test]
fn a_server_that_evicts_never_answers_with_what_was_replaced() {
    let arguments = ["--maxmemory", "4mb", "--maxmemory-policy", "allkeys-lru"];
    let Some(server) = RedisServer::start(&arguments) else { return };
    let node = open_node(&server);
    for round in 0..3_u8 {
        for name in 0..200 {
            let name = key(&format!("k{name}"));
            assert!(node.set(&name, &vec![round; 32 << 10]));
            let found = node.get(&name, || ());
            assert!(found.is_none_or(|bytes| bytes[0] == round), "an answer of an earlier round");
        }
    }
    assert!(server.cli(&["INFO", "stats"]).lines().any(|line| {
        line.strip_prefix("evicted_keys:").is_some_and(|count| count.trim().parse::<u64>().unwrap() > 10)
    }));
}

#[test]
fn the_changes_of_a_client_are_pushed_to_itself() {
    let Some(server) = RedisServer::start(&[]) else { return };
    for tracking in ["per-key", "broadcast"] {
        let node = Node::open(&server.url(&format!("{URL}&tracking={tracking}")), NodeFault::None);
        set_and_warm(&node, tracking, b"old");
        // Only the push drops the copy here. With `NOLOOP`, there would be no push.
        let (life, condition) = (Life::Never, SetCondition::Always);
        let set = |reply| node.tier.set(key(tracking), b"new".to_vec(), life, condition, reply);
        assert!(ask(set).unwrap());
        eventually("the copy is gone, and memory is valid", || {
            node.tier_is_current() && node.hit(&key(tracking)).is_none() && node.tier_is_current()
        });
    }
}
