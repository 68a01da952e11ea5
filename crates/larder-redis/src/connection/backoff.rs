//! The wait between two attempts to connect.

use std::time::Duration;

use crate::settings::Timing;

/// Computes the wait, which doubles after each failure and has a random part. So the clients of a server that
/// has come back do not all connect at once.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Returns the wait before the next attempt, which is between half of the delay and all of it.
    pub(crate) fn next(&mut self, timing: &Timing, random: u64) -> Duration {
        let delay = timing.min_backoff.saturating_mul(1 << self.failures.min(16)).min(timing.max_backoff);
        self.failures = self.failures.saturating_add(1);
        let half = delay / 2;
        let span = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX).max(1);
        half + Duration::from_nanos(random % span)
    }

    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_bound_and_is_spread() {
        let timing = Timing::default();
        let (mut low, mut high) = (Backoff::default(), Backoff::default());
        let expected = [50_u64, 100, 200, 400, 800, 1600, 3200, 5000, 5000];
        for delay in expected {
            assert_eq!(low.next(&timing, 0), Duration::from_millis(delay) / 2);
            let longest = high.next(&timing, u64::MAX);
            assert!(longest > Duration::from_millis(delay) / 2 && longest <= Duration::from_millis(delay));
        }
        low.reset();
        assert_eq!(low.next(&timing, 0), Duration::from_millis(25));
    }
}
