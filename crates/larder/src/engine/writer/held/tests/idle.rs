//! Tests how the writer commits stamps of uses, also while values are held.

use super::*;
use crate::memory::extras::EntryExtras;

const LIFE: Duration = Duration::from_hours(2);

impl Machine {
    /// Stores a value that expires after an hour, and whose life is extended by uses.
    pub(super) fn store_idling(&self, name: u16, len: usize) {
        self.clock.advance(Duration::from_millis(1));
        let (memory, key, now) = (&self.tiers.memory, self.key(name), self.tiers.time.now());
        let room = memory.buffer().reserve(len as u64, || ()).unwrap();
        let extras = EntryExtras::new(now, None, Timestamp::NEVER);
        let unsaved = Unsaved::uncompressed(vec![7; len], Weight::of(len as u64), now, room);
        let unsaved = Unsaved { extension: extras.extend(unsaved.extension.unpack()).into(), ..unsaved };
        let entry = IncomingEntry {
            value: Some(Arc::new(name)),
            expires_at: now.after(Duration::from_hours(1)),
            grace: Grace::NONE,
            weight: Weight::of(len as u64),
            unsaved: Some(Arc::new(unsaved)),
            extras: Some(extras),
        };
        memory.store_entry(memory.key(&key), entry, now, &mut EvictedValues::default()).unwrap();
    }

    pub(super) fn use_entry(&self, name: u16) -> Timestamp {
        let (memory, key, now) = (&self.tiers.memory, self.key(name), self.tiers.time.now());
        assert!(memory.extend_life(memory.key(&key), LIFE, || now, None).unwrap().is_some());
        now.after(LIFE)
    }

    fn expiry_on_disk(&self, name: u16) -> Option<Timestamp> {
        let snapshot = self.tiers.disk.snapshots.current().clone()?;
        let record = snapshot.get(&self.key(name)).unwrap()?;
        Some(record::peek(&record).unwrap().expires_at)
    }
}

#[test]
fn a_value_that_is_used_while_it_is_held_is_written_with_its_later_expiry() {
    let mut machine = Machine::new();
    machine.fill();
    machine.store_idling(1, LARGE);
    machine.step([]);
    assert!(machine.writer.held.has_writes(), "it is held");
    let extended = machine.use_entry(1);
    machine.step([]);
    assert!(machine.tiers.memory.use_stamps.is_empty(), "its stamp is dealt with");
    machine.finish();
    assert_eq!(machine.expiry_on_disk(1), Some(extended));
}

#[test]
fn a_flush_whose_values_are_held_commits_every_stamp() {
    let mut machine = Machine::new();
    for name in 0..60 {
        machine.store_idling(name, 10);
    }
    machine.step([]);
    machine.fill();
    for name in 0..60 {
        machine.use_entry(name);
    }
    machine.store(1_000, LARGE);
    let (flush, flushed) = commit(Acknowledge::Flush);
    machine.step([flush]);
    assert!(flushed.try_recv().is_err() && machine.writer.held.has_writes(), "its value is held");
    machine.finish();
    assert!(flushed.try_recv().unwrap().is_ok());
    assert!(machine.tiers.memory.use_stamps.is_empty());
}

#[test]
fn stamps_that_a_step_leaves_are_committed_by_the_next_ones_without_a_command() {
    let mut machine = Machine::new();
    for name in 0..9 {
        machine.store_idling(name, 10);
    }
    machine.step([]);
    let extended: Vec<_> = (0..9).map(|name| machine.use_entry(name)).collect();
    machine.step([]);
    let mut steps = 0;
    while machine.writer.stamps_due > 0 {
        machine.step([]);
        steps += 1;
    }
    assert_eq!(steps, 4, "nine stamps, two in each step");
    let on_disk: Vec<_> = (0..9).filter_map(|name| machine.expiry_on_disk(name)).collect();
    assert_eq!(on_disk, extended);
}

#[test]
fn a_flush_that_is_answered_before_a_later_step_is_written_commits_every_stamp() {
    let mut machine = Machine::new();
    for name in 0..60 {
        machine.store_idling(name, 10);
    }
    machine.step([]);
    for name in 100..112 {
        machine.store(name, SMALL);
    }
    machine.tiers.writer.note_asked();
    let (flush, flushed) = commit(Acknowledge::Flush);
    machine.step([flush]);
    assert!(flushed.try_recv().is_err() && machine.writer.held.has_writes());
    for name in 0..60 {
        machine.use_entry(name);
    }
    for name in 200..212 {
        machine.store(name, SMALL);
    }
    machine.step([]);
    assert!(flushed.try_recv().unwrap().is_ok());
    assert!(machine.tiers.memory.use_stamps.is_empty());
}
