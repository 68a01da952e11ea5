//! Tests of servers that can't be used, of connections that fail, and of time limits.

use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Waker};
use std::time::Duration;

use larder::RemoteErrorKind;
use larder::remote::{Life, RemoteTier, SetCondition, reply};
use larder_redis::{Error, RedisTier};

use crate::node::{Node, NodeFault};
use crate::proxy::Proxy;
use crate::scripted_server::{Scripted, ScriptedServer, usual};
use crate::server::RedisServer;
use crate::support::{ask, eventually, key, open};

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
fn no_error_of_a_server_that_does_not_know_the_greeting_shows_the_password() {
    // The server returns an error that repeats the words of the command, which include the password.
    let arguments = ["--requirepass", "s3cret-word", "--rename-command", "HELLO", ""];
    let Some(server) = RedisServer::start(&arguments) else { return };
    let url = server.url("").replace("redis+unix://", "redis+unix://:s3cret-word@");
    let error = RedisTier::open(&url).map(drop).unwrap_err();
    // Valkey asks for a password before it looks for the command.
    assert!(matches!(error, Error::Unsupported { .. } | Error::Refused { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
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
fn a_server_that_is_away_is_an_error_and_is_found_when_it_is_back() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let url = server.url("");
    server.kill();
    let tier = open(&url);
    for _ in 0..100 {
        let error = ask(|reply| tier.get(key("k"), reply)).unwrap_err();
        assert_eq!((error.kind(), error.may_be_applied()), (RemoteErrorKind::Unavailable, true));
    }
    server.restart();
    eventually("it is found", || ask(|reply| tier.get(key("k"), reply)).is_ok());
    tier.close();
    eventually("it is closed", || ask(|reply| tier.get(key("k"), reply)).is_err());
}

#[test]
fn a_silent_line_ends_in_the_time_limit_and_is_replaced() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let proxy = Proxy::start(server.socket());
    let node = Node::open(
        &proxy.url("staleness=200ms&request_timeout=300ms&connect_timeout=300ms"),
        NodeFault::None,
    );
    eventually("it answers", || node.set(&key("k"), b"v"));
    proxy.drop_bytes(true);
    assert!(ask(|reply| node.tier.get(key("k"), reply)).is_err());
    // An attempt to connect fails while the proxy accepts connections but sends no replies.
    let attempts = proxy.accepted();
    eventually("two attempts to connect have failed", || {
        let error = ask(|reply| node.tier.get(key("k"), reply)).unwrap_err();
        assert_eq!(error.kind(), RemoteErrorKind::Unavailable);
        proxy.accepted() >= attempts + 2
    });
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
    let tier = open(&server.url(""));
    assert_eq!(server.cli(&["CLIENT", "PAUSE", "60000", "WRITE"]), "OK");
    let (sender, answer) = reply();
    tier.set(key("k"), b"v".to_vec(), Life::Never, SetCondition::Always, sender);
    let has_request = || server.cli(&["CLIENT", "LIST"]).contains("cmd=evalsha");
    eventually("the server has the request", has_request);
    let mut answer = pin!(answer);
    assert!(answer.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(server.cli(&["CLIENT", "UNPAUSE"]), "OK");
    assert!(pollster::block_on(answer).unwrap());
}

#[test]
fn a_user_of_the_crate_can_drop_the_tier_at_any_time() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url(""));
    let answers: Vec<_> = (0..500)
        .map(|_| {
            let (sender, answer) = reply();
            tier.get(key("k"), sender);
            answer
        })
        .collect();
    drop(tier);
    // Each request completes, with a reply or because the connection ends.
    for answer in answers {
        drop(answer.wait());
    }
    eventually("the connection ends", || server.cli(&["CLIENT", "LIST"]).lines().count() == 1);
}

#[test]
fn a_request_that_was_sent_may_be_applied_when_the_client_is_closed() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let proxy = Proxy::start(server.socket());
    let tier = open(&proxy.url(""));
    proxy.hold_answers(true);
    let (sender, answer) = reply();
    tier.set(key("k"), b"v".to_vec(), Life::Never, SetCondition::Always, sender);
    tier.close();
    assert!(answer.wait().unwrap_err().may_be_applied());
    proxy.hold_answers(false);
}

#[test]
fn an_attempt_to_connect_to_a_server_that_accepts_no_connections_ends() {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("full.sock");
    let listener = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    bind(&listener, &SocketAddrUnix::new(&path).unwrap()).unwrap();
    listen(&listener, 0).unwrap();
    // This connection fills the queue of the listener, which never accepts it.
    let first = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let url = format!("redis+unix://{}?connect_timeout=200ms", path.display());
    let tier = RedisTier::open(&url).unwrap();
    let is_late = |why: Error| why.to_string().contains("it was not made in time");
    eventually("an attempt to connect ends", || tier.why_down().is_some_and(is_late));
    drop(tier);
    drop((first, listener));
}

#[test]
fn a_server_that_is_far_away_is_greeted_in_four_times_of_travel() {
    // The server sends no answer before it has the last of the requests that are sent together. So a client
    // that waited for an earlier answer would wait for ever.
    let held = Mutex::new(String::new());
    let server = ScriptedServer::start(move |words| {
        let mut held = held.lock().unwrap();
        *held += &usual(words);
        match words[0].as_str() {
            "SCRIPT" | "SELECT" => Scripted::Silence,
            _ => Scripted::Reply(std::mem::take(&mut held)),
        }
    });
    let tier = RedisTier::open(&server.url("")).unwrap();
    eventually("the server is greeted", || tier.why_down().is_none());
}
