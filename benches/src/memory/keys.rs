//! Keys in the order in which they are asked for, written out one after another.
//!
//! A request comes with its key: it has just been read from somewhere, so it is in the processor's cache. A table of keys that is
//! looked into at random would add two cache misses to every lookup, the same for all contestants, and make them look alike.

use crate::workload::{Spread, key};

/// A stream of keys that begins anew at its end.
#[derive(Debug)]
pub struct Keys {
    text: String,
    key_len: usize,
}

impl Keys {
    /// The keys 0 to `count` less one.
    #[must_use]
    pub fn in_order(count: usize) -> Self {
        Self::of(0..count)
    }

    /// So many requests for `keys` different ones; others for another `stream`.
    #[must_use]
    pub fn spread(spread: Spread, keys: usize, requests: usize, stream: u64) -> Self {
        Self::of(spread.numbers(keys, requests, stream).into_iter().map(|number| number as usize))
    }

    fn of(numbers: impl Iterator<Item = usize>) -> Self {
        Self { text: numbers.map(key).collect(), key_len: key(0).len() }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.text.len() / self.key_len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Bytes of a key; all are alike.
    #[must_use]
    pub const fn key_len(&self) -> usize {
        self.key_len
    }

    /// `count` keys, from the one at `from` on; from the beginning again behind the last.
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
