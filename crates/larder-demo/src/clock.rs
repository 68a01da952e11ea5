//! The clock. No other module of this crate reads the time of the machine.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Returns the present moment, for measurements within one process image.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Returns the time since 1970, for a measurement from one process image to the next.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
