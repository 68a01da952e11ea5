//! Measures the cost of compressing values, and the disk space that compression saves. The values are
//! documents of 4 KiB, which are committed in batches and read from the disk.

#![forbid(unsafe_code)]

use std::error::Error;
use std::fmt::Write;
use std::hint::black_box;

use larder::{ByteSize, Cache, Compression, KeyspaceDefinition};
use larder_benches::stopwatch::{nanos_each, time};
use larder_benches::{Contest, Measured, Pace, Unit};

const ROUNDS: usize = 7;
const DOCUMENT: usize = 4 << 10;

/// Returns a document like a product description: field names repeat, and numbers do not.
fn document(number: u64) -> String {
    let mut text = String::with_capacity(DOCUMENT + 128);
    let mut mixed = number | 1;
    while text.len() < DOCUMENT {
        mixed = mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31);
        _ = write!(
            text,
            "{{\"code\":\"MTN{}\",\"price\":{},\"category\":\"airtime\",\"active\":true}},",
            mixed % 10_000,
            mixed >> 40
        );
    }
    text
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(pace) = Pace::of_program("compression") else { return Ok(()) };
    let setting = "JSON of 4 KiB, 1 thread";
    if !pace.wants("compression", setting) {
        return Ok(());
    }
    let documents: Vec<String> = (0..pace.pick(5_000, 500)).map(document).collect();
    let dir = tempfile::tempdir()?;
    let mut contest = Contest::new("compression", "Compressed values", setting, Unit::NanosPerOperation);
    for (name, how) in [
        ("uncompressed", None),
        ("larder", Some(Compression::Lz4)),
        ("larder, Zstandard", Some(Compression::Zstd)),
    ] {
        let cache = Cache::builder()
            .path(dir.path().join(name.replace(", ", "-")))
            .memory_capacity(ByteSize::kib(64))
            .disk_capacity(ByteSize::gib(1))
            .open()?;
        let definition = KeyspaceDefinition::<u64, String>::new("document");
        let definition = how.map_or(definition, |how| definition.compress(how, 512));
        let cached = cache.keyspace(definition)?;
        let documents = &documents;
        contest.contestant(name, "flushed", move || round(&cache, &cached, documents));
    }
    contest.note("larder's own row is LZ4. \"Bytes each\" is what an entry is charged on disk.");
    contest.run(&pace.rounds(ROUNDS));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "sums are below what a double tells apart")]
fn round(cache: &Cache, cached: &larder::Keyspace<u64, String>, documents: &[String]) -> Measured {
    let values = documents.to_vec();
    let writing = time(|| {
        for (number, value) in (0..).zip(values) {
            cached.insert(&number, value).expect("it can be stored");
        }
        cache.flush().expect("the disk works");
    });
    let reading = time(|| {
        for number in 0..documents.len() as u64 {
            drop(black_box(cached.peek(&number).expect("it is on disk")));
        }
    });
    let disk = cache.stats().disk.expect("it has a file");
    Measured::new(nanos_each(writing + reading, documents.len()))
        .also("writing", Unit::NanosPerOperation, nanos_each(writing, documents.len()))
        .also("reading", Unit::NanosPerOperation, nanos_each(reading, documents.len()))
        .also("bytes each", Unit::BytesPerEntry, disk.bytes.as_u64() as f64 / disk.entries as f64)
}
