//! Tests of servers that answer requests with errors.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use larder::remote::{Life, RemoteTier, SetCondition};
use larder::{KeyspaceDefinition, RemoteErrorKind};

use crate::node::is_current;
use crate::scripted_server::{Scripted, ScriptedServer};
use crate::server::RedisServer;
use crate::support::{ask, eventually, key, open};

const PRICES: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("prices");

/// The error replies of servers that can't do a request.
const REPLIES: [&str; 4] = [
    "LOADING Redis is loading the dataset in memory",
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk",
    "NOREPLICAS Not enough good replicas to write.",
    "ERR unspecified",
];

const POLICIES: [&str; 8] = [
    "noeviction",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
];

fn is_of_data(words: &[String]) -> bool {
    words[0] == "EVAL" && !words[1].contains("local run")
}

#[test]
fn a_full_server_of_each_policy_answers_with_nothing_replaced_and_removes() {
    let Some(server) = RedisServer::start(&["--maxmemory", "3mb"]) else { return };
    let statistic = |name: &str| {
        let stats = server.cli(&["INFO", "stats"]);
        let line = stats.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().parse::<u64>().unwrap()
    };
    for policy in POLICIES {
        assert_eq!(server.cli(&["CONFIG", "SET", "maxmemory-policy", policy]), "OK");
        assert_eq!(server.cli(&["FLUSHALL"]), "OK");
        let (tier, evicted) = (open(&server.url("")), statistic("evicted_keys:"));
        let names: Vec<_> = (0..60).map(|name| key(&format!("k{name}"))).collect();
        let mut refused = 0;
        let mut last = vec![None; names.len()];
        for round in 0..2_u8 {
            for (name, last) in names.iter().zip(&mut last) {
                let life = Life::For(Duration::from_mins(10));
                let value = vec![round; 64 << 10];
                match ask(|reply| tier.set(name.clone(), value, life, SetCondition::Always, reply)) {
                    Ok(is_stored) => *last = is_stored.then_some(round),
                    Err(error) => {
                        assert!(error.to_string().contains("OOM"), "{policy}: {error}");
                        assert!(!error.may_be_applied(), "{policy}: {error}");
                        refused += 1;
                    }
                }
                let found = ask(|reply| tier.get(name.clone(), reply)).unwrap();
                assert!(
                    found.is_none_or(|record| Some(record.bytes[0]) == *last),
                    "{policy}: an older value"
                );
            }
        }
        let is_full = if policy == "noeviction" { refused > 0 } else { statistic("evicted_keys:") > evicted };
        assert!(is_full, "{policy}: {refused} refused");
        ask(|reply| tier.remove(names.clone(), reply)).unwrap();
        let found = ask(|reply| tier.get_many(names, reply)).unwrap();
        assert!(found.iter().all(Option::is_none), "{policy}: a removed value");
    }
}

#[test]
fn an_error_of_the_server_is_a_counted_miss_and_fails_each_change() {
    for text in REPLIES {
        let server = ScriptedServer::start(move |words| {
            if is_of_data(words) { Scripted::Reply(format!("-{text}\r\n")) } else { Scripted::Usual }
        });
        let cache = larder_redis::open_url(&server.url("memory=8MiB")).unwrap();
        let prices = cache.keyspace(PRICES).unwrap();
        let failures = || cache.stats().remote.unwrap().failures;
        let before = failures();
        assert!(prices.get("k").is_none());
        assert_eq!(failures(), before + 1, "{text}");
        for loaded in [1, 2] {
            let value = prices.get_or_load("k", || Ok::<u64, std::io::Error>(loaded)).unwrap();
            assert_eq!(*value, loaded, "{text}: the value of a load is not kept");
        }
        assert!(failures() >= before + 3, "{text}");
        let refused = [
            prices.insert("k", 1).unwrap_err(),
            prices.remove("k").map(drop).unwrap_err(),
            prices.remove_many(["k", "l"]).map(drop).unwrap_err(),
            prices.clear().map(drop).unwrap_err(),
        ];
        for error in refused {
            let shown = format!("{error} {error:?}");
            assert!(matches!(error, larder::Error::Remote { .. }) && shown.contains(text), "{shown}");
        }
    }
}

#[test]
fn a_server_that_answers_everything_with_an_error_counts_as_away_until_it_stops() {
    for text in REPLIES {
        let is_broken = Arc::new(AtomicBool::new(true));
        let broken = is_broken.clone();
        let server = ScriptedServer::start(move |_| {
            let is_broken = broken.load(Ordering::SeqCst);
            if is_broken { Scripted::Reply(format!("-{text}\r\n")) } else { Scripted::Usual }
        });
        let tier = open(&server.url("staleness=200ms"));
        let is_away = || {
            let error = ask(|reply| tier.get(key("k"), reply)).unwrap_err();
            assert_eq!(error.kind(), RemoteErrorKind::Unavailable, "{error}");
            assert!(ask(|reply| tier.remove(vec![key("k")], reply)).is_err());
            let code = text.split(' ').next().unwrap();
            let names_it = |why: larder_redis::Error| why.to_string().contains(code);
            eventually("the reason names the error", || tier.why_down().is_some_and(names_it));
        };
        is_away();
        is_broken.store(false, Ordering::SeqCst);
        eventually("the server is used", || tier.why_down().is_none());
        // The next heartbeat finds the error, and ends the connection.
        is_broken.store(true, Ordering::SeqCst);
        eventually("the server is left", || tier.why_down().is_some());
        is_away();
    }
}

#[test]
fn a_server_that_cannot_save_its_data_is_kept() {
    let pings = Arc::new(AtomicUsize::new(0));
    let counts = pings.clone();
    let server = ScriptedServer::start(move |words| match words[0].as_str() {
        "PING" => {
            counts.fetch_add(1, Ordering::SeqCst);
            Scripted::Reply("-MISCONF Errors writing to the AOF file\r\n".to_owned())
        }
        _ => Scripted::Usual,
    });
    let tier = open(&server.url("staleness=100ms&tracking=broadcast"));
    let generation = tier.generation();
    eventually("heartbeats are answered", || pings.load(Ordering::SeqCst) >= 4);
    assert_eq!((tier.generation(), tier.why_down()), (generation, None));
    assert!(!is_current(&tier), "the answer does not say that no script runs");
}
