//! The keys of the requests in order, in one block of memory.
//!
//! In an application, the key of a request has just been read, so it is in the processor's cache. Random
//! reads from a table of keys would add two cache misses to every lookup, and hide the differences between
//! the contestants.

use crate::workload::{Spread, key};

/// The length of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyText {
    /// The benches' usual keys, of 16 bytes.
    Short,
    /// Keys of 40 bytes.
    Long,
}

impl KeyText {
    fn of(self, number: usize) -> String {
        match self {
            Self::Short => key(number),
            Self::Long => format!("products_of_the_catalogue_{number:014}"),
        }
    }
}

/// A cyclic stream of keys.
#[derive(Debug)]
pub struct Keys {
    text: String,
    key_len: usize,
}

impl Keys {
    /// Returns a stream of the keys 0 to `count` - 1.
    #[must_use]
    pub fn in_order(count: usize) -> Self {
        Self::of(KeyText::Short, 0..count)
    }

    /// Returns a stream of requests for `keys` different keys. Each value of `stream` gives other requests.
    #[must_use]
    pub fn spread(spread: Spread, keys: usize, requests: usize, stream: u64) -> Self {
        let numbers = spread.numbers(keys, requests, stream);
        Self::of(KeyText::Short, numbers.into_iter().map(|number| number as usize))
    }

    /// Returns a stream of the keys with these numbers.
    pub fn of(text: KeyText, numbers: impl Iterator<Item = usize>) -> Self {
        Self { text: numbers.map(|number| text.of(number)).collect(), key_len: text.of(0).len() }
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

    /// Returns the key at an index.
    #[must_use]
    pub fn at(&self, index: usize) -> Option<&str> {
        self.text.get(index * self.key_len..(index + 1) * self.key_len)
    }

    /// Returns `count` keys from index `from` on. The first key follows the last one.
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
        assert_eq!((keys.at(2), keys.at(3)), (Some(key(2).as_str()), None));
    }

    #[test]
    fn long_keys_have_forty_bytes() {
        let keys = Keys::of(KeyText::Long, [7, 8].into_iter());
        assert_eq!((keys.len(), keys.key_len()), (2, 40));
        assert_ne!(keys.at(0), keys.at(1));
    }
}
