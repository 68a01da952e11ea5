//! Keeps the first entries in a given order, for `larder keys --sort`.
//!
//! Every entry is offered, but only the first `most` entries of the order are kept. When the heap is full, an
//! entry that comes earlier in the order replaces the last one.

use std::collections::BinaryHeap;

/// The `most` items with the lowest ranks.
#[derive(Debug)]
pub(super) struct TopK<T> {
    most: usize,
    /// The kept items, with the last item of the order on top. Items of equal rank keep the order in which
    /// they were offered.
    heap: BinaryHeap<Ranked<T>>,
    offered: u64,
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

impl<T> TopK<T> {
    pub(super) const fn new(most: usize) -> Self {
        Self { most, heap: BinaryHeap::new(), offered: 0 }
    }

    /// Offers an item. Builds it only if it is among the first items so far.
    pub(super) fn offer(&mut self, rank: u64, item: impl FnOnce() -> T) {
        let order = (rank, self.offered);
        self.offered += 1;
        let is_among = self.heap.len() < self.most || self.heap.peek().is_some_and(|last| order < last.order);
        if !is_among || self.most == 0 {
            return;
        }
        if self.heap.len() == self.most {
            self.heap.pop();
        }
        self.heap.push(Ranked { order, item: item() });
    }

    pub(super) const fn offered(&self) -> u64 {
        self.offered
    }

    /// Returns the kept items, lowest rank first.
    pub(super) fn into_sorted(self) -> impl Iterator<Item = T> {
        self.heap.into_sorted_vec().into_iter().map(|ranked| ranked.item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_kept_in_order_and_no_more_than_are_asked_for() {
        let numbers = [5_u64, 3, 9, 3, 1, 8, 1, 7];
        for most in 0..10 {
            let mut first = TopK::new(most);
            for (place, number) in numbers.into_iter().enumerate() {
                first.offer(number, || (number, place));
                assert!(first.heap.len() <= most);
            }
            let mut expected: Vec<_> = numbers.into_iter().zip(0..).collect();
            expected.sort_unstable();
            expected.truncate(most);
            assert_eq!(first.offered(), 8);
            assert_eq!(first.into_sorted().collect::<Vec<_>>(), expected, "{most}");
        }
    }
}
