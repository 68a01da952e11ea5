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

/// Segments are arrays, so an element is found with one check, that of its segment.
#[derive(Debug)]
pub(super) struct Segments<T>(Vec<Box<[T; LEN]>>);

impl<T> Segments<T> {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Returns an element. Returns `None` if no element up to this one was ever [covered](Self::cover).
    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<&T> {
        self.0.get(at / LEN)?.get(at % LEN)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.0.get_mut(at / LEN)?.get_mut(at % LEN)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flat_map(|segment| segment.iter())
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().flat_map(|segment| segment.iter_mut())
    }

    /// Extends the list to include an element. New elements are made by `vacant`.
    #[inline]
    pub(super) fn cover(&mut self, at: usize, vacant: impl Fn() -> T) {
        // The list is almost always long enough.
        if at / LEN >= self.0.len() {
            self.cover_slowly(at, vacant);
        }
    }

    #[cold]
    fn cover_slowly(&mut self, at: usize, vacant: impl Fn() -> T) {
        while at / LEN >= self.0.len() {
            make_room(&mut self.0, 1);
            let segment: Box<[T]> = (0..LEN).map(|_| vacant()).collect();
            let Ok(segment) = segment.try_into() else { return };
            self.0.push(segment);
        }
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.0.len() * LEN * size_of::<T>() + self.0.capacity() * size_of::<Box<[T; LEN]>>()
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
            list.cover(number, || 7);
            *list.get_mut(number).unwrap() = number;
        }
        let place: *const usize = list.get(LEN + 1).unwrap();
        list.cover(100 * LEN - 1, || 8);
        assert!(std::ptr::eq(place, list.get(LEN + 1).unwrap()));
        let elements: Vec<_> = list.iter().copied().collect();
        assert_eq!(elements[..3 * LEN + 7], (0..3 * LEN + 7).collect::<Vec<_>>());
        assert_eq!((elements[3 * LEN + 7], elements[4 * LEN], elements.len()), (7, 8, 100 * LEN));
        for element in list.iter_mut() {
            *element += 1;
        }
        *list.get_mut(2 * LEN).unwrap() += 1;
        assert_eq!(
            (list.get(2 * LEN), list.get(100 * LEN - 1), list.get(100 * LEN)),
            (Some(&(2 * LEN + 2)), Some(&9), None)
        );
    }

    #[test]
    fn little_is_reserved_that_is_not_used() {
        let mut list = Segments::new();
        for number in 1..=100 * LEN {
            list.cover(number - 1, || [0_u8; 64]);
            let used = number * 64;
            assert!(list.bytes() <= used + LEN * 64 + used / 64 + 16 * 8, "{} for {number}", list.bytes());
        }
    }
}
