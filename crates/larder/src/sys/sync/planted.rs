//! Faults that the interleavings' own tests plant, to show that they are found: each leaves out one step of
//! the protocol.
//!
//! Only the model checker's build can plant one. In any other [`failpoint_is_set`] is a constant, and nothing of
//! this is left.

/// A step to be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(shuttle), expect(unreachable_pub, reason = "public in the model checker's build"))]
pub enum Failpoint {
    /// A load is published without a look at its lease.
    FillWithoutLease,
    /// What was read from disk is published without a look at its lease.
    PromoteWithoutLease,
    /// Whoever comes after an invalidation joins the flight of a load that began before it.
    KeepFlight,
    /// A range removal takes its sequence before it bars the loads that are in flight.
    SkipBarrier,
    /// While a range removal is not committed, the disk is believed as ever.
    IgnoreFloor,
    /// A range removal raises its floor in a shard after it has removed what the shard held.
    RaiseFloorLate,
    /// The disk is believed again when the row of a range removal is committed, not when its entries are
    /// gone.
    LiftFloorWithRow,
    /// The disk is believed again before the snapshot without a range removal's entries is there.
    RemoveRangeTombstoneEarly,
    /// A committed key leaves its shard before the snapshot that shows it is there.
    SettleEarly,
    /// What a failed commit had drained is not committed again.
    ForgetDrained,
    /// A shard that is sealed takes what is stored all the same.
    StoreInClosed,
    /// The writer drains for the last time before the shards are sealed.
    DrainBeforeSealing,
    /// Whoever fills the write buffer does not see that somebody waits for it to be committed.
    IgnoreWaiters,
}

#[cfg(not(shuttle))]
pub(crate) const fn failpoint_is_set(_fault: Failpoint) -> bool {
    false
}

#[cfg(shuttle)]
std::thread_local! {
    /// All threads of an execution are coroutines of one thread of the system.
    static PLANTED: std::cell::Cell<Option<Failpoint>> = const { std::cell::Cell::new(None) };
}

#[cfg(shuttle)]
pub(crate) fn failpoint_is_set(fault: Failpoint) -> bool {
    PLANTED.get() == Some(fault)
}

/// Plants a fault in the executions of this thread, or takes it out.
#[cfg(shuttle)]
pub fn plant(fault: Option<Failpoint>) {
    PLANTED.set(fault);
}
