//! Checks that keys chosen by an attacker are spread as evenly as other keys, over the shards and over the
//! bits that hash tables use first.
//!
//! The hash has a new seed for each cache, so an attacker cannot compute keys of one shard or one bucket.
//! These tests check that for any seed, a structure in the keys leaves no structure in the hashes. They use
//! several seeds, and families of keys on which weak hashes are known to fail. The tests also check that a
//! weak hash fails.

use std::ptr;

use crate::memory::Memory;

const KEYS: u64 = 4096;
const SHARDS: usize = 16;
const SEEDS: usize = 6;
/// Number of seeds for keys that differ only in their lengths. In an earlier version of the hash, one seed in
/// sixty was bad for these keys, because the length was mixed in without a multiplication.
const MANY_SEEDS: usize = 300;

type Family = (&'static str, Vec<Vec<u8>>);

/// Returns keys that begin with the number of a keyspace.
fn keys(of: impl Fn(u64) -> Vec<u8>) -> Vec<Vec<u8>> {
    (0..KEYS).map(|number| [&[0, 0, 0, 1], of(number).as_slice()].concat()).collect()
}

/// Returns a key of 40 equal bytes, with a number in place of two of them.
fn stamped(at: usize, number: u64) -> Vec<u8> {
    let mut key = vec![b'k'; 40];
    key[at..at + 2].copy_from_slice(&number.to_be_bytes()[6..]);
    key
}

fn families() -> Vec<Family> {
    let shifted = |bits: u32| keys(|number| (number << bits).to_be_bytes().to_vec());
    vec![
        ("sequential integers", shifted(0)),
        ("multiples of 2^4", shifted(4)),
        ("multiples of 2^16", shifted(16)),
        ("multiples of 2^32", shifted(32)),
        ("multiples of 2^52", shifted(52)),
        (
            "signed integers around zero",
            keys(|number| ((number ^ (1 << 63)) - KEYS / 2).to_be_bytes().to_vec()),
        ),
        ("only the first bytes differ", keys(|number| stamped(0, number))),
        ("only the middle bytes differ", keys(|number| stamped(19, number))),
        ("only the last bytes differ", keys(|number| stamped(38, number))),
        ("a long common prefix", keys(|number| format!("{}{number}", "p".repeat(1000)).into_bytes())),
        ("decimal text", keys(|number| format!("user:{number}\0\0").into_bytes())),
        ("zeros of growing lengths", keys(|number| vec![0; usize::try_from(number).unwrap()])),
        (
            "one key of many keyspaces",
            (0..KEYS).map(|id| [&id.to_be_bytes()[4..], b"key\0\0"].concat()).collect(),
        ),
        (
            "one bit set",
            keys(|number| {
                let mut key = vec![0; 512];
                key[usize::try_from(number / 8).unwrap()] = 1 << (number % 8);
                key
            }),
        ),
    ]
}

/// Returns how far the counts are from an even distribution, in standard deviations of the chi-squared
/// distribution.
///
/// A good hash yields a few deviations, rarely more than five. A hash that keeps a structure of the keys
/// yields tens to thousands.
#[expect(clippy::cast_precision_loss, reason = "counts of thousands")]
fn unevenness(counts: &[u32]) -> f64 {
    let expected = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
    let chi_squared: f64 = counts.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
    let freedom = (counts.len() - 1) as f64;
    (chi_squared - freedom) / (2.0 * freedom).sqrt()
}

/// Returns the largest unevenness of the four parts of a hash: the bits that choose the shard, the tag and
/// the bucket in the shard's index, and the bits that a ghost stores.
fn worst(keys: &[Vec<u8>], hash: impl Fn(&[u8]) -> u64, shard: impl Fn(&[u8]) -> usize) -> f64 {
    let mut shards = [0; SHARDS];
    let (mut tags, mut buckets, mut ghosts) = ([0; 256], [0; 256], [0; 256]);
    for key in keys {
        let hash = hash(key);
        let bits = |from: u32, mask: u64| usize::try_from((hash >> from) & mask).unwrap();
        shards[shard(key)] += 1;
        // The index of a shard uses the lower half of the hash, which does not choose the shard. The top
        // bits of this half choose the bucket, and its lowest bits are the tag. A ghost stores the upper
        // bits of this half.
        tags[bits(0, 255)] += 1;
        buckets[bits(24, 255)] += 1;
        ghosts[bits(16, 255)] += 1;
    }
    [&shards[..], &tags, &buckets, &ghosts].into_iter().map(unevenness).fold(f64::MIN, f64::max)
}

const TOO_UNEVEN: f64 = 10.0;

#[test]
fn chosen_keys_spread_evenly_whatever_the_seed() {
    for (family, keys) in families() {
        for _ in 0..SEEDS {
            let memory = Memory::new(SHARDS, 1 << 20, 1 << 20, 0);
            let place = |key: &[u8]| {
                let shard = memory.shard(memory.key(key));
                memory.shards.iter().position(|other| ptr::eq(&raw const **other, shard)).unwrap()
            };
            let hash = |key: &[u8]| memory.key(key).hash;
            let worst = worst(&keys, hash, place);
            assert!(worst < TOO_UNEVEN, "{family}: {worst:.1} standard deviations from even");
            let mut hashes: Vec<u64> = keys.iter().map(|key| hash(key)).collect();
            hashes.sort_unstable();
            hashes.dedup();
            assert_eq!(hashes.len(), keys.len(), "{family}: two keys have one hash");
        }
    }
}

/// Keys that differ only in the number of trailing zeros have the same words, and different lengths.
#[test]
fn lengths_spread_evenly_for_many_seeds() {
    let keys: Vec<Vec<u8>> = (0..KEYS / 8).map(|zeros| vec![0; usize::try_from(zeros).unwrap()]).collect();
    for seed in 0..MANY_SEEDS {
        let memory = Memory::new(1, 1 << 20, 1 << 20, 0);
        let hash = |key: &[u8]| memory.key(&[&[0, 0, 0, 1], key].concat()).hash;
        let worst = worst(&keys, hash, |key| usize::try_from(hash(key) >> 32 & (SHARDS as u64 - 1)).unwrap());
        assert!(worst < TOO_UNEVEN, "seed {seed}: {worst:.1} standard deviations from even");
    }
}

/// Tests only the keys of one shard. The choice of the shard must leave no structure in the bits that the
/// shard's index uses.
#[test]
fn the_keys_of_one_shard_spread_evenly_over_its_table() {
    for (family, keys) in families() {
        let memory = Memory::new(2, 1 << 20, 1 << 20, 0);
        let first = |key: &[u8]| ptr::eq(memory.shard(memory.key(key)), &raw const *memory.shards[0]);
        let keys: Vec<Vec<u8>> = keys.into_iter().filter(|key| first(key)).collect();
        let worst = worst(
            &keys,
            |key| memory.key(key).hash,
            |key| usize::try_from(memory.key(key).hash >> 40 & 15).unwrap(),
        );
        assert!(worst < TOO_UNEVEN, "{family}: {worst:.1} standard deviations from even");
    }
}

#[test]
fn every_cache_has_a_seed_of_its_own() {
    let hashes: Vec<u64> =
        (0..8).map(|_| Memory::new(1, 1 << 20, 1 << 20, 0).key(b"the same key").hash).collect();
    for (at, hash) in hashes.iter().enumerate() {
        assert!(!hashes[..at].contains(hash), "two caches hash alike: {hashes:x?}");
    }
}

#[test]
fn a_weak_hash_is_caught() {
    type Hash = fn(&[u8]) -> u64;
    let weak: [(&str, Hash); 3] = [
        ("the sum of the bytes", |key| key.iter().map(|&byte| u64::from(byte)).sum()),
        // One step of FxHash. The low bits of a product depend only on the low bits of its factors.
        ("one multiplication a word", |key| {
            key.chunks(8).fold(0, |hash: u64, word| {
                let word = word.iter().fold(0, |word, &byte| word << 8 | u64::from(byte));
                (hash.rotate_left(5) ^ word).wrapping_mul(0x517C_C1B7_2722_0A95)
            })
        }),
        ("FNV-1a", |key| {
            key.iter().fold(0xCBF2_9CE4_8422_2325, |hash, &byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
            })
        }),
    ];
    for (name, hash) in weak {
        let shard = |key: &[u8]| usize::try_from(hash(key) >> 32 & (SHARDS as u64 - 1)).unwrap();
        let caught = families().iter().any(|(_, keys)| worst(keys, hash, shard) >= TOO_UNEVEN);
        assert!(caught, "{name} passes");
    }
}
