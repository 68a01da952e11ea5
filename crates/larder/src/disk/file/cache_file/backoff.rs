//! The delay between a failure of the disk and the next attempt to use it.
//!
//! The delay doubles with each failure, up to a maximum. It starts again at its initial value if the disk
//! has worked for at least as long as the last delay.

use std::time::Duration;

use crate::disk::store::guard::StoreError;
use crate::units::Timestamp;

/// Delay before the first attempt to use a failed disk tier again. Each later delay is twice the previous
/// one, up to [`MAX_RETRY_DELAY`].
pub const INITIAL_RETRY_DELAY: Duration = Duration::from_millis(100);
/// Maximum delay between two attempts to use a failed disk tier again.
pub const MAX_RETRY_DELAY: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Backoff {
    wait: Duration,
    in_service_since: Timestamp,
}

impl Backoff {
    pub(super) fn enters_service(&mut self, now: Timestamp) {
        self.in_service_since = now;
    }

    /// Returns the delay after a failure. The delay doubles, up to [`MAX_RETRY_DELAY`], or starts again at
    /// [`INITIAL_RETRY_DELAY`] if the disk has worked for at least as long as the last delay.
    pub(super) fn fails(&mut self, now: Timestamp) -> Duration {
        let has_recovered = now.since(self.in_service_since) >= self.wait;
        self.wait = if has_recovered { INITIAL_RETRY_DELAY } else { twice(self.wait) };
        self.wait
    }
}

fn twice(wait: Duration) -> Duration {
    (wait * 2).clamp(INITIAL_RETRY_DELAY, MAX_RETRY_DELAY)
}

/// Why a file is out of service, and when the next attempt is due.
#[derive(Debug, Clone)]
pub(super) struct Outage {
    pub(super) why: StoreError,
    pub(super) retry_at: Timestamp,
}

impl Outage {
    pub(super) fn new(why: StoreError, wait: Duration, now: Timestamp) -> Self {
        Self { why, retry_at: now.after(wait) }
    }

    /// Records a failed attempt. An early attempt for a caller that could not wait does not postpone the
    /// next one.
    pub(super) fn failed_again(&mut self, why: StoreError, backoff: &mut Backoff, now: Timestamp) {
        if now >= self.retry_at {
            backoff.wait = twice(backoff.wait);
            self.retry_at = now.after(backoff.wait);
        }
        self.why = why;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_until_the_disk_has_worked_for_as_long() {
        let at = |ms: u64| Timestamp::from_millis(1_000_000 + ms);
        let mut backoff = Backoff::default();
        assert_eq!(backoff.fails(at(0)), INITIAL_RETRY_DELAY);
        backoff.enters_service(at(100));
        assert_eq!(
            backoff.fails(at(150)),
            INITIAL_RETRY_DELAY * 2,
            "it worked for less than it was waited for"
        );
        backoff.enters_service(at(400));
        assert_eq!(backoff.fails(at(600)), INITIAL_RETRY_DELAY);
        let mut outage = Outage::new(StoreError::io("first"), backoff.wait, at(600));
        outage.failed_again(StoreError::io("early"), &mut backoff, at(650));
        assert_eq!(outage.retry_at, at(700), "a caller that could not wait");
        for _ in 0..20 {
            outage.failed_again(StoreError::io("in time"), &mut backoff, outage.retry_at);
        }
        assert_eq!(backoff.wait, MAX_RETRY_DELAY);
    }
}
