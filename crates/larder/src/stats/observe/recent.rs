//! A [`Summary`] with decay. It contains the most frequent keys of the last minutes.
//!
//! A key that was added [`HALF_LIFE`] ago has half the weight of a key that is added now. Old counts are
//! not reduced. Instead, new counts are added with a greater weight (Cormode, Shkapenyuk, Srivastava, Xu,
//! "Forward decay: a practical time decay model for streaming systems", ICDE 2009). Time is measured in
//! whole seconds, so the weight is computed once a second. Before the weights become too large for exact
//! sums, all counts are scaled down.

use std::time::Duration;

use super::summary::Summary;

/// The age at which a lookup has half of its initial weight in [`HotKeys`](crate::HotKeys). With one minute,
/// the result covers the last few minutes.
pub const HALF_LIFE: Duration = Duration::from_mins(1);

/// Number of half-lives after which all counts are scaled down. Much larger weights would make sums inexact.
const MAX_HALVES: f64 = 30.0;

#[derive(Debug)]
pub(super) struct DecayingSummary {
    summary: Summary,
    /// The time, in seconds, at which the weight is 1.
    landmark: u64,
    /// The second for which `weight` was computed.
    second: u64,
    weight: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frequent<'a> {
    pub(super) key: &'a [u8],
    /// The key's share of all added keys.
    pub(super) share: f64,
    /// The error of the share: the guaranteed bound of the summary's error, plus the sampling error with 95 %
    /// confidence.
    pub(super) error: f64,
}

impl DecayingSummary {
    pub(super) fn new(capacity: usize, now: Duration) -> Self {
        Self { summary: Summary::new(capacity), landmark: now.as_secs(), second: now.as_secs(), weight: 1.0 }
    }

    /// Adds 1 to the count of a key. If `now` is earlier than the latest time so far, uses the latest time.
    pub(super) fn add(&mut self, key: &[u8], now: Duration) {
        self.advance(now);
        self.summary.add(key, self.weight);
    }

    /// Returns the decayed number of added keys. The weight of each key halves with every half-life.
    pub(super) fn total(&mut self, now: Duration) -> f64 {
        self.advance(now);
        self.summary.total() / self.weight
    }

    /// Returns up to `most` keys, with the most frequent first. Returns only keys that the predicate accepts
    /// and whose share is larger than its error.
    pub(super) fn top(&self, most: usize, mut takes: impl FnMut(&[u8]) -> bool) -> Vec<Frequent<'_>> {
        let (total, squares) = (self.summary.total(), self.summary.squares());
        if total <= 0.0 || squares <= 0.0 {
            return Vec::new();
        }
        // Number of samples of equal weight that would have the same uncertainty.
        let samples = total * total / squares;
        let shares = self.summary.counters().iter().map(|counter| {
            let share = counter.count / total;
            // Two standard deviations of a binomial proportion.
            let by_sampling = 2.0 * (share * (1.0 - share).max(0.0) / samples).sqrt();
            Frequent { key: &counter.key, share, error: counter.error / total + by_sampling }
        });
        let mut top: Vec<Frequent<'_>> =
            shares.filter(|share| share.share > share.error && takes(share.key)).collect();
        top.sort_by(|one, other| other.share.total_cmp(&one.share).then_with(|| one.key.cmp(other.key)));
        top.truncate(most);
        top
    }

    fn advance(&mut self, now: Duration) {
        let second = now.as_secs();
        if second <= self.second {
            return;
        }
        self.second = second;
        let halves = Duration::from_secs(second - self.landmark).div_duration_f64(HALF_LIFE);
        if halves < MAX_HALVES {
            self.weight = halves.exp2();
        } else {
            self.summary.scale((-halves).exp2());
            (self.landmark, self.weight) = (second, 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(5_000);

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() <= other.abs() * 1e-6 + 1e-9
    }

    #[test]
    fn what_came_a_half_life_ago_counts_half_however_long_it_goes_on() {
        let mut recent = DecayingSummary::new(8, START);
        let mut now = START;
        for _ in 0..200 {
            for _ in 0..64 {
                recent.add(b"steady", now);
            }
            now += HALF_LIFE;
        }
        // 64 / 2 + 64 / 4 + …
        assert!(close(recent.total(now), 64.0), "{}", recent.total(now));
        recent.summary.validate();
        // A new key soon has a larger share than the old key.
        for _ in 0..192 {
            recent.add(b"new", now);
        }
        let top = recent.top(8, |_| true);
        assert_eq!(top.iter().map(|share| share.key).collect::<Vec<_>>(), [&b"new"[..], b"steady"]);
        assert!(close(top[0].share, 0.75) && top[0].error > 0.0, "{top:?}");
    }

    #[test]
    fn after_a_long_silence_nothing_is_left_and_counting_goes_on() {
        let mut recent = DecayingSummary::new(8, START);
        for _ in 0..100 {
            recent.add(b"old", START);
        }
        let later = START + Duration::from_hours(24 * 365 * 100);
        assert!(close(recent.total(later), 0.0));
        recent.total(later + Duration::from_hours(24 * 365 * 100));
        assert!(recent.top(8, |_| true).is_empty());
        for _ in 0..100 {
            recent.add(b"new", later);
        }
        assert_eq!(recent.top(8, |_| true).len(), 1);
        // One thread may pass an earlier time than another thread has passed before.
        recent.add(b"new", START);
        assert!(recent.total(START) > 100.0);
    }

    #[test]
    fn a_key_that_can_not_be_told_from_the_rest_is_not_shown() {
        let mut recent = DecayingSummary::new(16, START);
        for number in 0_u32..4_000 {
            recent.add(&(number % 400).to_be_bytes(), START);
        }
        assert!(recent.top(16, |_| true).is_empty(), "all come equally often");
        for _ in 0..2_000 {
            recent.add(b"hot", START);
        }
        let top = recent.top(16, |_| true);
        assert_eq!(top.first().map(|share| share.key), Some(&b"hot"[..]));
        assert!((top[0].share - 1.0 / 3.0).abs() <= top[0].error && top[0].error < 0.15, "{top:?}");
        assert!(recent.top(16, |key| key != b"hot").is_empty());
    }
}
