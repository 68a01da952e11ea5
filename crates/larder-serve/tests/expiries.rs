//! Tests that commands compare expiries with the time of the cache, and not with the clock of the system.

use std::sync::Arc;
use std::time::Duration;

use larder::clock::ManualClock;
use larder::{Format, KeyspaceDefinition, Timestamp};

use crate::resp::RespClient;
use crate::support::Served;

const PAGE: KeyspaceDefinition<String, String> =
    KeyspaceDefinition::new("page").format(Format::Raw).never_expires();

/// The first seconds of 1990 and of 2100, so that the clock of the system is far away.
const STARTS: [u64; 2] = [631_152_000, 4_102_444_800];

fn served(clock: &Arc<ManualClock>) -> Served {
    Served::over(|cache| cache.clock(clock.clone()), |builder| builder.keyspace("page"))
}

/// Sends a request, alone or as a transaction. Returns the number that the server replies.
fn ask(client: &mut RespClient, words: &[&str], in_transaction: bool) -> i64 {
    if !in_transaction {
        let reply = client.ask(words);
        return reply.integer().unwrap_or_else(|| panic!("{words:?}: {reply:?}"));
    }
    client.ask(&["MULTI"]);
    client.ask(words);
    let reply = client.ask(&["EXEC"]);
    reply.items()[0].integer().unwrap_or_else(|| panic!("{words:?}: {reply:?}"))
}

#[test]
fn conditions_and_absolute_expiries_are_compared_with_the_time_of_the_cache() {
    for start in STARTS {
        let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(start * 1000)));
        let served = served(&clock);
        let mut client = RespClient::connect(&served.socket).unwrap();
        let at = |seconds: i64| start.checked_add_signed(seconds).unwrap().to_string();
        for in_transaction in [false, true] {
            let mut number = |words: &[&str]| ask(&mut client, words, in_transaction);
            assert_eq!(number(&["SETNX", "a", "1"]), 1);
            assert_eq!(number(&["EXPIRE", "a", "100"]), 1);
            assert_eq!(number(&["EXPIREAT", "a", &at(50), "GT"]), 0);
            assert_eq!(number(&["EXPIREAT", "a", &at(200), "LT"]), 0);
            assert_eq!(number(&["EXPIREAT", "a", &at(200), "GT"]), 1);
            // The clock stands still, so these expiries are exactly the present one.
            for condition in ["GT", "LT"] {
                assert_eq!(number(&["EXPIREAT", "a", &at(200), condition]), 0, "{condition}");
                assert_eq!(number(&["EXPIRE", "a", "200", condition]), 0, "{condition}");
            }
            assert_eq!(number(&["PEXPIREAT", "a", &format!("{}001", at(200)), "GT"]), 1);
            assert_eq!(number(&["EXPIRE", "a", "150", "LT"]), 1);
            assert_eq!(number(&["EXPIRETIME", "a"]).to_string(), at(150));
            assert_eq!(number(&["TTL", "a"]), 150);
            assert_eq!(number(&["EXPIREAT", "a", &at(0)]), 1, "this time has come");
            assert_eq!(number(&["EXISTS", "a"]), 0);
        }
    }
}

#[test]
fn a_write_with_an_absolute_expiry_counts_by_the_time_of_the_cache() {
    for start in STARTS {
        let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(start * 1000)));
        let served = served(&clock);
        let mut client = served.connect();
        let at = |seconds: i64| start.checked_add_signed(seconds).unwrap().to_string();
        client.expect(&["SET", "a", "1", "EXAT", &at(10)], "+OK\r\n");
        client.expect(&["TTL", "a"], ":10\r\n");
        client.expect(&["SET", "a", "2", "XX", "EXAT", &at(20)], "+OK\r\n");
        client.expect(&["GETEX", "a", "EXAT", &at(30)], "$1\r\n2\r\n");
        client.expect(&["TTL", "a"], ":30\r\n");
        clock.advance(Duration::from_secs(5));
        // The time of the cache does not go back.
        clock.set_wall(Timestamp::from_millis((start - 3600) * 1000));
        client.expect(&["TTL", "a"], ":25\r\n");
        client.expect(&["EXPIREAT", "a", &at(4)], ":1\r\n");
        client.expect(&["EXISTS", "a"], ":0\r\n");
        for options in [&["EXAT"][..], &["NX", "EXAT"]] {
            let at = at(5);
            let words = [&["SET", "a", "1"], options, &[&at]].concat();
            client.expect(&words, "+OK\r\n");
            client.expect(&["EXISTS", "a"], ":0\r\n");
        }
        client.expect(&["MULTI"], "+OK\r\n");
        for words in [&["SET", "a", "1", "EXAT", &at(5)][..], &["GET", "a"]] {
            client.expect(words, "+QUEUED\r\n");
        }
        client.expect(&["EXEC"], "*2\r\n+OK\r\n$-1\r\n");
        // An expiry is at most ten years ahead of the time of the cache.
        client.expect(&["SET", "a", "1", "EXAT", &at(1_000_000_000)], "+OK\r\n");
        client.expect(&["TTL", "a"], &format!(":{}\r\n", larder::MAX_TTL.as_secs() - 60));
    }
}

#[test]
fn the_expiries_of_an_application_s_entries_are_compared_with_the_time_of_the_cache() {
    for start in STARTS {
        let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(start * 1000)));
        let served = served(&clock);
        served.cache.keyspace(PAGE).unwrap().insert("a", "text".to_owned()).unwrap();
        let mut client = RespClient::connect(&served.socket).unwrap();
        client.ask(&["SELECT", "16"]);
        let at = |seconds: i64| start.checked_add_signed(seconds).unwrap().to_string();
        let mut number = |words: &[&str]| ask(&mut client, words, false);
        assert_eq!(number(&["EXPIREAT", "a", &at(50), "LT"]), 1);
        assert_eq!(number(&["EXPIREAT", "a", &at(50), "LT"]), 0);
        assert_eq!(number(&["EXPIREAT", "a", &at(40), "GT"]), 0);
        assert_eq!(number(&["EXPIRE", "a", "40", "LT"]), 1);
        assert_eq!(number(&["EXPIRETIME", "a"]).to_string(), at(40));
        assert_eq!(number(&["EXPIREAT", "a", &at(-1)]), 1);
        assert_eq!(number(&["EXISTS", "a"]), 0);
    }
}
