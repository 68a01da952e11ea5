//! Failpoints. Each failpoint makes the protocol skip or reorder one step. The tests of interleavings set
//! failpoints to show that the tests find such faults.
//!
//! Only the model checker's build can set a failpoint. In any other build [`failpoint_is_set`] is a constant,
//! and the compiler removes the code of the failpoints.

/// A fault in one step of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(shuttle), expect(unreachable_pub, reason = "public in the model checker's build"))]
pub enum Failpoint {
    /// A load is published without checking its lease.
    FillWithoutLease,
    /// A change is published although the entry from which it was computed has expired.
    PublishExpired,
    /// A change is published although the entry from which it was computed may have been evicted.
    PublishEvicted,
    /// A use extends the life of an entry that has expired.
    ExtendExpired,
    /// The writer removes the stamps of uses before the snapshot that shows them is installed.
    SettleEarly,
    /// A failed load is answered with the stale value that was read before the load.
    KeepStale,
    /// A load is published after the deadline of its lease.
    FillLate,
    /// A refresh begins although the value that was found old has been replaced.
    RefreshWhatIsNew,
    /// The epoch token of a lookup at the remote tier is taken after the answer.
    TokenAfterAnswer,
    /// The validity of memory is checked before the value is read.
    ValidityBeforeRead,
    /// The life of a near copy is counted from the answer, and not from the request.
    LifeFromAnswer,
    /// A loaded value is kept in memory although the remote tier did not store it.
    NearFillAlone,
    /// A loaded value is stored at the remote tier without its lease.
    RemoteFillWithoutLease,
    /// A fence does not bar the lease of a refresh.
    RefreshIgnoresFence,
    /// A caller waits for a load that has not begun, and does not take it over.
    WaitForQueued,
    /// The pool runs a load that another caller has taken over.
    RunTakenOver,
    /// A value that was read from disk is published without checking its lease.
    PromoteWithoutLease,
    /// A caller that arrives after an invalidation joins the flight of a load that began before the
    /// invalidation.
    KeepFlight,
    /// A range removal gets its sequence before it raises the barrier for the loads in flight.
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
    /// A committed key leaves its shard too early: the snapshot with the key is not installed yet.
    MarkCleanEarly,
    /// Keys that a failed commit had drained are not committed again.
    ForgetDrained,
    /// A sealed shard still stores entries.
    StoreInClosed,
    /// The writer's last drain comes before the shards are sealed.
    DrainBeforeSealing,
    /// A caller that fills the write buffer does not notice that another caller waits for a commit.
    IgnoreWaiters,
    /// A removal that finds an absence on disk, and no value, is not committed.
    KeepAbsence,
    /// A load of several keys does not land the flight of a key that its loader has omitted.
    ForgetOmitted,
    /// A load of several keys waits for other callers before it lands its own flights.
    WaitBeforeLanding,
    /// A task looks for the answer, and stores its waker after it has released the lock.
    #[cfg(feature = "async")]
    RegisterLate,
    /// A loader that is woken wakes one of the tasks that wait, and not all.
    #[cfg(feature = "async")]
    WakeOneTask,
    /// A loader that no task waits for any more is not dropped.
    #[cfg(feature = "async")]
    KeepDroppedLoad,
    /// Closing the cache does not wait for the changes that tasks have begun.
    #[cfg(feature = "async")]
    CloseBeforeChanges,
    /// A lease that is dropped without an answer is not given back.
    KeepDroppedLease,
    /// The shards are drained while a group is being stored.
    OpenGroupGate,
    /// The writer commits the values of a group one by one.
    SplitGroup,
    /// The removals of a transaction are committed before its values.
    RemoveBeforeGroup,
    /// A transaction makes its changes one after another, each under the lock of its own shard.
    PublishOneByOne,
    /// A watch compares the sequence of its key, and not the epoch.
    WatchBySequence,
    /// A tick is stored before the upper bound of the time is raised to that of the tick.
    StoreTickBeforeLimit,
}

#[cfg(not(shuttle))]
pub(crate) const fn failpoint_is_set(_failpoint: Failpoint) -> bool {
    false
}

#[cfg(shuttle)]
std::thread_local! {
    /// One variable is enough, because all threads of an execution are coroutines of one system thread.
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
