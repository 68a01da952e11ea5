use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use larder::testing::bytes;
use larder::{CodecError, Format};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;

#[path = "../../support/panics.rs"]
mod panics;
#[path = "../../support/seeds.rs"]
mod seeds;
#[path = "../../support/watchdog.rs"]
mod watchdog;

use seeds::{first_seed, number, replay};
use watchdog::{Watch, patience};

/// Environment variable for the number of random inputs per target.
const ROUNDS: &str = "LARDER_FUZZ_ROUNDS";

/// A pseudorandom generator with the algorithm Splitmix64 (Steele, Lea and Flood, "Fast splittable
/// pseudorandom number generators", 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ mixed >> 31) >> 1).unwrap() % end
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }
}

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut inputs: Vec<(String, Vec<u8>)> =
        files.map(|file| (file.display().to_string(), fs::read(file).unwrap())).collect();
    inputs.sort();
    inputs
}

/// Returns an input for the seed: random bytes, or a corpus input with a few changes.
fn made_up(corpus: &[(String, Vec<u8>)], seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    if random.below(4) == 0 {
        return (0..random.below(400)).map(|_| random.byte()).collect();
    }
    let mut input = corpus[random.below(corpus.len())].1.clone();
    for _ in 0..=random.below(6) {
        let at = random.below(input.len() + 1);
        match random.below(6) {
            0 => input.truncate(at),
            1 => input.insert(at, random.byte()),
            2 => {
                let other = &corpus[random.below(corpus.len())].1;
                input.truncate(at);
                input.extend(&other[at.min(other.len())..]);
            }
            3 if at < input.len() => drop(input.remove(at)),
            4 if at < input.len() => input[at] ^= 1 << random.below(8),
            _ if at < input.len() => input[at] = random.byte(),
            _ => {}
        }
    }
    input
}

fn passes(name: &str) {
    let target = TARGETS.into_iter().find(|target| target.name == name).unwrap();
    let corpus = corpus(name);
    assert!(corpus.len() >= 5, "the corpus of {name} is missing");
    for (file, input) in &corpus {
        told(&format!("replay it: cargo fuzz run, or this test, with {file}"), || (target.run)(input));
    }
    let first = first_seed();
    let rounds = number(ROUNDS).unwrap_or(target.rounds);
    for seed in (0..rounds).map(|at| first.wrapping_add(at)) {
        let replay = replay(seed, (ROUNDS, 1), "cargo test -p larder-fuzz", &format!("{name}_inputs"));
        told(&replay, || (target.run)(&made_up(&corpus, seed)));
    }
}

fn told(replay: &str, work: impl FnOnce()) {
    let _watch = Watch::over(replay.to_owned(), patience());
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        eprintln!("{replay}");
        resume_unwind(panic)
    });
}

/// Checks that the target finds a broken function with the corpus or with one of the first random inputs.
/// The target must fail with the message of `judge`. Another panic does not count as found.
fn finds_fault(name: &str, judge: &str, broken: impl Fn(&[u8])) {
    let corpus = corpus(name);
    let made_up = (0..20).map(|seed| made_up(&corpus, seed));
    assert_found(name, judge, corpus.iter().map(|(_, input)| input.clone()).chain(made_up), broken);
}

/// Like [`finds_fault`], but uses only corpus inputs whose names contain `among`.
fn finds_fault_among(name: &str, among: &str, judge: &str, broken: impl Fn(&[u8])) {
    let is_among =
        |path: &str| Path::new(path).file_name().is_some_and(|name| name.to_string_lossy().contains(among));
    let inputs = corpus(name).into_iter().filter(|(path, _)| is_among(path)).map(|(_, input)| input);
    assert_found(&format!("{name} about {among}"), judge, inputs, broken);
}

fn assert_found(what: &str, judge: &str, inputs: impl Iterator<Item = Vec<u8>>, broken: impl Fn(&[u8])) {
    let mut others = BTreeSet::new();
    for input in inputs {
        let Err(panic) = catch_unwind(AssertUnwindSafe(|| broken(&input))) else { continue };
        let found = panics::message(&*panic);
        if found.contains(judge) {
            return;
        }
        others.insert(found.to_owned());
    }
    panic!("no input of {what} fails with {judge:?}; other failures: {others:#?}");
}

#[test]
fn record_inputs_pass() {
    passes("record");
}

#[test]
fn value_inputs_pass() {
    passes("value");
}

#[test]
fn key_inputs_pass() {
    passes("key");
}

#[test]
fn file_inputs_pass() {
    passes("file");
}

#[test]
fn operations_inputs_pass() {
    passes("operations");
}

#[test]
fn url_inputs_pass() {
    passes("url");
}

#[test]
fn control_inputs_pass() {
    passes("control");
}

#[test]
fn request_inputs_pass() {
    passes("request");
}

#[test]
fn answer_inputs_pass() {
    passes("answer");
}

#[test]
fn settings_inputs_pass() {
    passes("settings");
}

#[test]
fn export_inputs_pass() {
    passes("export");
}

#[test]
fn an_export_that_may_be_cut_off_is_found() {
    let forgives = |bytes: &[u8]| {
        let reader = larder_export::Reader::new(bytes)?;
        Ok(reader.map_while(Result::ok).collect())
    };
    finds_fault("export", "without an end was read whole", |data| export::check(forgives, data));
}

#[test]
fn every_seed_is_in_the_corpus() {
    for (target, name, input) in crate::seeds::all() {
        assert!(TARGETS.iter().any(|known| known.name == target), "{target} is no target");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target).join(name);
        assert!(fs::read(&path).is_ok_and(|found| found == input), "write {} again", path.display());
    }
}

#[test]
fn a_reader_that_believes_any_checksum_is_found() {
    let believes = record::Records {
        read: |key, found| {
            let mut sealed = found.to_vec();
            larder::testing::bytes::seal_record(key, &mut sealed);
            larder::testing::bytes::read_record(key, &sealed)
        },
        ..record::RECORDS
    };
    finds_fault("record", "flipped", |data| record::check(&believes, data));
}

#[test]
fn a_codec_that_ignores_what_is_left_over_is_found() {
    struct Ignores;
    impl value::Codec for Ignores {
        fn decode<V: DeserializeOwned + 'static>(format: Format, bytes: &[u8]) -> Result<V, CodecError> {
            (1..=bytes.len())
                .find_map(|len| bytes::decode(format, &bytes[..len]).ok())
                .map_or_else(|| bytes::decode(format, bytes), Ok)
        }
    }
    finds_fault("value", "a byte left over is an error", value::check::<Ignores>);
    finds_fault_among("value", "described", "a byte left over is an error", value::check::<Ignores>);
}

#[test]
fn a_codec_that_encodes_what_it_cannot_decode_is_found() {
    struct Forgets;
    impl value::Codec for Forgets {
        fn encode<V: Serialize + 'static>(format: Format, value: &V) -> Result<Vec<u8>, CodecError> {
            bytes::encode(format, value).map_or(Ok(vec![1; 2_000]), |encoded| Ok(encoded.0))
        }
    }
    finds_fault("value", "a value that encodes reads back", value::check::<Forgets>);
    finds_fault_among("value", "described", "a value that encodes reads back", value::check::<Forgets>);
}

#[test]
fn a_reader_that_believes_any_fingerprint_is_found() {
    struct Believes;
    impl value::Codec for Believes {
        fn read<V: Serialize + DeserializeOwned + 'static>(
            format: Format,
            record: &bytes::RecordFields,
        ) -> Result<V, CodecError> {
            bytes::decode(format, &record.payload)
        }
    }
    finds_fault_among("value", "marked", "was written ", value::check::<Believes>);
}

#[test]
fn a_reader_that_takes_compressed_bytes_for_the_value_is_found() {
    struct Forgets;
    impl value::Codec for Forgets {
        fn read<V: Serialize + DeserializeOwned + 'static>(
            format: Format,
            record: &bytes::RecordFields,
        ) -> Result<V, CodecError> {
            bytes::decode_record(format, record).or_else(|_| bytes::decode(format, &record.payload))
        }
    }
    finds_fault_among("value", "compress", "it has another length than it says", value::check::<Forgets>);
}

#[test]
fn keys_without_an_end_are_found() {
    struct Endless;
    impl key::Keys for Endless {
        fn encode<K: larder::Key>(key: &K) -> Vec<u8> {
            let mut bytes = larder::testing::bytes::encode_key(key);
            bytes.truncate(bytes.len().saturating_sub(2));
            bytes
        }
    }
    finds_fault("key", "begin those of", key::check::<Endless>);
}

#[test]
fn an_opening_that_writes_first_and_looks_later_is_found() {
    let hasty = |path: &Path, builder: larder::CacheBuilder| {
        if let Ok(mut found) = fs::read(path) {
            found.push(0);
            fs::write(path, found).unwrap();
        }
        builder.open()
    };
    finds_fault("file", "a file that is not ours was changed", |data| file::check(hasty, data));
}

#[test]
fn a_removal_that_does_nothing_is_found() {
    finds_fault("operations", "is in keyspace", |data| {
        operations::check(|space, key| Ok(space.contains_key(key)), data);
    });
}

#[test]
fn settings_that_are_mended_silently_are_found() {
    let mends = |builder: larder::CacheBuilder| {
        builder.clone().open().or_else(|_| builder.shards(1).page_cache(1 << 20).open())
    };
    finds_fault("settings", "were accepted", |data| settings::check(mends, data));
}

#[test]
fn a_url_that_is_shown_with_its_password_is_found() {
    let shows = |url: &str| {
        larder::CacheBuilder::from_url(url).map_err(|error| match error {
            larder::Error::InvalidUrl { why, allowed, .. } => {
                larder::Error::InvalidUrl { url: url.to_owned(), why, allowed }
            }
            other => other,
        })
    };
    finds_fault("url", "the password is shown", |data| url::check(shows, data));
}

#[test]
fn a_refusal_that_removes_all_the_same_is_found() {
    let hasty = |cache: &larder::Cache, line: &[u8]| {
        if line.starts_with(b"{\"v\":1,\"do\":\"clear") {
            cache.clear().unwrap();
        }
        larder::testing::answer_line(cache, line)
    };
    finds_fault("control", "was refused, and removed", |data| control::check(hasty, data));
}

#[test]
fn a_removal_of_another_key_is_found() {
    let confused = |cache: &larder::Cache, line: &[u8]| {
        let other = String::from_utf8_lossy(line).replace("ab\\\", 2)", "ab\\\", 1)");
        larder::testing::answer_line(cache, other.as_bytes())
    };
    finds_fault_among("control", "remove", "removed other keys than it named", |data| {
        control::check(confused, data);
    });
}

#[test]
fn a_parser_that_forgets_its_place_between_two_parts_is_found() {
    let forgets = |stream: &[u8], part: usize, limits: &larder_serve::RequestLimits| {
        let (mut all, mut error) = (Vec::new(), None);
        for part in stream.chunks(part.min(stream.len()).max(1)) {
            let (requests, failed) = larder_serve::testing::read_requests(part, usize::MAX, limits);
            all.extend(requests);
            error = error.or(failed);
        }
        (all, error)
    };
    finds_fault("request", "in parts of", |data| request::check(forgets, data));
}

#[test]
fn a_reader_of_answers_that_forgets_its_place_between_two_parts_is_found() {
    let forgets = |stream: &[u8], part: usize, limits: larder_redis::testing::ReplyLimits| {
        let (mut all, mut error) = (Vec::new(), None);
        for part in stream.chunks(part.min(stream.len()).max(1)) {
            let (replies, failed) = larder_redis::testing::read_replies(part, usize::MAX, limits);
            all.extend(replies);
            error = error.or(failed);
        }
        (all, error)
    };
    finds_fault("answer", "in parts of", |data| answer::check(forgets, data));
}
