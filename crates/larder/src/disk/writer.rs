//! The writer: the thread that commits, and the only one that changes the file.
//!
//! A step is one group commit. Its order is what makes the contract hold:
//!
//! 1. Take the commands that have arrived. Whoever waits changed its shard before it sent its command.
//! 2. Disarm, then drain the shards' dirty keys. Hence the drain sees everything that a waiter of (1) waits for, and whoever
//!    becomes dirty after the drain finds the flag clear and wakes the writer.
//! 3. Commit. What is too much for one transaction goes through (3) to (5) in parts: the first takes range removals, registrations and
//!    the sweep along, and a put that a range removal covers is a deletion in whichever part it comes.
//! 4. Install the snapshot that shows the commit.
//! 5. Settle: dirty keys become clean or go, if their sequence is still the committed one; pending ranges are dropped. After
//!    (4), because a key that left its shard is looked up on disk, and an older snapshot would show what it replaced.
//! 6. Acknowledge the waiters of (1), after the last part. Values that memory let go of meanwhile are the sweeper's to drop: a user's
//!    `Drop` may wait for this very thread.
//!
//! When the commit fails, the file is put out of service *before* anyone is acknowledged: lookups stop, the file is closed and
//! renamed aside, the directory is synced. Then no reopening can bring back what an invalidation removed, and invalidations
//! are acknowledged as done; writes that asked for the disk get an error. If the rename fails too, so do invalidations. The disk
//! tier stays off until the cache is opened again, and memory keeps serving.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Duration;

use super::command::{Acknowledge, Command, Replies, Waiting, acknowledge};
use super::fault::{Fault, FaultKind, panic_message};
use super::files::{self, Identity, OwnerLock, beside};
use super::store::{Batch, Outcome, Store};
use super::tiers::{DiskView, Tiers};
use crate::clock::Deadline;
use crate::error::Error;
use crate::memory::{Change, Mutation, Remains};
use crate::sync::channel::{Receiver, RecvTimeoutError};
use crate::sync::{Arc, Ordering};
use crate::units::Timestamp;

/// How long changes may wait for their commit, and how much may share one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) flush_interval: Duration,
    /// Changes in one transaction: it replaces every page that it touches, and the old ones are free only after the next.
    pub(crate) most_changes: usize,
    /// Bytes of values in one transaction, unless a single one has more.
    pub(crate) most_bytes: usize,
}

impl Limits {
    /// How many of these mutations share the next transaction.
    fn first_batch(&self, mutations: &[Mutation]) -> usize {
        let mut bytes = 0;
        let fits = |mutation: &&Mutation| {
            if let Change::Put { unsaved, .. } = &mutation.change {
                bytes += unsaved.payload.len();
            }
            bytes <= self.most_bytes
        };
        let fitting = mutations.iter().take(self.most_changes).take_while(fits).count();
        fitting.max(1).min(mutations.len())
    }
}

#[derive(Debug)]
pub(crate) struct Writer {
    tiers: Arc<Tiers>,
    file: CacheFile,
    path: PathBuf,
    identity: Identity,
    limits: Limits,
    /// Held until the file is closed.
    _lock: OwnerLock,
}

#[derive(Debug)]
enum CacheFile {
    InService(Store),
    /// Closed after a fault. `is_gone` says that no restart will find it.
    OutOfService {
        why: Fault,
        is_gone: bool,
    },
}

impl Writer {
    /// # Errors
    /// When what stands at the path can't be told.
    pub(crate) fn new(
        tiers: Arc<Tiers>,
        store: Store,
        path: PathBuf,
        limits: Limits,
        lock: OwnerLock,
    ) -> std::io::Result<Self> {
        let identity = Identity::of(&path)?;
        Ok(Self { tiers, file: CacheFile::InService(store), path, identity, limits, _lock: lock })
    }

    /// The thread: steps until it is shut down.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) {
        let mut flush: Option<Deadline> = None;
        loop {
            let mut waiting = Waiting::default();
            let command = match flush {
                None => commands.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(deadline) => commands.recv_timeout(deadline.left()),
            };
            match command {
                Ok(Command::Wake) => {
                    flush.get_or_insert_with(|| Deadline::after(self.limits.flush_interval));
                    continue;
                }
                Ok(command) => waiting.add(command),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while let Ok(command) = commands.try_recv() {
                waiting.add(command);
            }
            flush = None;
            let is_last = waiting.shut_down.is_some();
            // A panic here is a user's `Drop`, or a bug: the tier degrades, callers do not.
            let step = catch_unwind(AssertUnwindSafe(|| self.step(waiting)));
            if let Err(panic) = step {
                let why = Fault {
                    kind: FaultKind::Io,
                    cause: format!("the writer panicked: {}", panic_message(&*panic)),
                };
                drop(catch_unwind(AssertUnwindSafe(|| self.take_out_of_service(why))));
            }
            if is_last {
                return;
            }
        }
    }

    /// One group commit, in the order that the module states; in several transactions if there is much to change.
    fn step(&mut self, mut waiting: Waiting) {
        self.tiers.writer_is_armed.store(false, Ordering::SeqCst);
        if let Some(fault) = waiting.fault.take() {
            self.take_out_of_service(fault);
        }
        let mut remains = Remains::default();
        let mutations = self.tiers.memory.drain(self.tiers.time.now(), &mut remains);
        let mut all = Outcome::default();
        let mut failed = false;
        let mut rest = mutations.as_slice();
        let mut is_first = true;
        while is_first || !rest.is_empty() {
            let (batch, later) = rest.split_at(self.limits.first_batch(rest));
            match self.commit(batch, &waiting, (is_first, later.is_empty()), &mut remains) {
                Ok(outcome) if is_first => all = outcome,
                Ok(_) => {}
                Err(fault) => {
                    failed = true;
                    self.take_out_of_service(fault);
                    self.settle(rest, &waiting, &mut remains);
                    break;
                }
            }
            (rest, is_first) = (later, false);
        }
        // Their room in the write buffer is free before anyone is told that they are committed.
        drop(mutations);
        if failed {
            self.refuse(waiting.replies());
        } else {
            acknowledge(waiting.replies(), all);
        }
        self.tiers.hand_over(remains);
        if let Some(reply) = waiting.shut_down.take() {
            drop(reply.send(self.close()));
        }
    }

    /// Steps 3 to 5 for a part of what was drained.
    fn commit(
        &mut self,
        mutations: &[Mutation],
        waiting: &Waiting,
        (is_first, is_last): (bool, bool),
        remains: &mut Remains,
    ) -> Result<Outcome, Fault> {
        let store = match &mut self.file {
            CacheFile::InService(store) => store,
            CacheFile::OutOfService { why, .. } => return Err(why.clone()),
        };
        let is_resident = |key: &[u8]| self.tiers.memory.has_clean(key);
        let batch = Batch {
            mutations,
            ranges: &waiting.ranges,
            is_first,
            register: if is_first { &waiting.registrations } else { &[] },
            sweep: if is_first { waiting.sweep.min(self.limits.most_changes) } else { 0 },
            now: self.tiers.time.now(),
            sequence: self.tiers.memory.last_sequence(),
            closing: is_last && waiting.shut_down.is_some(),
            is_resident: &is_resident,
        };
        let outcome = store.commit(&batch)?;
        self.tiers.snapshots.install(Some(store.snapshot()?));
        self.tiers.settle(mutations, remains);
        if is_last {
            self.settle(&[], waiting, remains);
        }
        self.note(&outcome, batch.now);
        Ok(outcome)
    }

    fn settle(&self, mutations: &[Mutation], waiting: &Waiting, remains: &mut Remains) {
        self.tiers.settle(mutations, remains);
        for removal in &waiting.ranges {
            self.tiers.memory.range_committed(removal.range.sequence);
        }
    }

    fn note(&self, outcome: &Outcome, now: Timestamp) {
        let CacheFile::InService(store) = &self.file else {
            return;
        };
        if !outcome.retired.is_empty() {
            self.tiers.plan_sweep(now);
        }
        self.tiers.change_view(|view| {
            let DiskView { keyspaces, entries, bytes, file_bytes, .. } = store.current_view();
            (view.keyspaces, view.entries, view.bytes, view.file_bytes) =
                (keyspaces, entries, bytes, file_bytes);
            view.commits += u64::from(outcome.is_committed);
            view.evictions += outcome.evicted;
            view.expirations += outcome.swept;
        });
        self.tiers.plan_disk_sweep(outcome.next_expiry);
    }

    /// Tells waiters what a disk tier that is off means to them.
    fn refuse(&self, replies: Replies) {
        let CacheFile::OutOfService { why, is_gone } = &self.file else {
            return;
        };
        let not_durable = || Error::NotDurable { cause: format!("the disk tier is off: {why}") };
        for (kind, reply) in replies.commits {
            let is_done = kind == Acknowledge::Invalidation && *is_gone;
            drop(reply.send(if is_done { Ok(()) } else { Err(not_durable()) }));
        }
        for (reply, removed) in replies.ranges {
            drop(reply.send(if *is_gone { Ok(removed) } else { Err(not_durable()) }));
        }
        for reply in replies.registrations {
            drop(reply.send(Err(not_durable())));
        }
        for reply in replies.sweeps {
            drop(reply.send(Ok((0, false))));
        }
    }

    /// Closes the file and renames it aside, durably, unless that has been done.
    fn take_out_of_service(&mut self, fault: Fault) {
        if matches!(self.file, CacheFile::OutOfService { is_gone: true, .. }) {
            return;
        }
        self.tiers.turn_disk_off(&fault.cause);
        let unsettled = CacheFile::OutOfService { why: fault.clone(), is_gone: false };
        if let CacheFile::InService(store) = std::mem::replace(&mut self.file, unsettled) {
            // Its error says nothing that the fault did not.
            drop(store.close());
        }
        let is_gone = self.put_aside(&fault).is_ok();
        self.file = CacheFile::OutOfService { why: fault, is_gone };
    }

    /// Damage is kept for inspection; a file that could not be written is stale from here on, and is deleted.
    ///
    /// Only the file that was opened: one that somebody moved away may come back, and one that took its place is not ours.
    fn put_aside(&self, fault: &Fault) -> std::io::Result<()> {
        if Identity::of(&self.path)? != self.identity {
            return Err(std::io::Error::other("another file stands in its place"));
        }
        let now = self.tiers.time.now().as_millis();
        if fault.kind == FaultKind::Damage {
            let aside = files::quarantine(&self.path, now)?;
            self.tiers.change_view(|view| view.quarantined = Some(aside));
            return Ok(());
        }
        let aside = beside(&self.path, &format!(".discarded-{now}"));
        files::rename(&self.path, &aside)?;
        // The rename made the invalidation hold; deleting only frees room.
        drop(fs::remove_file(&aside));
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        self.tiers.snapshots.install(None);
        self.tiers.memory.buffer().close();
        let closed = Fault { kind: FaultKind::Io, cause: "the cache is closed".to_owned() };
        match std::mem::replace(&mut self.file, CacheFile::OutOfService { why: closed, is_gone: false }) {
            CacheFile::InService(store) => {
                store.close().map_err(|fault| Error::NotDurable { cause: fault.cause })
            }
            CacheFile::OutOfService { why, .. } => {
                Err(Error::NotDurable { cause: format!("the disk tier is off: {why}") })
            }
        }
    }
}
