//! What lookups, the writer and the sweeper share: both tiers, the time, and the ways to wake one another.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::sweeper::{SweepReport, SweeperMessage};
use super::writer::command::{Acknowledge, Command};
use super::writer_metrics::WriterMetrics;
use crate::config::Listener;
use crate::disk::disk_status::DiskStatus;
use crate::disk::store::batch::range_removal::RangeRemoval;
use crate::disk::store::guard::StoreError;
use crate::disk::store::range_removals::MAX_PENDING;
use crate::disk::store::registration::Registration;
use crate::disk::store::snapshot::{Snapshot, SnapshotCell};
use crate::disk::store::uses::Uses;
use crate::error::Error;
use crate::event::Event;
use crate::format::keyspace_id::KeyspaceId;
use crate::memory::Memory;
use crate::memory::evicted_values::EvictedValues;
use crate::memory::slot::Mutation;
use crate::stats::DiskState;
use crate::sys::clock::cache_time::CacheTime;
use crate::sys::process::Process;
use crate::sys::sync::channel::{Receiver, SendError, Sender, bounded, unbounded};
use crate::sys::sync::{Arc, AtomicBool, AtomicU8, AtomicU64, Mutex, Ordering, StatisticU64};
use crate::units::Timestamp;

/// Bytes that become clean before what was evicted for them is handed to the sweeper to drop.
const HANDED_OVER: u64 = 256 << 10;
/// Due entries deleted in one transaction: lookups and other writes wait no longer than that takes.
const SWEEP_ROWS: usize = 1000;

#[derive(Debug)]
pub(crate) struct Tiers {
    /// The process that has the threads.
    pub(crate) process: Process,
    pub(crate) memory: Memory,
    pub(crate) time: CacheTime,
    pub(crate) snapshots: SnapshotCell,
    /// To the writer; none in a cache that is only in memory.
    commands: Option<Sender<Command>>,
    /// A [`DiskState`], for those who write.
    state: AtomicU8,
    listener: Option<Listener>,
    /// Whether the writer knows that something is dirty.
    pub(crate) writer_is_armed: AtomicBool,
    /// When the sweeper means to look next, in ms.
    pub(crate) next_sweep: AtomicU64,
    sweeper_messages: Sender<SweeperMessage>,
    pub(crate) sweeper_is_woken: AtomicBool,
    pub(crate) is_stopping: AtomicBool,
    /// What the writer let go of after the sweeper had ended.
    left: Mutex<EvictedValues>,
    /// What happened after the sweeper had ended.
    untold: Mutex<Vec<Event>>,
    /// The generation of the snapshot that a lookup last reported a fault of.
    reported_generation: AtomicU64,
    view: Mutex<DiskStatus>,
    /// What was read from disk of late.
    pub(crate) uses: Uses,
    /// Rows that a range removal may look at in the commit that acknowledges it.
    pub(crate) range_rows: usize,
    pub(crate) damaged_records: StatisticU64,
    read_faults: StatisticU64,
    pub(crate) counted: WriterMetrics,
}

impl Tiers {
    pub(crate) fn new(
        memory: Memory,
        time: CacheTime,
        snapshot: Option<Snapshot>,
        commands: Option<Sender<Command>>,
        view: DiskStatus,
        listener: Option<Listener>,
        range_rows: usize,
    ) -> (Arc<Self>, Receiver<SweeperMessage>) {
        let (sweeper_messages, messages) = unbounded();
        let tiers = Self {
            process: memory.process,
            memory,
            time,
            state: AtomicU8::new(code(if commands.is_some() { DiskState::On } else { DiskState::Discarded })),
            listener,
            snapshots: SnapshotCell::new(snapshot),
            commands,
            writer_is_armed: AtomicBool::new(false),
            // Look once at the start: entries may have expired while the file was closed.
            next_sweep: AtomicU64::new(0),
            sweeper_messages,
            sweeper_is_woken: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
            left: Mutex::default(),
            untold: Mutex::default(),
            reported_generation: AtomicU64::new(0),
            view: Mutex::new(view),
            uses: Uses::default(),
            range_rows,
            damaged_records: StatisticU64::new(0),
            read_faults: StatisticU64::new(0),
            counted: WriterMetrics::default(),
        };
        (Arc::new(tiers), messages)
    }

    /// Notes uses of entries on disk from here on, which may be charged for so many bytes.
    pub(crate) fn note_uses(&self, live_limit: u64) {
        self.uses.size_for(live_limit);
    }

    pub(crate) fn has_disk(&self) -> bool {
        self.commands.is_some()
    }

    /// Whether the disk tier works, as far as is known.
    pub(crate) fn disk_is_on(&self) -> bool {
        self.state.load(Ordering::Relaxed) == code(DiskState::On)
    }

    /// Whether writes are kept to be committed, now or when the disk works again. Otherwise they live in
    /// memory alone.
    pub(crate) fn saves(&self) -> bool {
        // Relaxed: it is only a hint what to prepare; the shard has the last word, under its lock.
        self.state.load(Ordering::Relaxed) != code(DiskState::Discarded)
    }

    pub(crate) fn change_state(&self, state: DiskState) {
        self.state.store(code(state), Ordering::SeqCst);
    }

    /// Leaves an event to the sweeper to tell: a listener may call the cache, and wait for the writer.
    pub(crate) fn tell(&self, event: Event) {
        if matches!(event, Event::DiskRecovered { .. }) {
            tracing::info!("{event}");
        } else {
            tracing::warn!("{event}");
        }
        if self.listener.is_some()
            && let Err(SendError(SweeperMessage::Tell(event))) =
                self.sweeper_messages.send(SweeperMessage::Tell(event))
        {
            self.untold.lock().push(event);
        }
    }

    /// Calls the application's listener. Its panic is its own affair.
    pub(crate) fn call_listener(&self, event: &Event) {
        if let Some(listener) = &self.listener {
            drop(catch_unwind(AssertUnwindSafe(|| listener.call(event))));
        }
    }

    /// Tells what the sweeper has ended too early for: what the writer met when it closed the file.
    pub(crate) fn tell_left(&self) {
        let untold = std::mem::take(&mut *self.untold.lock());
        for event in untold {
            self.call_listener(&event);
        }
    }

    pub(crate) fn view(&self) -> DiskStatus {
        let mut view = self.view.lock().clone();
        view.damaged_records = self.damaged_records.load(Ordering::Relaxed);
        view.read_faults = self.read_faults.load(Ordering::Relaxed);
        view
    }

    /// Looks at a part of the view, without a copy of all of it. The lock is held meanwhile.
    pub(crate) fn with_view<R>(&self, look: impl FnOnce(&DiskStatus) -> R) -> R {
        look(&self.view.lock())
    }

    pub(crate) fn change_view(&self, change: impl FnOnce(&mut DiskStatus)) {
        change(&mut self.view.lock());
    }

    /// Tells the writer, which alone acts on it, that a lookup failed.
    pub(crate) fn report(&self, snapshot: &Snapshot, fault: StoreError) {
        self.read_faults.fetch_add(1, Ordering::Relaxed);
        // Once a handle: a failing disk is asked by every lookup.
        if self.reported_generation.fetch_max(snapshot.generation, Ordering::Relaxed) < snapshot.generation {
            self.send(Command::ReportFault(snapshot.generation, fault));
        }
    }

    /// After something became dirty: the writer will commit it within the flush interval.
    pub(crate) fn wake_writer(&self) {
        // The swap comes after the change of the shard, and the writer clears the flag before it drains:
        // whoever finds the flag set knows that a drain is still to come.
        if !self.writer_is_armed.swap(true, Ordering::SeqCst) {
            self.counted.lag.arm(self.time.now());
            self.send(Command::Wake);
        }
    }

    /// Tells the writer that somebody waits for room in the write buffer.
    pub(crate) fn ask_for_room(&self) {
        self.send(Command::Full);
    }

    /// After time was moved by hand: the sweeper looks what is due, and the writer whether an outage is.
    pub(crate) fn check_retry(&self) {
        if !self.process.is_current() {
            return;
        }
        self.wake_sweeper();
        if self.has_disk() && !self.disk_is_on() {
            self.send(Command::CheckRetry);
        }
    }

    /// Has the writer look whether the file is still in its place, without waiting for it.
    pub(crate) fn watch(&self) {
        if self.disk_is_on() {
            self.send(Command::Watch);
        }
    }

    /// Makes the writer commit at once, without waiting for it.
    pub(crate) fn hurry_writer(&self) {
        self.send(Command::Hurry);
    }

    /// After an entry was stored that may expire before the sweeper means to look.
    pub(crate) fn plan_sweep(&self, expires_at: Timestamp) {
        if expires_at.as_millis() < self.next_sweep.load(Ordering::Relaxed) {
            self.next_sweep.fetch_min(expires_at.as_millis(), Ordering::SeqCst);
            self.wake_sweeper();
        }
    }

    /// Whether the sweeper has still to look for the first time.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn has_not_swept(&self) -> bool {
        self.next_sweep.load(Ordering::SeqCst) == 0
    }

    pub(crate) fn wake_sweeper(&self) {
        // One that is not looked at yet will do.
        if !self.sweeper_is_woken.swap(true, Ordering::SeqCst) {
            drop(self.sweeper_messages.send(SweeperMessage::Wake));
        }
    }

    pub(crate) fn stop_sweeper(&self) {
        self.is_stopping.store(true, Ordering::SeqCst);
        self.wake_sweeper();
    }

    /// Waits until everything that is dirty now is committed.
    pub(crate) fn commit(&self, acknowledge: Acknowledge) -> Result<(), Error> {
        self.ask(|reply| Command::Commit(acknowledge, reply))?
    }

    /// Deletes ranges on disk and waits for the commit; how many live entries went.
    pub(crate) fn remove_ranges(&self, removals: Vec<RangeRemoval>) -> Result<u64, Error> {
        self.ask(|reply| Command::RemoveRanges(removals, reply))?
    }

    /// Waits, if so many range removals are pending that a large one may not be added: the writer makes a
    /// part
    /// of the earliest for each time that it is asked.
    pub(crate) fn wait_for_few_ranges(&self) -> Result<(), Error> {
        while self.disk_is_on() && self.view.lock().pending_removals >= MAX_PENDING as u64 {
            self.ask(Command::MakePart)??;
        }
        Ok(())
    }

    pub(crate) fn register(&self, registration: Registration) -> Result<KeyspaceId, Error> {
        self.ask(|reply| Command::Register(registration, reply))?
    }

    /// Lookups ask the disk no more. The writer sees to that before it closes the file, unless it has
    /// panicked.
    pub(crate) fn hide_disk(&self) {
        self.snapshots.install(None);
    }

    /// Tells the writer to make its last step. Its answer comes before it ends; none if it has ended already.
    pub(crate) fn shut_down_writer(&self) -> Receiver<Result<(), Error>> {
        let (reply, answer) = bounded(1);
        self.send(Command::ShutDown(reply));
        answer
    }

    /// Deletes what has expired, from both tiers, in bounded transactions.
    pub(crate) fn sweep(&self) -> Result<SweepReport, Error> {
        // Planned anew before looking: what is stored from here on lowers it again.
        self.next_sweep.store(u64::MAX, Ordering::SeqCst);
        let mut panic = None;
        let mut swept = SweepReport { memory: self.memory.expire(self.time.now(), &mut panic), disk: 0 };
        let on_disk = self.sweep_disk();
        if let Some(next) = self.memory.next_expiry() {
            self.next_sweep.fetch_min(next.as_millis(), Ordering::SeqCst);
        }
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
        swept.disk = on_disk?;
        Ok(swept)
    }

    fn sweep_disk(&self) -> Result<u64, Error> {
        let mut swept = 0;
        while self.disk_is_on() && !self.is_stopping.load(Ordering::SeqCst) {
            let (deleted, more) = self.ask(|reply| Command::Sweep(SWEEP_ROWS, reply))??;
            swept += deleted;
            if !more {
                break;
            }
        }
        Ok(swept)
    }

    /// After a commit: when the next entry on disk is due.
    pub(crate) fn plan_disk_sweep(&self, next: Option<Timestamp>) {
        if let Some(next) = next {
            self.plan_sweep(next);
        }
    }

    /// Settles a committed batch. The snapshot that shows it is installed already (invariant 2).
    pub(crate) fn mark_clean(&self, mutations: &[Mutation], evicted_values: &mut EvictedValues) {
        let mut settled = 0;
        for mutation in mutations {
            self.memory.mark_clean(mutation, evicted_values);
            settled += mutation.weight();
            // What is evicted for a whole write buffer would be as much again, and nothing counts it any
            // more.
            if settled >= HANDED_OVER {
                self.hand_over(std::mem::take(evicted_values));
                settled = 0;
            }
        }
        if !self.disk_is_on()
            && let Some(next) = self.memory.next_expiry()
        {
            self.plan_sweep(next);
        }
    }

    /// Leaves values to the sweeper to drop: a user's `Drop` may wait for the writer, and so must not run on
    /// it. When the sweeper has ended, to whoever closes the cache.
    pub(crate) fn hand_over(&self, evicted_values: EvictedValues) {
        if !evicted_values.is_empty()
            && let Err(SendError(SweeperMessage::DropValues(evicted_values))) =
                self.sweeper_messages.send(SweeperMessage::DropValues(evicted_values))
        {
            self.left.lock().append(evicted_values);
        }
    }

    /// What the sweeper has ended too early for.
    pub(crate) fn take_left(&self) -> EvictedValues {
        std::mem::take(&mut *self.left.lock())
    }

    /// Compares what is counted, and what each part believes of the disk, once the cache has ended.
    ///
    /// # Panics
    /// When something disagrees.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn validate_at_end(&self) {
        self.memory.validate_at_end();
        if self.has_disk() {
            assert_eq!(self.memory.saves(), self.saves(), "shards save while there is a file to save to");
        }
    }

    pub(crate) fn send(&self, command: Command) -> bool {
        self.commands.as_ref().is_some_and(|commands| commands.send(command).is_ok())
    }

    pub(crate) fn ask<T>(&self, command: impl FnOnce(Sender<T>) -> Command) -> Result<T, Error> {
        let (reply, answer) = bounded(1);
        if !self.send(command(reply)) {
            return Err(Error::Closed);
        }
        answer
            .recv()
            .map_err(|_| Error::NotDurable { cause: "the writer ended before it answered".to_owned() })
    }
}

/// A state as an atomic holds it.
fn code(state: DiskState) -> u8 {
    match state {
        DiskState::On => 0,
        DiskState::Suspended => 1,
        DiskState::Discarded => 2,
    }
}
