//! Tests of databases that show the keyspaces of an application.

mod removals;
mod versions;

use std::sync::Arc;
use std::time::Duration;

use larder::clock::{Clock, ManualClock, SystemClock};
use larder::inspect::{KeySpelling, KeyValue};
use larder::{Cache, Format, KeyspaceDefinition};
use larder_serve::Server;
use redis::Commands;

use crate::clients::redis_cli;
use crate::resp::{Reply, RespClient};
use crate::support::Served;

/// Offers by product and number, in a keyspace with a schema.
const OFFER: KeyspaceDefinition<(String, u64), (String, u64)> =
    KeyspaceDefinition::new("offer").schema("shop-offers").ttl(Duration::from_hours(1));
/// Pages of raw bytes, compressed in the file.
const PAGE: KeyspaceDefinition<String, String> =
    KeyspaceDefinition::new("page").format(Format::Raw).compress(larder::Compression::Lz4, 64);
const PRICE: KeyspaceDefinition<String, u64> =
    KeyspaceDefinition::new("price").schema("shop-offers").never_expires();

/// Spells the offer `("MTN", 3)` as `offer-MTN-3`, and the price `MTN` as `price-MTN`.
struct OfferSpelling;

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(char::is_alphabetic)
}

impl KeySpelling for OfferSpelling {
    fn schema(&self) -> &'static str {
        "shop-offers"
    }

    fn spell(&self, keyspace: &str, key: &KeyValue) -> Option<String> {
        match (keyspace, key) {
            ("price", KeyValue::Text(product)) => is_word(product).then(|| format!("price-{product}")),
            ("offer", KeyValue::Tuple(parts)) => match &parts[..] {
                [KeyValue::Text(product), KeyValue::Unsigned(number)] if is_word(product) => {
                    Some(format!("offer-{product}-{number}"))
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn read(&self, text: &str) -> Option<(String, KeyValue)> {
        let (keyspace, key) = if let Some(product) = text.strip_prefix("price-") {
            ("price", KeyValue::Text(product.to_owned()))
        } else {
            let (product, number) = text.strip_prefix("offer-")?.split_once('-')?;
            let number = KeyValue::Unsigned(number.parse().ok()?);
            ("offer", KeyValue::Tuple(vec![KeyValue::Text(product.to_owned()), number]))
        };
        (self.spell(keyspace, &key)? == text).then(|| (keyspace.to_owned(), key))
    }
}

trait ReadReply {
    /// Returns the text of a line without its sign, or of a string.
    fn shown(&self) -> String;
    /// Returns the bytes of a string, which must not be null.
    fn value(&self) -> Vec<u8>;
    fn is_null(&self) -> bool;
    fn texts(&self) -> Vec<String>;
}

impl ReadReply for Reply {
    fn shown(&self) -> String {
        match self {
            Self::Line(line) => line[1..].to_owned(),
            reply => reply.text(),
        }
    }

    fn value(&self) -> Vec<u8> {
        self.bytes().unwrap_or_else(|| panic!("{self:?}")).to_vec()
    }

    fn is_null(&self) -> bool {
        *self == Self::Bulk('$', None)
    }

    fn texts(&self) -> Vec<String> {
        self.items().iter().map(Self::text).collect()
    }
}

/// Returns a server that shows offers as database 16, pages as 17, and prices as 18.
fn served() -> Served {
    Served::with(|builder| {
        builder.keyspace("offer").keyspace("page").keyspace("price").key_spelling(&OfferSpelling)
    })
}

fn select(served: &Served, number: &str) -> RespClient {
    let mut client = RespClient::connect(&served.socket).unwrap();
    assert_eq!(client.ask(&["SELECT", number]).shown(), "OK");
    client
}

#[test]
fn keys_are_shown_as_the_schema_spells_them_and_values_in_their_format() {
    let mut served = served();
    let offers = served.cache.keyspace(OFFER).unwrap();
    let pages = served.cache.keyspace(PAGE).unwrap();
    offers.insert(("MTN", 3), ("airtime".to_owned(), 100)).unwrap();
    offers.insert(("two words", 4), ("data".to_owned(), 7)).unwrap();
    pages.insert("/", "page ".repeat(100)).unwrap();
    let encoded = bincode_of("airtime", 100);
    // In the first round, the application has the keyspaces open. In the second round, only the file
    // contains the entries.
    for round in ["open", "file"] {
        let mut client = select(&served, "16");
        assert_eq!(client.ask(&["GET", "offer-MTN-3"]).value(), encoded, "{round}");
        assert_eq!(client.ask(&["GET", r#"("MTN", 3)"#]).value(), encoded, "the literal key");
        assert_eq!(client.ask(&["GET", r#"("two words", 4)"#]).value(), bincode_of("data", 7));
        assert!(client.ask(&["GET", "offer-MTN-4"]).is_null());
        assert_eq!(client.ask(&["KEYS", "*"]).texts(), ["offer-MTN-3", r#"("two words", 4)"#]);
        assert_eq!(client.ask(&["KEYS", "offer-*"]).texts(), ["offer-MTN-3"]);
        let scanned = client.ask(&["SCAN", "0", "MATCH", "offer-*"]);
        assert_eq!(scanned.items()[1].texts(), ["offer-MTN-3"]);
        assert_eq!(client.ask(&["DBSIZE"]).integer(), Some(2));
        assert!(client.ask(&["RANDOMKEY"]).shown().contains(['3', '4']));
        assert_eq!(client.ask(&["EXISTS", "offer-MTN-3", "offer-MTN-4", "offer-MTN-3"]).integer(), Some(2));
        assert_eq!(client.ask(&["TOUCH", "offer-MTN-3"]).integer(), Some(1));
        assert_eq!(client.ask(&["TYPE", "offer-MTN-3"]).shown(), "string");
        let len = i64::try_from(encoded.len()).unwrap();
        assert_eq!(client.ask(&["STRLEN", "offer-MTN-3"]).integer(), Some(len));
        assert!((3500..=3600).contains(&client.ask(&["TTL", "offer-MTN-3"]).integer().unwrap()));
        assert!((3_500_000..=3_600_000).contains(&client.ask(&["PTTL", "offer-MTN-3"]).integer().unwrap()));
        assert!(client.ask(&["EXPIRETIME", "offer-MTN-3"]).integer().unwrap() > 1_700_000_000);
        assert!(client.ask(&["MEMORY", "USAGE", "offer-MTN-3"]).integer().unwrap() > len);
        assert_eq!(client.ask(&["OBJECT", "FREQ", "offer-MTN-3"]).integer(), Some(0));
        let values = client.ask(&["MGET", "offer-MTN-3", "offer-MTN-9"]);
        assert_eq!(values.items()[0].value(), encoded);
        assert!(values.items()[1].is_null());
        assert_eq!(client.ask(&["SELECT", "17"]).shown(), "OK");
        assert_eq!(client.ask(&["GET", "/"]).shown(), "page ".repeat(100), "inflated");
        let info = client.ask(&["INFO"]).shown();
        assert!(info.contains("larder_keyspace_16:offer\r\n"), "{info}");
        assert!(info.contains("db16:keys=2,") && info.contains("db17:keys=1,"), "{info}");
        let setting = client.ask(&["CONFIG", "GET", "larder-keyspaces"]);
        assert_eq!(setting.texts(), ["larder-keyspaces", "16=offer 17=page 18=price"]);
        assert!(client.ask(&["CLIENT", "INFO"]).shown().contains(" db=17 "));
        if round == "open" {
            drop(client);
            served = reopened(served);
        }
    }
    // The application opens the keyspace again while the server shows it.
    let offers = served.cache.keyspace(OFFER).unwrap();
    assert_eq!(offers.get(("MTN", 3)).unwrap().1, 100);
    assert_eq!(select(&served, "16").ask(&["GET", "offer-MTN-3"]).value(), encoded);
}

fn bincode_of(name: &str, price: u8) -> Vec<u8> {
    [&[u8::try_from(name.len()).unwrap()], name.as_bytes(), &[price]].concat()
}

/// Closes the cache of a server, and serves its file again, without the application.
fn reopened(mut served: Served) -> Served {
    drop(served.server.take());
    served.cache.close().unwrap();
    let path = served.dir.path().join("shop.larder");
    served.cache = Cache::builder().path(path).open().unwrap();
    let builder = Server::builder(&served.cache).listen(format!("unix:{}", served.socket.display()));
    let builder = builder.keyspace("offer").keyspace("page").keyspace("price").key_spelling(&OfferSpelling);
    served.server = Some(builder.start().unwrap());
    served
}

#[test]
fn hostile_keys_are_errors_that_name_the_reason_and_change_nothing() {
    let served = served();
    let offers = served.cache.keyspace(OFFER).unwrap();
    let prices = served.cache.keyspace(PRICE).unwrap();
    offers.insert(("MTN", 3), ("airtime".to_owned(), 100)).unwrap();
    // Keys that look like other keys, and keys that are hard to print.
    let hard = [
        "MTN",
        "price-MTN",
        "\"price-MTN\"",
        "0x4D54",
        "\"MTN\"",
        " MTN ",
        "",
        "a\r\n\u{1b}[2J",
        "offer-MTN-3",
        "日本",
        "b\"x\"",
        "None",
    ];
    for (number, key) in hard.iter().enumerate() {
        prices.insert(*key, number as u64).unwrap();
    }
    let mut client = select(&served, "18");
    let shown = client.ask(&["KEYS", "*"]).texts();
    assert_eq!(shown.len(), hard.len());
    for shown in &shown {
        let value = client.ask(&["GET", shown]).value();
        let key = hard[usize::from(value[0])];
        assert_eq!(client.ask(&["DEL", shown]).integer(), Some(1), "{shown}");
        assert!(prices.get(key).is_none(), "{shown} is {key:?}");
    }
    assert!(prices.is_empty());
    assert_eq!(client.ask(&["SELECT", "16"]).shown(), "OK");
    let long = format!("(\"{}\", 3)", "x".repeat(5000));
    let malformed = ["MTN", "(MTN)", "(MTN, -1)", "(MTN, 99999999999999999999)", "(MTN, 3) x", "\"MTN", ""];
    for key in malformed.into_iter().chain(["0x4D5", "0xZZ", "(\"\u{1b}[2J\", x)"]) {
        for command in ["GET", "TTL", "DEL", "MGET", "EXISTS"] {
            let reply = client.ask(&[command, key]);
            let error = reply.error().unwrap_or_else(|| panic!("{command} {key}: {reply:?}"));
            assert!(error.starts_with("ERR key is ") && !error.contains('\u{1b}'), "{error}");
            assert!(error.contains("keyspace \"offer\""), "{error}");
        }
    }
    assert!(client.ask(&["GET", &long]).error().is_some_and(|error| error.contains("the most is 4096")));
    assert_eq!(client.ask(&["DEL", &long]).integer(), Some(0), "a key that is too long has no entry");
    let not_text = client.ask(&[&b"DEL"[..], b"\xff\xfe"]);
    assert!(not_text.error().is_some_and(|error| error.contains("UTF-8")));
    // If one of several keys is malformed, no key is removed.
    assert!(client.ask(&["DEL", "offer-MTN-3", "(MTN)"]).error().is_some());
    assert_eq!(client.ask(&["EXISTS", "offer-MTN-3"]).integer(), Some(1));
}

#[test]
fn values_are_not_written_and_lives_are_only_shortened() {
    let served = served();
    let offers = served.cache.keyspace(OFFER).unwrap();
    offers.insert(("MTN", 3), ("airtime".to_owned(), 100)).unwrap();
    let mut client = select(&served, "16");
    let key = "offer-MTN-3";
    for words in [
        &["SET", key, "x"][..],
        &["SETEX", key, "10", "x"],
        &["SET", key, "x", "XX", "KEEPTTL"],
        &["GETSET", key, "x"],
        &["INCR", "offer-MTN-4"],
        &["APPEND", key, "x"],
        &["SETRANGE", key, "0", "x"],
        &["MSET", key, "x"],
        &["MSETNX", "offer-MTN-4", "x"],
        &["SETNX", "offer-MTN-4", "x"],
        &["PERSIST", key],
        &["EXPIRE", key, "7200"],
        &["GETEX", key, "PERSIST"],
        &["WATCH", key],
        &["EVAL", "return 1", "1", key],
        &["EVALSHA", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "1", key],
    ] {
        let reply = client.ask(words);
        let error = reply.error().unwrap_or_else(|| panic!("{words:?}: {reply:?}"));
        assert!(error.contains("application") || error.contains("integer"), "{words:?}: {error}");
    }
    client.ask(&["MULTI"]);
    client.ask(&["DEL", key]);
    assert!(client.ask(&["EXEC"]).error().is_some_and(|error| error.starts_with("EXECABORT")));
    // A transaction that selects the database is refused as a whole.
    client.ask(&["SELECT", "0"]);
    client.ask(&["MULTI"]);
    client.ask(&["SET", "raw", "1"]);
    client.ask(&["SELECT", "16"]);
    client.ask(&["DEL", key]);
    assert!(client.ask(&["EXEC"]).error().is_some_and(|error| error.starts_with("EXECABORT")));
    assert!(client.ask(&["GET", "raw"]).is_null());
    assert_eq!(client.ask(&["FLUSHALL"]).shown(), "OK");
    assert_eq!(*offers.get(("MTN", 3)).unwrap(), ("airtime".to_owned(), 100), "nothing has changed");
    assert_eq!(client.ask(&["SELECT", "16"]).shown(), "OK");
    assert_eq!(client.ask(&["EXPIRE", key, "60"]).integer(), Some(1));
    assert!((50..=60).contains(&client.ask(&["TTL", key]).integer().unwrap()));
    assert!(offers.ttl(("MTN", 3)).unwrap() <= Duration::from_mins(1));
    assert_eq!(client.ask(&["EXPIRE", key, "100", "LT"]).integer(), Some(0));
    assert_eq!(client.ask(&["PEXPIRE", "offer-MTN-4", "100"]).integer(), Some(0));
    assert_eq!(client.ask(&["GETDEL", key]).value(), bincode_of("airtime", 100));
    assert!(offers.get(("MTN", 3)).is_none());
    // Without the application, the server has no types to write the entry with.
    offers.insert(("MTN", 3), ("airtime".to_owned(), 100)).unwrap();
    drop((client, offers));
    let served = reopened(served);
    let mut client = select(&served, "16");
    assert!(client.ask(&["EXPIRE", key, "60"]).error().is_some_and(|error| error.contains("not opened")));
    assert_eq!(client.ask(&["EXPIRE", key, "-1"]).integer(), Some(1));
    assert!(client.ask(&["GET", key]).is_null());
}

/// After the system's clock was set back, the time of the cache is ahead of it.
#[test]
fn lives_are_measured_by_the_time_of_the_cache() {
    let clock = Arc::new(ManualClock::starting_at(SystemClock::new().wall().after(Duration::from_hours(1))));
    let served = Served::over(|cache| cache.clock(clock.clone()), |builder| builder.keyspace("price"));
    let prices = served.cache.keyspace(PRICE).unwrap();
    prices.insert("MTN", 100).unwrap();
    let mut client = select(&served, "16");
    assert_eq!(client.ask(&["EXPIRE", "MTN", "60"]).integer(), Some(1));
    assert_eq!(client.ask(&["TTL", "MTN"]).integer(), Some(60));
    assert_eq!(client.ask(&["EXPIRE", "MTN", "90", "LT"]).integer(), Some(0));
    assert_eq!(*prices.get("MTN").unwrap(), 100);
}

#[test]
fn a_keyspace_may_come_later_and_in_another_version() {
    let served = Served::with(|builder| builder.databases(1).keyspace("price").keyspace("session"));
    let mut client = RespClient::connect(&served.socket).unwrap();
    let missing = client.ask(&["SELECT", "1"]);
    assert!(missing.error().is_some_and(|error| error.contains("no keyspace \"price\"")), "{missing:?}");
    assert!(client.ask(&["SELECT", "3"]).error().is_some_and(|error| error.contains("out of range")));
    let prices = served.cache.keyspace(PRICE).unwrap();
    prices.insert("MTN", 100).unwrap();
    assert_eq!(client.ask(&["SELECT", "1"]).shown(), "OK");
    assert_eq!(client.ask(&["GET", "MTN"]).value(), [100]);
    // The server does not keep the old version open.
    drop(prices);
    let named = KeyspaceDefinition::<u64, String>::new("price").version(1);
    let prices = served.cache.keyspace(named).unwrap();
    assert!(client.ask(&["GET", "7"]).is_null());
    prices.insert(&7, "seven".to_owned()).unwrap();
    assert_eq!(client.ask(&["GET", "7"]).value(), b"\x05seven");
    assert!(client.ask(&["GET", "MTN"]).error().is_some(), "keys are numbers now");
    // A memory-only keyspace is shown while it is open.
    let sessions = KeyspaceDefinition::<u64, String>::new("session").memory_only();
    let sessions = served.cache.keyspace(sessions).unwrap();
    sessions.insert(&1, "secret".to_owned()).unwrap();
    assert_eq!(client.ask(&["SELECT", "2"]).shown(), "OK");
    assert_eq!(client.ask(&["GET", "1"]).value(), b"\x06secret");
    assert_eq!(client.ask(&["KEYS", "*"]).texts(), ["1"]);
    assert_eq!(client.ask(&["DEL", "1"]).integer(), Some(1));
    assert!(sessions.get(&1).is_none());
}

#[test]
fn read_only_servers_and_passwords_cover_the_databases_of_an_application() {
    let served = Served::with(|builder| builder.read_only(true).password("p").keyspace("price"));
    served.cache.keyspace(PRICE).unwrap().insert("MTN", 7).unwrap();
    let mut client = RespClient::connect(&served.socket).unwrap();
    assert!(client.ask(&["SELECT", "16"]).error().is_some_and(|error| error.starts_with("NOAUTH")));
    client.ask(&["AUTH", "p"]);
    assert_eq!(client.ask(&["SELECT", "16"]).shown(), "OK");
    assert_eq!(client.ask(&["GET", "MTN"]).value(), [7]);
    for words in [&["DEL", "MTN"][..], &["FLUSHDB"], &["EXPIRE", "MTN", "0"], &["GETDEL", "MTN"]] {
        assert!(client.ask(words).error().is_some_and(|error| error.starts_with("READONLY")), "{words:?}");
    }
}

#[test]
fn names_that_can_t_be_served_are_refused_at_the_start() {
    let cache = Cache::builder().open().unwrap();
    let long = "x".repeat(256);
    for names in [&["price", "price"][..], &["redis:3"], &[""], &[&long]] {
        let builder = Server::builder(&cache).listen("127.0.0.1:0");
        let builder = names.iter().fold(builder, |builder, name| builder.keyspace(*name));
        let error = builder.start().unwrap_err().to_string();
        assert!(error.contains("keyspace"), "{error}");
    }
}

#[test]
fn redis_cli_and_the_crate_read_and_remove_entries_of_the_application() {
    let served = served();
    let pages = served.cache.keyspace(PAGE).unwrap();
    pages.insert("/", "home".to_owned()).unwrap();
    pages.insert("/cart", "cart".to_owned()).unwrap();
    let client = redis::Client::open(format!("unix:{}?db=17", served.socket.display())).unwrap();
    let mut client = client.get_connection().unwrap();
    assert_eq!(client.get::<_, String>("/").unwrap(), "home");
    let keys: Vec<String> = client.scan().unwrap().collect();
    assert_eq!(keys, ["/", "/cart"]);
    assert_eq!(client.del::<_, u64>("/cart").unwrap(), 1);
    assert!(pages.get("/cart").is_none());
    let Some(value) = redis_cli(&served, &["-n", "17", "get", "/"]) else { return };
    assert_eq!(value.trim(), "home");
    assert_eq!(redis_cli(&served, &["-n", "17", "--scan"]).unwrap().trim(), "/");
    assert_eq!(redis_cli(&served, &["-n", "17", "del", "/"]).unwrap().trim(), "1");
    assert!(pages.get("/").is_none());
}
