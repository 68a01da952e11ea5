use super::line::PROTOCOL;
use super::protocol::{Request, VERBS};
use super::*;
use crate::api::cache::Cache;
use crate::api::keyspace::definition::KeyspaceDefinition;

const PRICE: KeyspaceDefinition<(String, u64), u64> = KeyspaceDefinition::new("price");
const OWN: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("own");

fn ask(cache: &Cache, line: &str) -> serde_json::Value {
    let answer = answer::answer(&crate::sys::sync::Arc::downgrade(cache.shared()), line.as_bytes());
    assert_eq!(
        answer.iter().position(|&byte| byte == b'\n'),
        Some(answer.len() - 1),
        "an answer is one line"
    );
    serde_json::from_slice(&answer).unwrap()
}

fn kind(answer: &serde_json::Value) -> String {
    assert_eq!(answer["v"], PROTOCOL);
    let refusal: Refusal = serde_json::from_value(answer["error"].clone()).unwrap();
    assert!(!refusal.cause.is_empty() && !refusal.remedy.is_empty(), "{refusal:?}");
    assert!(!matches!(refusal.kind, RefusalKind::Other(_)), "{refusal:?}");
    answer["error"]["kind"].as_str().unwrap().to_owned()
}

#[test]
fn every_verb_is_named_by_hello_and_understood() {
    let cache = Cache::builder().sample_keys(true).open().unwrap();
    cache.keyspace(OWN).unwrap();
    for verb in VERBS {
        let fields = match *verb {
            "get" | "ttl" | "why" | "remove" => r#","keyspace":"own","key":"a""#,
            "remove_prefix" => r#","keyspace":"own","prefix":"a""#,
            "keys" | "clear" => r#","keyspace":"own""#,
            _ => "",
        };
        let answer = ask(&cache, &format!(r#"{{"v":1,"do":"{verb}"{fields}}}"#));
        assert!(answer.get("ok").is_some(), "{verb}: {answer}");
    }
}

#[test]
fn what_is_no_request_is_refused_with_a_kind_a_cause_and_a_remedy() {
    let cache = Cache::builder().open().unwrap();
    cache.keyspace(PRICE).unwrap();
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    for (line, expected) in [
        ("", "malformed"),
        ("stats", "malformed"),
        ("[]", "malformed"),
        (r#"{"do":"stats"}"#, "malformed"),
        ("\u{0}", "malformed"),
        (deep.as_str(), "malformed"),
        (r#"{"v":2,"do":"stats"}"#, "unsupported_version"),
        (r#"{"v":"1","do":"stats"}"#, "unsupported_version"),
        (r#"{"v":1}"#, "unknown_request"),
        (r#"{"v":1,"do":"format"}"#, "unknown_request"),
        (r#"{"v":1,"do":"clear"}"#, "unknown_request"),
        (r#"{"v":1,"do":"clear_all","keyspace":"price"}"#, "unknown_request"),
        (r#"{"v":1,"do":"clear","keyspace":"pirce"}"#, "unknown_keyspace"),
        (r#"{"v":1,"do":"remove","keyspace":"price","key":"MTN"}"#, "bad_key"),
        (r#"{"v":1,"do":"remove","keyspace":"price","key":"0x4"}"#, "bad_key"),
        (r#"{"v":1,"do":"remove_prefix","keyspace":"price","prefix":"MTN"}"#, "bad_key"),
        (r#"{"v":1,"do":"keys","keyspace":"pirce"}"#, "unknown_keyspace"),
        (r#"{"v":1,"do":"keys","keyspace":"price","prefix":"MTN"}"#, "bad_key"),
        (r#"{"v":1,"do":"keys","keyspace":"price","after":"MTN"}"#, "bad_key"),
        (r#"{"v":1,"do":"keys","keyspace":"price","limit":-1}"#, "unknown_request"),
        (r#"{"v":1,"do":"get","keyspace":"price"}"#, "unknown_request"),
        (r#"{"v":1,"do":"why","keyspace":"price","key":"MTN"}"#, "bad_key"),
    ] {
        assert_eq!(kind(&ask(&cache, line)), expected, "{line:.60}");
    }
    cache.close().unwrap();
    assert_eq!(kind(&ask(&cache, r#"{"v":1,"do":"clear_all"}"#)), "closed");
}

#[test]
fn a_key_is_spelled_by_its_shape_or_by_its_bytes() {
    let cache = Cache::builder().open().unwrap();
    let prices = cache.keyspace(PRICE).unwrap();
    for (request, left) in [
        (r#""do":"remove","key":"(\"MTN\", 1)""#, vec![2, 3]),
        (r#""do":"remove","key":"0x4D544E00000000000000000002""#, vec![1, 3]),
        (r#""do":"remove","key":"(MTN, 9)""#, vec![1, 2, 3]),
        (r#""do":"remove_prefix","prefix":"(\"MTN\",)""#, vec![]),
        (r#""do":"remove_prefix","prefix":"0x4D54""#, vec![]),
        (r#""do":"remove_prefix","prefix":"(\"MT\",)""#, vec![1, 2, 3]),
        (r#""do":"clear""#, vec![]),
    ] {
        for number in 1..=3 {
            prices.insert(&("MTN", number), number).unwrap();
        }
        let answer = ask(&cache, &format!(r#"{{"v":1,"keyspace":"price",{request}}}"#));
        assert_eq!(answer["ok"]["removed"], 3 - left.len(), "{request}: {answer}");
        assert_eq!(prices.keys().map(|key| key.1).collect::<Vec<_>>(), left, "{request}");
    }
}

#[test]
fn what_a_client_sends_reads_back() {
    let requests = [
        Request::Stats {},
        Request::ClearAll {},
        Request::Keys {
            keyspace: "a".to_owned(),
            prefix: String::new(),
            after: Some("0x61".to_owned()),
            limit: Some(7),
            all: true,
        },
        Request::Get { keyspace: "a".to_owned(), key: "b".to_owned() },
        Request::Remove { keyspace: "a\n\"b".to_owned(), key: "\u{0}ß".to_owned() },
    ];
    for request in requests {
        let line = request.to_line();
        assert_eq!(line.iter().position(|&byte| byte == b'\n'), Some(line.len() - 1));
        assert_eq!(Request::read(&line), Ok(request));
    }
    // This is the longest key in its longest form: each byte is a control character, for which JSON has an
    // escape of six bytes.
    let longest = "\u{1}".repeat(crate::format::key::MAX_KEY_LEN - 2);
    let spelled = serde_json::to_string(&longest).unwrap().len() + 255 * 6 + 100;
    assert!(spelled < MAX_LINE && 2 * crate::format::key::MAX_KEY_LEN < MAX_LINE);
}

#[test]
fn statistics_survive_the_wire() {
    let cache = Cache::builder().open().unwrap();
    cache.keyspace(OWN).unwrap().get("x");
    let stats = cache.stats();
    let wire = serde_json::to_string(&stats).unwrap();
    assert_eq!(serde_json::from_str::<crate::stats::Stats>(&wire).unwrap(), stats);
    // This answer comes from another version of larder. It lacks known fields, and has an unknown field.
    let other = r#"{"misses":3,"colour":"red","disk":{"state":"suspended"}}"#;
    let read: crate::stats::Stats = serde_json::from_str(other).unwrap();
    assert_eq!((read.misses, read.disk.unwrap().state), (3, crate::stats::DiskState::Suspended));
}

#[test]
fn an_application_whose_last_handle_goes_meanwhile_is_closed_and_its_socket_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("a.sock");
    for _ in 0..50 {
        let cache = Cache::builder().control_socket(&socket).open().unwrap();
        let mut client = Client::connect(&socket).unwrap();
        let asking = std::thread::spawn(move || while client.stats().is_ok() {});
        drop(cache);
        asking.join().unwrap();
        // Here the control thread itself may drop the last handle. A thread cannot join itself, so it ends
        // some time after the drop.
        for _ in 0..1000 {
            if !socket.exists() {
                break;
            }
            crate::sys::clock::pause(std::time::Duration::from_millis(5));
        }
        assert!(!socket.exists());
    }
}

#[test]
fn one_connection_takes_request_after_request() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("a.sock");
    let cache = Cache::builder().control_socket(&socket).open().unwrap();
    let mut client = Client::connect(&socket).unwrap();
    for _ in 0..3 {
        assert_eq!(client.stats().unwrap().misses, 0);
        assert_eq!(client.keyspaces().unwrap(), []);
    }
    drop(cache);
}

#[test]
fn a_keyspace_is_told_with_the_schema_that_the_file_records() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.larder");
    let schemas = |cache: &Cache| {
        let answer = ask(cache, r#"{"v":1,"do":"keyspaces"}"#);
        let told: Vec<LiveKeyspaceInfo> = serde_json::from_value(answer["ok"].clone()).unwrap();
        told.into_iter().map(|keyspace| (keyspace.name, keyspace.schema)).collect::<Vec<_>>()
    };
    let with = |schema: Option<&str>, name: &str| (name.to_owned(), schema.map(str::to_owned));
    let cache = Cache::builder().path(&path).open().unwrap();
    cache.keyspace(PRICE.schema("shop")).unwrap();
    cache.keyspace(OWN).unwrap();
    cache.keyspace(KeyspaceDefinition::<u64, u64>::new("login").schema("shop").memory_only()).unwrap();
    assert_eq!(
        schemas(&cache),
        [with(Some("shop"), "login"), with(None, "own"), with(Some("shop"), "price")]
    );
    cache.close().unwrap();
    let cache = Cache::builder().path(&path).open().unwrap();
    assert_eq!(schemas(&cache), [with(None, "own"), with(Some("shop"), "price")], "none is open");
    // A definition with another schema opens the same keyspace, and does not change its schema.
    cache.keyspace(PRICE.schema("other")).unwrap();
    assert_eq!(schemas(&cache), [with(None, "own"), with(Some("shop"), "price")]);
    cache.close().unwrap();
}

/// A value whose `Serialize` fails with an error that quotes the value.
#[derive(Debug, serde::Deserialize)]
struct Secret;

impl serde::Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no word for hunter2"))
    }
}

#[test]
fn why_a_value_is_not_cached_shows_nothing_of_it_unless_the_application_allows_it() {
    for is_allowed in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let builder = Cache::builder().path(dir.path().join("a.larder")).control_values(is_allowed);
        let cache = builder.open().unwrap();
        let secrets = cache.keyspace(KeyspaceDefinition::<String, Secret>::new("secret")).unwrap();
        assert!(secrets.get_or_load("a", || Ok::<_, ()>(Secret)).is_ok());
        let answer = ask(&cache, r#"{"v":1,"do":"stats"}"#);
        let cause = answer["ok"]["keyspaces"][0]["uncacheable_cause"].as_str().unwrap();
        assert_eq!(cause.contains("hunter2"), is_allowed, "{cause}");
    }
}
