//! The latencies of requests. Every latency is stored, so percentiles are exact up to about four seconds.

use std::time::Duration;

/// The latency of each request, in nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    nanos: Vec<u32>,
}

impl Latencies {
    pub(crate) fn with_capacity(requests: usize) -> Self {
        Self { nanos: Vec::with_capacity(requests) }
    }

    /// Adds a latency. Latencies above about four seconds, the maximum of `u32` in nanoseconds, are stored as
    /// that maximum.
    pub(crate) fn record(&mut self, latency: Duration) {
        self.nanos.push(u32::try_from(latency.as_nanos()).unwrap_or(u32::MAX));
    }

    pub(crate) fn merge(&mut self, mut others: Self) {
        self.nanos.append(&mut others.nanos);
    }

    /// Returns the smallest latency that `percent` percent of the requests did not exceed, or zero if there
    /// are no requests.
    pub(crate) fn percentile(&mut self, percent: usize) -> Duration {
        let rank = (self.nanos.len() * percent).div_ceil(100);
        if rank == 0 {
            return Duration::ZERO;
        }
        let (_, nanos, _) = self.nanos.select_nth_unstable(rank - 1);
        Duration::from_nanos(u64::from(*nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_requests_own_latencies() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile(99), Duration::ZERO);
        for micros in (1..=200).rev() {
            latencies.record(Duration::from_micros(micros));
        }
        assert_eq!(latencies.percentile(50), Duration::from_micros(100));
        assert_eq!(latencies.percentile(99), Duration::from_micros(198));
        assert_eq!(latencies.percentile(100), Duration::from_micros(200));
    }
}
