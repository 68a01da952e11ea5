//! Fuzzes requests to the control socket. Every line gets a reply of one line, even if it is not a valid
//! request. A reply contains the number of removed keys, and a refused request removes none. No request
//! changes the counts of lookups.

use std::collections::BTreeSet;

use larder::{Cache, KeyspaceDefinition};
use serde_json::Value;

/// The function under test, which answers one line. The tests also pass a broken one.
pub(crate) type Answer = fn(&Cache, &[u8]) -> Vec<u8>;

const PAIRS: KeyspaceDefinition<(String, u8), u8> = KeyspaceDefinition::new("pair");
const NAMES: KeyspaceDefinition<String, u8> = KeyspaceDefinition::new("name");
const KINDS: [&str; 8] = [
    "malformed",
    "unsupported_version",
    "unknown_request",
    "unknown_keyspace",
    "bad_key",
    "closed",
    "failed",
    "not_durable",
];

const STATES: [&str; 2] = ["live", "absent"];

pub(crate) fn check(answer: Answer, data: &[u8]) {
    let cache = Cache::builder().shards(1).sample_keys(true).open().unwrap();
    let (pairs, names) = (cache.keyspace(PAIRS).unwrap(), cache.keyspace(NAMES).unwrap());
    let left = || -> BTreeSet<String> {
        let pairs = pairs.keys().map(|key| format!("{key:?}"));
        pairs.chain(names.keys()).collect()
    };
    for key in ["a", "ab", "b", "\0", "0x61"] {
        names.insert(key, 1).unwrap();
        pairs.insert(&(key, 1), 1).unwrap();
        pairs.insert(&(key, 2), 1).unwrap();
    }
    for line in data.split(|byte| *byte == b'\n') {
        let (before, uses) = (left(), uses(&cache));
        let answered = answer(&cache, line);
        assert_eq!(
            answered.iter().position(|byte| *byte == b'\n'),
            Some(answered.len() - 1),
            "it is one line"
        );
        let answered: Value = serde_json::from_slice(&answered).unwrap();
        assert_eq!(answered["v"], 1);
        let gone = (before.len() - left().len()) as u64;
        let asked: Value = serde_json::from_slice(line).unwrap_or_default();
        let done = asked["do"].as_str().unwrap_or_default();
        match (answered.get("ok"), answered.get("error")) {
            (Some(ok), None) => {
                assert_eq!(asked["v"], 1, "{asked} is of another version");
                let removes = done.starts_with("remove") || done.starts_with("clear");
                assert_eq!(ok["removed"].as_u64(), removes.then_some(gone), "{asked}");
                assert!(done != "remove" || gone <= 1, "{asked} removed {gone}");
                assert!(!done.starts_with("clear_all") || left().is_empty());
                check_look(done, ok, &asked);
            }
            (None, Some(error)) => {
                let text = |field: &str| error[field].as_str().unwrap().to_owned();
                assert!(KINDS.contains(&text("kind").as_str()), "{error}");
                assert!(!text("cause").is_empty() && !text("remedy").is_empty(), "{error}");
                assert_eq!(gone, 0, "{asked} was refused, and removed");
            }
            _ => panic!("{answered} is no answer"),
        }
        assert_eq!(uses, self::uses(&cache), "{asked} was counted as a use");
    }
}

/// Returns the counts of requests, promotions and loads.
fn uses(cache: &Cache) -> (u64, u64, u64) {
    let stats = cache.stats();
    (stats.requests(), stats.promotions, stats.loads)
}

/// Checks a reply that shows keys. The reply must be bounded and contain no value, because the application
/// did not allow values.
fn check_look(done: &str, ok: &Value, asked: &Value) {
    let statuses = match done {
        "keys" => ok["keys"].as_array().unwrap().clone(),
        "get" | "ttl" | "why" => vec![ok.clone()],
        _ => return,
    };
    assert!(statuses.len() as u64 <= asked["limit"].as_u64().unwrap_or(256).clamp(1, 1_000), "{asked}: {ok}");
    for status in statuses {
        assert!(STATES.contains(&status["state"].as_str().unwrap()), "{asked}: {status}");
        assert!(status["key"].as_str().unwrap().starts_with("0x"), "{asked}: {status}");
        assert!(status.get("value").is_none(), "{asked}: {status}");
        assert_eq!(status["why"].is_string(), done == "why", "{asked}: {status}");
    }
}
