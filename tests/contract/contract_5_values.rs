//! Contract 5 for values with serde attributes. A value is read back as it was inserted, or is refused, or is
//! a counted miss.
//!
//! `tests/types` tests hundreds of types. The tests here check how a keyspace handles such values.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};

use larder::{Cache, Compression, Error, Follower, Format, KeyspaceDefinition};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::support::warnings::Warnings;
use crate::support::{HOUR, Place};

fn keyspace<V>(format: Format) -> KeyspaceDefinition<u32, V> {
    KeyspaceDefinition::new("value").ttl(HOUR).format(format)
}

/// Stores a value, reopens the cache, and reads the value.
fn reopened<V>(format: Format, value: V) -> Result<Option<V>, Error>
where
    V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    let place = Place::new();
    let cache = place.open();
    cache.keyspace(keyspace::<V>(format)).unwrap().insert(&7, value)?;
    cache.close().unwrap();
    let cache = place.open();
    let found = cache.keyspace(keyspace::<V>(format)).unwrap().get(&7);
    Ok(found.map(|value| V::clone(&value)))
}

fn refusal<V>(value: V) -> String
where
    V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    match reopened(Format::Bincode, value) {
        Err(error @ Error::Encode { .. }) => error.to_string(),
        Err(error) => panic!("refused for another reason: {error}"),
        Ok(_) => panic!("a {} was stored", std::any::type_name::<V>()),
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Offer {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    coupon: Option<u32>,
    level: u32,
    products: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Hidden {
    #[serde(skip_serializing, default)]
    secret: u32,
    shown: u32,
    more: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Either {
    Number(u32),
    Text(String),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Airtime { amount: u32 },
    Data { mb: u64, name: String },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Flattened {
    id: u64,
    #[serde(flatten)]
    offer: Offer,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

fn offer() -> Offer {
    Offer { coupon: None, level: 0, products: vec![2, 5, 7] }
}

fn flattened() -> Flattened {
    Flattened {
        id: 1,
        offer: offer(),
        rest: BTreeMap::from([("x".to_owned(), serde_json::json!([1, null]))]),
    }
}

#[test]
fn contract_5_what_a_positional_encoding_cannot_carry_is_refused_with_the_way_out() {
    let refusals = [
        refusal(offer()),
        refusal(Hidden { secret: 0, shown: 3, more: vec![1] }),
        refusal(Either::Number(1)),
        refusal(Tagged::Airtime { amount: 1 }),
        refusal(flattened()),
        refusal(serde_json::json!({"price": 1})),
    ];
    for text in &refusals {
        assert!(text.contains("MessagePack") && text.contains("\"value\""), "{text}");
    }
    assert!(refusals[0].contains("\"coupon\" of Offer"), "{}", refusals[0]);
}

#[test]
fn contract_5_what_describes_itself_carries_them() {
    fn comes_back<V>(value: V)
    where
        V: Serialize + DeserializeOwned + Clone + PartialEq + Debug + Send + Sync + 'static,
    {
        assert_eq!(reopened(Format::MessagePack, value.clone()).unwrap(), Some(value));
    }
    comes_back(offer());
    comes_back(Offer { coupon: Some(1), ..offer() });
    comes_back(Either::Number(1));
    comes_back(Either::Text("x".to_owned()));
    comes_back(Tagged::Data { mb: 1 << 40, name: "x".to_owned() });
    comes_back(flattened());
    comes_back(serde_json::json!({"price": 1.5, "tags": ["a", null], "nested": {"b": [true, -1]}}));
    // This type skips a field during serialization. larder detects skipped fields when a value is stored.
    // Here the field has its default value, so nothing is lost.
    comes_back(Hidden { secret: 0, shown: 3, more: vec![1] });
    comes_back((std::net::IpAddr::from([127, 0, 0, 1]), std::time::Duration::from_millis(1500)));
}

#[test]
fn contract_5_raw_bytes_are_stored_as_they_are() {
    let place = Place::new();
    let bytes: Vec<u8> = (0..=255).collect();
    assert_eq!(reopened(Format::Raw, bytes.clone()).unwrap(), Some(bytes.clone()));
    assert_eq!(reopened(Format::Raw, "text".to_owned()).unwrap(), Some("text".to_owned()));
    assert_eq!(reopened(Format::Raw, [1_u8, 2, 3]).unwrap(), Some([1, 2, 3]));
    assert!(matches!(reopened(Format::Raw, 7_u32), Err(Error::Encode { .. })));
    let cache = place.open();
    cache.keyspace(keyspace::<Vec<u8>>(Format::Raw)).unwrap().insert(&7, bytes.clone()).unwrap();
    cache.close().unwrap();
    let inspector = larder::inspect::Inspector::open(place.path()).unwrap();
    let snapshot = inspector.snapshot().unwrap();
    let keyspace = &snapshot.keyspaces()[0];
    let entries = snapshot.page(keyspace, &[], None, 10).unwrap();
    let larder::inspect::RecordStatus::Live(record) = &entries[0].finding else { panic!("{entries:?}") };
    assert_eq!(*record.payload().unwrap(), bytes, "not a byte is added");
}

#[test]
fn contract_5_another_format_begins_empty() {
    let place = Place::new();
    let cache = place.open();
    cache.keyspace(keyspace::<String>(Format::Bincode)).unwrap().insert(&7, "x".to_owned()).unwrap();
    let conflict = cache.keyspace(keyspace::<String>(Format::MessagePack));
    assert!(conflict.is_ok(), "the other handle is gone");
    assert!(conflict.unwrap().get(&7).is_none());
    cache.close().unwrap();
    let cache = place.open();
    let names = cache.keyspace(keyspace::<String>(Format::Raw)).unwrap();
    assert!(names.get(&7).is_none());
    let error = cache.keyspace(keyspace::<String>(Format::Bincode)).unwrap_err();
    assert!(error.to_string().contains("bincode") && error.to_string().contains("raw"), "{error}");
    assert_eq!(cache.stats().keyspaces[0].undecodable, 0);
}

#[test]
fn contract_5_a_struct_that_changed_without_a_version_is_a_counted_miss() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Old {
        price: u32,
        stock: u32,
    }
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Swapped {
        stock: u32,
        price: u32,
    }
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Aliased {
        #[serde(alias = "cost")]
        price: u32,
        stock: u32,
    }
    let place = Place::new();
    let cache = place.open();
    cache.keyspace(keyspace(Format::Bincode)).unwrap().insert(&7, Old { price: 3, stock: 4 }).unwrap();
    cache.close().unwrap();

    let follower = Follower::open(place.path()).unwrap();
    assert!(follower.keyspace(keyspace::<Swapped>(Format::Bincode)).get(&7).is_err());
    let aliased = follower.keyspace(keyspace::<Aliased>(Format::Bincode)).get(&7).unwrap();
    assert_eq!(aliased, Some(Aliased { price: 3, stock: 4 }));

    let cache = place.open();
    let swapped = cache.keyspace(keyspace::<Swapped>(Format::Bincode)).unwrap();
    let warnings = Warnings::default();
    warnings.of(|| assert!(swapped.get(&7).is_none() && swapped.peek(&7).is_none()));
    let [text] = &warnings.texts()[..] else { panic!("told once: {:?}", warnings.texts()) };
    assert!(text.contains("keyspace=\"value\"") && text.contains("under other names"), "{text}");
    assert_eq!(cache.stats().keyspaces[0].undecodable, 2);
    let loaded = swapped.get_or_load(&7, || Ok::<_, Error>(Swapped { stock: 4, price: 3 })).unwrap();
    assert_eq!(*loaded, Swapped { stock: 4, price: 3 });
    cache.close().unwrap();
}

static PANICS: AtomicBool = AtomicBool::new(false);

/// A value whose `Deserialize` panics while a flag is set.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Brittle(u32);

impl<'de> Deserialize<'de> for Brittle {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        assert!(!PANICS.load(Ordering::SeqCst), "planted");
        u32::deserialize(deserializer).map(Self)
    }
}

#[test]
fn contract_5_a_deserialize_that_panics_is_a_counted_miss() {
    let place = Place::new();
    let cache = place.open();
    let values = cache.keyspace(keyspace::<Brittle>(Format::Bincode)).unwrap();
    for key in 0..4 {
        values.insert(&key, Brittle(key)).unwrap();
    }
    cache.close().unwrap();
    let cache = place.open();
    let values = cache.keyspace(keyspace::<Brittle>(Format::Bincode)).unwrap();
    PANICS.store(true, Ordering::SeqCst);
    assert_eq!(values.get(&0), None);
    assert_eq!(values.peek(&0), None);
    assert!(!values.touch(&0).unwrap());
    assert_eq!(values.iter().count(), 0);
    assert_eq!(cache.stats().keyspaces[0].undecodable, 7);
    let error = values.insert(&9, Brittle(9)).unwrap_err();
    assert!(error.to_string().contains("panicked: planted"), "{error}");
    PANICS.store(false, Ordering::SeqCst);
    assert_eq!(*values.get_or_load(&1, || Err::<Brittle, _>("unused")).unwrap(), Brittle(1));
    PANICS.store(true, Ordering::SeqCst);
    let loaded = values.get_or_load(&2, || Ok::<_, Error>(Brittle(22)));
    assert_eq!(*loaded.unwrap(), Brittle(22), "loaded, though what was loaded can't be stored");
    PANICS.store(false, Ordering::SeqCst);
}

#[test]
fn compressed_values_come_back_and_take_less_room() {
    const PAGES: KeyspaceDefinition<u32, String> = KeyspaceDefinition::new("page").ttl(HOUR);
    let page =
        |number: u32| format!("{{\"number\":{number},\"text\":\"{}\"}}", "airtime and data ".repeat(200));
    let bytes = |definition: KeyspaceDefinition<u32, String>| {
        let place = Place::new();
        let cache = place.open();
        let pages = cache.keyspace(definition).unwrap();
        for number in 0..50 {
            pages.insert(&number, page(number)).unwrap();
        }
        cache.flush().unwrap();
        let weight = cache.stats().memory.weight;
        let on_disk = cache.stats().disk.unwrap().bytes.as_u64();
        cache.close().unwrap();
        // A keyspace without compression, or with another threshold, can read these values too.
        for definition in [PAGES, PAGES.compress(Compression::Lz4, 0)] {
            let cache = place.open();
            let pages = cache.keyspace(definition).unwrap();
            assert!((0..50).all(|number| *pages.get(&number).unwrap() == page(number)));
            assert_eq!(cache.stats().memory.weight, weight, "memory weighs what was not compressed");
        }
        let follower = Follower::open(place.path()).unwrap();
        assert_eq!(follower.keyspace(PAGES).get(&3).unwrap(), Some(page(3)));
        on_disk
    };
    let (plain, compressed) = (bytes(PAGES), bytes(PAGES.compress(Compression::Lz4, 512)));
    assert!(compressed * 4 < plain, "{compressed} of {plain}");
    assert_eq!(
        bytes(PAGES.compress(Compression::Lz4, 1 << 20)),
        plain,
        "no stored value is as long as the text"
    );
}

#[test]
fn a_keyspace_in_memory_alone_takes_values_of_any_shape() {
    let cache = Cache::builder().open().unwrap();
    let values = cache.keyspace(keyspace::<Flattened>(Format::Bincode)).unwrap();
    values.insert(&1, flattened()).unwrap();
    assert_eq!(*values.get(&1).unwrap(), flattened());
    let place = Place::new();
    let cache = place.open();
    let values = cache.keyspace(keyspace::<Offer>(Format::Bincode).memory_only()).unwrap();
    values.insert(&1, offer()).unwrap();
    assert_eq!(*values.get(&1).unwrap(), offer());
}
