//! Implements `Content` for collections and tuples.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::hash::Hash;
use std::sync::Arc;

use crate::content::{Content, Maker};

fn many<T: Content, C: FromIterator<T>>(maker: &mut Maker) -> C {
    let len = maker.len();
    maker.deeper(|maker| (0..len).map(|_| T::make(maker)).collect())
}

/// Returns whether both iterators have the same length and equal parts at equal positions.
fn in_order<'a, T: Content + 'a>(
    one: impl ExactSizeIterator<Item = &'a T>,
    other: impl ExactSizeIterator<Item = &'a T>,
    with_losses: bool,
) -> bool {
    one.len() == other.len() && one.zip(other).all(|(one, other)| one.same(other, with_losses))
}

macro_rules! sequences {
    ($($type:ident)*) => {$(
        impl<T: Content> Content for $type<T> {
            fn make(maker: &mut Maker) -> Self {
                many(maker)
            }

            fn same(&self, read: &Self, with_losses: bool) -> bool {
                in_order(self.iter(), read.iter(), with_losses)
            }
        }
    )*};
}

sequences!(Vec VecDeque LinkedList);

impl<T: Content> Content for Box<[T]> {
    fn make(maker: &mut Maker) -> Self {
        many(maker)
    }

    fn same(&self, read: &Self, with_losses: bool) -> bool {
        in_order(self.iter(), read.iter(), with_losses)
    }
}

impl<T: Content> Content for Arc<[T]> {
    fn make(maker: &mut Maker) -> Self {
        many(maker)
    }

    fn same(&self, read: &Self, with_losses: bool) -> bool {
        in_order(self.iter(), read.iter(), with_losses)
    }
}

impl<T: Content + Ord> Content for BTreeSet<T> {
    fn make(maker: &mut Maker) -> Self {
        many(maker)
    }

    fn same(&self, read: &Self, with_losses: bool) -> bool {
        in_order(self.iter(), read.iter(), with_losses)
    }
}

impl<T: Content + Ord> Content for BinaryHeap<T> {
    fn make(maker: &mut Maker) -> Self {
        many(maker)
    }

    fn same(&self, read: &Self, with_losses: bool) -> bool {
        let sorted = |heap: &Self| {
            let mut all: Vec<usize> = (0..heap.len()).collect();
            let values: Vec<&T> = heap.iter().collect();
            all.sort_by_key(|at| values[*at]);
            all
        };
        let (one, other): (Vec<&T>, Vec<&T>) = (self.iter().collect(), read.iter().collect());
        one.len() == other.len()
            && sorted(self).into_iter().zip(sorted(read)).all(|(at, to)| one[at].same(other[to], with_losses))
    }
}

impl<T: Content + Hash + Eq> Content for HashSet<T> {
    fn make(maker: &mut Maker) -> Self {
        many(maker)
    }

    fn same(&self, read: &Self, _: bool) -> bool {
        self == read
    }
}

impl<K: Content + Ord, V: Content> Content for BTreeMap<K, V> {
    fn make(maker: &mut Maker) -> Self {
        many(maker)
    }

    fn same(&self, read: &Self, with_losses: bool) -> bool {
        let held = |(key, value): (&K, &V)| read.get(key).is_some_and(|read| value.same(read, with_losses));
        self.len() == read.len() && self.iter().all(held)
    }
}

impl<K: Content + Hash + Eq, V: Content> Content for HashMap<K, V> {
    fn make(maker: &mut Maker) -> Self {
        many(maker)
    }

    fn same(&self, read: &Self, with_losses: bool) -> bool {
        let held = |(key, value): (&K, &V)| read.get(key).is_some_and(|read| value.same(read, with_losses));
        self.len() == read.len() && self.iter().all(held)
    }
}

impl<T: Content, const N: usize> Content for [T; N] {
    fn make(maker: &mut Maker) -> Self {
        std::array::from_fn(|_| T::make(maker))
    }

    fn same(&self, read: &Self, with_losses: bool) -> bool {
        in_order(self.iter(), read.iter(), with_losses)
    }
}

macro_rules! tuples {
    ($(($($part:ident $at:tt)*))*) => {$(
        impl<$($part: Content),*> Content for ($($part,)*) {
            fn make(maker: &mut Maker) -> Self {
                ($($part::make(maker),)*)
            }

            fn same(&self, read: &Self, with_losses: bool) -> bool {
                true $(&& self.$at.same(&read.$at, with_losses))*
            }
        }
    )*};
}

tuples!((A 0) (A 0 B 1) (A 0 B 1 C 2) (A 0 B 1 C 2 D 3));
