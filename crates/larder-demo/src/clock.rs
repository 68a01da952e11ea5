//! The clock: nothing else in this crate reads the time of the machine.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Returns this moment, to measure from within one process.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Returns the time since 1970, to measure from one process image to the next.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
