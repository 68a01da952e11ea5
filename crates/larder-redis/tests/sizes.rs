//! Tests of full servers, large values, and many concurrent requests.

use std::time::Duration;

use larder::Format;
use larder::remote::{Life, RemoteTier, SetCondition};
use larder_redis::RedisTier;

use crate::proxy::Proxy;
use crate::server::RedisServer;
use crate::support::{ask, eventually, key, key_of, keyspace, now, open, records};

fn set(tier: &RedisTier, name: &str, bytes: Vec<u8>) -> bool {
    ask(|reply| tier.set(key(name), bytes, Life::Never, SetCondition::Always, reply)).is_ok()
}

#[test]
fn a_full_server_that_was_restarted_still_removes() {
    let arguments = ["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"];
    let Some(mut server) = RedisServer::start(&arguments) else { return };
    let tier = open(&server.url(""));
    assert!(set(&tier, "k", b"v".to_vec()));
    for (len, step) in [(64 << 10, "large"), (1 << 10, "small"), (1, "least")] {
        let stored =
            (0..100_000).take_while(|at| set(&tier, &format!("{step}{at}"), vec![b'x'; len])).count();
        assert!(stored < 100_000, "the server never fills");
    }
    assert_eq!(server.cli(&["SAVE"]), "OK");
    // The server gets less memory than its data needs, so that it is full.
    server.restart_with(&["--maxmemory", "2mb"]);
    eventually("the tier is connected", || tier.why_down().is_none());
    let removed = ask(|reply| tier.remove(vec![key("k")], reply));
    assert_eq!(removed.unwrap(), 0, "a restart has made all a miss, and the removal is made");
    let first_time = open(&server.url("prefix=other"));
    assert!(first_time.why_down().is_none(), "{:?}", first_time.why_down());
    assert!(ask(|reply| first_time.lease(key("k"), Duration::from_secs(1), reply)).is_err(), "it is full");
    assert!(ask(|reply| tier.remove_all(reply)).unwrap() > 0);
}

#[test]
fn many_large_values_are_answered_in_parts() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url(""));
    let generation = tier.generation();
    // The values together exceed what one reply may contain, so the tier needs several replies.
    for (len, count) in [(3 << 20, 41), (65 << 20, 4)] {
        assert!(set(&tier, "k", vec![7; len]));
        let is_none = |at: usize| at % 8 == 5;
        let keys: Vec<_> = (0..count).map(|at| key(if is_none(at) { "none" } else { "k" })).collect();
        let found = ask(|reply| tier.get_many(keys, reply)).unwrap();
        assert_eq!(found.len(), count);
        for (at, record) in found.iter().enumerate() {
            let len_of = record.as_ref().map(|record| record.bytes.len());
            assert_eq!(len_of, (!is_none(at)).then_some(len), "{at}");
        }
    }
    assert_eq!(tier.generation(), generation, "the connection was kept");
}

#[test]
fn a_foreign_value_that_is_too_large_is_a_miss_and_the_connection_is_kept() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let tier = open(&server.url("request_timeout=10s"));
    tier.register(keyspace(9, "plain", Format::Raw)).unwrap();
    let generation = tier.generation();
    server.cli(&["SETRANGE", "larder:1:plain:large", "90000000", "x"]);
    server.cli(&["SETRANGE", "larder:1:prices:large", "90000000", "x"]);
    assert_eq!(ask(|reply| tier.get(key_of(9, "large"), reply)).unwrap(), None);
    assert_eq!(ask(|reply| tier.get(key("large"), reply)).unwrap(), None);
    let both = vec![key_of(9, "large"), key("large")];
    assert_eq!(ask(|reply| tier.get_many(both, reply)).unwrap(), [None, None]);
    assert!(set(&tier, "large", b"v".to_vec()));
    assert_eq!(tier.generation(), generation, "the connection was kept");
}

#[test]
fn an_answer_that_arrives_slowly_is_waited_for_while_it_goes_on() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let proxy = Proxy::start(server.socket());
    let tier = RedisTier::open(&proxy.url("request_timeout=1s")).unwrap();
    tier.register(records()).unwrap();
    // On a busy machine, storing the value may exceed the time limit, so the test tries again.
    eventually("the value is stored", || set(&tier, "k", vec![7; 4 << 20]));
    let generation = tier.generation();
    // The proxy passes 16 KiB at once, so the answer takes twice the time limit.
    proxy.delay(Duration::from_millis(8));
    let began = now();
    let found = ask(|reply| tier.get(key("k"), reply)).unwrap();
    assert!(began.elapsed() > Duration::from_secs(1), "the line was quick: {:?}", began.elapsed());
    assert_eq!(found.map(|record| record.bytes.len()), Some(4 << 20));
    assert_eq!(tier.generation(), generation, "the connection was kept");
}

#[test]
fn requests_that_wait_for_their_answers_are_bounded() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let proxy = Proxy::start(server.socket());
    let tier = RedisTier::open(&proxy.url("")).unwrap();
    tier.register(records()).unwrap();
    // The server receives each request that the client does not refuse, but its replies are held back.
    proxy.hold_answers(true);
    let mut answers = Vec::new();
    for _ in 0..150 {
        let (sender, answer) = larder::remote::reply();
        tier.set(key("k"), vec![7; 1 << 20], Life::Never, SetCondition::Always, sender);
        answers.push(answer);
    }
    proxy.hold_answers(false);
    let refused: Vec<_> = answers.into_iter().filter_map(|answer| answer.wait().err()).collect();
    assert!((15..30).contains(&refused.len()), "{} were refused", refused.len());
    assert!(refused.iter().all(|error| !error.may_be_applied()), "{refused:?}");
    assert!(set(&tier, "k", b"v".to_vec()), "there is room again");
}
