//! The durations of operations, counted in buckets. Buckets of longer durations are wider, so the relative
//! precision is about the same for short and long durations.
//!
//! Each power of two has four buckets, so the precision is about a fifth of the duration. Recording a
//! duration adds to two atomics. Loads and commits are recorded, because they take far longer than two
//! atomic additions. Lookups are not.
//!
//! The crate `histogram` has the same bounds (a grouping power of 2), but is not used. It keeps no sum, and
//! refuses a duration beyond the last bucket.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::sys::sync::{Ordering, StatisticU64};

/// The number of buckets for each power of two is 2 to the power of this number.
const PRECISION: u32 = 2;
/// Exponent of the largest power of two, in microseconds. The buckets cover durations up to about 38 hours.
/// Longer durations count in the last bucket.
const MAX_POWER: u32 = 36;
const BUCKETS: usize = ((MAX_POWER - PRECISION + 2) << PRECISION) as usize;

#[derive(Debug)]
pub(crate) struct Histogram {
    buckets: [StatisticU64; BUCKETS],
    sum_us: StatisticU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: [const { StatisticU64::new(0) }; BUCKETS], sum_us: StatisticU64::new(0) }
    }
}

impl Histogram {
    pub(crate) fn record(&self, took: Duration) {
        let us = micros(took);
        if let Some(bucket) = self.buckets.get(bucket_of(us)) {
            bucket.fetch_add(1, Ordering::Relaxed);
            self.sum_us.fetch_add(us, Ordering::Relaxed);
        }
    }

    /// Returns a copy. The copy is exact if no thread records a duration meanwhile.
    pub(super) fn copy(&self) -> Self {
        let copy = Self::default();
        for (to, from) in copy.buckets.iter().zip(&self.buckets) {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        copy.sum_us.store(self.sum_us.load(Ordering::Relaxed), Ordering::Relaxed);
        copy
    }

    pub(crate) fn latencies(&self) -> Latencies {
        let counts = self.buckets.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets = counts.enumerate().filter(|(_, count)| *count > 0);
        let buckets =
            buckets.map(|(at, count)| LatencyBucket { up_to: Duration::from_micros(end_of(at)), count });
        Latencies {
            sum: Duration::from_micros(self.sum_us.load(Ordering::Relaxed)),
            buckets: buckets.collect(),
        }
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

fn bucket_of(us: u64) -> usize {
    let Some(power) = us.checked_ilog2().filter(|power| *power >= PRECISION) else {
        return usize::try_from(us).unwrap_or(0);
    };
    if power > MAX_POWER {
        return BUCKETS - 1;
    }
    let within = (us >> (power - PRECISION)) & ((1 << PRECISION) - 1);
    (((power - PRECISION + 1) << PRECISION) as usize) + usize::try_from(within).unwrap_or(0)
}

/// Returns the end of a bucket, in microseconds: the shortest duration beyond the bucket.
fn end_of(bucket: usize) -> u64 {
    let bucket = bucket as u64 + 1;
    let (row, within) = (bucket >> PRECISION, bucket & ((1 << PRECISION) - 1));
    match row.checked_sub(1) {
        None => within,
        Some(shift) => ((1 << PRECISION) + within) << shift,
    }
}

/// A histogram of how long an operation took: the number of durations in each bucket.
///
/// ```
/// # use larder::{Cache, KeyspaceDefinition};
/// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
/// # let cache = Cache::builder().open()?;
/// let prices = cache.keyspace(PRICE)?;
/// prices.get_or_load("MTNVTU", || Ok::<_, larder::Error>(100_u64))?;
/// let loads = prices.stats().load_latency;
/// assert_eq!(loads.count(), 1);
/// println!("mean {:?}, 99 % within {:?}", loads.mean(), loads.quantile(0.99));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Latencies {
    /// The sum of all durations.
    #[serde(with = "super::seconds")]
    pub sum: Duration,
    /// The nonempty buckets, with the shortest durations first.
    pub buckets: Vec<LatencyBucket>,
}

/// The number of durations below a bound, and not below the bound of the previous bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LatencyBucket {
    /// The bound. All durations in the bucket are shorter. Only the bucket with the largest possible bound,
    /// 38 hours, also has all longer durations.
    #[serde(with = "super::seconds")]
    pub up_to: Duration,
    /// The number of durations in the bucket.
    pub count: u64,
}

impl Latencies {
    /// Returns the number of durations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.count).fold(0, u64::saturating_add)
    }

    /// Returns the mean duration, or zero before the first duration.
    #[must_use]
    pub fn mean(&self) -> Duration {
        let count = self.count().max(1);
        Duration::from_nanos(u64::try_from(self.sum.as_nanos() / u128::from(count)).unwrap_or(u64::MAX))
    }

    /// Returns the quantile `share` (0 to 1): that fraction of all durations is not longer than the
    /// returned duration. The result is the bound of a bucket, so it is too long by up to a quarter or a
    /// microsecond. Returns zero before the first duration.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank among counts, for people"
    )]
    pub fn quantile(&self, share: f64) -> Duration {
        let mut left = ((self.count() as f64 * share.clamp(0.0, 1.0)).ceil() as u64).max(1);
        for bucket in &self.buckets {
            match left.checked_sub(bucket.count) {
                None | Some(0) => return bucket.up_to,
                Some(rest) => left = rest,
            }
        }
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_time_is_in_the_bucket_that_it_is_said_to_be_in(us in prop_oneof![0_u64..100, 0_u64..1 << 37]) {
            let bucket = bucket_of(us);
            prop_assert!(us < end_of(bucket));
            prop_assert!(bucket == 0 || us >= end_of(bucket - 1));
            prop_assert!(us < 4 || end_of(bucket) <= us + us / 4 + 1);
        }
    }

    #[test]
    fn quantiles_are_bounds_of_buckets() {
        let histogram = Histogram::default();
        assert_eq!(histogram.latencies(), Latencies::default());
        assert_eq!(Latencies::default().quantile(0.5), Duration::ZERO);
        for ms in 1..=100 {
            histogram.record(Duration::from_millis(ms));
        }
        let latencies = histogram.latencies();
        assert_eq!((latencies.count(), latencies.sum), (100, Duration::from_millis(5050)));
        assert_eq!(latencies.mean(), Duration::from_micros(50_500));
        for (share, ms) in [(0.5, 50), (0.99, 99), (1.0, 100)] {
            let bound = latencies.quantile(share);
            let exact = Duration::from_millis(ms);
            assert!(bound >= exact && bound <= exact.mul_f64(1.25), "{share}: {bound:?}");
        }
        assert!(latencies.quantile(0.0) <= Duration::from_micros(1_250));
        histogram.record(Duration::MAX);
        assert_eq!(histogram.latencies().count(), 101);
    }
}
