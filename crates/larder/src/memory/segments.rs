//! A list that grows without moving its elements. It holds the data of each slot of a shard.
//!
//! The list lives long and mostly grows. A `Vec` would move its elements each time it grows, and leave
//! blocks that are too small for the next move. Small allocations between these blocks keep the allocator
//! from merging or returning them. With glibc these blocks took more memory than the entries. In this list,
//! no element moves once the list is larger than a segment, and only memory that is about to be used is
//! reserved.

/// Number of elements in a segment. For slots, a segment is 16 KiB, well below the size from which an
/// allocator maps a block separately.
const LEN: usize = 256;

#[derive(Debug)]
pub(super) struct Segments<T>(Vec<Vec<T>>);

impl<T> Segments<T> {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn len(&self) -> usize {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * LEN + last.len())
    }

    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<&T> {
        self.0.get(at / LEN)?.get(at % LEN)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.0.get_mut(at / LEN)?.get_mut(at % LEN)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().flatten()
    }

    pub(super) fn push(&mut self, element: T) {
        if self.0.last().is_none_or(|last| last.len() == LEN) {
            // The first segment starts small, because there may be many shards with few entries.
            let capacity = if self.0.is_empty() { 0 } else { LEN };
            make_room(&mut self.0, 1);
            self.0.push(Vec::with_capacity(capacity));
        }
        if let Some(last) = self.0.last_mut() {
            if last.len() == last.capacity() {
                last.reserve_exact(last.len().max(16).min(LEN - last.len()));
            }
            last.push(element);
        }
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let elements: usize = self.0.iter().map(Vec::capacity).sum();
        elements * size_of::<T>() + self.0.capacity() * size_of::<Vec<T>>()
    }
}

impl<T: Clone> Segments<T> {
    /// Appends copies of `element` until the list has `len` elements.
    #[inline]
    pub(super) fn fill_up(&mut self, len: usize, element: &T) {
        // The list is almost always long enough.
        if len > 0 && self.get(len - 1).is_none() {
            self.push_up_to(len, element);
        }
    }

    #[cold]
    fn push_up_to(&mut self, len: usize, element: &T) {
        while self.len() < len {
            self.push(element.clone());
        }
    }
}

/// Reserves room for `more` elements at the end of a list that lives long and mostly grows. A full list
/// grows by an eighth, but by at least 16 elements, and by at least `more`. Doubling could leave half of
/// the list empty.
pub(super) fn make_room<T>(list: &mut Vec<T>, more: usize) {
    if list.capacity() - list.len() < more {
        list.reserve_exact(more.max(list.len() / 8).max(16));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_their_number_and_stay_where_they_are() {
        let mut list = Segments::new();
        for number in 0..3 * LEN + 7 {
            assert_eq!((list.len(), list.get(number)), (number, None));
            list.push(number);
        }
        let place: *const usize = list.get(LEN + 1).unwrap();
        list.fill_up(100 * LEN, &7);
        assert!(std::ptr::eq(place, list.get(LEN + 1).unwrap()));
        assert_eq!(
            list.iter().take(3 * LEN + 7).copied().collect::<Vec<_>>(),
            (0..3 * LEN + 7).collect::<Vec<_>>()
        );
        for element in list.iter_mut() {
            *element += 1;
        }
        *list.get_mut(2 * LEN).unwrap() += 1;
        assert_eq!(
            (list.get(2 * LEN), list.get(100 * LEN - 1), list.get(100 * LEN)),
            (Some(&(2 * LEN + 2)), Some(&8), None)
        );
    }

    #[test]
    fn little_is_reserved_that_is_not_used() {
        let mut list = Segments::new();
        for number in 1..=100 * LEN {
            list.push([0_u8; 64]);
            let used = number * 64;
            let least = if number < LEN { 2 * used + 16 * 64 } else { used + LEN * 64 };
            assert!(list.bytes() <= least + used / 64 + 16 * 24, "{} for {number}", list.bytes());
        }
    }
}
