//! Measures encoding and decoding of values in each format, with and without a check of each value,
//! compared with bincode alone.
//!
//! The second part measures large byte fields through the whole cache. serde makes one call per element of a
//! `Vec<u8>`, but a single call for a `String`.

#![forbid(unsafe_code)]

use std::error::Error;
use std::hint::black_box;

use larder::testing::bytes::Values;
use larder::{ByteSize, Cache, Format, KeyspaceDefinition};
use larder_benches::stopwatch::{nanos_each, time};
use larder_benches::{Against, Contest, Measured, Pace, Unit};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const ROUNDS: usize = 21;
const LARGE_ROUNDS: usize = 7;
const LARGE: usize = 16 << 20;

#[derive(Clone, Serialize, Deserialize)]
struct Product {
    code: String,
    name: String,
    price: u64,
    stock: u32,
    discount: Option<i32>,
    is_sold: bool,
    weight: f64,
    category: String,
    tags: Vec<String>,
    created: u64,
}

fn product(number: u64) -> Product {
    Product {
        code: format!("MTN{number}"),
        name: "MTN airtime".to_owned(),
        price: 300 + number,
        stock: 7,
        discount: Some(-2),
        is_sold: true,
        weight: 0.5,
        category: "airtime".to_owned(),
        tags: vec!["new".to_owned(), "data".to_owned(), "prepaid".to_owned()],
        created: 1_700_000_000,
    }
}

#[derive(Serialize, Deserialize)]
struct Bytes {
    id: u64,
    content: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Text {
    id: u64,
    content: String,
}

/// Bytes that serialize as bytes, as with `serde_bytes`.
struct Buffer(Vec<u8>);

impl Serialize for Buffer {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Buffer {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Buffer;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Buffer, E> {
                Ok(Buffer(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Visitor)
    }
}

#[derive(Serialize, Deserialize)]
struct Buffered {
    id: u64,
    content: Buffer,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(pace) = Pace::of_program("value_formats") else { return Ok(()) };
    let products: Vec<Product> = (0..100).map(product).collect();
    small("a product of ten fields", &product(1), pace.pick(20_000, 2_000), &pace);
    small("a list of a hundred products", &products, pace.pick(300, 30), &pace);
    large(&pace)
}

fn small<V>(setting: &str, value: &V, repeated: usize, pace: &Pace)
where
    V: Clone + Serialize + DeserializeOwned + 'static,
{
    if !pace.wants("value-formats", setting) {
        return;
    }
    let mut contest =
        Contest::new("value-formats", "Values to bytes and back", setting, Unit::NanosPerOperation);
    let ways = [
        ("larder", Format::Bincode, false),
        ("larder, each value tried", Format::Bincode, true),
        ("larder, MessagePack", Format::MessagePack, false),
        ("larder, MessagePack, each value tried", Format::MessagePack, true),
    ];
    for (name, format, is_thorough) in ways {
        let values = Values::new(format, is_thorough);
        contest.contestant(name, "none", move || {
            let mut stored = values.encode(value).expect("it can be stored");
            let encoding = time(|| {
                (0..repeated).for_each(|_| stored = black_box(values.encode(value).expect("as above")));
            });
            let decoding = time(|| {
                for _ in 0..repeated {
                    drop(black_box(values.decode::<V>(&stored.0, stored.1)));
                }
            });
            measured(encoding, decoding, repeated, stored.0.len())
        });
    }
    contest.contestant("bincode", "none", move || {
        let config = bincode::config::standard();
        let mut bytes = Vec::new();
        let encoding = time(|| {
            (0..repeated).for_each(|_| {
                bytes = black_box(bincode::serde::encode_to_vec(value, config).expect("it encodes"));
            });
        });
        let decoding = time(|| {
            for _ in 0..repeated {
                drop(black_box(bincode::serde::decode_from_slice::<V, _>(&bytes, config)));
            }
        });
        measured(encoding, decoding, repeated, bytes.len())
    });
    contest.target(Against::peer("bincode"), 0.5, "at most 2 × bincode, which says nothing of what it wrote");
    contest.run(&pace.rounds(ROUNDS));
}

#[expect(clippy::cast_precision_loss, reason = "lengths are below what a double tells apart")]
fn measured(
    encoding: std::time::Duration,
    decoding: std::time::Duration,
    repeated: usize,
    len: usize,
) -> Measured {
    Measured::new(nanos_each(encoding + decoding, repeated))
        .also("encoding", Unit::NanosPerOperation, nanos_each(encoding, repeated))
        .also("decoding", Unit::NanosPerOperation, nanos_each(decoding, repeated))
        .also("length", Unit::Bytes, len as f64)
}

/// Stores a value, commits it, and reads it from the disk. The value does not fit in memory.
fn large(pace: &Pace) -> Result<(), Box<dyn Error>> {
    let setting = "16 MiB, 1 thread";
    if !pace.wants("large-bytes", setting) {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let cache = Cache::builder()
        .path(dir.path().join("large"))
        .memory_capacity(ByteSize::mib(1))
        .write_buffer(ByteSize::mib(64))
        .disk_capacity(ByteSize::gib(1))
        .open()?;
    let mut contest =
        Contest::new("large-bytes", "16 MiB, stored and read from disk", setting, Unit::Milliseconds);
    let text = "x".repeat(LARGE);
    let bytes = text.clone().into_bytes();
    let definition = KeyspaceDefinition::<u64, Bytes>::new("bytes");
    let (copy, cached) = (bytes.clone(), cache.keyspace(definition)?);
    contest
        .contestant("larder", "committed", move || round(&cached, || Bytes { id: 1, content: copy.clone() }));
    let cached = cache.keyspace(KeyspaceDefinition::<u64, Text>::new("text"))?;
    contest.contestant("a String", "committed", move || {
        round(&cached, || Text { id: 1, content: text.clone() })
    });
    let (copy, cached) = (bytes.clone(), cache.keyspace(KeyspaceDefinition::<u64, Buffered>::new("buffer"))?);
    contest.contestant("serde_bytes", "committed", move || {
        round(&cached, || Buffered { id: 1, content: Buffer(copy.clone()) })
    });
    let cached = cache.keyspace(KeyspaceDefinition::<u64, Vec<u8>>::new("raw").format(Format::Raw))?;
    contest.contestant("Format::Raw", "committed", move || round(&cached, || bytes.clone()));
    contest.target(Against::peer("a String"), 0.2, "a Vec<u8> field at most 5 × a String");
    contest.note("larder's own row is a struct with a field of `Vec<u8>`, for which serde is called once for each byte.");
    contest.run(&pace.rounds(LARGE_ROUNDS));
    Ok(())
}

fn round<V>(cached: &larder::Keyspace<u64, V>, make: impl Fn() -> V) -> Measured
where
    V: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let value = make();
    let writing = time(|| {
        let options = larder::InsertOptions::new().durability(larder::Durability::Immediate);
        cached.insert_with(&1, value, options).expect("it can be stored");
    });
    let reading = time(|| drop(black_box(cached.peek(&1).expect("it is on disk"))));
    let millis = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    Measured::new(millis(writing + reading)).also("writing", Unit::Milliseconds, millis(writing)).also(
        "reading",
        Unit::Milliseconds,
        millis(reading),
    )
}
