//! Failpoints, with which the tests of interleavings show that they find faults: each leaves out one step of
//! the protocol.
//!
//! Only the model checker's build can set one. In any other build [`failpoint_is_set`] is a constant, and the
//! compiler removes the rest.

/// A step to leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(shuttle), expect(unreachable_pub, reason = "public in the model checker's build"))]
pub enum Failpoint {
    /// A load is published without checking its lease.
    FillWithoutLease,
    /// A value that was read from disk is published without checking its lease.
    PromoteWithoutLease,
    /// A caller that comes after an invalidation joins the flight of a load that began before it.
    KeepFlight,
    /// A range removal takes its sequence before it bars the loads in flight.
    SkipBarrier,
    /// Records on disk stay visible while a range removal is not committed.
    IgnoreMinVisibleSequence,
    /// A range removal inserts its range tombstone into a shard after it has removed the entries of the
    /// shard.
    InsertRangeTombstoneLate,
    /// The range tombstone is removed when the row of the range removal is committed, not when its entries
    /// are deleted.
    RemoveRangeTombstoneWithRow,
    /// The range tombstone is removed before the snapshot without the removed entries is installed.
    RemoveRangeTombstoneEarly,
    /// A committed key leaves its shard before the snapshot that shows it is installed.
    MarkCleanEarly,
    /// Keys that a failed commit had drained are not committed again.
    ForgetDrained,
    /// A sealed shard stores entries all the same.
    StoreInClosed,
    /// The writer drains for the last time before the shards are sealed.
    DrainBeforeSealing,
    /// A caller that fills the write buffer does not see that another caller waits for a commit.
    IgnoreWaiters,
}

#[cfg(not(shuttle))]
pub(crate) const fn failpoint_is_set(_failpoint: Failpoint) -> bool {
    false
}

#[cfg(shuttle)]
std::thread_local! {
    /// All threads of an execution are coroutines of one thread of the system.
    static FAILPOINT: std::cell::Cell<Option<Failpoint>> = const { std::cell::Cell::new(None) };
}

#[cfg(shuttle)]
pub(crate) fn failpoint_is_set(failpoint: Failpoint) -> bool {
    FAILPOINT.get() == Some(failpoint)
}

/// Sets a failpoint for the executions of this thread, or clears it.
#[cfg(shuttle)]
pub fn set_failpoint(failpoint: Option<Failpoint>) {
    FAILPOINT.set(failpoint);
}
