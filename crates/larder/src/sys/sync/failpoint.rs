//! Failpoints. Each failpoint makes the protocol skip or reorder one step. Tests set failpoints to show that
//! they detect the fault.
//!
//! Only the model checker's build, and a build with the feature `failpoints`, can set a failpoint. In any
//! other build [`failpoint_is_set`] is a constant, and the compiler removes the failpoints.

/// A fault in one step of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(any(shuttle, feature = "failpoints")),
    expect(unreachable_pub, reason = "public where a failpoint can be set")
)]
pub enum Failpoint {
    /// A load or an atomic change is published without checking its lease.
    FillWithoutLease,
    /// A change is published although the entry that it was computed from has expired.
    PublishExpired,
    /// A change is published although the entry that it was computed from may have been evicted.
    PublishEvicted,
    /// A change without a lease is published while a range removal of its key is in progress.
    ChangeBehindBarrier,
    /// A counter is changed under the lock of its shard while a range removal of its key is in progress.
    IncrementBehindBarrier,
    /// A use extends the life of an expired entry.
    ExtendExpired,
    /// A use of an entry that has left memory since its lookup has no effect.
    ForgetEvictedUse,
    /// A use at a remote tier also extends the life of the near copy.
    ExtendNearCopy,
    /// A server extends the life of a record although another record was used.
    #[cfg(any(test, feature = "test-util"))]
    ExtendAnyRecord,
    /// The writer removes use stamps before it installs the snapshot with their expiries.
    SettleEarly,
    /// A failed load is answered with the stale value from before the load, even if that value was removed.
    KeepStale,
    /// A load is published after the deadline of its lease.
    FillLate,
    /// A refresh begins although the old value has already been replaced.
    RefreshWhatIsNew,
    /// The epoch token of a lookup at the remote tier is taken after the answer.
    TokenAfterAnswer,
    /// The validity of memory is checked before the value is read.
    ValidityBeforeRead,
    /// The deadline of memory is loaded after the value is read, or after its token is checked.
    DeadlineAfterRead,
    /// The validity of memory is counted from the answer to a PING, and not from its sending.
    #[cfg(any(test, feature = "test-util"))]
    ValidityFromAnswer,
    /// Two PINGs are read in one turn of the server, before the pushes of the turn.
    #[cfg(any(test, feature = "test-util"))]
    TwoPingsInOneTurn,
    /// A server does not push a change to the client that made it.
    #[cfg(any(test, feature = "test-util"))]
    NoLoop,
    /// A change at the remote tier voids the tokens of its key only before it is sent.
    VoidOnlyBefore,
    /// Both [`NoLoop`](Self::NoLoop) and [`VoidOnlyBefore`](Self::VoidOnlyBefore).
    VoidOnlyBeforeWithNoLoop,
    /// The life of a near copy starts at the answer, not at the request.
    LifeFromAnswer,
    /// The epoch token for the near copy of a loaded value is taken after the remote tier has stored the
    /// value.
    FillTokenAfterAnswer,
    /// A loaded value is kept in memory although the remote tier did not store it.
    NearFillAlone,
    /// All callers that wait for a load at a remote tier get its value without a check.
    ShareUnchecked,
    /// A refreshed value is stored at the remote tier although the record has changed.
    RefreshAlways,
    /// A server stores a refreshed value although its key has a fence.
    #[cfg(any(test, feature = "test-util"))]
    SetIgnoresFence,
    /// The renewal of a lease that is void gives the lease back, if the slot is empty.
    #[cfg(any(test, feature = "test-util"))]
    RenewVoidedLease,
    /// A loaded value is stored at the remote tier without its lease.
    RemoteFillWithoutLease,
    /// A transaction is made at the remote tier without its conditions.
    CommitUnchecked,
    /// The conditions of a transaction at the remote tier are checked by one request, and the changes are
    /// made by another one.
    CommitAfterCheck,
    /// Each change of a transaction at the remote tier is made by a request of its own.
    CommitOneByOne,
    /// A server watches an empty slot without a mark.
    #[cfg(any(test, feature = "test-util"))]
    WatchWithoutMark,
    /// The generation of a key's range is read when a load ends, and not when its lease is taken.
    #[cfg(any(test, feature = "test-util"))]
    RangeReadLate,
    /// A server does not compare the generation of a lease with that of its range.
    #[cfg(any(test, feature = "test-util"))]
    RangeUncheckedAtFill,
    /// The generation of a range is a counter.
    #[cfg(any(test, feature = "test-util"))]
    RangeCounter,
    /// The push of a removed range is ignored.
    #[cfg(any(test, feature = "test-util"))]
    RangePushIgnored,
    /// A fence does not prevent the lease of a refresh.
    RefreshIgnoresFence,
    /// A caller waits for a queued load instead of taking it over.
    WaitForQueued,
    /// The pool runs a load that another caller has taken over.
    RunTakenOver,
    /// A value that was read from disk or from a server is published without checking its permit.
    PromoteWithoutLease,
    /// A caller after an invalidation joins the flight of a load that began before the invalidation.
    KeepFlight,
    /// A range removal raises no barrier before it gets its sequence.
    SkipBarrier,
    /// Records on disk stay visible while a range removal is uncommitted.
    IgnoreMinVisibleSequence,
    /// A range removal removes the entries of a shard before it inserts the range tombstone.
    InsertRangeTombstoneLate,
    /// The range tombstone is removed when the row of the range removal is committed, not when its records
    /// are deleted.
    RemoveRangeTombstoneWithRow,
    /// The range tombstone is removed before the snapshot without the removed entries is installed.
    RemoveRangeTombstoneEarly,
    /// A committed key leaves its shard before the snapshot with the key is installed.
    MarkCleanEarly,
    /// The filter of absent keys gets a key only after the key is marked clean.
    FilterAfterClean,
    /// A lookup asks the filter of absent keys before it looks in memory.
    FilterBeforeMemory,
    /// A key that is written during the build of a filter of absent keys is not inserted into the new filter.
    BuildWithoutWrites,
    /// The filter of a new file is installed only after the first commit to the file.
    RenewFilterLate,
    /// Keys that a failed commit has drained are not committed again.
    ForgetDrained,
    /// A sealed shard still stores entries.
    StoreInClosed,
    /// The writer's last drain comes before the shards are sealed.
    DrainBeforeSealing,
    /// A caller that stores a value does not notice that another caller waits for room in the write buffer.
    IgnoreWaiters,
    /// A caller that waits for room in the write buffer announces that it sleeps only after it has tried.
    AnnounceSleepLate,
    /// A removal that finds an absence on disk, but no value, is not committed.
    KeepAbsence,
    /// A load of several keys does not complete the flight of a key that its loader has omitted.
    ForgetOmitted,
    /// A load of several keys waits for other callers before it completes its own flights.
    WaitBeforeLanding,
    /// A task checks for the answer under the lock, but stores its waker only after it has released the
    /// lock.
    #[cfg(feature = "async")]
    RegisterLate,
    /// The waker of a loader wakes only one of the waiting tasks.
    #[cfg(feature = "async")]
    WakeOneTask,
    /// A loader is not dropped when the last task that waits for it is gone.
    #[cfg(feature = "async")]
    KeepDroppedLoad,
    /// Closing the cache does not wait for unfinished changes of tasks.
    #[cfg(feature = "async")]
    CloseBeforeChanges,
    /// A lease that is dropped without an answer is not released.
    KeepDroppedLease,
    /// The shards are drained while a group is being stored.
    OpenGroupGate,
    /// The writer commits the values of a group in separate transactions.
    SplitGroup,
    /// The removals of a transaction are committed before its values.
    RemoveBeforeGroup,
    /// A transaction makes its changes one after another, each under the lock of its own shard.
    PublishOneByOne,
    /// The lookup of a group does not check under the locks what it has read from disk.
    #[cfg(feature = "async")]
    ConfirmNothing,
    /// The lookup of a group keeps the results of its first lookup in memory.
    #[cfg(feature = "async")]
    LookOnce,
    /// A watch of a missing key compares its sequence instead of its epoch.
    WatchBySequence,
    /// A tick is stored before the limit is raised to the tick's upper bound.
    StoreTickBeforeLimit,
}

/// Returns whether a change at the remote tier voids the tokens of its key only before it is sent.
pub(crate) fn voids_only_before() -> bool {
    failpoint_is_set(Failpoint::VoidOnlyBefore) || failpoint_is_set(Failpoint::VoidOnlyBeforeWithNoLoop)
}

#[cfg(not(any(shuttle, feature = "failpoints")))]
pub(crate) const fn failpoint_is_set(_failpoint: Failpoint) -> bool {
    false
}

#[cfg(shuttle)]
std::thread_local! {
    /// A thread-local is enough, because all threads of an execution are coroutines of one system thread.
    static FAILPOINT: std::cell::Cell<Option<Failpoint>> = const { std::cell::Cell::new(None) };
}

#[cfg(shuttle)]
pub(crate) fn failpoint_is_set(failpoint: Failpoint) -> bool {
    FAILPOINT.get() == Some(failpoint)
}

/// Sets or clears the failpoint for the executions of this thread.
#[cfg(shuttle)]
pub fn set_failpoint(failpoint: Option<Failpoint>) {
    FAILPOINT.set(failpoint);
}

/// One more than the number of the failpoint that is set in this process, or 0 for none.
#[cfg(all(not(shuttle), feature = "failpoints"))]
static FAILPOINT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

#[cfg(all(not(shuttle), feature = "failpoints"))]
pub(crate) fn failpoint_is_set(failpoint: Failpoint) -> bool {
    FAILPOINT.load(std::sync::atomic::Ordering::Relaxed) == failpoint as usize + 1
}

/// Sets or clears the failpoint for all caches of this process.
#[cfg(all(not(shuttle), feature = "failpoints"))]
pub fn set_failpoint(failpoint: Option<Failpoint>) {
    let number = failpoint.map_or(0, |failpoint| failpoint as usize + 1);
    FAILPOINT.store(number, std::sync::atomic::Ordering::Relaxed);
}
