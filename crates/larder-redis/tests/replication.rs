//! Tests of removals that wait for replicas, and of changes of the master.

use std::net::TcpListener;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use larder::remote::{CommitChange, CommitCondition, Life, RemoteTier, SetCondition};

use crate::proxy::Proxy;
use crate::server::RedisServer;
use crate::support::{ask, eventually, key, open};

#[test]
fn a_removal_waits_for_as_many_replicas_as_it_is_told() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url("replicas=1&request_timeout=400ms"));
    let error = ask(|reply| tier.remove(vec![key("k")], reply)).unwrap_err();
    assert!(error.to_string().contains("0 of 1 replicas"), "{error}");
    assert!(error.may_be_applied(), "the master has applied it");
}

#[test]
fn a_removal_whose_condition_does_not_hold_waits_for_no_replica() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url("replicas=1&request_timeout=400ms"));
    let set = ask(|reply| tier.set(key("k"), b"v".to_vec(), Life::Never, SetCondition::Always, reply));
    assert!(set.unwrap());
    for (record, is_same) in [(b"other".to_vec(), false), (b"v".to_vec(), true)] {
        let condition = (key("k"), CommitCondition::Unchanged(record.clone()));
        let change = (key("none"), CommitChange::Remove);
        let made = ask(|reply| tier.commit(vec![condition], vec![change], reply));
        let removed = ask(|reply| tier.remove_unchanged(key("k"), record, reply));
        for result in [made, removed] {
            match result {
                Ok(is_made) => assert!(!is_made && !is_same),
                Err(error) => assert!(is_same && error.to_string().contains("0 of 1"), "{error}"),
            }
        }
    }
}

fn pair() -> Option<(RedisServer, RedisServer)> {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let master = RedisServer::start(&["--port", &port, "--repl-diskless-sync-delay", "0"])?;
    let replica = RedisServer::start(&["--replicaof", &format!("127.0.0.1 {port}")])?;
    eventually("the replica is online", || server_says(&master, "state=online"));
    Some((master, replica))
}

fn server_says(server: &RedisServer, text: &str) -> bool {
    server.cli(&["INFO", "replication"]).contains(text)
}

#[test]
fn removals_of_all_kinds_wait_for_replicas_apart_from_other_requests() {
    let Some((master, replica)) = pair() else { return };
    let tier = open(&master.url("replicas=1&request_timeout=1500ms&staleness=200ms"));
    let set = |name: &str| {
        assert!(
            ask(|reply| tier.set(key(name), b"v".to_vec(), Life::Never, SetCondition::Always, reply))
                .unwrap()
        );
    };
    // A replica that has just copied the data may confirm the first removal late.
    eventually("the replica confirms", || ask(|reply| tier.remove(vec![key("a")], reply)).is_ok());
    set("a");
    assert_eq!(ask(|reply| tier.remove(vec![key("a")], reply)).unwrap(), 1);
    assert_eq!(replica.cli(&["EXISTS", "larder:1:prices:a"]), "0", "the replica has it at once");
    assert_eq!(ask(|reply| tier.remove(vec![], reply)).unwrap(), 0);
    set("b");
    set("c");
    let generation = tier.generation();
    replica.signal("STOP");
    let (mut errors, mut counts) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let (sender, answer) = larder::remote::reply();
        tier.remove(vec![key("b")], sender);
        counts.push(answer);
    }
    let (sender, unchanged) = larder::remote::reply();
    tier.remove_unchanged(key("c"), b"v".to_vec(), sender);
    let (sender, unfenced) = larder::remote::reply();
    tier.unfence(key("b"), 7, sender);
    for request in [RedisRemoval::Range, RedisRemoval::Keyspace, RedisRemoval::All] {
        let (sender, answer) = larder::remote::reply();
        match request {
            RedisRemoval::Range => tier.remove_range(key("b"), sender),
            RedisRemoval::Keyspace => tier.remove_range(key(""), sender),
            RedisRemoval::All => tier.remove_all(sender),
        }
        counts.push(answer);
    }
    errors.extend(counts.into_iter().map(|answer| answer.wait().map(drop)));
    errors.push(unchanged.wait().map(drop));
    errors.push(unfenced.wait());
    for (at, error) in errors.into_iter().enumerate() {
        let error = error.expect_err("no replica has it");
        assert!(error.may_be_applied() && error.to_string().contains("0 of 1"), "{at}: {error}");
    }
    assert_eq!(tier.generation(), generation, "the connection was kept");
    replica.signal("CONT");
    eventually("the replica has removals again", || ask(|reply| tier.remove(vec![key("b")], reply)).is_ok());
}

/// The replica stands still until the lookup is answered, so no time is measured.
#[test]
fn a_lookup_is_answered_before_a_removal_that_waits_for_a_replica() {
    let Some((master, replica)) = pair() else { return };
    let tier = open(&master.url("replicas=1&request_timeout=40s"));
    eventually("the replica confirms", || ask(|reply| tier.remove(vec![key("a")], reply)).is_ok());
    replica.signal("STOP");
    let (sender, mut removed) = larder::remote::reply();
    tier.remove(vec![key("b")], sender);
    assert!(ask(|reply| tier.get(key("b"), reply)).unwrap().is_none());
    let waits = Pin::new(&mut removed).poll(&mut Context::from_waker(Waker::noop())).is_pending();
    replica.signal("CONT");
    assert!(waits, "the lookup has waited for the replica, too");
    assert_eq!(removed.wait().unwrap(), 0);
}

#[derive(Clone, Copy)]
enum RedisRemoval {
    Range,
    Keyspace,
    All,
}

#[test]
fn a_master_that_comes_back_without_the_removals_of_another_one_has_no_entries() {
    let Some(first) = RedisServer::start(&[]) else { return };
    let Some(second) = RedisServer::start(&[]) else { return };
    let proxy = Proxy::start(first.socket());
    let tier = open(&proxy.url(""));
    let set = |name: &str| {
        ask(|reply| tier.set(key(name), b"v".to_vec(), Life::Never, SetCondition::Always, reply)).is_ok()
    };
    let change_master = |server: &RedisServer| {
        let generation = tier.generation();
        proxy.aim(server.socket());
        proxy.cut(false);
        eventually("the loss is seen", || tier.generation() > generation);
        eventually("the other one answers", || ask(|reply| tier.get(key("k"), reply)).is_ok());
    };
    assert!(set("k"));
    change_master(&second);
    assert_eq!(ask(|reply| tier.remove(vec![key("k")], reply)).unwrap(), 0);
    change_master(&first);
    assert_eq!(first.cli(&["EXISTS", "larder:1:prices:k"]), "1", "it was not told of the removal");
    assert_eq!(ask(|reply| tier.get(key("k"), reply)).unwrap(), None);
    assert!(set("k"));
    // Losing the connection to the same master again changes nothing.
    change_master(&first);
    assert!(ask(|reply| tier.get(key("k"), reply)).unwrap().is_some());
    // A client that connects now uses the same name for the data.
    let other = open(&first.url(""));
    assert!(ask(|reply| other.get(key("k"), reply)).unwrap().is_some());
}

#[test]
fn a_flush_of_another_database_fails_no_removal() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url(""));
    std::thread::scope(|scope| {
        let flushes = scope.spawn(|| (0..30).for_each(|_| drop(server.cli(&["-n", "5", "FLUSHDB"]))));
        let (mut removals, mut fences) = (0, 0_u128);
        while !flushes.is_finished() {
            ask(|reply| tier.remove(vec![key("k")], reply)).unwrap();
            ask(|reply| tier.remove_range(key("k"), reply)).unwrap();
            ask(|reply| tier.fence(key("k"), fences, Duration::from_secs(1), reply)).unwrap();
            ask(|reply| tier.unfence(key("k"), fences, reply)).unwrap();
            (removals, fences) = (removals + 1, fences + 1);
        }
        assert!(removals > 10, "only {removals} were tried");
    });
}
