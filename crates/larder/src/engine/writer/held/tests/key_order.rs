//! Tests that the transactions of a step follow the order of the keys, and that no key waits for keys that
//! were stored later.

use std::collections::VecDeque;

use super::*;
use crate::memory::mutation::Mutation;
use crate::sys::sync::Mutex;

/// The maximum number of values that the test stores while a step runs. With the other values, they fit into
/// the file.
const MAX_CAME: u16 = 100;

/// Returns each number below 60 once, not in ascending order.
fn scattered() -> impl Iterator<Item = u16> {
    (0..60).map(|place| place * 37 % 60)
}

fn keys(changes: &[Mutation]) -> Vec<StoredKey> {
    changes.iter().map(|change| change.key.clone()).collect()
}

#[test]
fn the_transactions_of_a_step_get_consecutive_ranges_of_the_keys() {
    let mut machine = Machine::new();
    for name in scattered() {
        machine.store(name, SMALL);
    }
    for name in scattered().filter(|name| name % 3 == 0) {
        machine.remove(name);
    }
    let (now, mut evicted_values) = (machine.tiers.time.now(), EvictedValues::default());
    let mut writes = machine.tiers.memory.drain(now, &mut evicted_values);
    let mut removals = VecDeque::new();
    machine.writer.units.arrange(&mut writes, &mut removals);
    let in_order = |removed| (0..60).filter(move |name| (name % 3 == 0) == removed);
    let expected = |removed| in_order(removed).map(|name| machine.key(name)).collect::<Vec<_>>();
    let (removed, written) = (expected(true), expected(false));
    assert_eq!(keys(removals.make_contiguous()), removed);
    machine.writer.held.add(&mut writes, &mut [], &[]);
    let mut parts = Vec::new();
    while machine.writer.held.has_writes() {
        let mut batch = Vec::new();
        machine.writer.held.fill(&mut batch, machine.writer.limits);
        assert_eq!(batch.len(), 8);
        parts.extend(keys(&batch));
    }
    assert_eq!(parts, written);
}

/// Stores values of small keys while the writer commits a drain. The largest key of the drain is in the last
/// transaction of its step, however many smaller keys have come since.
#[test]
fn the_last_key_of_a_drain_waits_for_no_value_that_came_later() {
    let manual = Arc::new(ManualClock::new());
    let watched = Arc::new(WatchedClock { manual: manual.clone(), on_reading: Mutex::default() });
    let mut machine = Machine::with_clock(RANGE_ROWS, manual, watched.clone());
    let last = u16::MAX;
    for name in (1_000..1_023).chain([last]) {
        machine.store(name, SMALL);
    }
    let (tiers, keyspace, came) = (machine.tiers.clone(), machine.open_keyspace, Arc::new(Mutex::new(0_u16)));
    let before = tiers.disk.status().commits;
    let next = came.clone();
    *watched.on_reading.lock() = Some(Box::new(move || {
        // The drain of the step ends before its first commit.
        if tiers.disk.status().commits > before {
            let mut next = next.lock();
            for name in *next..(*next + 4).min(MAX_CAME) {
                store(&tiers, &key(keyspace, name), SMALL);
            }
            *next = (*next + 4).min(MAX_CAME);
        }
    }));
    machine.step([]);
    watched.on_reading.lock().take();
    let came = *came.lock();
    let found = |machine: &Machine| (0..came).filter(|name| machine.on_disk(*name).is_some()).count();
    assert!(came > 8, "{came} values have come while the step ran: more than a transaction writes");
    assert!(machine.on_disk(last).is_some());
    assert_eq!(machine.tiers.disk.status().commits, before + 3, "24 values in transactions of eight");
    assert_eq!(found(&machine), 0, "their step is the next one");
    machine.step([]);
    assert_eq!(found(&machine), usize::from(came));
}
