//! Tests of an application that opens another version of a keyspace which the server shows, and of a schema
//! that spells several keys alike.

use larder::KeyspaceDefinition;
use larder::inspect::{KeySpelling, KeyValue};

use super::{ReadReply, select};
use crate::support::Served;

const UNSIGNED: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("price");
/// The same bytes are other keys in this version.
const SIGNED: KeyspaceDefinition<i64, u64> = KeyspaceDefinition::new("price").version(1);

#[test]
fn a_walk_does_not_go_on_in_another_version() {
    let served = Served::with(|builder| builder.keyspace("price"));
    let prices = served.cache.keyspace(UNSIGNED).unwrap();
    prices.insert_many((0..20).map(|number| (number, 1))).unwrap();
    let mut client = select(&served, "16");
    let scanned = client.ask(&["SCAN", "0", "COUNT", "5"]);
    assert_eq!(scanned.items()[1].texts(), ["0", "1", "2", "3", "4"]);
    let cursor = scanned.items()[0].text();
    let again = client.ask(&["SCAN", &cursor, "COUNT", "1"]);
    assert_eq!(again.items()[1].texts(), ["5"], "the version is still there");
    let cursor = again.items()[0].text();
    drop(prices);
    let prices = served.cache.keyspace(SIGNED).unwrap();
    prices.insert_many((0..20).map(|number| (number, 1))).unwrap();
    for pattern in ["*", "none"] {
        let ended = client.ask(&["SCAN", &cursor, "MATCH", pattern]);
        assert!(ended.error().is_some_and(|error| error.contains("begin again")), "{ended:?}");
    }
    assert_eq!(client.ask(&["SCAN", "0", "COUNT", "2"]).items()[1].texts(), ["0", "1"]);
}

/// Spells every key of `price` alike, and reads that spelling as the key 7.
struct OneSpelling;

impl KeySpelling for OneSpelling {
    fn schema(&self) -> &'static str {
        "one-spelling"
    }

    fn spell(&self, keyspace: &str, _: &KeyValue) -> Option<String> {
        (keyspace == "price").then(|| "the price".to_owned())
    }

    fn read(&self, text: &str) -> Option<(String, KeyValue)> {
        (text == "the price").then(|| ("price".to_owned(), KeyValue::Unsigned(7)))
    }
}

#[test]
fn a_spelling_that_is_read_as_another_key_is_not_shown() {
    let served = Served::with(|builder| builder.keyspace("price").key_spelling(&OneSpelling));
    let prices = served.cache.keyspace(UNSIGNED.schema("one-spelling")).unwrap();
    prices.insert_many([(6, 60), (7, 70)]).unwrap();
    let mut client = select(&served, "16");
    assert_eq!(client.ask(&["KEYS", "*"]).texts(), ["6", "the price"]);
    assert_eq!(client.ask(&["GET", "6"]).value(), [60]);
    assert_eq!(client.ask(&["GET", "the price"]).value(), [70]);
}
