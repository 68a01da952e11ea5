//! The positions of walks over the keys, for `SCAN`.
//!
//! A cursor is a number that identifies a place in a walk. The place is the last key that the walk has
//! visited. The server stores the places in a table, so any connection can use a cursor. A cursor holds no
//! snapshot.
//!
//! 1. A walk reads keys ahead, because starting a walk costs a pass over the keys in memory. A key that
//!    exists during the whole walk existed when keys were read ahead. So the walk has visited it before, or
//!    finds it among these keys or after them.
//! 2. Each call stores a new place under a new number. The old cursor stays valid for some time, because a
//!    client may repeat its call.
//! 3. The table is bounded. It keeps up to [`MAX_PLACES`] cursors that no call has used and up to
//!    [`MAX_PASSED`] that a call has used, and removes the oldest of each. `SCAN` returns an error for a
//!    cursor that is not in the table, because a walk from another place could miss keys.
//!
//! Each run of a server uses other numbers, so `SCAN` also refuses a cursor of an earlier run.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use larder::PinnedKeyspace;

/// Maximum number of places that no call has used yet. The place of an abandoned walk counts until it is
/// removed as the oldest.
const MAX_PLACES: usize = 1024;

/// Maximum number of places that calls have already used.
const MAX_PASSED: usize = 256;

/// Maximum memory for the keys that all walks have read ahead, in bytes, and for the keys of one walk. A walk
/// whose keys are dropped reads them again.
pub(crate) const MAX_AHEAD: usize = 16 << 20;

/// A place in a walk over the keys of a database.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    pub(crate) db: usize,
    /// The version of the keyspace that has the keys, if the database shows a keyspace of the application.
    pub(crate) pinned: Option<PinnedKeyspace>,
    /// The last visited key. `None` at the start of the walk.
    pub(crate) passed: Option<Vec<u8>>,
    pub(crate) ahead: KeysAhead,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct KeysAhead {
    /// Several places of one walk share these keys.
    pub(crate) keys: Arc<Vec<Vec<u8>>>,
    /// Memory of all `keys`, in bytes.
    size: usize,
    /// Index of the first key in `keys` that the walk has not visited.
    pub(crate) next: usize,
    /// Whether the last key in `keys` is the last key of the database.
    pub(crate) is_end: bool,
}

impl KeysAhead {
    pub(crate) fn new(keys: Vec<Vec<u8>>, is_end: bool) -> Self {
        let size = keys.iter().map(|key| key_size(key)).sum();
        Self { keys: Arc::new(keys), size, next: 0, is_end }
    }
}

/// Returns the memory of a key in a list of keys, in bytes.
pub(crate) const fn key_size(key: &[u8]) -> usize {
    key.len() + size_of::<Vec<u8>>()
}

#[derive(Debug)]
pub(crate) struct Cursors(Mutex<CursorTable>);

#[derive(Debug)]
struct CursorTable {
    places: HashMap<u64, Place>,
    /// The cursors that no call has used yet, oldest first.
    current: VecDeque<u64>,
    /// The cursors that a call has used, oldest first.
    passed: VecDeque<u64>,
    /// The cursors whose places may have keys ahead, with the memory of these keys, oldest first.
    ahead: VecDeque<(u64, usize)>,
    ahead_len: usize,
    last: u64,
}

impl Default for Cursors {
    fn default() -> Self {
        // A cursor consists of 31 random bits and a 32-bit counter, so that it is positive as an `i64` too.
        let random = RandomState::new().hash_one("cursor") & 0x7FFF_FFFF;
        Self(Mutex::new(CursorTable {
            places: HashMap::new(),
            current: VecDeque::new(),
            passed: VecDeque::new(),
            ahead: VecDeque::new(),
            ahead_len: 0,
            last: random << 32,
        }))
    }
}

impl Cursors {
    pub(crate) fn place(&self, cursor: u64) -> Option<Place> {
        self.lock().places.get(&cursor).cloned()
    }

    /// Stores a place, and returns its cursor. `from` is the cursor that the call has used.
    pub(crate) fn add(&self, place: Place, from: u64) -> u64 {
        let mut table = self.lock();
        table.pass(from);
        table.last += 1;
        let cursor = table.last;
        // The places of a walk share their keys, but each place counts them. So the counted memory is an
        // upper bound.
        let size = place.ahead.size;
        table.ahead_len += size;
        table.ahead.push_back((cursor, size));
        table.places.insert(cursor, place);
        table.current.push_back(cursor);
        table.forget();
        cursor
    }

    /// Records the end of a walk whose last call used the cursor `from`.
    pub(crate) fn end(&self, from: u64) {
        let mut table = self.lock();
        table.pass(from);
        table.forget();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, CursorTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CursorTable {
    fn pass(&mut self, cursor: u64) {
        if let Ok(at) = self.current.binary_search(&cursor) {
            self.current.remove(at);
            self.passed.push_back(cursor);
            // If the client repeats the call, the walk reads the keys again.
            self.drop_ahead(cursor);
        }
    }

    fn drop_ahead(&mut self, cursor: u64) {
        if let Ok(at) = self.ahead.binary_search_by_key(&cursor, |(cursor, _)| *cursor)
            && let Some((_, size)) = self.ahead.remove(at)
        {
            self.ahead_len -= size;
        }
        if let Some(place) = self.places.get_mut(&cursor) {
            place.ahead = KeysAhead::default();
        }
    }

    fn forget(&mut self) {
        while self.passed.len() > MAX_PASSED {
            let oldest = self.passed.pop_front();
            oldest.and_then(|oldest| self.places.remove(&oldest));
        }
        while self.current.len() > MAX_PLACES {
            let Some(oldest) = self.current.pop_front() else { break };
            self.drop_ahead(oldest);
            self.places.remove(&oldest);
        }
        while self.ahead_len > MAX_AHEAD {
            let Some((oldest, _)) = self.ahead.front().copied() else { break };
            self.drop_ahead(oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(passed: &str, ahead: usize) -> Place {
        let ahead = KeysAhead::new(vec![vec![0; ahead]], false);
        Place { passed: Some(passed.into()), ahead, ..Place::default() }
    }

    #[test]
    fn the_walk_that_goes_on_is_kept_beside_any_number_of_calls_of_another() {
        let cursors = Cursors::default();
        let slow = cursors.add(place("slow", 10), 0);
        let mut quick = 0;
        for _ in 0..10 * MAX_PLACES {
            quick = cursors.add(place("quick", 10), quick);
        }
        assert_eq!(cursors.place(slow).unwrap().passed.as_deref(), Some(&b"slow"[..]));
        assert!(cursors.place(quick).is_some());
        assert!(cursors.lock().places.len() <= MAX_PLACES + MAX_PASSED);
    }

    #[test]
    fn walks_that_were_given_up_are_forgotten_oldest_first() {
        let cursors = Cursors::default();
        let added: Vec<u64> = (0..=MAX_PLACES).map(|_| cursors.add(place("a", 0), 0)).collect();
        assert!(cursors.place(added[0]).is_none());
        assert!(added[1..].iter().all(|cursor| cursors.place(*cursor).is_some()));
        assert!(Cursors::default().place(added[1]).is_none(), "a cursor of another run");
    }

    #[test]
    fn a_walk_loses_the_keys_ahead_and_not_its_place() {
        let cursors = Cursors::default();
        let first = cursors.add(place("a", MAX_AHEAD / 2), 0);
        let second = cursors.add(place("b", MAX_AHEAD / 2), 0);
        assert!(cursors.place(first).unwrap().ahead.keys.is_empty());
        assert!(!cursors.place(second).unwrap().ahead.keys.is_empty());
        assert!(cursors.lock().ahead_len <= MAX_AHEAD);
        // A client may repeat a call that has succeeded.
        let third = cursors.add(place("c", 1), second);
        assert_eq!(cursors.place(second).unwrap().passed.as_deref(), Some(&b"b"[..]));
        cursors.end(third);
        assert!(cursors.lock().ahead.iter().all(|(cursor, _)| *cursor != third));
    }

    #[test]
    fn walks_that_end_leave_no_more_places_than_are_kept() {
        let cursors = Cursors::default();
        let added: Vec<u64> = (0..=MAX_PASSED).map(|_| cursors.add(place("a", 0), 0)).collect();
        for cursor in &added {
            cursors.end(*cursor);
        }
        assert_eq!(cursors.lock().places.len(), MAX_PASSED);
        assert_eq!(cursors.lock().passed.len(), MAX_PASSED);
        assert!(cursors.place(added[0]).is_none(), "the oldest is removed");
    }
}
