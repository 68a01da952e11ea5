//! Sends the same random requests to a real redis-server and to this server, and compares the replies.
//!
//! The requests avoid the documented differences: expiries of more than ten years, sums of decimal fractions
//! (which are exact here), keys of more than 4,096 bytes, values of more than 64 MiB, forgotten cursors, and
//! commands that describe the server.

use crate::redis_server::RedisServer;
use crate::resp::{Reply, RespClient};
use crate::support::Served;

/// A pseudorandom generator (`SplitMix64`).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }

    pub(crate) fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

const KEYS: [&str; 9] = ["a", "b", "c", "counter", "user:1", "user:2", "", "k\0y", "a]b"];
const VALUES: [&str; 22] = [
    "",
    "0",
    "1",
    "-1",
    "10",
    "007",
    "+5",
    " 3",
    "3.5",
    "-0.5",
    "1e3",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "text",
    "a longer text with spaces",
    "\r\n",
    "\u{e9}",
    "nan",
    "inf",
    "0x10",
    "a value of more than forty-four bytes, which Redis would keep apart",
];
const NUMBERS: [&str; 17] = [
    "0",
    "1",
    "-1",
    "2",
    "5",
    "-3",
    "100",
    "3600",
    "-100",
    "9223372036854775807",
    "-9223372036854775808",
    "1.5",
    "x",
    "",
    "01",
    "+1",
    "9223372036854775808",
];
/// Expiries in seconds that are far in the future or in the past, so that the result does not depend on the
/// speed of the machine.
const SECONDS: [&str; 7] =
    ["100000", "200000", "0", "-1", "x", "9223372036854775807", "-9223372036854775808"];
const MILLIS: [&str; 6] = ["100000000", "200000000", "0", "-1", "1.5", "9223372036854775807"];
const UNIX_SECONDS: [&str; 5] = ["1950000000", "1960000000", "1", "0", "-5"];
const UNIX_MILLIS: [&str; 5] = ["1950000000000", "1960000000000", "1", "0", "-5"];
const PATTERNS: [&str; 13] =
    ["*", "a*", "user:?", "[ab]", "[^a]", "*:*", "", "a", r"a\]b", "k*y", "[a-c]", "[", "u*r:[1-9]"];

/// Maximum number of differences that are printed. One difference often causes further ones.
const MAX_SHOWN: usize = 8;

/// Maximum number of transactions of a run that may abort without a cause.
const MAX_FALSE_ABORTS: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Compare {
    Exactly,
    /// Two times may differ by up to 60,000, whatever their unit.
    Time,
    /// The order of the items is ignored.
    AnyOrder,
}

fn request(random: &mut Random) -> (Vec<&'static str>, Compare) {
    let key = random.pick(&KEYS);
    let other = random.pick(&KEYS);
    let value = random.pick(&VALUES);
    let number = random.pick(&NUMBERS);
    let words = match random.below(48) {
        0..=2 => vec!["SET", key, value],
        3..=5 => set_with_options(random, key, value),
        6 | 7 => vec!["GET", key],
        8 => vec!["SETNX", key, value],
        9 => vec!["SETEX", key, random.pick(&SECONDS), value],
        10 => vec!["PSETEX", key, random.pick(&MILLIS), value],
        11 => vec!["GETSET", key, value],
        12 => vec!["GETDEL", key],
        13 => get_with_expiry(random, key),
        14 => vec!["MGET", key, other, "missing", key],
        15 => vec!["MSET", key, value, other, "other"],
        16 => vec!["MSET", key, value, other],
        17 => vec!["MSETNX", key, value, other, "other"],
        18 => vec!["DEL", key, other],
        19 => vec!["UNLINK", key],
        20 => vec!["EXISTS", key, other, key],
        21 => return (vec![random.pick(&["TTL", "PTTL"]), key], Compare::Time),
        22 => return (vec![random.pick(&["EXPIRETIME", "PEXPIRETIME"]), key], Compare::Time),
        23..=25 => expire(random, key),
        26 => vec!["PERSIST", key],
        27 => vec!["TYPE", key],
        28 => vec![random.pick(&["INCR", "DECR"]), key],
        29 | 30 => vec![random.pick(&["INCRBY", "DECRBY"]), key, number],
        31 => vec!["INCRBYFLOAT", key, random.pick(&["x", "", " 1", "1 "])],
        // Redis adds binary numbers, and these amounts are exact in binary.
        32 => vec!["INCRBYFLOAT", "float", random.pick(&["0.5", "3", "-2.5", "0.0625", "5e2"])],
        33 => vec!["APPEND", key, value],
        34 => vec!["STRLEN", key],
        35 | 36 => vec![random.pick(&["GETRANGE", "SUBSTR"]), key, number, random.pick(&NUMBERS)],
        37 => vec!["SETRANGE", key, random.pick(&["0", "1", "5", "20", "-1", "x", "536870912"]), value],
        38 => vec!["TOUCH", key, other],
        39 => return (vec!["KEYS", random.pick(&PATTERNS)], Compare::AnyOrder),
        40 => vec!["DBSIZE"],
        41 => vec!["SELECT", random.pick(&["0", "1", "2", "0", "16", "-1", "x", "99999999999"])],
        42 => vec!["OBJECT", random.pick(&["REFCOUNT", "ENCODING", "nope"]), "missing"],
        43 => malformed(random, key),
        44 => transaction_word(random),
        45 => vec![random.pick(&["PING", "ECHO", "QUIT2", "GETT"]), value],
        46 => vec!["SCAN", "0", "COUNT", "1000", "MATCH", random.pick(&PATTERNS)],
        _ => vec!["FLUSHDB"],
    };
    let compare = if words[0] == "SCAN" { Compare::AnyOrder } else { Compare::Exactly };
    (words, compare)
}

fn set_with_options(random: &mut Random, key: &'static str, value: &'static str) -> Vec<&'static str> {
    let mut words = vec!["SET", key, value];
    for _ in 0..=random.below(3) {
        match random.below(9) {
            0 | 1 => words.push(random.pick(&["NX", "xx", "Nx", "XX"])),
            2 => words.push("GET"),
            3 => words.push("KEEPTTL"),
            4 => words.extend(["EX", random.pick(&SECONDS)]),
            5 => words.extend(["px", random.pick(&MILLIS)]),
            6 => words.extend(["EXAT", random.pick(&UNIX_SECONDS)]),
            7 => words.extend(["PXAT", random.pick(&UNIX_MILLIS)]),
            _ => words.push(random.pick(&["EX", "nope"])),
        }
    }
    words
}

fn get_with_expiry(random: &mut Random, key: &'static str) -> Vec<&'static str> {
    match random.below(7) {
        0 => vec!["GETEX", key],
        1 => vec!["GETEX", key, "PERSIST"],
        2 => vec!["GETEX", key, "EX", random.pick(&SECONDS)],
        3 => vec!["GETEX", key, "PX", random.pick(&MILLIS)],
        4 => vec!["GETEX", key, "EXAT", random.pick(&UNIX_SECONDS)],
        5 => vec!["GETEX", key, "PXAT", random.pick(&UNIX_MILLIS)],
        _ => vec!["GETEX", key, random.pick(&["EX", "nope"])],
    }
}

fn expire(random: &mut Random, key: &'static str) -> Vec<&'static str> {
    let mut words = match random.below(4) {
        0 => vec!["EXPIRE", key, random.pick(&SECONDS)],
        1 => vec!["PEXPIRE", key, random.pick(&MILLIS)],
        2 => vec!["EXPIREAT", key, random.pick(&UNIX_SECONDS)],
        _ => vec!["PEXPIREAT", key, random.pick(&UNIX_MILLIS)],
    };
    for _ in 0..random.below(3) {
        words.push(random.pick(&["NX", "XX", "GT", "LT", "gt", "nope"]));
    }
    words
}

/// Returns a request that is often malformed, such as one with a wrong number of words.
fn malformed(random: &mut Random, key: &'static str) -> Vec<&'static str> {
    let names = [
        "GET",
        "SET",
        "SETEX",
        "MGET",
        "MSET",
        "INCR",
        "INCRBY",
        "TTL",
        "EXPIRE",
        "APPEND",
        "STRLEN",
        "GETRANGE",
        "SETRANGE",
        "EXISTS",
        "TYPE",
        "SCAN",
        "KEYS",
        "DBSIZE",
        "SELECT",
        "GETDEL",
        "PERSIST",
        "WATCH",
        "WAIT",
        "EVAL",
        "EVALSHA",
        "RANDOMKEY",
        "TOUCH",
        "DEL",
        "ECHO",
    ];
    match random.below(6) {
        // `RANDOMKEY` alone is well formed, and its reply is random.
        0 => vec![match random.pick(&names) {
            "RANDOMKEY" => "GET",
            name => name,
        }],
        1 => vec![random.pick(&names), key, key, key, key, key, key],
        2 => vec![
            random.pick(&["CONFIG", "SCRIPT", "OBJECT", "MEMORY", "COMMAND", "SLOWLOG", "LATENCY", "CLIENT"]),
            "nope",
        ],
        3 => vec!["EVALSHA", "ffffffffffffffffffffffffffffffffffffffff", random.pick(&["0", "1", "-1", "x"])],
        4 => vec![
            "SCAN",
            random.pick(&["x", "0"]),
            random.pick(&["COUNT", "MATCH", "nope"]),
            random.pick(&["0", "x"]),
        ],
        _ => vec![random.pick(&["FLUSHDB", "FLUSHALL"]), "nope"],
    }
}

fn transaction_word(random: &mut Random) -> Vec<&'static str> {
    match random.below(6) {
        0 | 1 => vec!["MULTI"],
        2 | 3 => vec!["EXEC"],
        4 => vec!["DISCARD"],
        _ => vec![random.pick(&["UNWATCH", "WATCH"]), "a"],
    }
}

/// Commands that this server, unlike Redis, refuses in a transaction.
const NOT_IN_TRANSACTION: [&str; 5] = ["FLUSHDB", "FLUSHALL", "KEYS", "SCAN", "DBSIZE"];

fn agree(compare: Compare, redis: &Reply, larder: &Reply) -> bool {
    match (compare, redis, larder) {
        (Compare::Time, ..) => match (redis.integer(), larder.integer()) {
            // A negative number, for a missing entry or expiry, must be equal in both replies.
            (Some(redis), Some(larder)) if redis >= 0 => larder >= 0 && redis.abs_diff(larder) <= 60_000,
            _ => redis == larder,
        },
        (Compare::AnyOrder, Reply::Array('*', Some(left)), Reply::Array('*', Some(right))) => {
            let sorted = |items: &[Reply]| {
                let items = items.iter().map(|item| format!("{item:?}"));
                let mut items: Vec<_> = items.collect();
                items.sort_unstable();
                items
            };
            // A `SCAN` replies with the cursor and the keys, and only the keys are compared.
            match (&left[..], &right[..]) {
                ([_, Reply::Array('*', Some(left))], [_, Reply::Array('*', Some(right))]) => {
                    sorted(left) == sorted(right)
                }
                _ => sorted(left) == sorted(right),
            }
        }
        (_, Reply::Array(sign, Some(left)), Reply::Array(other, Some(right))) => {
            sign == other
                && left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| agree_within(left, right))
        }
        _ => redis == larder,
    }
}

/// Compares two items of array replies, such as those of `EXEC`. The test does not know which numbers are
/// times, so numbers above 1,000 may differ by up to 60,000.
fn agree_within(redis: &Reply, larder: &Reply) -> bool {
    redis == larder
        || match (redis.integer(), larder.integer()) {
            (Some(redis), Some(larder)) if redis > 1000 => redis.abs_diff(larder) <= 60_000,
            _ => false,
        }
}

/// Returns whether this is the reply to a transaction that was not executed.
fn is_null(reply: &Reply) -> bool {
    matches!(reply, Reply::Array('*', None)) || *reply == Reply::Line("_".to_owned())
}

fn compare(seed: u64, requests: usize, version: &str) {
    let Some(redis) = RedisServer::start() else { return };
    let served = Served::new();
    let mut redis = RespClient::connect(&redis.socket).unwrap();
    let mut larder = RespClient::connect(&served.socket).unwrap();
    for peer in [&mut redis, &mut larder] {
        assert!(peer.ask(&["HELLO", version]).error().is_none());
    }
    let mut random = Random(seed);
    let mut in_transaction = false;
    let (mut sent, mut differences, mut false_aborts) = (Vec::new(), Vec::new(), 0);
    for number in 0..requests {
        let (words, compare) = request(&mut random);
        if in_transaction && NOT_IN_TRANSACTION.contains(&words[0]) {
            continue;
        }
        if words[0] == "DBSIZE" && !in_transaction {
            // Redis counts an expired entry until a command accesses it.
            for peer in [&mut redis, &mut larder] {
                peer.ask(&[&["EXISTS"][..], &KEYS].concat());
            }
        }
        let (expected, found) = (redis.ask(&words), larder.ask(&words));
        sent.push(format!("{words:?} => {expected:?}"));
        let is_queued = expected == Reply::Line("+QUEUED".to_owned());
        let compare = if is_queued { Compare::Exactly } else { compare };
        if words[0] == "EXEC" && is_null(&found) && !is_null(&expected) {
            // This server may abort a transaction although no watched key has changed. The contents then
            // differ, so both servers are cleared.
            false_aborts += 1;
            assert!(false_aborts <= MAX_FALSE_ABORTS, "too many transactions were aborted without a cause");
            redis.ask(&["FLUSHALL"]);
            larder.ask(&["FLUSHALL"]);
        } else if !agree(compare, &expected, &found) {
            let last = sent[sent.len().saturating_sub(if words[0] == "EXEC" { 80 } else { 12 })..].join("\n");
            let about = format!("{words:?}\nredis  {expected:?}\nlarder {found:?}");
            differences.push(format!("request {number}: {about}\nthe last requests:\n{last}"));
        }
        match words[0] {
            "MULTI" => in_transaction = true,
            "EXEC" | "DISCARD" => in_transaction = false,
            _ => {}
        }
    }
    assert!(
        differences.is_empty(),
        "{} differences with LARDER_SEED={seed}, version {version}. The first:\n{}",
        differences.len(),
        differences[..differences.len().min(MAX_SHOWN)].join("\n\n")
    );
}

#[test]
fn random_requests_are_answered_as_redis_answers_them_in_version_2() {
    compare(seed(), 6000, "2");
}

#[test]
fn random_requests_are_answered_as_redis_answers_them_in_version_3() {
    compare(seed(), 6000, "3");
}

/// Returns the seed in `LARDER_SEED`. The same seed repeats a run. The default is fixed, so that a new
/// failure is caused by a change of the code.
pub(crate) fn seed() -> u64 {
    std::env::var("LARDER_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20)
}
