//! The state that lookups, the writer thread and the sweeper thread share: the tiers, and the handles of the
//! two threads.
//!
//! The handles of a cache own [`Tiers`] through [`Shared`](super::shared::Shared). The two threads own only
//! [`Tiers`], so that dropping the last handle can end them.

use super::disk_tier::DiskTier;
use super::remote::link::RemoteLink;
use super::sweeper::handle::SweeperHandle;
use super::sweeper::message::SweeperMessage;
use super::sweeper::report::SweepReport;
use super::totals::{CountKeyspaces, MAX_ASKED_BY_NOTE, Totals};
use super::writer::command::Command;
use super::writer::handle::WriterHandle;
use super::writer_metrics::WriterMetrics;
use crate::config::Listener;
use crate::disk::store::guard::StoreError;
use crate::disk::store::range_removals::MAX_PENDING;
use crate::disk::store::snapshot::StoreSnapshot;
use crate::error::Error;
use crate::format::key::scope::Scope;
use crate::format::keyspace_id::LowestTier;
use crate::format::range_tombstone::RangeTombstone;
use crate::memory::Memory;
use crate::memory::evicted_values::EvictedValues;
use crate::memory::mutation::{Mutation, by_place};
use crate::memory::purged::Purged;
use crate::remote::tier::RemoteTier;
use crate::stats::cumulative::CumulativeStats;
use crate::stats::recent::Recent;
use crate::sys::clock::cache_time::CacheTime;
use crate::sys::process::Process;
use crate::sys::sync::Arc;
use crate::sys::sync::channel::{Receiver, Sender};
use crate::units::Timestamp;

/// After this number of bytes has become clean, the evicted values are passed to the sweeper thread.
const HAND_OVER_BYTES: u64 = 256 << 10;
/// The maximum number of expired entries that a transaction deletes. Other commits wait for at most one such
/// transaction.
const SWEEP_ROWS: usize = 1000;
/// The disk tier is nearly full if less than the usable space divided by this number is free.
const ROOM_SHARE: u64 = 8;

#[derive(Debug)]
pub(crate) struct Tiers {
    pub(crate) process: Process,
    pub(crate) memory: Memory,
    pub(crate) time: CacheTime,
    pub(crate) disk: DiskTier,
    pub(crate) writer: WriterHandle,
    pub(crate) sweeper: SweeperHandle,
    pub(super) writer_metrics: WriterMetrics,
    remote: Option<RemoteLink>,
    totals: Totals,
}

impl Tiers {
    /// `commands` is the channel to the writer thread, or `None` in a cache without a file.
    pub(super) fn new(
        memory: Memory,
        time: CacheTime,
        disk: DiskTier,
        commands: Option<Sender<Command>>,
        listener: Option<Listener>,
        remote: Option<Arc<dyn RemoteTier>>,
    ) -> (Arc<Self>, Receiver<SweeperMessage>) {
        let (sweeper, messages) = SweeperHandle::new(listener);
        let process = memory.process.clone();
        let memory = memory.above_disk(disk.snapshots.evictions());
        let tiers = Self {
            remote: remote.map(|tier| RemoteLink::new(tier, &time, process.clone())),
            process,
            memory,
            time,
            disk,
            writer: WriterHandle::new(commands),
            sweeper,
            writer_metrics: WriterMetrics::default(),
            totals: Totals::default(),
        };
        (Arc::new(tiers), messages)
    }

    /// Attaches this cache to its remote tier. The remote tier refuses a second cache.
    pub(super) fn attach_to_remote(self: &Arc<Self>) -> Result<(), Error> {
        let Some(remote) = &self.remote else { return Ok(()) };
        let near: std::sync::Weak<Self> = Arc::downgrade(self);
        remote.tier.attach(near).map_err(|cause| remote.error("open a cache", cause))
    }

    /// Returns whether the cache has a file. The disk tier may still be off.
    pub(crate) fn has_disk(&self) -> bool {
        self.writer.exists()
    }

    pub(crate) fn remote(&self) -> Option<&RemoteLink> {
        self.remote.as_ref()
    }

    /// Returns the lowest tier of a keyspace. `stays_in_memory` is the setting of its definition.
    pub(crate) fn lowest_tier(&self, stays_in_memory: bool) -> LowestTier {
        if stays_in_memory {
            LowestTier::Memory
        } else if self.has_disk() {
            LowestTier::File
        } else if self.remote.is_some() {
            LowestTier::Remote
        } else {
            LowestTier::Memory
        }
    }

    /// Returns whether calls may have to wait for the disk or for a server.
    #[cfg(feature = "async")]
    pub(crate) fn may_block(&self) -> bool {
        self.has_disk() || self.remote.is_some()
    }

    /// Tells the writer thread that a change waits to be committed. The writer thread commits it within the
    /// flush interval.
    pub(super) fn wake_writer(&self) {
        if self.writer.arm() {
            self.writer_metrics.lag.arm(self.time.now());
            self.writer.send(Command::Wake);
        }
    }

    pub(crate) fn wake_sweeper(&self) {
        self.sweeper.wake();
    }

    /// Counts a failed read of a snapshot. Reports the first failure of each generation to the writer thread.
    pub(super) fn report(&self, snapshot: &StoreSnapshot, fault: StoreError) {
        if self.disk.count_read_fault(snapshot) {
            self.writer.send(Command::ReportFault(snapshot.generation, fault));
        }
    }

    /// Called after the clock has jumped. Makes the sweeper thread check for expired entries. If the disk
    /// tier is off, also makes the writer thread check whether to retry.
    pub(super) fn check_retry(&self) {
        if !self.process.is_current() {
            return;
        }
        self.sweeper.wake();
        if self.has_disk() && !self.disk.is_on() {
            self.writer.send(Command::CheckRetry);
        }
    }

    /// Tells the writer thread to check whether the file is still in its place, if the disk tier is on.
    /// Does not wait for the check.
    pub(super) fn watch_file(&self) {
        if self.disk.is_on() {
            self.writer.send(Command::Watch);
        }
    }

    /// Waits until there are few enough pending range removals to add a large one, or until the disk tier
    /// is off. Each request makes the writer thread delete a part of the earliest range removal.
    pub(super) fn wait_for_few_ranges(&self) -> Result<(), Error> {
        let is_full = || self.disk.with_status(|status| status.pending_removals >= MAX_PENDING as u64);
        while self.disk.is_on() && is_full() {
            self.writer.ask(Command::MakePart)??;
        }
        Ok(())
    }

    /// Deletes expired entries from memory and from disk, in transactions of bounded size.
    pub(crate) fn sweep(&self) -> Result<SweepReport, Error> {
        self.sweep_parts(usize::MAX).map(|(swept, _)| swept)
    }

    /// Like [`sweep`](Tiers::sweep), with at most `max` transactions. Also returns whether the disk has
    /// more expired entries. Plans the next sweep no later than the earliest expiry in memory.
    pub(super) fn sweep_parts(&self, max: usize) -> Result<(SweepReport, bool), Error> {
        // The planned sweep is cancelled before this sweep begins, so that an entry that is stored during
        // this sweep can plan the next one.
        self.sweeper.plan_nothing();
        let mut swept = SweepReport { memory: self.memory.expire(self.time.now()), disk: 0 };
        let on_disk = self.sweep_disk(max);
        if let Some(next) = self.memory.next_expiry() {
            self.sweeper.lower(next);
        }
        let (on_disk, has_more) = on_disk?;
        swept.disk = on_disk;
        Ok((swept, has_more))
    }

    fn sweep_disk(&self, max: usize) -> Result<(u64, bool), Error> {
        let (mut swept, mut has_more) = (0, false);
        for _ in 0..max {
            if !self.disk.is_on() || self.sweeper.is_stopping() {
                return Ok((swept, false));
            }
            let deleted;
            (deleted, has_more) = self.writer.ask(|reply| Command::Sweep(SWEEP_ROWS, reply))??;
            swept += deleted;
            if !has_more {
                break;
            }
        }
        Ok((swept, has_more))
    }

    /// Returns whether the entries on disk use most of the space that they may use. Then the next commits may
    /// evict live entries, unless expired entries are swept soon.
    pub(super) fn is_nearly_full(&self) -> bool {
        self.disk.with_status(|status| status.bytes > status.usable - status.usable / ROOM_SHARE)
    }

    /// Marks the entries of a batch as clean. If the batch was committed, the snapshot that shows it must
    /// already be installed.
    pub(super) fn mark_clean(&self, mutations: &[Mutation], evicted_values: &mut EvictedValues) {
        // In the order of the slots, neighbours share the cache lines of the shards' lists.
        let mut cleaned = 0;
        for mutation in by_place(mutations) {
            self.memory.mark_clean(mutation, evicted_values);
            cleaned += mutation.weight();
            // Without this transfer, the evicted values could take as much memory as the whole write
            // buffer, and no budget counts them any more.
            if cleaned >= HAND_OVER_BYTES {
                self.sweeper.drop_values(std::mem::take(evicted_values));
                cleaned = 0;
            }
        }
        if !self.disk.is_on()
            && let Some(next) = self.memory.next_expiry()
        {
            self.sweeper.plan(next);
        }
    }

    /// Removes every key in a scope from memory, like [`Memory::purge`]. If there are many removed values,
    /// the sweeper thread drops most of them.
    pub(super) fn purge(
        &self,
        scope: Scope,
        is_on_disk: bool,
        now: Timestamp,
        most_listed: usize,
        evicted_values: &mut EvictedValues,
    ) -> (RangeTombstone, Purged) {
        let hand_over = |values| self.sweeper.drop_values(values);
        self.memory.purge(scope, is_on_disk, now, most_listed, evicted_values, hand_over)
    }

    /// Begins to count the totals of the file. `before` holds the totals in the file when it was opened.
    pub(super) fn begin_totals(&self, before: CumulativeStats, count_keyspaces: CountKeyspaces) {
        self.totals.begin(before, count_keyspaces);
        // The totals are recorded now, so that the recent counts begin when the cache is opened.
        self.note_totals(self.time.now());
    }

    pub(super) fn note_totals(&self, now: Timestamp) {
        // The totals are computed before `note` takes its lock, because computing them takes other locks.
        if let Some(totals) = self.cumulative(0, MAX_ASKED_BY_NOTE) {
            self.totals.note(now, totals);
        }
    }

    pub(super) fn recent(&self, now: Timestamp, totals: &CumulativeStats) -> Vec<Recent> {
        self.totals.recent(now, totals)
    }

    /// Returns the totals of the file since its creation, plus `commits` commits. Reads new counts from up to
    /// `max_asked` keyspaces. Returns `None` in a cache without a file.
    pub(super) fn cumulative(&self, commits: u64, max_asked: usize) -> Option<CumulativeStats> {
        let keyspaces = self.totals.of_keyspaces(max_asked)?;
        let memory = self.memory.totals();
        let tiers = self.disk.with_status(|status| CumulativeStats {
            openings: 1,
            memory_evictions: memory.evictions,
            memory_expirations: memory.expirations,
            disk_evictions: status.evictions,
            disk_expirations: status.expirations,
            commits: status.commits + commits,
            faults: status.faults,
            quarantines: status.quarantines,
            ..CumulativeStats::default()
        });
        Some(keyspaces.plus(&tiers))
    }

    /// Checks counters that must agree, after the cache has been closed. Also checks that memory and the
    /// disk tier agree on whether writes are saved.
    ///
    /// # Panics
    /// Panics if two of the values disagree.
    #[cfg(any(test, feature = "test-util"))]
    pub(super) fn validate_at_end(&self) {
        // The thread of a remote tier may outlive the close. While it drops near copies, a shard may have a
        // barrier, which the checks refuse. So the checks wait until that thread has finished.
        let _drops = self.remote().map(|remote| remote.drops.write());
        self.memory.validate_at_end();
        if self.has_disk() {
            assert_eq!(
                self.memory.saves(),
                self.disk.saves(),
                "shards save while there is a file to save to"
            );
        }
    }
}
