//! Tests of transactions of several caches on a real server.

use std::sync::atomic::{AtomicU64, Ordering};

use larder::{Cache, Error, Format, Keyspace, KeyspaceDefinition};

use crate::proxy::Proxy;
use crate::scripted_server::{Scripted, ScriptedServer};
use crate::server::RedisServer;
use crate::support::eventually;

const BALANCES: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("balances");
const COUNTS: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("counts").format(Format::MessagePack);
const PLAIN: KeyspaceDefinition<String, String> = KeyspaceDefinition::new("plain").format(Format::Raw);

fn caches(server: &RedisServer, tracking: &str, count: usize) -> Vec<(Cache, Keyspace<u64, u64>)> {
    let url = server.url(&format!("prefix=shop&staleness=200ms&memory=8MiB&tracking={tracking}"));
    let open = || {
        let cache = larder_redis::open_url(&url).unwrap();
        let balances = cache.keyspace(BALANCES).unwrap();
        (cache, balances)
    };
    std::iter::repeat_with(open).take(count).collect()
}

fn transfer(cache: &Cache, balances: &Keyspace<u64, u64>, (from, to): (u64, u64), amount: u64) {
    let moved = cache.transaction(|tx| {
        let has = tx.get(balances, &from)?.map_or(0, |value| *value);
        let other = tx.get(balances, &to)?.map_or(0, |value| *value);
        let amount = amount.min(has);
        tx.insert(balances, &from, has - amount)?;
        tx.insert(balances, &to, other + amount)
    });
    moved.unwrap_or_else(|error: Error| panic!("{error}"));
}

#[test]
fn transfers_of_several_nodes_keep_the_sum_at_every_observation() {
    const ROUNDS: usize = 60;
    for tracking in ["per-key", "broadcast"] {
        let Some(server) = RedisServer::start(&[]) else { return };
        let nodes = caches(&server, tracking, 3);
        nodes[0].1.insert_many([(1, 500), (2, 500), (3, 500)]).unwrap();
        let (running, observations) = (AtomicU64::new(2), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for (at, (cache, balances)) in nodes.iter().take(2).enumerate() {
                let running = &running;
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        let [from, to] =
                            [(round + at) % 3, (round + 2 * at + 1) % 3].map(|key| key as u64 + 1);
                        if from != to {
                            transfer(cache, balances, (from, to), 7);
                        }
                        // A lookup puts a near copy into memory, which a transaction must not read.
                        balances.get(&from);
                    }
                    running.fetch_sub(1, Ordering::SeqCst);
                });
            }
            let (cache, balances) = &nodes[2];
            while running.load(Ordering::SeqCst) > 0 {
                let found = cache.transaction(|tx| tx.get_many(balances, 1..4));
                let found = found.unwrap_or_else(|error: Error| panic!("{error}"));
                assert_eq!(found.iter().flatten().map(|value| **value).sum::<u64>(), 1500, "{found:?}");
                observations.fetch_add(1, Ordering::SeqCst);
                drop(balances.get_many(1..4));
            }
        });
        assert!(observations.into_inner() > 0);
    }
}

#[test]
fn counters_of_several_nodes_in_two_keyspaces_lose_no_update() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let nodes = caches(&server, "per-key", 3);
    std::thread::scope(|scope| {
        for (cache, balances) in &nodes {
            scope.spawn(move || {
                let counts = cache.keyspace(COUNTS).unwrap();
                for _ in 0..25 {
                    let added = cache.transaction(|tx| {
                        let sum = tx.get(balances, &1)?.map_or(0, |value| *value) + 1;
                        let was_odd = tx.remove(&counts, "odd")?;
                        if sum % 2 == 1 {
                            tx.insert(&counts, "odd", sum)?;
                        }
                        tx.insert(balances, &1, sum)?;
                        Ok::<_, Error>((sum, was_odd))
                    });
                    let (sum, was_odd) = added.unwrap();
                    assert_eq!(was_odd, sum % 2 == 0, "{sum}");
                }
            });
        }
    });
    let counts = nodes[0].0.keyspace(COUNTS).unwrap();
    let (cache, balances) = &nodes[0];
    let found = cache.transaction(|tx| Ok::<_, Error>((tx.get(balances, &1)?, tx.get(&counts, "odd")?)));
    let (count, odd) = found.unwrap();
    assert_eq!((count.as_deref(), odd.as_deref()), (Some(&75), Some(&75)));
}

#[test]
fn a_change_by_another_program_during_a_round_is_found() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let nodes = caches(&server, "per-key", 1);
    let (cache, _) = &nodes[0];
    let (counts, plain) = (cache.keyspace(COUNTS).unwrap(), cache.keyspace(PLAIN).unwrap());
    counts.insert("a", 1).unwrap();
    plain.insert("a", "1".to_owned()).unwrap();
    let watch = counts.watch("b").unwrap();
    let changes: [(&[&str], bool, &str); 3] = [
        (&["DEL", "shop:0:counts:a"], true, "1"),
        (&["SET", "shop:0:plain:a", "2"], false, "1"),
        (&["RPUSH", "shop:0:plain:b", "a list"], false, "2"),
    ];
    let (mut rounds, mut seen) = (0, Vec::new());
    for (change, has_count, text) in changes {
        let mut is_first = true;
        let made = cache.transaction(|tx| {
            rounds += 1;
            let found = (tx.contains_key(&counts, "a")?, tx.get(&plain, "a")?.map(|text| (*text).clone()));
            assert!(!tx.contains_key(&plain, "b")?);
            tx.insert(&counts, "made", 1)?;
            if std::mem::take(&mut is_first) {
                assert_eq!(found, (has_count, Some(text.to_owned())));
                server.cli(change);
            }
            Ok::<_, Error>(found)
        });
        seen.push(made.unwrap());
    }
    // A list in a slot counts as empty, so the last change loses no round.
    assert_eq!(rounds, 5, "{seen:?}");
    let seen: Vec<_> = seen.iter().map(|(has_count, text)| (*has_count, text.as_deref())).collect();
    assert_eq!(seen, [(false, Some("1")), (false, Some("2")), (false, Some("2"))]);
    cache.transaction(|tx| tx.require(&watch)).unwrap_or_else(|error: Error| panic!("{error}"));
    server.cli(&["DEL", "shop:0:counts:b"]);
    let broken = cache.transaction(|tx| tx.require(&watch));
    assert!(matches!(broken, Err(Error::Changed)), "{broken:?}");
}

#[test]
fn a_connection_that_is_lost_during_a_transaction_leaves_all_of_it_or_nothing() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let proxy = Proxy::start(server.socket());
    let cache = larder_redis::open_url(&proxy.url("prefix=shop")).unwrap();
    let balances = cache.keyspace(BALANCES).unwrap();
    let nodes = caches(&server, "per-key", 1);
    balances.insert(&1, 0).unwrap();
    for round in 1..3 {
        proxy.hold_answers(true);
        let made = std::thread::scope(|scope| {
            let made = scope.spawn(|| {
                cache.transaction(|tx| {
                    tx.insert(&balances, &1, round)?;
                    tx.insert(&balances, &2, round)
                })
            });
            eventually("the server has made it", || {
                let found = nodes[0].0.transaction(|tx| tx.get_many(&nodes[0].1, [1, 2]));
                let found: Vec<_> = found
                    .unwrap_or_else(|error: Error| panic!("{error}"))
                    .iter()
                    .flatten()
                    .map(|value| **value)
                    .collect();
                assert!(found.len() < 2 || found[0] == found[1], "{found:?}");
                found == [round, round]
            });
            proxy.cut(false);
            proxy.hold_answers(false);
            made.join().unwrap()
        });
        let Err(Error::Remote { cause, .. }) = made else { panic!("{made:?}") };
        assert!(cause.may_be_applied());
        eventually("it is connected again", || balances.insert(&3, round).is_ok());
        assert_eq!(balances.get(&2).as_deref(), Some(&round));
    }
}

#[test]
fn a_transaction_of_many_keys_does_not_occupy_the_server() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let nodes = caches(&server, "per-key", 1);
    let (cache, balances) = &nodes[0];
    for (setting, value) in [("slowlog-log-slower-than", "0"), ("slowlog-max-len", "100000")] {
        assert_eq!(server.cli(&["CONFIG", "SET", setting, value]), "OK");
    }
    for round in 1..3 {
        let added = cache.transaction(|tx| {
            let found = tx.get_many(balances, 0..1024)?;
            for (key, value) in (0_u64..).zip(found) {
                tx.insert(balances, &key, value.map_or(0, |value| *value) + 1)?;
            }
            Ok::<_, Error>(())
        });
        added.unwrap();
        assert_eq!(balances.get(&1023).as_deref(), Some(&round));
    }
    // With per-key tracking, the time of a script in Redis 7.0 grows with the square of its declared keys.
    let log = server.cli(&["SLOWLOG", "GET", "100000"]);
    let lines: Vec<_> = log.lines().collect();
    let scripts = lines.windows(3).filter(|words| words[0] == "EVALSHA");
    let declared: Vec<usize> = scripts.map(|words| words[2].parse().unwrap()).collect();
    assert!(declared.len() > 2 * 1024 / 4, "{} scripts", declared.len());
    assert!(declared.iter().all(|keys| *keys <= 3 * 4), "{declared:?}");
}

#[test]
fn a_transaction_ends_if_the_server_always_answers_that_a_key_was_changed() {
    let server = ScriptedServer::start(|words| {
        let is_of_data = words[0] == "EVAL" && !words[1].contains("local run");
        if is_of_data { Scripted::Reply(":0\r\n".to_owned()) } else { Scripted::Usual }
    });
    let cache = larder_redis::open_url(&server.url("memory=8MiB")).unwrap();
    let balances = cache.keyspace(BALANCES).unwrap();
    let rounds = AtomicU64::new(0);
    let made = cache.transaction(|tx| {
        assert!(rounds.fetch_add(1, Ordering::Relaxed) < 2_000, "it does not end");
        tx.insert(&balances, &1, 1)
    });
    let Err(Error::Remote { cause, .. }) = made else { panic!("{made:?}") };
    assert!(cause.to_string().contains("each of 1000 rounds") && !cause.may_be_applied(), "{cause:?}");
}
