//! Tests of storing values at the server: raw values, values whose encoding panics or is refused, and a value
//! that expires before the request is sent.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::*;
use crate::format::codec::format::Format;
use crate::format::codec::limits::MAX_VALUE_LEN;
use crate::sys::clock::Clock;
use crate::units::Timestamp;

const RAW: KeyspaceDefinition<String, String> = KeyspaceDefinition::new("raw").format(Format::Raw);
const PANICKING: KeyspaceDefinition<String, PanickingPrice> = KeyspaceDefinition::new("panicking");

/// A price whose encoding panics if it is 0.
#[derive(Debug, PartialEq, Eq)]
struct PanickingPrice(u64);

impl Serialize for PanickingPrice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert!(self.0 > 0, "there is no such price");
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PanickingPrice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self)
    }
}

const REFUSING: KeyspaceDefinition<String, RefusingPrice> = KeyspaceDefinition::new("refusing");

/// A price whose encoding fails.
#[derive(Debug, Deserialize)]
struct RefusingPrice(u64);

impl Serialize for RefusingPrice {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it is a secret"))
    }
}

fn raw(two: &TwoNodes) -> [Keyspace<String, String>; 2] {
    [0, 1].map(|node| two.caches[node].keyspace(RAW).unwrap())
}

#[test]
fn a_removal_voids_a_raw_load() {
    let two = two_nodes();
    let [one, other] = raw(&two);
    let load = |value: &str, change: &dyn Fn()| {
        let loaded = one.get_or_load("MTNVTU", || {
            change();
            Ok::<_, Error>(value.to_owned())
        });
        assert_eq!(*loaded.unwrap(), value);
    };
    load("old", &|| _ = one.remove("MTNVTU").unwrap());
    assert_eq!(two.server.records(), 0, "removed by the same process");
    assert!(one.get("MTNVTU").is_none());
    let update = one.begin_update("MTNVTU").unwrap();
    load("old", &|| ());
    assert_eq!(two.server.records(), 0, "an update is in progress");
    update.finish();
    load("new", &|| ());
    assert_eq!(other.get("MTNVTU").as_deref().map(String::as_str), Some("new"));
}

#[test]
fn a_removal_right_before_a_raw_value_is_sent_removes_it() {
    let two = two_nodes();
    let [one, other] = raw(&two);
    let same = two.caches[0].keyspace(RAW).unwrap();
    two.nodes[0].before_fill(move || _ = same.remove("MTNVTU").unwrap());
    let loaded = one.get_or_load("MTNVTU", || Ok::<_, Error>("old".to_owned()));
    assert_eq!(*loaded.unwrap(), "old");
    assert_eq!(two.server.records(), 0);
    assert!(one.get("MTNVTU").is_none() && other.get("MTNVTU").is_none());
}

#[test]
fn an_empty_raw_value_outlives_a_load_that_is_given_up() {
    let two = two_nodes();
    let [one, other] = raw(&two);
    let failed = one.get_or_load("MTNVTU", || {
        other.insert("MTNVTU", String::new()).unwrap();
        Err::<String, _>("the source is away")
    });
    assert!(failed.is_err());
    assert_eq!(one.get("MTNVTU").as_deref().map(String::as_str), Some(""));
}

#[test]
fn a_panic_of_the_encoding_gives_the_lease_back() {
    let two = two_nodes_with(|builder| builder.load_timeout(Duration::from_millis(200)));
    let [one, other] = [0, 1].map(|node| two.caches[node].keyspace(PANICKING).unwrap());
    let load = || one.get_or_load("MTNVTU", || Ok::<_, Error>(PanickingPrice(0)));
    let panic = catch_unwind(AssertUnwindSafe(load)).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"there is no such price"));
    let loaded = other.get_or_load("MTNVTU", || Ok::<_, Error>(PanickingPrice(7))).unwrap();
    assert_eq!((&*loaded, two.server.records()), (&PanickingPrice(7), 1));
}

/// A clock that advances by 1 ms with each reading.
#[derive(Debug)]
struct RacingClock(ManualClock);

impl Clock for RacingClock {
    fn monotonic(&self) -> Duration {
        self.0.advance(Duration::from_millis(1));
        self.0.monotonic()
    }

    fn wall(&self) -> Timestamp {
        self.0.advance(Duration::from_millis(1));
        self.0.wall()
    }
}

#[test]
fn a_write_whose_time_comes_on_the_way_leaves_no_earlier_value() {
    let clock = Arc::new(RacingClock(ManualClock::new()));
    let server = RemoteServer::new(Arc::new(ManualClock::new()));
    let cache = Cache::builder().clock(clock.clone()).remote(server.node()).open().unwrap();
    let prices = cache.keyspace(PRICES).unwrap();
    for ends_in in 0..40 {
        prices.insert_with("MTNVTU", 100, InsertOptions::new().ttl(Ttl::Never)).unwrap();
        let at = Timestamp::from_millis(clock.wall().as_millis() + ends_in);
        if prices.insert_with("MTNVTU", 120, InsertOptions::new().ttl(Ttl::Until(at))).is_ok() {
            assert_ne!(prices.get("MTNVTU").as_deref(), Some(&100), "{ends_in}");
        }
    }
}

/// Checks a value that is too large, and one that does not encode. Both are loaded by each caller anew.
#[test]
fn a_loaded_value_that_cannot_be_sent_is_counted_with_its_cause() {
    let two = two_nodes();
    let raw = raw(&two)[0].clone();
    let len = usize::try_from(MAX_VALUE_LEN.as_u64()).unwrap() + 1;
    let loaded = raw.get_or_load("MTNVTU", || Ok::<_, Error>("x".repeat(len)));
    assert_eq!(loaded.unwrap().len(), len);
    let refusing = two.caches[0].keyspace(REFUSING).unwrap();
    assert_eq!(refusing.get_or_load("MTNVTU", || Ok::<_, Error>(RefusingPrice(0))).unwrap().0, 0);
    let stats = two.caches[0].stats();
    assert_eq!((two.server.records(), stats.uncacheable, stats.voided_fills), (0, 2, 0));
    let causes = stats.keyspaces.iter().filter_map(|keyspace| keyspace.uncacheable_cause.clone());
    assert_eq!(causes.collect::<Vec<_>>().len(), 2, "{:?}", stats.keyspaces);
}
