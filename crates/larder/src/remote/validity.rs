//! The deadline until which values may be returned from memory.
//!
//! The tier extends the deadline, and the cache checks it at each hit. A hit takes one load of the deadline
//! and one reading of the clock, without a call of the tier.

use std::time::Duration;

use crate::sys::clock::Clock;
use crate::sys::clock::boot::BootTime;
use crate::sys::sync::{Arc, AtomicU64, Ordering};

/// The deadline until which values may be returned from memory, and the clock of this deadline.
///
/// The tier sets it, and the cache reads it. The order of steps of a lookup is:
///
/// 1. Load the [deadline](Validity::until).
/// 2. Read the value.
/// 3. Read the clock. The value may be returned if the deadline of (1) is [current](Validity::is_current).
///
/// If the deadline were loaded after the value, a lookup that paused in between could return an old value
/// under a newer deadline. If the clock were read before the value, a pause in between would have the same
/// effect.
///
/// # Examples
/// A tier extends the deadline after each answered PING, and ends it when it loses the connection:
///
/// ```
/// # #[cfg(feature = "remote")] {
/// use std::sync::Arc;
/// use std::time::Duration;
/// use larder::remote::{Validity, boot_time};
///
/// /// How old a value in memory may be.
/// const STALENESS: Duration = Duration::from_secs(60);
///
/// struct Connection {
///     /// The cache gets this from `RemoteTier::validity`.
///     validity: Arc<Validity>,
///     ping_sent_at: Duration,
/// }
///
/// impl Connection {
///     fn send_ping(&mut self) {
///         self.ping_sent_at = boot_time();
///         // Then write the PING to the server.
///     }
///
///     /// The thread that reads the connection has handled all pushes before this answer.
///     fn handle_pong(&self) {
///         self.validity.extend_to(self.ping_sent_at + STALENESS);
///     }
///
///     fn handle_loss(&self) {
///         self.validity.end();
///     }
/// }
///
/// let mut connection = Connection { validity: Arc::default(), ping_sent_at: Duration::ZERO };
/// let validity = connection.validity.clone();
/// assert!(!validity.is_current(validity.until()), "the server was not heard yet");
/// connection.send_ping();
/// connection.handle_pong();
/// assert!(validity.is_current(validity.until()));
/// connection.handle_loss();
/// assert!(!validity.is_current(validity.until()));
/// # }
/// ```
#[derive(Debug)]
pub struct Validity {
    until: OwnLine,
    /// `None` for the boot clock of the system.
    clock: Option<Arc<dyn Clock>>,
}

/// A deadline, in nanoseconds of the boot clock. 0 if values from memory must not be returned. All threads
/// read it, so it shares its cache line with nothing that changes.
#[derive(Debug, Default)]
#[repr(align(128))]
struct OwnLine(AtomicU64);

/// A deadline that was loaded from a [`Validity`].
///
/// # Examples
/// A value may be returned only under a deadline that was loaded before the value was read:
///
/// ```
/// # #[cfg(feature = "remote")] {
/// use std::sync::Arc;
/// use std::time::Duration;
/// use larder::clock::{Clock, ManualClock};
/// use larder::remote::Validity;
///
/// const SECOND: Duration = Duration::from_secs(1);
/// let clock = Arc::new(ManualClock::new());
/// let validity = Validity::with_clock(clock.clone());
/// validity.extend_to(clock.monotonic() + SECOND);
/// let until = validity.until();
/// assert_eq!(until.time(), clock.monotonic() + SECOND);
/// // Read the value here.
/// assert!(validity.is_current(until), "the value may be returned");
/// clock.advance(SECOND);
/// validity.extend_to(clock.monotonic() + SECOND);
/// assert!(!validity.is_current(until), "the new deadline is not for values that were read before it");
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ValidUntil(u64);

impl ValidUntil {
    /// Returns the deadline as the time since the start of the clock. Zero if no value may be returned.
    #[must_use]
    pub const fn time(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    #[inline]
    pub(crate) const fn is_after(self, now: BootTime) -> bool {
        now.nanos() < self.0
    }
}

impl Validity {
    /// Creates a deadline on the clock of [`boot_time`]. No value may be returned before the first
    /// [`extend_to`](Validity::extend_to).
    #[must_use]
    pub fn new() -> Self {
        Self { until: OwnLine::default(), clock: None }
    }

    /// Creates a deadline on the [monotonic](Clock::monotonic) time of a clock, for tests.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { clock: Some(clock), ..Self::new() }
    }

    /// Sets the deadline. The tier calls this only after it has handled all changes that were acknowledged
    /// before the time from which the deadline is counted.
    pub fn extend_to(&self, until: Duration) {
        // Release: pairs with the Acquire in `until`.
        self.until.0.store(BootTime::from(until).nanos(), Ordering::Release);
    }

    /// Clears the deadline, so that no value may be returned. A lookup that has loaded the earlier deadline
    /// may still use it.
    pub fn end(&self) {
        self.until.0.store(0, Ordering::Release);
    }

    /// Returns the deadline. The caller must read its value after this call.
    #[must_use]
    #[inline]
    pub fn until(&self) -> ValidUntil {
        // Acquire: pairs with the Release in `extend_to`. So a reader of a deadline finds no value that was
        // dropped before the deadline was set.
        ValidUntil(self.until.0.load(Ordering::Acquire))
    }

    /// Returns whether a deadline has not passed. The caller must have read its value before this call.
    #[must_use]
    #[inline]
    pub fn is_current(&self, until: ValidUntil) -> bool {
        until.is_after(self.now())
    }

    #[inline]
    pub(crate) fn now(&self) -> BootTime {
        self.clock.as_deref().map_or_else(BootTime::now, |clock| clock.monotonic().into())
    }

    /// Returns whether the deadline is on this clock. `None` is the clock of the system.
    pub(crate) fn is_on(&self, clock: Option<&Arc<dyn Clock>>) -> bool {
        match (&self.clock, clock) {
            (None, None) => true,
            (Some(own), Some(clock)) => Arc::ptr_eq(own, clock),
            _ => false,
        }
    }
}

impl Default for Validity {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the time of the system's boot clock: the time since the start of the machine. It also counts while
/// the process is stopped or the machine is suspended. If the clock stopped then, the cache could return a
/// value from before the suspension.
///
/// # Examples
/// A tier counts a validity from the time before it sends a PING, not from the answer:
///
/// ```
/// # #[cfg(feature = "remote")] {
/// use std::time::Duration;
/// use larder::remote::{Validity, boot_time};
///
/// let validity = Validity::new();
/// let sent_at = boot_time();
/// // Send the PING, and wait for its answer, here.
/// validity.extend_to(sent_at + Duration::from_secs(60));
/// assert_eq!(validity.until().time(), sent_at + Duration::from_secs(60));
/// # }
/// ```
#[must_use]
pub fn boot_time() -> Duration {
    BootTime::now().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::clock::ManualClock;

    #[test]
    fn a_deadline_is_current_until_its_time() {
        let clock = Arc::new(ManualClock::new());
        let validity = Validity::with_clock(clock.clone());
        let at_first = validity.until();
        assert!(!validity.is_current(at_first));
        validity.extend_to(clock.monotonic() + Duration::from_millis(2));
        let until = validity.until();
        for is_current in [true, true, false, false] {
            assert_eq!(validity.is_current(until), is_current);
            clock.advance(Duration::from_millis(1));
        }
        validity.extend_to(Duration::MAX);
        assert!(validity.is_current(validity.until()) && !validity.is_current(at_first));
        validity.end();
        assert!(!validity.is_current(validity.until()));
    }

    #[test]
    fn a_deadline_of_the_system_is_on_the_boot_clock() {
        let validity = Validity::new();
        validity.extend_to(boot_time() + Duration::from_hours(1));
        assert!(validity.is_current(validity.until()));
        validity.extend_to(boot_time());
        assert!(!validity.is_current(validity.until()));
    }
}
