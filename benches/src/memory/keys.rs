//! The keys of the requests in their order, in one block of memory.
//!
//! In an application, a request comes with its key. The application has just read the key, so the key is in
//! the processor's cache. Random reads from a table of keys would add two cache misses to every lookup, for
//! all contestants. The figures of all contestants would then be nearly equal.

use crate::workload::{Spread, key};

/// A stream of keys. After the end, the stream begins again.
#[derive(Debug)]
pub struct Keys {
    text: String,
    key_len: usize,
}

impl Keys {
    /// Makes a stream of the keys 0 to `count` - 1.
    #[must_use]
    pub fn in_order(count: usize) -> Self {
        Self::of(0..count)
    }

    /// Makes a stream of requests for `keys` different keys. Another `stream` gives other requests.
    #[must_use]
    pub fn spread(spread: Spread, keys: usize, requests: usize, stream: u64) -> Self {
        Self::of(spread.numbers(keys, requests, stream).into_iter().map(|number| number as usize))
    }

    fn of(numbers: impl Iterator<Item = usize>) -> Self {
        Self { text: numbers.map(key).collect(), key_len: key(0).len() }
    }

    /// Returns the number of requests in the stream.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.text.len() / self.key_len
    }

    /// Returns whether the stream has no requests.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Returns the number of bytes in a key. All keys have the same length.
    #[must_use]
    pub const fn key_len(&self) -> usize {
        self.key_len
    }

    /// Returns `count` keys, from index `from` on. After the last key, the first key follows.
    pub fn range(&self, from: usize, count: usize) -> impl Iterator<Item = &str> {
        let mut rest = self.text.get(from % self.len() * self.key_len..).unwrap_or("");
        (0..count).filter_map(move |_| {
            if rest.is_empty() {
                rest = &self.text;
            }
            let (key, after) = rest.split_at_checked(self.key_len)?;
            rest = after;
            Some(key)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_goes_on_at_the_beginning() {
        let keys = Keys::in_order(3);
        let range: Vec<&str> = keys.range(4, 4).collect();
        assert_eq!(range, [key(1), key(2), key(0), key(1)]);
        assert_eq!((keys.len(), keys.key_len()), (3, 16));
    }
}
