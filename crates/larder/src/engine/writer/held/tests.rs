mod between_steps;
mod due_flush;
mod early_end;
mod group_removals;
mod groups;
mod history;
mod idle;
mod key_order;
mod lost_files;
mod reused_lists;
mod values_on_disk;
mod waiters;

use crate::disk::store::batch::range_removal::RangeRemoval;
use crate::engine::writer::Writer;
use crate::engine::writer::command::{Acknowledge, Command, Reply};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::ranges::RANGE_ROWS;
use crate::disk::file::ballast::Ballast;
use crate::disk::file::cache_file::{CacheFile, FIRST_GENERATION};
use crate::disk::file::lock::OwnerLock;
use crate::disk::file::open::{OpenedFile, open};
use crate::disk::store::database::OpenOptions;
use crate::disk::store::identity::Identities;
use crate::disk::store::limits::StoreLimits;
use crate::disk::store::registration::Registration;
use crate::engine::absent_keys::AbsentKeys;
use crate::engine::disk_tier::DiskTier;
use crate::engine::tiers::Tiers;
use crate::engine::writer::limits::WriterLimits;
use crate::engine::writer::waiting::Waiting;
use crate::error::Error;
use crate::format::key::scope::Scope;
use crate::format::keyspace_id::KeyspaceId;
use crate::format::record;
use crate::format::stored_key::StoredKey;
use crate::memory::Memory;
use crate::memory::entry::{IncomingEntry, Unsaved};
use crate::memory::evicted_values::EvictedValues;
use crate::memory::grace::Grace;
use crate::memory::group::Group;
use crate::memory::weight::Weight;
use crate::sys::clock::cache_time::CacheTime;
use crate::sys::clock::{Clock, ManualClock};
use crate::sys::sync::channel::{Receiver, bounded, unbounded};
use crate::sys::sync::{Arc, Mutex};
use crate::sys::volume::Volume;
use crate::testing::volume::SimulatedVolume;
use crate::units::Timestamp;
use history::History;

const LIVE_LIMIT: u64 = 40_000;
const MAX_EVICTIONS: usize = 4;
const SMALL: usize = 100;
const LARGE: usize = 3_900;

const PATH: &str = "/cache/shop.larder";

/// A caller that waits for all values that were ever stored.
const WRITE: Acknowledge = Acknowledge::Write { after: 0 };

/// A writer whose steps a test runs one by one.
struct Machine {
    disk: SimulatedVolume,
    clock: Arc<ManualClock>,
    tiers: Arc<Tiers>,
    writer: Writer,
    open_keyspace: KeyspaceId,
    _inbox: Receiver<Command>,
}

type Answer = Receiver<Result<(), Error>>;

impl Machine {
    fn new() -> Self {
        Self::with_range_rows(RANGE_ROWS)
    }

    fn with_range_rows(range_rows: usize) -> Self {
        let clock = Arc::new(ManualClock::new());
        Self::with_clock(range_rows, clock.clone(), clock)
    }

    /// The writer reads the clock `time`, which must show the same time as `clock`.
    fn with_clock(range_rows: usize, clock: Arc<ManualClock>, time: Arc<dyn Clock>) -> Self {
        let (disk, path) = (SimulatedVolume::new(), PathBuf::from(PATH));
        let volume: Arc<dyn Volume> = Arc::new(disk.clone());
        let lock = OwnerLock::acquire(&*volume, &path, None, Duration::ZERO, &*clock).unwrap();
        let options = OpenOptions {
            counts_blocks: false,
            charging: None,
            volume,
            path: path.clone(),
            page_cache: 1 << 20,
            verify_up_to: 0,
            limits: StoreLimits { live_limit: LIVE_LIMIT, max_evictions: MAX_EVICTIONS },
            capacity: u64::MAX,
            now: Timestamp::from_millis(1_000),
            identities: Identities::new(Some(1)),
        };
        let OpenedFile { mut store, .. } = open(&options, None).unwrap();
        let snapshot = store.snapshot(FIRST_GENERATION).unwrap();
        let disk_tier = DiskTier::open(Some(snapshot), store.view(), range_rows, AbsentKeys::without_file());
        let file =
            CacheFile::new(store, options, Ballast::new(Path::new("/cache/none"), 1 << 20), lock).unwrap();
        let (commands, inbox) = unbounded();
        let memory = Memory::new(1, 1 << 20, 1 << 20, 0).seeded(1);
        let time = CacheTime::new(time, Timestamp::ZERO);
        let (tiers, _messages) = Tiers::new(memory, time, disk_tier, Some(commands), None, None);
        let writer = Writer::new(tiers.clone(), file, limits());
        let mut machine =
            Self { disk, clock, tiers, writer, open_keyspace: KeyspaceId::on_disk(1), _inbox: inbox };
        let (reply, registered) = bounded(1);
        let registration = Registration {
            name: "name".to_owned(),
            version: 0,
            shape: "u8".to_owned(),
            format: 0,
            fingerprint: 0,
            schema: None,
        };
        machine.step([Command::Register(registration, Reply::Thread(reply))]);
        machine.open_keyspace = registered.try_recv().unwrap().unwrap();
        machine
    }

    fn key(&self, name: u16) -> StoredKey {
        key(self.open_keyspace, name)
    }

    fn store(&self, name: u16, len: usize) -> u64 {
        // Ensures that each entry expires later than the entries before it.
        self.clock.advance(Duration::from_millis(1));
        store(&self.tiers, &self.key(name), len)
    }

    fn store_group(&self, names: &[u16], len: usize) -> Vec<u64> {
        self.clock.advance(Duration::from_millis(1));
        let keys: Vec<_> = names.iter().map(|name| self.key(*name)).collect();
        store_group(&self.tiers, &keys, len)
    }

    fn last_sequence(&self) -> u64 {
        self.tiers.memory.last_sequence()
    }

    fn remove(&self, name: u16) -> u64 {
        let (memory, key, mut evicted_values) =
            (&self.tiers.memory, self.key(name), EvictedValues::default());
        memory
            .insert_tombstone(memory.key(&key), self.tiers.time.now(), &mut evicted_values, || ())
            .unwrap()
            .1
    }

    /// Removes all entries from memory. Returns the sequence, the command that commits the removal, and the
    /// channel for its answer.
    fn clear(&self) -> (u64, Command, Receiver<Result<u64, Error>>) {
        let (scope, mut evicted_values) =
            (Scope::prefix(self.open_keyspace.to_bytes()), EvictedValues::default());
        let (range, purged) =
            self.tiers.purge(scope, true, self.tiers.time.now(), RANGE_ROWS, &mut evicted_values);
        let (sequence, (reply, answer)) = (range.sequence, bounded(1));
        (
            sequence,
            Command::RemoveRanges(
                vec![RangeRemoval {
                    range,
                    memory_keys: purged.memory_keys,
                    unlisted: purged.unlisted,
                    on_disk: 0,
                }],
                Reply::Thread(reply),
            ),
            answer,
        )
    }

    fn step(&mut self, commands: impl IntoIterator<Item = Command>) {
        let mut waiting = Waiting::default();
        commands.into_iter().for_each(|command| waiting.add(command));
        self.writer.step(waiting);
        if let Some(store) = self.writer.file.store() {
            assert!(store.catalog.live_bytes() <= LIVE_LIMIT, "at the end of every step");
        }
    }

    fn finish(&mut self) -> usize {
        let mut steps = 0;
        while self.writer.held.is_pending() {
            self.step([]);
            steps += 1;
            assert!(steps < 1_000, "it does not end");
        }
        steps
    }

    /// Returns the sequence of a key's entry on disk, which a restart would find.
    fn on_disk(&self, name: u16) -> Option<u64> {
        let snapshot = self.tiers.disk.snapshots.current().clone()?;
        let key = self.key(name);
        let record = snapshot.get(&key).unwrap()?;
        let sequence = record::peek(&record).unwrap().sequence;
        // When a restart opens the file, it deletes what pending range removals have left.
        let ranges = self.writer.file.ranges();
        (!ranges.iter().any(|range| range.covers(&key, sequence))).then_some(sequence)
    }

    fn fill(&mut self) {
        for name in 100..400 {
            self.store(name, SMALL);
            self.step([]);
        }
        self.finish();
    }
}

/// A clock that calls a function before each reading of the monotonic time. The writer reads it several times
/// for each transaction.
struct WatchedClock {
    manual: Arc<ManualClock>,
    on_reading: Mutex<Option<Box<dyn FnMut() + Send>>>,
}

impl std::fmt::Debug for WatchedClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WatchedClock").finish_non_exhaustive()
    }
}

impl Clock for WatchedClock {
    fn monotonic(&self) -> Duration {
        // The function may read the clock too, so it is called without the lock.
        let taken = self.on_reading.lock().take();
        if let Some(mut call) = taken {
            call();
            self.on_reading.lock().get_or_insert(call);
        }
        self.manual.monotonic()
    }

    fn wall(&self) -> Timestamp {
        self.manual.wall()
    }
}

fn limits() -> WriterLimits {
    WriterLimits {
        flush_interval: Duration::from_hours(1),
        max_changes: 8,
        max_bytes: 1 << 20,
        deletes_between_steps: true,
    }
}

fn key(keyspace: KeyspaceId, name: u16) -> StoredKey {
    [&keyspace.to_bytes()[..], &name.to_be_bytes()].concat().as_slice().into()
}

/// Stores a value, in memory only while there is no file. Returns its sequence.
fn store(tiers: &Tiers, key: &[u8], len: usize) -> u64 {
    let (memory, now) = (&tiers.memory, tiers.time.now());
    let room = memory.buffer().reserve(len as u64, || ());
    let unsaved = room.map(|room| Unsaved::uncompressed(vec![7; len], Weight::of(len as u64), now, room));
    let value: Arc<u16> = Arc::default();
    let entry = IncomingEntry {
        value: Some(value),
        expires_at: now.after(Duration::from_hours(1)),
        grace: Grace::NONE,
        weight: Weight::of(len as u64),
        unsaved: unsaved.map(Arc::new),
        extras: None,
    };
    memory.store_entry(memory.key(key), entry, now, &mut EvictedValues::default()).unwrap()
}

fn store_group(tiers: &Tiers, keys: &[StoredKey], len: usize) -> Vec<u64> {
    let memory = &tiers.memory;
    let (count, now) = (keys.len() as u64, tiers.time.now());
    let mut room = memory.buffer().reserve(count * len as u64 + count, || ()).unwrap();
    let group = Arc::new(Group::new(keys.to_vec(), room.split_off(count)));
    let entries = keys.iter().map(|key| {
        let unsaved =
            Unsaved::uncompressed(vec![7; len], Weight::of(len as u64), now, room.split_off(len as u64));
        let unsaved = Arc::new(Unsaved { group: Some(group.clone()), ..unsaved });
        let (value, expires_at) = (Arc::new(0_u16), now.after(Duration::from_hours(1)));
        let (value, grace, weight) = (Some(value as _), Grace::NONE, Weight::of(len as u64));
        let unsaved = Some(unsaved);
        (memory.key(key), IncomingEntry { value, expires_at, grace, weight, unsaved, extras: None })
    });
    memory.store_group(entries, now, &mut EvictedValues::default()).unwrap();
    let last = memory.last_sequence();
    (last - count + 1..=last).collect()
}

fn commit(kind: Acknowledge) -> (Command, Answer) {
    let (reply, answer) = bounded(1);
    (Command::Commit(kind, Reply::Thread(reply)), answer)
}

#[test]
fn a_value_that_needs_many_evictions_waits_and_a_removal_does_not() {
    let mut machine = Machine::new();
    machine.fill();
    machine.store(1, LARGE);
    let (wait, written) = commit(WRITE);
    let commits = machine.tiers.disk.status().commits;
    machine.step([wait]);
    assert_eq!(
        machine.tiers.disk.status().commits,
        commits + 1,
        "a transaction that makes room, and ends the step"
    );
    assert!(written.try_recv().is_err() && machine.on_disk(1).is_none(), "it is held");
    assert!(!machine.tiers.memory.has_clean(&machine.key(1)), "memory must not evict it");
    machine.remove(399);
    let (wait, removed) = commit(Acknowledge::Invalidation);
    machine.step([wait]);
    assert!(removed.try_recv().unwrap().is_ok(), "the removal is answered");
    assert!(machine.on_disk(399).is_none());
    assert!(
        written.try_recv().is_err() && machine.on_disk(1).is_none(),
        "before there is room for the value"
    );
    assert!(machine.finish() > 1);
    assert!(written.try_recv().unwrap().is_ok());
    assert!(machine.on_disk(1).is_some());
}

#[test]
fn a_removal_that_a_held_value_has_replaced_is_made_without_it() {
    let mut machine = Machine::new();
    machine.fill();
    assert!(machine.on_disk(399).is_some());
    machine.remove(399);
    machine.store(399, LARGE);
    let (wait, removed) = commit(Acknowledge::Invalidation);
    machine.step([wait]);
    assert!(removed.try_recv().unwrap().is_ok());
    assert!(machine.on_disk(399).is_none(), "neither what was removed nor what replaced it");
    machine.finish();
    assert!(machine.on_disk(399).is_some());
}

#[test]
fn closing_commits_what_is_held() {
    let mut machine = Machine::new();
    machine.fill();
    machine.store(1, LARGE);
    machine.step([]);
    let key = machine.key(1);
    let (reply, closed) = bounded(1);
    machine.step([Command::ShutDown(Reply::Thread(reply))]);
    assert!(closed.try_recv().unwrap().is_ok());
    drop(machine.writer);
    let again = crate::api::cache::Cache::builder().path(PATH).volume(&machine.disk);
    let again = again.clock(machine.clock).open().unwrap();
    let tiers = &again.shared().tiers;
    assert!(tiers.disk.snapshots.current().as_ref().unwrap().get(&key).unwrap().is_some());
    assert!(tiers.disk.status().was_closed_cleanly);
}

#[test]
fn held_values_keep_what_was_answered() {
    let rounds = std::env::var("LARDER_HELD").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(24_u64);
    let mut answered = 0;
    for seed in 1..=rounds {
        println!("LARDER_HELD={rounds}, seed {seed}");
        // A range removal of more entries than these leaves some of them to the time between two steps.
        let mut machine = Machine::with_range_rows(if seed % 2 == 0 { 1 } else { RANGE_ROWS });
        machine.fill();
        let mut history = History::new(machine, seed);
        for _ in 0..60 {
            history.change();
            history.step();
        }
        history.finish();
        answered += history.answered;
    }
    assert!(answered > 0, "calls succeed");
}
