//! The clock for the validity of memory. It also counts while the process is stopped or the machine is
//! suspended.

use std::fmt::Debug;
use std::time::Duration;

/// A clock that never goes back and never stops. Its start is before the start of the process.
///
/// A value in memory may be returned until a deadline on this clock. If the clock stopped while the machine
/// is suspended, the cache could return a value from before the suspension.
pub(crate) trait BootClock: Debug + Send + Sync {
    /// Returns the time since the start of the clock.
    fn now(&self) -> Duration;
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemBootClock;

impl BootClock for SystemBootClock {
    fn now(&self) -> Duration {
        larder::remote::boot_time()
    }
}
