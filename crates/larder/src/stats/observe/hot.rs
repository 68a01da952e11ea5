//! Hot keys: the keys that are looked up most often, and the keys that are missed most often.
//!
//! Hits and misses are separate. An operator needs to see a key that is missed a hundred times a second, but
//! it would disappear among a million hits. The hits and the misses each have a summary of keys and a
//! summary of keyspaces.
//!
//! A lookup never waits for a lock here. If another thread has the lock, the sample is skipped and counted
//! as skipped. Skipping does not depend on the key, so it does not bias the shares.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::named_keyspace::NamedKeyspace;
use super::recent::{DecayingSummary, Frequent, HALF_LIFE};
use crate::format::key::spelling::spell_hex;
use crate::format::keyspace_id::KeyspaceId;
use crate::stats::count::Count;
use crate::stats::seconds;
use crate::sys::sync::{Mutex, Ordering, StatisticU64};

/// Maximum number of keys in [`HotKeys`], separately for hits and for misses.
pub const MAX_HOT_KEYS: usize = 512;

/// Sampling ratio of hits: one of this many hits is sampled. A sample costs about 300 instructions, so
/// sampling costs a hit five instructions on average.
pub(super) const HITS_PER_SAMPLE: u64 = 64;
/// Sampling ratio of misses: one of this many misses is sampled. A miss costs at least a thousand
/// instructions, so a sample adds little.
pub(super) const MISSES_PER_SAMPLE: u64 = 8;

/// Number of keys that have a counter at a time, separately for hits and for misses. So a count is too high
/// by at most 1/512 of the sum of all counts.
const KEYS: usize = MAX_HOT_KEYS;
const KEYSPACES: usize = 64;

/// The keys that are looked up most often. [`Cache::hot_keys`](crate::Cache::hot_keys) returns this struct.
///
/// ```
/// use larder::{Cache, KeyspaceDefinition};
///
/// const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
///
/// let cache = Cache::builder().sample_keys(true).open()?;
/// let prices = cache.keyspace(PRICE)?;
/// prices.insert("MTNVTU", 100)?;
/// for _ in 0..10_000 {
///     prices.get("MTNVTU");
/// }
/// let hot = cache.hot_keys(None, 10).expect("keys are sampled");
/// assert_eq!(hot.hits.keys[0].key, "MTNVTU");
/// assert!(hot.misses.keys.is_empty());
/// # Ok::<(), larder::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct HotKeys {
    /// The age at which a lookup has half the weight of a new one. So the result covers the last few
    /// minutes.
    #[serde(with = "seconds")]
    pub half_life: Duration,
    /// Lookups that memory, the disk or the server of a remote tier answered.
    pub hits: HotLookups,
    /// Lookups that no tier answered.
    pub misses: HotLookups,
}

/// The hits, or the misses, of [`HotKeys`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct HotLookups {
    /// Sampling ratio N: one of N lookups was sampled.
    pub sampled_one_in: u64,
    /// Decayed number of recent samples, from which the shares are computed. With few samples, the errors
    /// are large.
    pub samples: f64,
    /// Number of samples that were skipped since the cache was opened, because another thread sampled, or
    /// read the hot keys, at the same moment.
    pub skipped: u64,
    /// Estimated number of these lookups per second.
    pub per_second: f64,
    /// The keyspaces of these lookups, with the most frequent first.
    pub keyspaces: Vec<HotKeyspace>,
    /// The keys of these lookups, with the most frequent first. Keys whose share is not clearly above zero
    /// are omitted.
    pub keys: Vec<HotKey>,
}

/// A keyspace of [`HotLookups`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct HotKeyspace {
    /// The name of the keyspace.
    pub keyspace: String,
    /// The keyspace's share of all these lookups, from 0 to 1.
    pub share: f64,
    /// The error of the share, in either direction. With 95 % confidence, the true share is within this
    /// error.
    pub error: f64,
    /// Estimated number of these lookups in this keyspace per second.
    pub per_second: f64,
}

/// A key of [`HotLookups`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct HotKey {
    /// The name of the key's keyspace.
    pub keyspace: String,
    /// The key as text, in the shape of its keyspace's keys. Equal to `key_bytes` if the shape is unknown.
    pub key: String,
    /// The key's encoded bytes, as `0x` and hexadecimal digits.
    pub key_bytes: String,
    /// The key's share of all these lookups, in all keyspaces, between 0 and 1.
    pub share: f64,
    /// The error of the share, in either direction. With 95 % confidence, the true share is within this
    /// error.
    pub error: f64,
    /// Estimated number of these lookups of this key per second.
    pub per_second: f64,
}

/// The samples of hits and of misses in the last minutes.
#[derive(Debug)]
pub(super) struct HotKeySampler {
    hits: SampledLookups,
    misses: SampledLookups,
}

impl HotKeySampler {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            hits: SampledLookups::new(HITS_PER_SAMPLE, now),
            misses: SampledLookups::new(MISSES_PER_SAMPLE, now),
        }
    }

    /// Returns `n` if one in `n` operations of this count is sampled for hot keys, or `None` if none is
    /// sampled.
    pub(super) const fn one_in(count: Count) -> Option<u64> {
        match count {
            Count::MemoryHits | Count::DiskHits => Some(HITS_PER_SAMPLE),
            Count::Misses => Some(MISSES_PER_SAMPLE),
            _ => None,
        }
    }

    pub(super) fn add(&self, count: Count, full: &[u8], now: Duration) {
        let sampled = if count == Count::Misses { &self.misses } else { &self.hits };
        sampled.add(full, now);
    }

    /// Returns the hot keys of all keyspaces, or of one. Returns up to `most` keys for hits, and up to
    /// `most` keys for misses.
    pub(super) fn keys(
        &self,
        now: Duration,
        most: usize,
        only: Option<KeyspaceId>,
        name: &dyn Fn(KeyspaceId) -> Option<NamedKeyspace>,
    ) -> HotKeys {
        let lookups = |sampled: &SampledLookups| sampled.lookups(now, most, only, name);
        HotKeys { half_life: HALF_LIFE, hits: lookups(&self.hits), misses: lookups(&self.misses) }
    }
}

#[derive(Debug)]
struct SampledLookups {
    one_in: u64,
    began: Duration,
    recent: Mutex<Summaries>,
    skipped: StatisticU64,
}

#[derive(Debug)]
struct Summaries {
    keys: DecayingSummary,
    keyspaces: DecayingSummary,
}

impl SampledLookups {
    fn new(one_in: u64, now: Duration) -> Self {
        let summaries = Summaries {
            keys: DecayingSummary::new(KEYS, now),
            keyspaces: DecayingSummary::new(KEYSPACES, now),
        };
        Self { one_in, began: now, recent: Mutex::new(summaries), skipped: StatisticU64::new(0) }
    }

    fn add(&self, full: &[u8], now: Duration) {
        let Some(mut summaries) = self.recent.try_lock() else {
            self.skipped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        summaries.keys.add(full, now);
        summaries.keyspaces.add(&KeyspaceId::of(full).to_bytes(), now);
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate of sampling is small")]
    fn lookups(
        &self,
        now: Duration,
        most: usize,
        only: Option<KeyspaceId>,
        name: &dyn Fn(KeyspaceId) -> Option<NamedKeyspace>,
    ) -> HotLookups {
        let is_meant = |full: &[u8]| only.is_none_or(|only| only == KeyspaceId::of(full));
        let named = |full: &[u8]| name(KeyspaceId::of(full));
        let mut summaries = self.recent.lock();
        let samples = summaries.keys.total(now);
        summaries.keyspaces.total(now);
        let per_second = samples * self.one_in as f64 / effective_seconds(now.saturating_sub(self.began));
        // After a keyspace has been opened with a new version, its old number has no name. Samples of the old
        // number are left out.
        let takes = |full: &[u8]| is_meant(full) && named(full).is_some();
        let keyspaces = summaries.keyspaces.top(KEYSPACES, takes).into_iter().filter_map(|found| {
            let Frequent { key, share, error } = found;
            let keyspace = named(key)?.name;
            Some(HotKeyspace { keyspace, share, error, per_second: share * per_second })
        });
        let keys = summaries.keys.top(most, takes).into_iter().filter_map(|found| {
            let Frequent { key: full, share, error } = found;
            let (named, key) = (named(full)?, full.get(KeyspaceId::LEN..)?);
            let (key, key_bytes) = (named.spell(key), spell_hex(key));
            Some(HotKey {
                keyspace: named.name,
                key,
                key_bytes,
                share,
                error,
                per_second: share * per_second,
            })
        });
        let (keyspaces, keys) = (keyspaces.collect(), keys.collect());
        let skipped = self.skipped.load(Ordering::Relaxed);
        HotLookups { sampled_one_in: self.one_in, samples, skipped, per_second, keyspaces, keys }
    }
}

/// Returns the divisor, in seconds, that converts the decayed sum of a steady stream into the rate of the
/// stream. The weight of a sample halves with every half-life. So the divisor approaches `half-life / ln
/// 2`, and is smaller soon after the start.
fn effective_seconds(age: Duration) -> f64 {
    let long_run = HALF_LIFE.as_secs_f64() / std::f64::consts::LN_2;
    let halves = age.max(Duration::from_secs(1)).div_duration_f64(HALF_LIFE);
    long_run * (1.0 - (-halves).exp2())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_a_steady_stream_from_its_first_minute_on() {
        let start = Duration::from_secs(77);
        let hot = HotKeySampler::new(start);
        let id = KeyspaceId::on_disk(1);
        let full = [&id.to_bytes()[..], b"a"].concat();
        let name = |_| Some(NamedKeyspace { name: "product".to_owned(), shape: None });
        for second in 1..=1_200 {
            let now = start + Duration::from_secs(second);
            // 50 samples per second represent 3,200 hits.
            for _ in 0..50 {
                hot.add(Count::MemoryHits, &full, now);
            }
            if [5, 30, 60, 300, 1_200].contains(&second) {
                let hits = hot.keys(now, 10, None, &name).hits;
                assert!((hits.per_second / 3_200.0 - 1.0).abs() < 0.1, "after {second} s: {hits:?}");
                assert_eq!((hits.keys[0].key.as_str(), hits.keys[0].share), ("0x61", 1.0));
                assert_eq!((hits.keyspaces[0].keyspace.as_str(), hits.keyspaces.len()), ("product", 1));
            }
        }
        assert!(hot.keys(start, 10, Some(KeyspaceId::on_disk(2)), &name).hits.keys.is_empty());
        assert!(hot.keys(start, 10, None, &|_| None).hits.keys.is_empty(), "a keyspace that is closed");
    }

    #[test]
    fn a_sample_is_skipped_and_counted_while_another_thread_samples() {
        let hot = HotKeySampler::new(Duration::ZERO);
        let taken = hot.misses.recent.lock();
        hot.add(Count::Misses, b"\0\0\0\x01a", Duration::ZERO);
        hot.add(Count::DiskHits, b"\0\0\0\x01a", Duration::ZERO);
        drop(taken);
        let name = |_| Some(NamedKeyspace { name: "product".to_owned(), shape: None });
        let found = hot.keys(Duration::ZERO, 10, None, &name);
        assert_eq!((found.misses.skipped, found.hits.skipped), (1, 0));
        assert!(found.misses.samples < 0.5 && found.hits.samples > 0.5);
    }
}
