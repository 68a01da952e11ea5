//! Removals of entries: first from memory, in the order of the call, and then from disk, usually in a single
//! commit. [`super::remote::removal`] removes entries at a server.
//!
//! 1. Make the removals visible in memory. Under the lock of its shard, a key of the file gets a tombstone,
//!    and any other key leaves the shard. The key's leases are revoked. A scope is purged from the shards,
//!    and lookups then ignore older entries of the scope on disk. So a removal is visible immediately, and no
//!    running load or promotion can undo it.
//! 2. On the calling thread, count the entries that a scope has on disk
//!    ([`Tiers::count_on_disk`](super::tiers::Tiers::count_on_disk)). If the scope is small, the commit
//!    counts its entries again, exactly.
//! 3. Commit all removals.
//!
//! Callers remove a source before the entries that are derived from it. Between the two removals, another
//! thread may still store an entry that it has derived from the old source. The second removal then removes
//! this entry, too.

use smallvec::SmallVec;

use super::closure_keys;
use super::remote::removal::RemoteRemoval;
use super::shared::Shared;
use super::tombstone::RemovedEntry;
use super::writer::command::Acknowledge;
#[cfg(feature = "async")]
use super::writer::command::Command;
#[cfg(feature = "async")]
use super::writer::handle::WriterAnswer;
use crate::disk::store::batch::range_removal::RangeRemoval;
use crate::error::Error;
use crate::format::key::scope::Scope;
use crate::format::keyspace_id::{KeyspaceId, LowestTier};
use crate::memory::evicted_values::EvictedValues;
use crate::memory::lookup::PreviousState;
use crate::memory::purged::Purged;
use crate::stats::count::Count;
use crate::stats::counters::Counters;
use crate::sys::at_once::at_once;

#[derive(Debug)]
pub(crate) enum Removal<'a> {
    /// Removes the entry of a full key. The keyspace's counters count the removal.
    Key { counters: &'a Counters, full: &'a [u8] },
    /// Removes every key in a scope of one keyspace. The keyspace's counters count the removal.
    Scope { counters: &'a Counters, scope: Scope },
    /// Removes every key.
    Everything,
}

impl Removal<'_> {
    fn covers(&self, key: &[u8]) -> bool {
        match self {
            Self::Key { full, .. } => *full == key,
            Self::Scope { scope, .. } => scope.covers(key),
            Self::Everything => true,
        }
    }
}

/// The result of the removals from memory and at the server, and the work that is left for the commit.
#[derive(Default)]
struct PendingRemovals {
    live: u64,
    ranges: Vec<RangeRemoval>,
    /// Whether at least one range is large. Some entries of a large range are deleted only after the call
    /// has returned.
    is_large: bool,
    /// Whether the call must wait for the writer thread. It must wait for every key of a keyspace on disk,
    /// even if neither memory nor the disk has the key. Another program may have put an older file with the
    /// key at the path, and only the writer thread checks the path. If nothing has changed, the writer thread
    /// makes no commit.
    needs_writer: bool,
    /// The values that were removed from the shards. They are dropped last, because a user's `Drop` may take
    /// long.
    evicted_values: EvictedValues,
}

/// Removals whose commit was requested.
#[cfg(feature = "async")]
#[derive(Debug)]
pub(crate) struct CommittingRemovals {
    live: u64,
    commit: RemovalCommit,
}

#[cfg(feature = "async")]
#[derive(Debug)]
enum RemovalCommit {
    None,
    Keys(WriterAnswer<()>),
    Ranges(WriterAnswer<u64>),
}

#[cfg(feature = "async")]
impl CommittingRemovals {
    /// Returns the number of live entries that were removed before the commit.
    pub(crate) const fn live(&self) -> u64 {
        self.live
    }

    /// Waits for the commit. Returns the number of live entries removed.
    pub(crate) async fn wait(self) -> Result<u64, Error> {
        let Self { live, commit } = self;
        match commit {
            RemovalCommit::None => Ok(live),
            RemovalCommit::Keys(committed) => committed.wait().await.map(|()| live),
            RemovalCommit::Ranges(removed) => removed.wait().await.map(|removed| live + removed),
        }
    }
}

impl Shared {
    /// Removes entries from all tiers. If the disk tier may hold any of them, requests one commit of all
    /// removals from the writer thread. Returns the number of live entries removed.
    pub(crate) fn invalidate<'a>(
        &self,
        removals: impl IntoIterator<Item = Removal<'a>>,
    ) -> Result<u64, Error> {
        let PendingRemovals { live, ranges, is_large, needs_writer, evicted_values: _dropped_last } =
            self.remove_by_thread(removals)?;
        // Step 3.
        if !ranges.is_empty() {
            if is_large {
                self.tiers.wait_for_few_ranges()?;
            }
            return Ok(live + self.tiers.writer.remove_ranges(ranges)?);
        }
        if needs_writer {
            self.tiers.writer.commit(Acknowledge::Invalidation)?;
        }
        Ok(live)
    }

    /// Like [`invalidate`](Self::invalidate), but requests the commit without waiting for it. The call may
    /// still block for reads of the disk, for other large removals, or for the answers of a server.
    #[cfg(feature = "async")]
    pub(crate) fn begin_invalidation<'a>(
        &self,
        removals: impl IntoIterator<Item = Removal<'a>>,
    ) -> Result<CommittingRemovals, Error> {
        self.begin_commit(self.remove_by_thread(removals)?)
    }

    /// Like [`begin_invalidation`](Self::begin_invalidation). Does not block the thread while it waits for
    /// the server.
    #[cfg(feature = "async")]
    pub(crate) async fn begin_invalidation_in_task(
        &self,
        removals: Vec<Removal<'_>>,
    ) -> Result<CommittingRemovals, Error> {
        let (mut pending, remote) = self.remove_from_memory(removals)?;
        pending.live += self.tiers.remove_remotely(&remote, &mut pending.evicted_values).await?;
        self.begin_commit(pending)
    }

    #[cfg(feature = "async")]
    fn begin_commit(&self, pending: PendingRemovals) -> Result<CommittingRemovals, Error> {
        let PendingRemovals { live, ranges, is_large, needs_writer, evicted_values: _dropped_last } = pending;
        let writer = &self.tiers.writer;
        if is_large {
            self.tiers.wait_for_few_ranges()?;
        }
        let commit = if !ranges.is_empty() {
            let removed = writer.ask_for_task(|reply| Command::RemoveRanges(ranges, reply))?;
            RemovalCommit::Ranges(removed)
        } else if needs_writer {
            let ask = |reply| Command::Commit(Acknowledge::Invalidation, reply);
            RemovalCommit::Keys(writer.ask_for_task(ask)?)
        } else {
            RemovalCommit::None
        };
        Ok(CommittingRemovals { live, commit })
    }

    /// Refuses removals if the calling thread is inside a closure of one of their keys. A call that passes
    /// its removals to a worker thread must make this check first, because the worker thread is not inside
    /// the closure.
    #[cfg(feature = "async")]
    pub(crate) fn refuse_removals_in_closure(&self, removals: &[Removal<'_>]) -> Result<(), Error> {
        let covers = |key: &[u8]| removals.iter().any(|removal| removal.covers(key));
        closure_keys::refuse_in_closure(&self.tiers.memory, covers)
    }

    /// Runs steps 1 and 2. Also removes the entries at a server, and waits for its answer on the calling
    /// thread.
    fn remove_by_thread<'a>(
        &self,
        removals: impl IntoIterator<Item = Removal<'a>>,
    ) -> Result<PendingRemovals, Error> {
        let (mut pending, remote) = self.remove_from_memory(removals)?;
        pending.live += at_once(self.tiers.remove_remotely(&remote, &mut pending.evicted_values))?;
        Ok(pending)
    }

    /// Runs steps 1 and 2. Also returns the removals to make at a server.
    fn remove_from_memory<'a>(
        &self,
        removals: impl IntoIterator<Item = Removal<'a>>,
    ) -> Result<(PendingRemovals, Vec<RemoteRemoval>), Error> {
        self.refuse_if_unusable()?;
        let removals: SmallVec<[Removal<'_>; 1]> = removals.into_iter().collect();
        let covers = |key: &[u8]| removals.iter().any(|removal| removal.covers(key));
        closure_keys::refuse_in_closure(&self.tiers.memory, covers)?;
        let mut pending = PendingRemovals::default();
        // The removals to make at the server of a remote tier, in the order of the call.
        let mut remote = Vec::new();
        for removal in removals {
            match removal {
                Removal::Key { counters, full } => {
                    self.count(counters, Count::Invalidations, full);
                    match KeyspaceId::of(full).lowest_tier() {
                        LowestTier::Memory => self.forget_key(full, &mut pending),
                        LowestTier::File => self.remove_key(full, &mut pending)?,
                        LowestTier::Remote => RemoteRemoval::add_key(&mut remote, full),
                    }
                }
                Removal::Scope { counters, scope } => {
                    self.count_prefix(counters, scope.start());
                    match KeyspaceId::of(scope.start()).lowest_tier() {
                        LowestTier::Memory => self.purge(scope, false, &mut pending),
                        LowestTier::File => self.purge(scope, self.tiers.has_disk(), &mut pending),
                        LowestTier::Remote => remote.push(RemoteRemoval::Range(scope.start().clone())),
                    }
                }
                Removal::Everything => {
                    if self.tiers.remote().is_some() {
                        remote.push(RemoteRemoval::Everything);
                    }
                    self.purge(Scope::prefix([]), self.tiers.has_disk(), &mut pending);
                }
            }
        }
        Ok((pending, remote))
    }

    /// Removes a key whose lowest tier is memory.
    fn forget_key(&self, full: &[u8], pending: &mut PendingRemovals) {
        let tiers = &self.tiers;
        let (key, now) = (tiers.memory.key(full), tiers.time.now());
        let previous = tiers.memory.forget(key, now, &mut pending.evicted_values);
        pending.live += u64::from(previous == PreviousState::Live);
    }

    /// Removes a key whose lowest tier is the file.
    fn remove_key(&self, full: &[u8], pending: &mut PendingRemovals) -> Result<(), Error> {
        let tiers = &self.tiers;
        let (key, now) = (tiers.memory.key(full), tiers.time.now());
        let removed = tiers.insert_tombstone(key, now, &mut pending.evicted_values)?;
        pending.live += u64::from(removed == RemovedEntry::Live);
        pending.needs_writer |= tiers.has_disk();
        Ok(())
    }

    fn purge(&self, scope: Scope, is_on_disk: bool, pending: &mut PendingRemovals) {
        let tiers = &self.tiers;
        let now = tiers.time.now();
        let evicted_values = &mut pending.evicted_values;
        let max_listed = tiers.disk.range_rows;
        let (range, purged) = tiers.purge(scope, is_on_disk, now, max_listed, evicted_values);
        let Purged { only_in_memory, memory_keys, unlisted, earlier } = purged;
        pending.live += only_in_memory;
        if is_on_disk {
            let mut removal = RangeRemoval { range, memory_keys, unlisted, on_disk: 0 };
            let (on_disk, is_large) = tiers.count_on_disk(&removal, &earlier, now);
            removal.on_disk = on_disk;
            pending.is_large |= is_large;
            pending.ranges.push(removal);
        }
    }
}
