//! Fuzzes requests to the control socket. Every line gets a reply of one line, even if it is not a valid
//! request. A removal removes the keys that a look at the same key or prefix shows, and its reply contains
//! their number. All other requests remove none. No request changes the counts of lookups.

use std::collections::BTreeSet;

use larder::testing::bytes;
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

/// The keyspace of each key, and the key's bytes as replies spell them.
type Contents = BTreeSet<(&'static str, String)>;

const STATES: [&str; 2] = ["live", "absent"];

pub(crate) fn check(answer: Answer, data: &[u8]) {
    let cache = Cache::builder().shards(1).sample_keys(true).open().unwrap();
    let (pairs, names) = (cache.keyspace(PAIRS).unwrap(), cache.keyspace(NAMES).unwrap());
    let left = || -> Contents {
        let pairs = pairs.keys().map(|key| ("pair", spelled(&bytes::encode_key::<(String, u8)>(&key))));
        pairs.chain(names.keys().map(|key| ("name", spelled(&bytes::encode_key::<String>(&key))))).collect()
    };
    for key in ["a", "ab", "b", "\0", "0x61"] {
        names.insert(key, 1).unwrap();
        pairs.insert(&(key, 1), 1).unwrap();
        pairs.insert(&(key, 2), 1).unwrap();
    }
    for line in data.split(|byte| *byte == b'\n') {
        let (before, uses) = (left(), uses(&cache));
        let asked: Value = serde_json::from_slice(line).unwrap_or_default();
        let shown = shown(&cache, &before, &asked);
        let answered = answer(&cache, line);
        assert_eq!(
            answered.iter().position(|byte| *byte == b'\n'),
            Some(answered.len() - 1),
            "it is one line"
        );
        let answered: Value = serde_json::from_slice(&answered).unwrap();
        assert_eq!(answered["v"], 1);
        let left = left();
        assert!(left.is_subset(&before), "{asked} brought keys back");
        let gone: Contents = before.difference(&left).cloned().collect();
        let done = asked["do"].as_str().unwrap_or_default();
        match (answered.get("ok"), answered.get("error")) {
            (Some(ok), None) => {
                assert_eq!(asked["v"], 1, "{asked} is of another version");
                let removes = done.starts_with("remove") || done.starts_with("clear");
                assert_eq!(ok["removed"].as_u64(), removes.then_some(gone.len() as u64), "{asked}");
                assert!(done != "remove" || gone.len() <= 1, "{asked} removed {gone:?}");
                assert_eq!(gone, shown, "{asked} removed other keys than it named");
                check_look(done, ok, &asked);
            }
            (None, Some(error)) => {
                let text = |field: &str| error[field].as_str().unwrap().to_owned();
                assert!(KINDS.contains(&text("kind").as_str()), "{error}");
                assert!(!text("cause").is_empty() && !text("remedy").is_empty(), "{error}");
                assert!(gone.is_empty(), "{asked} was refused, and removed {gone:?}");
            }
            _ => panic!("{answered} is no answer"),
        }
        assert_eq!(uses, self::uses(&cache), "{asked} was counted as a use");
    }
}

fn spelled(key: &[u8]) -> String {
    key.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02X}"))
}

/// Returns the keys that a request must remove if it is not refused: those that a look at its key or its
/// prefix shows.
fn shown(cache: &Cache, before: &Contents, asked: &Value) -> Contents {
    let of_keyspace = |(name, _): &&(&'static str, String)| asked["keyspace"] == *name;
    let mut look = asked.clone();
    match asked["do"].as_str() {
        Some("clear_all") => return before.clone(),
        Some("clear") => return before.iter().filter(of_keyspace).cloned().collect(),
        Some("remove") => look["do"] = "ttl".into(),
        Some("remove_prefix") => {
            (look["do"], look["limit"]) = ("keys".into(), 1_000.into());
            // `keys` with an empty prefix shows all keys, but a removal takes it for an empty text.
            if asked["prefix"] == "" {
                look["prefix"] = "\"\"".into();
            }
        }
        _ => return Contents::new(),
    }
    let answered = larder::testing::answer_line(cache, look.to_string().as_bytes());
    let ok = &serde_json::from_slice::<Value>(&answered).unwrap()["ok"];
    let statuses = ok["keys"].as_array().cloned().unwrap_or_else(|| vec![ok.clone()]);
    let keys: Vec<_> = statuses.iter().filter(|status| status["state"] == "live").collect();
    let is_shown = |key: &str| keys.iter().any(|status| status["key"] == key);
    before.iter().filter(of_keyspace).filter(|(_, key)| is_shown(key)).cloned().collect()
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
