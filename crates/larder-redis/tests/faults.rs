//! Tests servers that cannot be used, connections that fail, and time limits.

use std::time::Duration;

use larder::RemoteErrorKind;
use larder::remote::{Life, RemoteTier, SetCondition};
use larder_redis::{Error, RedisTier};

use crate::node::{Node, NodeFault};
use crate::proxy::Proxy;
use crate::server::RedisServer;
use crate::support::{LIMIT, ask, eventually, key, now, open, pause};

#[test]
fn a_wrong_password_is_refused_and_not_shown() {
    let Some(server) = RedisServer::start(&["--requirepass", "correct"]) else { return };
    let url = |user: &str| server.url("").replace("redis+unix://", &format!("redis+unix://{user}@"));
    for user in [":wrong-one", "shop:wrong-one"] {
        let error = RedisTier::open(&url(user)).map(drop).unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{error:?}");
        assert!(!format!("{error:?}").contains("wrong-one"), "{error:?}");
    }
    let error = RedisTier::open(&server.url("")).map(drop).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
    let tier = open(&url(":correct"));
    assert!(!format!("{tier:?}").contains("correct"), "{tier:?}");
    assert!(ask(|reply| tier.get(key("k"), reply)).unwrap().is_none());
}

#[test]
fn a_user_with_the_rights_of_its_prefix_is_enough() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let rights =
        "ACL SETUSER shop on >secret ~shop:* +@read +@write +@scripting +@connection +info +time +wait";
    assert_eq!(server.cli(&rights.split(' ').collect::<Vec<_>>()), "OK");
    let url = server.url("prefix=shop").replace("redis+unix://", "redis+unix://shop:secret@");
    let node = Node::open(&url, NodeFault::None);
    assert!(node.set(&key("k"), b"v"));
    assert!(node.remove(&key("k")));
    assert_eq!(ask(|reply| node.tier.remove_all(reply)).unwrap(), 0);
    let refused = RedisTier::open(&url.replace("prefix=shop", "prefix=other")).map(drop);
    assert!(refused.is_err(), "another prefix is not the user's");
}

#[test]
fn a_cluster_and_a_replica_are_clear_errors() {
    let Some(server) = RedisServer::start(&["--cluster-enabled", "yes"]) else { return };
    let error = RedisTier::open(&server.url("")).map(drop).unwrap_err();
    assert!(error.to_string().contains("Cluster"), "{error:?}");
    let Some(server) = RedisServer::start(&["--replicaof", "127.0.0.1 1"]) else { return };
    let error = RedisTier::open(&server.url("")).map(drop).unwrap_err();
    assert!(error.to_string().contains("replica"), "{error:?}");
}

#[test]
fn a_master_that_becomes_a_replica_is_left() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let node = Node::open(&server.url("staleness=200ms"), NodeFault::None);
    assert!(node.set(&key("k"), b"v"));
    server.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    eventually("it is left", || node.tier.why_down().is_some());
    assert!(!node.set(&key("k"), b"w"));
    server.cli(&["REPLICAOF", "NO", "ONE"]);
    eventually("it is used again", || node.set(&key("k"), b"x"));
}

#[test]
fn a_server_that_is_away_is_an_error_at_once_and_is_found_when_it_is_back() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let url = server.url("");
    server.kill();
    let tier = open(&url);
    let began = now();
    for _ in 0..100 {
        let error = ask(|reply| tier.get(key("k"), reply)).unwrap_err();
        assert_eq!((error.kind(), error.may_be_applied()), (RemoteErrorKind::Unavailable, true));
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    server.restart();
    eventually("it is found", || ask(|reply| tier.get(key("k"), reply)).is_ok());
    tier.close();
    eventually("it is closed", || ask(|reply| tier.get(key("k"), reply)).is_err());
}

#[test]
fn a_silent_line_ends_in_the_time_limit_and_the_circuit_opens() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let proxy = Proxy::start(server.socket());
    let node = Node::open(
        &proxy.url("staleness=200ms&request_timeout=300ms&connect_timeout=300ms"),
        NodeFault::None,
    );
    assert!(node.set(&key("k"), b"v"));
    proxy.drop_bytes(true);
    let began = now();
    assert!(ask(|reply| node.tier.get(key("k"), reply)).is_err());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    // The proxy accepts connections and sends no answer. This does not close the circuit.
    for _ in 0..20 {
        let began = now();
        let error = ask(|reply| node.tier.get(key("k"), reply)).unwrap_err();
        assert_eq!(error.kind(), RemoteErrorKind::Unavailable);
        assert!(began.elapsed() < Duration::from_millis(200), "{:?}", began.elapsed());
        pause(Duration::from_millis(20));
    }
    proxy.drop_bytes(false);
    proxy.cut(false);
    eventually("it is used again", || node.set(&key("k"), b"w"));
}

#[test]
fn a_connection_that_ends_in_one_direction_is_replaced() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let proxy = Proxy::start(server.socket());
    let node = Node::open(&proxy.url(""), NodeFault::None);
    for is_half in [true, false, true] {
        eventually("it answers", || node.set(&key("k"), b"v"));
        let before = node.tier.generation();
        proxy.cut(is_half);
        eventually("the loss is seen", || node.tier.generation() > before);
    }
    proxy.delay(Duration::from_millis(3));
    eventually("it answers slowly", || node.set(&key("k"), b"w"));
    assert!(node.near.voids.load(std::sync::atomic::Ordering::Relaxed) >= 3);
}

#[test]
fn a_paused_server_is_waited_for_within_the_time_limit() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url("request_timeout=10s"));
    server.cli(&["CLIENT", "PAUSE", "300", "WRITE"]);
    let began = now();
    let set = ask(|reply| tier.set(key("k"), b"v".to_vec(), Life::Never, SetCondition::Always, reply));
    assert!(set.unwrap() && began.elapsed() < LIMIT);
}

#[test]
fn a_removal_waits_for_as_many_replicas_as_it_is_told() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url("replicas=1&request_timeout=400ms"));
    let error = ask(|reply| tier.remove(vec![key("k")], reply)).unwrap_err();
    assert!(error.to_string().contains("0 of 1 replicas"), "{error}");
}

#[test]
fn a_user_of_the_crate_can_drop_the_tier_at_any_time() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url(""));
    let answers: Vec<_> = (0..500)
        .map(|_| {
            let (sender, answer) = larder::remote::reply();
            tier.get(key("k"), sender);
            answer
        })
        .collect();
    drop(tier);
    // Each request is answered, by the server or by the end of the connection.
    for answer in answers {
        drop(answer.wait());
    }
    eventually("the connection ends", || server.cli(&["CLIENT", "LIST"]).lines().count() == 1);
}
