//! Records the calls on each key with their answers, and checks whether some order of the calls explains all
//! answers (contract 1).
//!
//! Two calls that overlap may take effect in either order. If one call ended before another began, the
//! first one took effect first. A history is correct if at least one order that follows this rule gives
//! every answer. The histories are short, so all orders can be tried (Wing and Gong, "Testing and Verifying
//! Concurrent Objects", 1993).

use std::collections::{BTreeSet, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// A call and its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Call {
    Insert(u64),
    /// A removal: whether it removed an entry, or `None` if that is unknown.
    Remove(Option<bool>),
    Get(Option<u64>),
    /// An addition: the amount, and the sum.
    Add(u64, u64),
    /// A removal that returns the removed value, if there was one.
    Take(Option<u64>),
    /// An insert if absent: the new value, and the existing value, if there was one.
    InsertIfAbsent(u64, Option<u64>),
    /// A compare-and-insert: the expected value, the new value, and whether it was stored.
    CompareAndInsert(u64, u64, bool),
}

#[derive(Debug, Clone, Copy)]
struct Event {
    key: u64,
    call: Call,
    began: u64,
    ended: u64,
}

/// The events of all threads. The lock is not part of the model, so the explorer does not see it.
#[derive(Debug, Default)]
pub(crate) struct History {
    events: Mutex<Vec<Event>>,
    time: AtomicU64,
}

impl History {
    /// Returns a number that is larger than all numbers returned before.
    pub(crate) fn moment(&self) -> u64 {
        self.time.fetch_add(1, Ordering::SeqCst)
    }

    /// Makes a call, and records it for one key.
    pub(crate) fn note(&self, key: u64, make: impl FnOnce() -> Call) {
        self.note_all(&[key], make);
    }

    /// Makes a call, and records it for several keys. The calls on each key are ordered separately.
    pub(crate) fn note_all(&self, keys: &[u64], make: impl FnOnce() -> Call) {
        let began = self.moment();
        let call = make();
        let ended = self.moment();
        let events = keys.iter().map(|&key| Event { key, call, began, ended });
        self.events.lock().unwrap().extend(events);
    }

    /// Checks the answers for each key. `initial` contains the values from before the history.
    ///
    /// # Panics
    /// Panics if no order of the calls explains the answers for a key.
    pub(crate) fn check(&self, initial: &[(u64, u64)]) {
        let events = self.events.lock().unwrap();
        let keys: BTreeSet<u64> = events.iter().map(|event| event.key).collect();
        for key in keys {
            let mut of_key: Vec<Event> = events.iter().filter(|event| event.key == key).copied().collect();
            of_key.sort_by_key(|event| event.began);
            let value = initial.iter().find(|(of, _)| *of == key).map(|(_, value)| *value);
            assert!(
                has_order(&of_key, 0, value, &mut HashSet::new()),
                "no order explains what was seen of key {key}, which began as {value:?}: {of_key:#?}"
            );
        }
    }
}

/// Returns whether some order explains the events outside of `done`, if the key now has this value.
/// `dead_ends` are states without such an order.
fn has_order(
    events: &[Event],
    done: u32,
    value: Option<u64>,
    dead_ends: &mut HashSet<(u32, Option<u64>)>,
) -> bool {
    if done.count_ones() as usize == events.len() {
        return true;
    }
    if dead_ends.contains(&(done, value)) {
        return false;
    }
    let open = || events.iter().enumerate().filter(|(at, _)| done & (1 << at) == 0);
    // A call that began after another call had ended must come after it.
    let first_end = open().map(|(_, event)| event.ended).min().unwrap_or(u64::MAX);
    let found = open().filter(|(_, event)| event.began < first_end).any(|(at, event)| {
        let after = match event.call {
            Call::Insert(new) => Some(new),
            Call::Remove(None) => None,
            Call::Remove(Some(was_there)) if was_there == value.is_some() => None,
            Call::Get(seen) if seen == value => value,
            Call::Add(by, sum) if sum == value.unwrap_or(0) + by => Some(sum),
            Call::Take(taken) if taken == value => None,
            Call::InsertIfAbsent(new, there) if there == value => Some(value.unwrap_or(new)),
            Call::CompareAndInsert(old, new, true) if value == Some(old) => Some(new),
            Call::CompareAndInsert(old, _, false) if value != Some(old) => value,
            Call::Remove(_)
            | Call::Get(_)
            | Call::Add(..)
            | Call::Take(_)
            | Call::InsertIfAbsent(..)
            | Call::CompareAndInsert(..) => return false,
        };
        has_order(events, done | (1 << at), after, dead_ends)
    });
    if !found {
        dead_ends.insert((done, value));
    }
    found
}

#[test]
fn the_checker_tells_a_read_that_went_back_from_one_that_overlapped() {
    let is_right = |events: &[(Call, u64, u64)]| {
        let events: Vec<Event> =
            events.iter().map(|&(call, began, ended)| Event { key: 0, call, began, ended }).collect();
        has_order(&events, 0, Some(1), &mut HashSet::new())
    };
    let write = (Call::Insert(2), 0, 5);
    assert!(is_right(&[write, (Call::Get(Some(1)), 1, 2), (Call::Get(Some(2)), 3, 4)]));
    assert!(!is_right(&[write, (Call::Get(Some(2)), 1, 2), (Call::Get(Some(1)), 3, 4)]), "new, then old");
    assert!(!is_right(&[write, (Call::Get(Some(1)), 6, 7)]), "its write was not read");
    assert!(is_right(&[(Call::Remove(Some(true)), 0, 3), (Call::Get(None), 1, 2)]));
    assert!(!is_right(&[(Call::Remove(Some(false)), 0, 1)]), "there was something");
    let adds = |sums: [u64; 2]| sums.map(|sum| (Call::Add(1, sum), 0, 5));
    assert!(is_right(&adds([2, 3])) && is_right(&adds([3, 2])));
    assert!(!is_right(&adds([2, 2])), "one of the two was lost");
    assert!(!is_right(&[(Call::Take(Some(1)), 0, 5), (Call::Take(Some(1)), 1, 4)]), "taken twice");
    let absent = (Call::InsertIfAbsent(7, None), 3, 4);
    assert!(is_right(&[(Call::Take(Some(1)), 0, 1), absent]) && !is_right(&[absent]));
    assert!(!is_right(&[(Call::CompareAndInsert(9, 7, true), 0, 1)]), "there was something else");
}
