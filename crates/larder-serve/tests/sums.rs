//! Sends the same additions of decimal numbers to a real redis-server and to this server, and compares the
//! sums. A sum of Redis has 64 significant bits, and a sum of this server is exact.

use crate::differential::{Random, seed};
use crate::redis_server::RedisServer;
use crate::resp::{Reply, RespClient};
use crate::support::Served;

const ADDITIONS: usize = 600;

/// Texts that are not numbers, or are numbers in an unusual form.
const UNUSUAL: [&str; 24] = [
    "nan",
    "inf",
    "-inf",
    "+Infinity",
    "",
    ".",
    "1e",
    "e5",
    " 1",
    "1 ",
    "--1",
    "1_0",
    "1,5",
    "1e9999",
    "-1e9999",
    "1e-9999",
    "0e9999",
    "-0",
    "+7",
    ".5",
    "5.",
    "1E+2",
    "00012.50",
    "1.1.1",
];

fn digits(random: &mut Random, max: usize) -> String {
    (0..=random.below(max)).map(|_| random.pick(&["0", "1", "3", "4", "5", "7", "9"])).collect()
}

fn number(random: &mut Random) -> String {
    let sign = random.pick(&["", "", "-", "+"]);
    match random.below(8) {
        0 => random.pick(&UNUSUAL).to_owned(),
        1 => format!("{sign}{}", digits(random, 18)),
        2 => format!("{sign}{}000", digits(random, 9)),
        3 => format!("{sign}{}.{}", digits(random, 9), digits(random, 40)),
        4 => format!("{sign}{}.{}00", digits(random, 3), digits(random, 16)),
        5 => format!("{sign}{}.{}e{}", digits(random, 2), digits(random, 9), random.below(12)),
        6 => format!("{sign}{}e-{}", digits(random, 12), random.below(30)),
        _ => format!("{sign}{}e{}", digits(random, 30), random.below(4900)),
    }
}

/// Returns a number as a multiple of 10⁻¹⁷, or `None` if it is too large for that.
fn multiple(text: &str) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<17}").parse().ok()
}

/// Returns whether the sum of Redis is the exact sum, apart from the digits that an 80-bit number can't hold.
fn is_near(redis: &str, larder: &str, terms: [&str; 2]) -> bool {
    let size = |text: &str| text.parse::<f64>().unwrap().abs();
    let largest = terms.into_iter().map(size).fold(size(larder), f64::max);
    if let (Some(redis), Some(larder)) = (multiple(redis), multiple(larder)) {
        // Each of the two terms and the sum is rounded by at most half of its last bit.
        let difference: f64 = redis.abs_diff(larder).to_string().parse().unwrap();
        return difference <= largest * 1e17 / 2_f64.powi(62) + 1.0;
    }
    // Only the first 20 digits before the point are compared.
    let whole_len = |text: &str| text.find('.').unwrap_or(text.len());
    let dropped = whole_len(larder).saturating_sub(20);
    let first = |text: &str| text[..whole_len(text).saturating_sub(dropped)].parse::<i128>();
    let (Ok(redis), Ok(larder)) = (first(redis), first(larder)) else { return false };
    redis.abs_diff(larder) <= 10_u128.pow(20) >> 62
}

#[test]
fn decimal_numbers_are_added_as_redis_adds_them_or_more_exactly() {
    let Some(redis) = RedisServer::start() else { return };
    let served = Served::new();
    let mut redis = RespClient::connect(&redis.socket).unwrap();
    let mut larder = RespClient::connect(&served.socket).unwrap();
    let mut random = Random(seed());
    let (mut equal, mut errors) = (0, 0);
    for _ in 0..ADDITIONS {
        let (left, right) = (number(&mut random), number(&mut random));
        let ask = |client: &mut RespClient| {
            client.ask(&["SET", "sum", &left]);
            (client.ask(&["INCRBYFLOAT", "sum", &right]), client.ask(&["GET", "sum"]))
        };
        let (expected, found) = (ask(&mut redis), ask(&mut larder));
        match (&expected.0, &found.0) {
            _ if expected == found => {
                equal += 1;
                errors += usize::from(expected.0.error().is_some());
            }
            (Reply::Bulk(_, Some(redis)), Reply::Bulk(_, Some(larder))) => {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let is_near = is_near(&text(redis), &text(larder), [&left, &right]);
                assert!(is_near, "{left} + {right}\nredis  {}\nlarder {}", text(redis), text(larder));
                assert_eq!(found.0, found.1, "the reply is what is stored");
            }
            _ => panic!("{left} + {right}\nredis  {expected:?}\nlarder {found:?}"),
        }
    }
    assert!(equal > ADDITIONS / 3 && errors > ADDITIONS / 20, "{equal} equal, {errors} errors");
}
