//! Failpoints. Each failpoint makes the server skip one step. The tests set failpoints to check that they
//! find such faults.
//!
//! Only a build with the feature `test-util` can set a failpoint. In any other build [`failpoint_is_set`] is
//! a constant, and the compiler removes the code of the failpoints.

/// A fault in one step of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(any(test, feature = "test-util")),
    expect(unreachable_pub, reason = "public where a failpoint can be set")
)]
pub enum Failpoint {
    /// The server answers a durable removal when the removal is in memory.
    AcknowledgeBeforeCommit,
    /// A call of `SCAN` that continues from a cursor leaves out the first key after the cursor.
    SkipAtCursor,
}

#[cfg(not(any(test, feature = "test-util")))]
pub(crate) const fn failpoint_is_set(_failpoint: Failpoint) -> bool {
    false
}

/// The failpoint that is set in this process, as its number plus 1. 0 if none is set.
#[cfg(any(test, feature = "test-util"))]
static FAILPOINT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

#[cfg(any(test, feature = "test-util"))]
pub(crate) fn failpoint_is_set(failpoint: Failpoint) -> bool {
    FAILPOINT.load(std::sync::atomic::Ordering::Relaxed) == failpoint as usize + 1
}

/// Sets a failpoint for all servers of this process, or clears it.
#[cfg(any(test, feature = "test-util"))]
pub fn set_failpoint(failpoint: Option<Failpoint>) {
    let number = failpoint.map_or(0, |failpoint| failpoint as usize + 1);
    FAILPOINT.store(number, std::sync::atomic::Ordering::Relaxed);
}
