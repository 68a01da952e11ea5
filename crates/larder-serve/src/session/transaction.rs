//! The state of a transaction before its `EXEC`: the queued requests, and the watched keys.
//!
//! A connection may keep both for as long as it wants. So their memory counts towards the bound of all
//! buffers, and includes what the collections reserve.

use std::collections::HashMap;

use crate::protocol::arguments::OwnedArguments;

type WatchPlace = (usize, Vec<u8>);

/// The requests since `MULTI`, each with its command.
#[derive(Debug)]
pub(crate) struct TransactionQueue<C> {
    requests: Vec<(C, OwnedArguments)>,
    /// Memory of the words of the requests, in bytes.
    words_len: usize,
    /// Whether a request could not be queued, so that `EXEC` must fail.
    pub(crate) is_broken: bool,
}

impl<C> Default for TransactionQueue<C> {
    fn default() -> Self {
        Self { requests: Vec::new(), words_len: 0, is_broken: false }
    }
}

impl<C> TransactionQueue<C> {
    /// Adds a request, unless the requests would then take more than `max` bytes. Returns whether it was
    /// added.
    pub(crate) fn push(&mut self, command: C, args: OwnedArguments, max: usize) -> bool {
        let words_len = args.heap_len();
        let has_place = self.requests.len() < self.requests.capacity();
        let own_len = if has_place { 0 } else { size_of::<(C, OwnedArguments)>() };
        if self.memory().saturating_add(words_len + own_len) > max {
            return false;
        }
        self.words_len += words_len;
        self.requests.push((command, args));
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.requests.len()
    }

    /// Returns the requests in the order in which they were added.
    pub(crate) fn into_requests(self) -> impl Iterator<Item = (C, OwnedArguments)> {
        self.requests.into_iter()
    }

    /// Returns the memory of the requests, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.words_len + self.requests.capacity() * size_of::<(C, OwnedArguments)>()
    }
}

/// The watches on keys that must not change before `EXEC`, by database and key.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    by_key: HashMap<WatchPlace, larder::Watch>,
    /// Length of all keys, in bytes.
    keys_len: usize,
}

impl Watches {
    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(crate) fn contains(&self, place: &WatchPlace) -> bool {
        self.by_key.contains_key(place)
    }

    pub(crate) fn insert(&mut self, place: WatchPlace, watch: larder::Watch) {
        self.keys_len += place.1.len();
        self.by_key.insert(place, watch);
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn into_watches(self) -> impl Iterator<Item = larder::Watch> {
        self.by_key.into_values()
    }

    /// Returns the memory of the watches, in bytes.
    pub(crate) fn memory(&self) -> usize {
        // An eighth of the table is always free, and each place takes a byte of its own.
        let places = self.by_key.capacity() * 8 / 7;
        // The watch has a copy of its key.
        2 * self.keys_len + places * (size_of::<(WatchPlace, larder::Watch)>() + 1)
    }
}

#[cfg(test)]
mod tests {
    use larder::{Cache, Format, KeyspaceDefinition};

    use super::*;
    use crate::protocol::arguments::{Arguments, Span};

    #[test]
    fn the_memory_of_a_queue_includes_what_its_list_reserves() {
        let request = || Arguments::new(b"ping", &[Span { start: 0, end: 4 }]).to_owned();
        let of_words = request().heap_len();
        let mut queue = TransactionQueue::default();
        for _ in 0..5 {
            assert!(queue.push("ping", request(), 1 << 20));
        }
        let reserved = queue.requests.capacity();
        assert!(reserved > 5);
        assert_eq!(queue.memory(), 5 * of_words + reserved * size_of::<(&str, OwnedArguments)>());
        assert!(!queue.push("ping", request(), queue.memory()));
        assert!(queue.push("ping", request(), queue.memory() + of_words));
        assert_eq!((queue.len(), queue.into_requests().count()), (6, 6));
    }

    #[test]
    fn the_memory_of_watches_includes_both_copies_of_a_key_and_the_table() {
        let cache = Cache::builder().open().unwrap();
        let definition = KeyspaceDefinition::<Vec<u8>, Box<[u8]>>::new("raw").format(Format::Raw);
        let keyspace = cache.keyspace(definition).unwrap();
        let mut watches = Watches::default();
        for number in 0..57_u8 {
            let key = vec![number; 100];
            watches.insert((0, key.clone()), keyspace.watch(&key).unwrap());
        }
        // The table doubles at the 57th element.
        let table = 128 * (size_of::<((usize, Vec<u8>), larder::Watch)>() + 1);
        assert_eq!(watches.memory(), 2 * 57 * 100 + table);
        watches.clear();
        assert_eq!((watches.memory(), watches.len()), (0, 0));
    }
}
