//! `larder keys --sort`: the largest entries, the oldest, or those that expire soonest.
//!
//! Every entry is looked at, and no more of them are kept than are shown: the one that comes last among them goes
//! when another comes before it.

use std::collections::BinaryHeap;

use larder::Timestamp;
use larder::inspect::Record;

use crate::args::SortBy;

/// Keys that are shown unless `--limit` asks otherwise.
pub(super) const SORTED: u64 = 20;

/// The first of many by rank.
#[derive(Debug)]
pub(super) struct First<T> {
    most: usize,
    /// The last of them on top. Of equal rank, those that were seen first come first.
    heap: BinaryHeap<Ranked<T>>,
    seen: u64,
}

#[derive(Debug)]
struct Ranked<T> {
    order: (u64, u64),
    item: T,
}

impl<T> PartialEq for Ranked<T> {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl<T> Eq for Ranked<T> {}

impl<T> PartialOrd for Ranked<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Ranked<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order.cmp(&other.order)
    }
}

impl<T> First<T> {
    pub(super) const fn new(most: usize) -> Self {
        Self { most, heap: BinaryHeap::new(), seen: 0 }
    }

    /// Offers an item; it is made only if it is among the first so far.
    pub(super) fn offer(&mut self, rank: u64, item: impl FnOnce() -> T) {
        let order = (rank, self.seen);
        self.seen += 1;
        let is_among = self.heap.len() < self.most || self.heap.peek().is_some_and(|last| order < last.order);
        if !is_among || self.most == 0 {
            return;
        }
        if self.heap.len() == self.most {
            self.heap.pop();
        }
        self.heap.push(Ranked { order, item: item() });
    }

    /// How many were offered.
    pub(super) const fn seen(&self) -> u64 {
        self.seen
    }

    /// The first, in order.
    pub(super) fn into_sorted(self) -> impl Iterator<Item = T> {
        self.heap.into_sorted_vec().into_iter().map(|ranked| ranked.item)
    }
}

/// What an entry is sorted by: smaller is first.
pub(super) fn rank(by: SortBy, record: &Record) -> u64 {
    match by {
        SortBy::Size => u64::MAX - record.payload_len() as u64,
        SortBy::Age => record.written_at.as_millis(),
        SortBy::Ttl => record.expires_at.as_millis(),
    }
}

/// What an entry is sorted by, as it is shown: bytes, or seconds.
pub(super) fn figure(by: SortBy, record: &Record, now: Timestamp) -> String {
    match by {
        SortBy::Size => record.payload_len().to_string(),
        SortBy::Age => format!("{:.3}", now.since(record.written_at).as_secs_f64()),
        SortBy::Ttl => format!("{:.3}", record.expires_at.since(now).as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_kept_in_order_and_no_more_than_are_asked_for() {
        let numbers = [5_u64, 3, 9, 3, 1, 8, 1, 7];
        for most in 0..10 {
            let mut first = First::new(most);
            for (place, number) in numbers.into_iter().enumerate() {
                first.offer(number, || (number, place));
                assert!(first.heap.len() <= most);
            }
            let mut expected: Vec<_> = numbers.into_iter().zip(0..).collect();
            expected.sort_unstable();
            expected.truncate(most);
            assert_eq!(first.seen(), 8);
            assert_eq!(first.into_sorted().collect::<Vec<_>>(), expected, "{most}");
        }
    }
}
