//! Failpoints. Each failpoint plants a fault in one step of the server. A test then checks that its harness
//! detects the fault.
//!
//! Only a build with the feature `test-util` can set a failpoint. In any other build, [`failpoint_is_set`] is
//! constant, and the compiler removes the failpoints.

/// A fault in one step of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(any(test, feature = "test-util")),
    expect(unreachable_pub, reason = "public where a failpoint can be set")
)]
pub enum Failpoint {
    /// Replies to a durable removal before its commit.
    AcknowledgeBeforeCommit,
    /// Skips the first key after the cursor when `SCAN` continues.
    SkipAtCursor,
}

#[cfg(not(any(test, feature = "test-util")))]
pub(crate) const fn failpoint_is_set(_failpoint: Failpoint) -> bool {
    false
}

/// Number of the failpoint that is set in this process, plus 1. Zero if none is set.
#[cfg(any(test, feature = "test-util"))]
static FAILPOINT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

#[cfg(any(test, feature = "test-util"))]
pub(crate) fn failpoint_is_set(failpoint: Failpoint) -> bool {
    FAILPOINT.load(std::sync::atomic::Ordering::Relaxed) == failpoint as usize + 1
}

/// Sets a failpoint for all servers in this process, or clears it.
#[cfg(any(test, feature = "test-util"))]
pub fn set_failpoint(failpoint: Option<Failpoint>) {
    let number = failpoint.map_or(0, |failpoint| failpoint as usize + 1);
    FAILPOINT.store(number, std::sync::atomic::Ordering::Relaxed);
}
