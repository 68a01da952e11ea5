//! Types of other crates, and types that implement serde's traits by hand. The types in `generated/` do not
//! cover these.

use std::collections::BTreeMap;
use std::fmt;

use bitflags::bitflags;
use either::Either;
use indexmap::{IndexMap, IndexSet};
use ordered_float::OrderedFloat;
use serde::de::{DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_repr::{Deserialize_repr, Serialize_repr};
use smallvec::SmallVec;

use crate::content::{Content, Maker, content};
use crate::judge::Judge;
use crate::standard::plain;

/// Tries each type, alone and among other fields.
pub(crate) fn all(judge: &mut Judge) {
    values::<serde_json::Value>(judge, "`serde_json::Value`");
    values::<serde_json::Map<String, serde_json::Value>>(judge, "`serde_json::Map`");
    values::<Buffer>(judge, "`serde_bytes::ByteBuf`");
    values::<bytes::Bytes>(judge, "`bytes::Bytes`");
    values::<uuid::Uuid>(judge, "`uuid::Uuid`");
    values::<semver::Version>(judge, "`semver::Version`");
    values::<chrono::NaiveDateTime>(judge, "`chrono`: dates and times");
    values::<chrono::DateTime<chrono::Utc>>(judge, "`chrono`: dates and times");
    values::<time::Date>(judge, "`time`: dates and durations");
    values::<time::Duration>(judge, "`time`: dates and durations");
    values::<Either<u32, String>>(judge, "`either::Either`");
    values::<IndexMap<String, u32>>(judge, "`indexmap::IndexMap`, `IndexSet`");
    values::<IndexSet<String>>(judge, "`indexmap::IndexMap`, `IndexSet`");
    values::<SmallVec<[u16; 2]>>(judge, "`smallvec::SmallVec`");
    values::<SmallVec<[u8; 2]>>(judge, "`smallvec::SmallVec`");
    values::<OrderedFloat<f64>>(judge, "`ordered_float::OrderedFloat`");
    values::<Rights>(judge, "`bitflags`");
    values::<Grade>(judge, "`serde_repr`");
    values::<Counted>(judge, "`Serialize` by hand: a map, a sequence of unknown length");
    values::<Unannounced>(judge, "`Serialize` by hand: a map, a sequence of unknown length");
    values::<TwoFaces>(judge, "`Serialize` by hand: asks whether people read it");
    values::<Chatty>(judge, "`Serialize` by hand: other parts than `Deserialize` asks for");
    values::<Packed>(judge, "`Serialize` by hand: a number in place of a struct");
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "T: Serialize + DeserializeOwned")]
struct Among<T> {
    before: u16,
    held: T,
    many: Vec<T>,
    maybe: Option<T>,
    after: String,
}

impl<T: Content> Content for Among<T> {
    fn make(maker: &mut Maker) -> Self {
        Self {
            before: u16::make(maker),
            held: T::make(maker),
            many: Vec::make(maker),
            maybe: Option::make(maker),
            after: String::make(maker),
        }
    }

    fn same(&self, read: &Self, with_losses: bool) -> bool {
        self.before == read.before
            && self.held.same(&read.held, with_losses)
            && self.many.same(&read.many, with_losses)
            && self.maybe.same(&read.maybe, with_losses)
            && self.after == read.after
    }
}

fn values<T>(judge: &mut Judge, row: &'static str)
where
    T: Content + Serialize + DeserializeOwned + fmt::Debug + 'static,
{
    let name = std::any::type_name::<T>();
    judge.values_of::<T>(name, row);
    judge.values_of::<Among<T>>(name, row);
}

fn json(maker: &mut Maker) -> serde_json::Value {
    use serde_json::{Number, Value};
    match maker.below(if maker.is_deep() { 6 } else { 8 }) {
        0 => Value::Null,
        1 => Value::Bool(bool::make(maker)),
        2 => Value::from(i64::make(maker)),
        3 => Value::from(u64::make(maker)),
        4 => Number::from_f64(f64::make(maker)).map_or(Value::Null, Value::Number),
        5 => Value::String(String::make(maker)),
        6 => {
            let len = maker.len();
            Value::Array(maker.deeper(|maker| (0..len).map(|_| json(maker)).collect()))
        }
        _ => Value::Object(json_map(maker)),
    }
}

fn json_map(maker: &mut Maker) -> serde_json::Map<String, serde_json::Value> {
    let len = maker.len();
    maker.deeper(|maker| (0..len).map(|_| (String::make(maker), json(maker))).collect())
}

plain! {
    serde_json::Value: json;
    serde_json::Map<String, serde_json::Value>: json_map;
    bytes::Bytes: |maker| Vec::<u8>::make(maker).into();
    uuid::Uuid: |maker| uuid::Uuid::from_u128(u128::make(maker));
    semver::Version: |maker| semver::Version::new(u64::make(maker), 1, u64::make(maker));
    chrono::NaiveDateTime: |maker| chrono::DateTime::<chrono::Utc>::make(maker).naive_utc();
    chrono::DateTime<chrono::Utc>: |maker| {
        chrono::DateTime::from_timestamp(i64::from(i32::make(maker)), u32::make(maker) % 1_000_000_000).unwrap()
    };
    time::Date: |maker| time::Date::from_ordinal_date(1 + i32::from(i16::make(maker) % 4_000), 1 + u16::from(u8::make(maker))).unwrap();
    time::Duration: |maker| time::Duration::new(i64::from(i32::make(maker)), i32::make(maker) % 1_000_000_000);
    Either<u32, String>: |maker| {
        if bool::make(maker) { Either::Left(u32::make(maker)) } else { Either::Right(String::make(maker)) }
    };
    SmallVec<[u16; 2]>: |maker| Vec::make(maker).into();
    SmallVec<[u8; 2]>: |maker| Vec::make(maker).into();
    Rights: |maker| Rights::from_bits_truncate(u8::make(maker));
    Grade: |maker| maker.random.pick(&[Grade::Low, Grade::High]);
    Unannounced: |maker| Unannounced(Vec::make(maker));
    TwoFaces: |maker| TwoFaces(u8::make(maker));
    Packed: |maker| Packed { low: u16::make(maker), high: u16::make(maker) };
}

impl Content for IndexMap<String, u32> {
    fn make(maker: &mut Maker) -> Self {
        Vec::<(String, u32)>::make(maker).into_iter().collect()
    }

    /// Also compares the order of the entries.
    fn same(&self, read: &Self, _: bool) -> bool {
        self.iter().eq(read.iter())
    }
}

impl Content for IndexSet<String> {
    fn make(maker: &mut Maker) -> Self {
        Vec::<String>::make(maker).into_iter().collect()
    }

    fn same(&self, read: &Self, _: bool) -> bool {
        self.iter().eq(read.iter())
    }
}

impl Content for OrderedFloat<f64> {
    fn make(maker: &mut Maker) -> Self {
        Self(f64::make(maker))
    }

    fn same(&self, read: &Self, _: bool) -> bool {
        self.0.to_bits() == read.0.to_bits()
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Buffer(#[serde(with = "serde_bytes")] Vec<u8>);
content!(struct Buffer { 0 });

bitflags! {
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
    struct Rights: u8 {
        const READ = 1;
        const WRITE = 2;
        const ADMIN = 8;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize_repr, Deserialize_repr)]
#[repr(u16)]
enum Grade {
    Low = 3,
    High = 700,
}

/// A struct that is written as a map of a known length.
#[derive(Debug)]
struct Counted {
    counts: BTreeMap<String, u32>,
}
content!(struct Counted { counts });

impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.counts.len()))?;
        self.counts.iter().try_for_each(|(name, count)| map.serialize_entry(name, count))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Counted;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("counts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Counted, A::Error> {
                let mut counts = BTreeMap::new();
                while let Some((name, count)) = map.next_entry()? {
                    counts.insert(name, count);
                }
                Ok(Counted { counts })
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// A type that is written as a sequence without a known length.
#[derive(Debug, PartialEq)]
struct Unannounced(Vec<u32>);

impl Serialize for Unannounced {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        self.0.iter().try_for_each(|number| seq.serialize_element(number))?;
        seq.end()
    }
}

impl<'de> Deserialize<'de> for Unannounced {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self)
    }
}

/// A type that is written as a number in human-readable formats, and as text in other formats.
#[derive(Debug, PartialEq)]
struct TwoFaces(u8);

impl Serialize for TwoFaces {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_u8(self.0)
        } else {
            serializer.serialize_str(&self.0.to_string())
        }
    }
}

impl<'de> Deserialize<'de> for TwoFaces {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return u8::deserialize(deserializer).map(Self);
        }
        String::deserialize(deserializer)?.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// A type that writes a part that its `Deserialize` does not read.
#[derive(Debug)]
struct Chatty {
    first: u32,
    second: u32,
}
content!(struct Chatty { first, second });

impl Serialize for Chatty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Chatty", 3)?;
        fields.serialize_field("version", &1_u32)?;
        fields.serialize_field("first", &self.first)?;
        fields.serialize_field("second", &self.second)?;
        fields.end()
    }
}

impl<'de> Deserialize<'de> for Chatty {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;
        impl<'de> Visitor<'de> for Parts {
            type Value = Chatty;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("two numbers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Chatty, A::Error> {
                let mut next = || seq.next_element().map(Option::unwrap_or_default);
                Ok(Chatty { first: next()?, second: next()? })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Chatty, A::Error> {
                let (mut first, mut second) = (0, 0);
                while let Some((name, number)) = map.next_entry::<String, u32>()? {
                    match name.as_str() {
                        "first" => first = number,
                        "second" => second = number,
                        _ => {}
                    }
                }
                Ok(Chatty { first, second })
            }
        }
        deserializer.deserialize_struct("Chatty", &["first", "second"], Parts)
    }
}

/// A type that writes two numbers as one.
#[derive(Debug, PartialEq)]
struct Packed {
    low: u16,
    high: u16,
}

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(u32::from(self.low) | u32::from(self.high) << 16)
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let [a, b, c, d] = u32::deserialize(deserializer)?.to_le_bytes();
        Ok(Self { low: u16::from_le_bytes([a, b]), high: u16::from_le_bytes([c, d]) })
    }
}
