//! Time: the only place of the command that reads a clock or waits for it.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// This moment, to measure from within one process.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// This moment as the time since 1970, to measure from one process image to the next.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Lets this much time pass.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn wait(time: Duration) {
    thread::sleep(time);
}
