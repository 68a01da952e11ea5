//! Tests of the checks that a lookup of several keys makes under its locks. If any check fails, the lookup
//! begins again.

use super::*;
use crate::memory::epochs::epoch_of;
use crate::memory::group_publication::GroupConditions;

const START: Timestamp = Timestamp::from_millis(1_000);
const NOW: Timestamp = Timestamp::from_millis(2_000);

/// A lookup of two keys after its first step. Memory does not know the first key. The value of the second
/// key is 20.
struct GroupLookup {
    memory: Arc<Memory>,
    on_disk: [u8; 5],
    in_memory: [u8; 5],
    found: Vec<Lookup>,
}

impl GroupLookup {
    fn begin() -> Self {
        Self::with(|_| number(20))
    }

    /// Begins a lookup whose second key has the entry `held`.
    fn with(held: impl FnOnce(&Arc<Memory>) -> IncomingEntry) -> Self {
        let (memory, on_disk) = (Arc::new(Memory::new(1, 1_000, 1 << 20, 0)), key_of(1));
        // Two keys may share an epoch, by the random seed of their hashes. Then a change of the second key
        // would also void the token of the first.
        let has_own_epoch = |key: &[u8; 5]| epoch_of(memory.key(key)) != epoch_of(memory.key(&on_disk));
        let in_memory = (2..u8::MAX).map(key_of).find(has_own_epoch).unwrap();
        memory.store(memory.key(&in_memory), held(&memory), START).unwrap();
        let found = memory.get_group(&[memory.key(&on_disk), memory.key(&in_memory)], || START);
        assert!(matches!(&*found, [Lookup::Unknown(_), Lookup::Value(..)]), "{found:?}");
        Self { memory, on_disk, in_memory, found }
    }

    /// Returns the time of the lookup, and the number under the second key. Returns `None` if the lookup must
    /// begin again.
    fn confirm(&mut self, is_current: bool) -> Option<(Timestamp, Option<u64>)> {
        let keys = [self.memory.key(&self.on_disk), self.memory.key(&self.in_memory)];
        let conditions = GroupConditions { now: &|| NOW, is_current: &|| is_current };
        let now = self.memory.confirm_group_lookup(&keys, &mut self.found, conditions)?;
        let [Lookup::Unknown(_), in_memory] = &*self.found else { panic!("{:?}", self.found) };
        match in_memory {
            Lookup::Value(value, _) => Some((now, value.downcast_ref().copied())),
            _ => Some((now, None)),
        }
    }
}

fn number(value: u64) -> IncomingEntry {
    IncomingEntry { value: Some(Arc::new(value)), ..clean(10) }
}

#[test]
fn a_group_lookup_beside_which_nothing_changes_is_confirmed() {
    assert_eq!(GroupLookup::begin().confirm(true), Some((NOW, Some(20))));
}

#[test]
fn a_group_lookup_that_read_an_old_snapshot_begins_again() {
    assert_eq!(GroupLookup::begin().confirm(false), None);
}

/// A range removal that is not committed yet leaves the snapshot and the slots as they are.
#[test]
fn a_group_lookup_that_read_an_entry_in_a_removed_range_begins_again() {
    let mut lookup = GroupLookup::begin();
    let removed = Scope::prefix(&lookup.on_disk[..]);
    lookup.memory.purge(removed, true, START, 0, &mut EvictedValues::default(), drop);
    assert!(matches!(lookup.memory.get(lookup.memory.key(&lookup.on_disk), START), Lookup::Unknown(_)));
    assert_eq!(lookup.confirm(true), None);
}

/// Another caller has read the entry from an older snapshot, which still had it.
#[test]
fn a_group_lookup_that_missed_an_entry_which_is_now_in_memory_begins_again() {
    let mut lookup = GroupLookup::begin();
    let Lookup::Unknown(miss) = &lookup.found[0] else { panic!("{:?}", lookup.found) };
    let permit = Permit::EpochToken(miss.epoch_token);
    lookup.memory.promote(lookup.memory.key(&lookup.on_disk), permit, number(10), 1).unwrap();
    assert_eq!(lookup.confirm(true), None);
}

#[test]
fn a_group_lookup_whose_entry_memory_has_evicted_begins_again() {
    let mut lookup = GroupLookup::begin();
    assert!(lookup.memory.shards[0].write().evict(&mut DeferredDrops::default()));
    assert_eq!(lookup.confirm(true), None);
}

#[test]
fn a_group_lookup_has_what_memory_has_under_the_second_locks() {
    let mut lookup = GroupLookup::begin();
    lookup.memory.store(lookup.memory.key(&lookup.in_memory), number(30), START).unwrap();
    assert_eq!(lookup.confirm(true), Some((NOW, Some(30))));
    let expired = IncomingEntry { expires_at: NOW, ..number(40) };
    lookup.memory.store(lookup.memory.key(&lookup.in_memory), expired, START).unwrap();
    assert_eq!(lookup.confirm(true), Some((NOW, None)), "the value has expired");
}

#[test]
fn a_value_that_was_replaced_during_a_group_lookup_is_dropped_without_a_lock() {
    let (done, is_done) = crate::sys::sync::channel::bounded(1);
    // The lookup runs on its own thread, so that a deadlock fails the test instead of hanging it.
    std::thread::spawn(move || {
        let calls_memory = |memory: &Arc<Memory>| IncomingEntry {
            value: Some(Arc::new(Caller(Arc::downgrade(memory)))),
            ..clean(10)
        };
        let mut lookup = GroupLookup::with(calls_memory);
        lookup.memory.store(lookup.memory.key(&lookup.in_memory), number(30), START).unwrap();
        done.send(lookup.confirm(true)).unwrap();
    });
    let confirmed = is_done.recv_timeout(std::time::Duration::from_mins(1));
    assert_eq!(confirmed.expect("the value is dropped under the lock"), Some((NOW, Some(30))));
}
