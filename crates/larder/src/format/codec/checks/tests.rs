mod release;

use super::ValueChecks;
use crate::format::codec::format::Format;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::*;
use crate::format::codec::encode;

/// Encodes, checks and decodes a value, as a keyspace does. Returns the first error.
fn round_trip<V>(checks: &ValueChecks, format: Format, value: &V) -> Result<V, CodecError>
where
    V: Serialize + DeserializeOwned + 'static,
{
    let encoded = encode(format, value)?;
    checks.check(format, value, &encoded)?;
    read(checks, format, &encoded)
}

fn read<V>(checks: &ValueChecks, format: Format, encoded: &Encoded) -> Result<V, CodecError>
where
    V: Serialize + DeserializeOwned + 'static,
{
    let extension = Extension { fingerprint: encoded.fingerprint(), ..Extension::default() };
    checks
        .read(format, record::PayloadCompression::None, &extension, &encoded.payload)
        .map(|(value, _)| value)
}

/// Writes a value of type `W`, and reads it as a value of type `R`.
fn reread<W, R>(written: &W) -> Result<R, CodecError>
where
    W: Serialize + 'static,
    R: Serialize + DeserializeOwned + 'static,
{
    read(&ValueChecks::new(false), Format::Bincode, &encode(Format::Bincode, written)?)
}

fn refusal<V>(format: Format, value: &V) -> String
where
    V: Serialize + DeserializeOwned + 'static,
{
    match round_trip(&ValueChecks::new(false), format, value) {
        Ok(_) => panic!("a {} was stored as {format}", type_name::<V>()),
        Err(error) => error.to_string(),
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Offer {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    coupon: Option<u32>,
    level: u32,
    products: Vec<u32>,
}

const OFFER: fn() -> Offer = || Offer { coupon: None, level: 0, products: vec![2, 5, 7] };

#[test]
fn a_field_that_is_left_out_is_refused_by_name_and_carried_by_message_pack() {
    let text = refusal(Format::Bincode, &OFFER());
    assert!(text.contains("\"coupon\" of Offer") && text.contains("Format::MessagePack"), "{text}");
    let whole = Offer { coupon: Some(1), ..OFFER() };
    for offer in [OFFER(), whole] {
        assert_eq!(round_trip(&ValueChecks::new(false), Format::MessagePack, &offer), Ok(offer));
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Small(u8),
    Large(u16),
}

#[test]
fn a_value_that_comes_back_as_another_is_refused() {
    // The bytes of the two variants are equal, but the values are not.
    assert!(refusal(Format::MessagePack, &Untagged::Large(5)).contains("another value"));
    assert_eq!(
        round_trip(&ValueChecks::new(false), Format::MessagePack, &Untagged::Small(5)),
        Ok(Untagged::Small(5))
    );
    assert!(refusal(Format::Bincode, &Untagged::Small(5)).contains("untagged"));
}

#[test]
fn a_rare_variant_is_tried_when_it_first_comes() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Event {
        Common(u32),
        Rare { json: serde_json::Value },
    }
    let checks = ValueChecks::new(false);
    for number in 0..10_000 {
        round_trip(&checks, Format::Bincode, &Event::Common(number)).unwrap();
    }
    assert_eq!(checks.trials.load(Ordering::Relaxed), FIRST_VALUES);
    let rare = Event::Rare { json: serde_json::json!(null) };
    assert!(round_trip(&checks, Format::Bincode, &rare).is_err());
    // An untagged enum writes no names of variants, but the kind is new at its place.
    let checks = ValueChecks::new(false);
    for number in 0..100 {
        round_trip(&checks, Format::MessagePack, &vec![Untagged::Small(number)]).unwrap();
    }
    assert!(round_trip(&checks, Format::MessagePack, &vec![Untagged::Large(5)]).is_err());
}

#[test]
fn collections_without_an_order_come_back() {
    let checks = ValueChecks::new(true);
    let map: HashMap<String, HashSet<u64>> =
        (0..50).map(|at| (at.to_string(), (at..at * 2).collect())).collect();
    for format in [Format::Bincode, Format::MessagePack] {
        assert_eq!(round_trip(&checks, format, &map).as_ref(), Ok(&map));
    }
}

#[test]
fn a_value_that_serializes_in_another_way_each_time_is_not_judged() {
    std::thread_local!(static CALLS: Cell<u64> = const { Cell::new(0) });
    #[derive(Debug, Deserialize)]
    struct Restless(u64);
    impl Serialize for Restless {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_newtype_struct("Restless", &(self.0 + CALLS.replace(CALLS.get() + 1)))
        }
    }
    assert!(round_trip(&ValueChecks::new(true), Format::Bincode, &Restless(7)).is_ok());
}

#[test]
fn what_changed_without_a_version_is_an_error() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Old {
        price: u32,
        stock: u32,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Swapped {
        stock: u32,
        price: u32,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Renamed {
        price: u32,
        left: u32,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Aliased {
        #[serde(alias = "cost", alias = "a")]
        price: u32,
        #[serde(alias = "count")]
        stock: u32,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Signed {
        price: i32,
        stock: u32,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Fewer {
        price: u64,
    }
    let old = Old { price: 3, stock: 4 };
    assert!(reread::<_, Swapped>(&old).unwrap_err().to_string().contains("names"));
    assert!(reread::<_, Renamed>(&old).unwrap_err().to_string().contains("names"));
    assert!(reread::<_, Signed>(&old).unwrap_err().to_string().contains("parts"));
    assert!(reread::<_, Fewer>(&old).is_err());
    assert!(reread::<_, (u32, u32)>(&old).is_err(), "a tuple has no names");
    assert_eq!(reread::<_, Aliased>(&old), Ok(Aliased { price: 3, stock: 4 }));
    assert_eq!(reread::<_, Old>(&old), Ok(old));
}

#[test]
fn variants_are_told_by_name_and_index() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Old {
        First(u8),
        Second(u8),
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Inserted {
        First(u8),
        Between(u8),
        Second(u8),
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Aliased {
        #[serde(alias = "Erstes", alias = "Eins")]
        First(u8),
        #[serde(alias = "Zwei")]
        Second(u8),
        Third(u8),
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Skips {
        #[expect(dead_code, reason = "it is skipped")]
        #[serde(skip)]
        Hidden,
        First(u8),
        Second(u8),
    }
    let old = vec![Old::First(1), Old::Second(2)];
    assert!(reread::<_, Vec<Inserted>>(&old).is_err());
    assert_eq!(reread::<_, Vec<Aliased>>(&old), Ok(vec![Aliased::First(1), Aliased::Second(2)]));
    // serde counts skipped variants when it writes, but not when it reads. So `First` would come back as
    // `Second`.
    assert!(!refusal(Format::Bincode, &Skips::First(1)).is_empty());
    assert!(reread::<_, Skips>(&Skips::First(1)).is_err());
}

#[test]
fn a_panic_of_a_type_is_an_error() {
    #[derive(Debug, Serialize)]
    struct Panics(u8);
    impl<'de> Deserialize<'de> for Panics {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            panic!("planted")
        }
    }
    assert!(refusal(Format::Bincode, &Panics(1)).contains("panicked: planted"));
    let encoded = encode(Format::Bincode, &Panics(1)).unwrap();
    let error = read::<Panics>(&ValueChecks::new(false), Format::Bincode, &encoded).unwrap_err();
    assert!(error.to_string().contains("panicked: planted"));
}

#[test]
fn a_panic_of_a_type_is_an_error_even_if_its_payload_panics() {
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            panic!("planted, in the drop of a payload");
        }
    }
    #[derive(Debug, Serialize)]
    struct Panics(u8);
    impl<'de> Deserialize<'de> for Panics {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            std::panic::panic_any(Payload)
        }
    }
    assert!(refusal(Format::Bincode, &Panics(1)).contains("Deserialize panicked: without a message"));
    let encoded = encode(Format::Bincode, &Panics(1)).unwrap();
    let error = read::<Panics>(&ValueChecks::new(false), Format::Bincode, &encoded).unwrap_err();
    assert!(error.to_string().contains("Deserialize panicked: without a message"));
}

#[test]
fn the_error_names_the_trait_that_panicked() {
    #[derive(Deserialize)]
    struct Unwritable(u32);
    impl Serialize for Unwritable {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("planted {}", self.0)
        }
    }
    // Without a fingerprint, the value must be encodable to the same bytes.
    let payload = encode(Format::Bincode, &1_u32).unwrap().payload;
    let read = ValueChecks::new(false).read::<Unwritable>(
        Format::Bincode,
        record::PayloadCompression::None,
        &Extension::default(),
        &payload,
    );
    let error = read.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("Serialize panicked: planted 1"), "{error}");
    assert!(!error.contains("Deserialize"), "{error}");
}

#[test]
fn a_record_without_a_fingerprint_is_believed_if_it_is_written_as_it_was_read() {
    let read = |payload: &[u8]| {
        let extension = Extension::default();
        ValueChecks::new(false).read::<Offer>(
            Format::Bincode,
            record::PayloadCompression::None,
            &extension,
            payload,
        )
    };
    // The bytes of an `Offer` without its coupon. Without a fingerprint, they would be read as a different
    // value.
    assert!(read(&[0, 3, 2, 5, 7]).is_err());
    assert_eq!(read(&[1, 9, 3, 1, 5]).unwrap(), (Offer { coupon: Some(9), level: 3, products: vec![5] }, 5));
}

#[test]
fn a_hash_map_of_the_first_format_is_read_whatever_its_order() {
    let map: HashMap<u16, (bool, u64)> =
        (0..50).map(|number| (number, (number % 2 == 0, u64::from(number) << 7))).collect();
    let payload = encode(Format::Bincode, &map).unwrap().payload;
    let read = |payload: &[u8]| {
        let (checks, extension) = (ValueChecks::new(false), Extension::default());
        checks.read::<HashMap<u16, (bool, u64)>>(
            Format::Bincode,
            record::PayloadCompression::None,
            &extension,
            payload,
        )
    };
    assert_eq!(read(&payload).unwrap().0, map);
    // The bytes contain the same key twice. The decoded map would encode that key only once.
    assert!(read(&[2, 1, 0, 5, 1, 0, 6]).is_err());
}

/// A value that announces a wrong number of bytes.
struct Announcing {
    announced: usize,
    has: usize,
}

impl Serialize for Announcing {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Bytes(usize, std::iter::RepeatN<u8>);
        impl Iterator for Bytes {
            type Item = u8;
            fn next(&mut self) -> Option<u8> {
                self.1.next()
            }
            fn size_hint(&self) -> (usize, Option<usize>) {
                (self.0, Some(self.0))
            }
        }
        serializer.collect_seq(Bytes(self.announced, std::iter::repeat_n(7, self.has)))
    }
}

#[test]
fn bytes_of_another_number_than_was_announced_are_refused() {
    for format in [Format::Bincode, Format::MessagePack] {
        for (announced, has) in [(3, 4), (4, 3), (usize::MAX, 2), (1 << 40, 2)] {
            let error = encode(format, &Announcing { announced, has }).unwrap_err().to_string();
            let is_told = error.contains("announces") || error.contains("elements in sequences");
            assert!(is_told, "{format}, {announced} announced: {error}");
        }
        assert!(encode(format, &Announcing { announced: 3, has: 3 }).is_ok());
    }
}

#[test]
fn fingerprints_are_pinned() {
    #[derive(Serialize)]
    enum Kind {
        #[serde(rename = "airtime")]
        Airtime,
        Data {
            mb: u64,
        },
        Pair(i8, char),
        Text(&'static str),
    }
    #[derive(Serialize)]
    struct Item {
        code: &'static str,
        price: Option<u32>,
        kinds: Vec<Kind>,
        tags: BTreeMap<&'static str, f64>,
        bytes: Vec<u8>,
    }
    let item = |price| Item {
        code: "MTN",
        price,
        kinds: vec![Kind::Airtime, Kind::Data { mb: 1 }, Kind::Pair(-1, 'x'), Kind::Text("t")],
        tags: BTreeMap::from([("a", 0.5)]),
        bytes: vec![1, 2, 3],
    };
    let fingerprint = |encoded: Result<Encoded, CodecError>| encoded.unwrap().fingerprint().unwrap();
    let pinned = [
        (fingerprint(encode(Format::Bincode, &item(Some(1)))), 0x8603_6D4E_8796_5313),
        (fingerprint(encode(Format::Bincode, &item(None))), 0x912D_F0E1_8796_5313),
        (fingerprint(encode(Format::Bincode, &7_u64)), 0xAD7F_AFA8_0000_0000),
        (fingerprint(encode(Format::Bincode, &())), 0xC2FC_5B25_0000_0000),
        (fingerprint(encode(Format::Bincode, &(1_u8, [2_i16; 3]))), 0x5AD5_59F3_0000_0000),
    ];
    for (at, (found, pinned)) in pinned.into_iter().enumerate() {
        assert_eq!(found, pinned, "{at}: {found:#018X}");
    }
    assert_eq!(encode(Format::MessagePack, &7_u64).unwrap().fingerprint(), None);
}
