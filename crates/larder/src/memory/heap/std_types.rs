//! [`HeapSize`] for the types of the standard library.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, VecDeque};
use std::mem::needs_drop;
use std::path::{Path, PathBuf};

use super::{HeapSize, block};
use crate::sys::sync::Arc;

macro_rules! own_nothing {
    ($($type:ty),* $(,)?) => {$(
        impl HeapSize for $type {
            fn heap_size(&self) -> usize {
                0
            }
        }
    )*};
}

own_nothing!(
    (),
    bool,
    char,
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    f32,
    f64,
    std::num::NonZeroU8,
    std::num::NonZeroU16,
    std::num::NonZeroU32,
    std::num::NonZeroU64,
    std::num::NonZeroU128,
    std::num::NonZeroUsize,
    std::num::NonZeroI8,
    std::num::NonZeroI16,
    std::num::NonZeroI32,
    std::num::NonZeroI64,
    std::num::NonZeroI128,
    std::num::NonZeroIsize,
    std::time::Duration,
    std::time::Instant,
    std::time::SystemTime,
    std::net::IpAddr,
    std::net::Ipv4Addr,
    std::net::Ipv6Addr,
    std::net::SocketAddr,
    str,
    Path,
);

/// A reference does not own its target, so it counts as zero.
impl<T: ?Sized> HeapSize for &T {
    fn heap_size(&self) -> usize {
        0
    }
}

impl<T: ?Sized> HeapSize for std::marker::PhantomData<T> {
    fn heap_size(&self) -> usize {
        0
    }
}

/// Returns the memory that the elements own. Visits no element if their type cannot own memory.
fn all<'a, T: HeapSize + 'a>(elements: impl IntoIterator<Item = &'a T>) -> usize {
    if needs_drop::<T>() { elements.into_iter().map(HeapSize::heap_size).sum() } else { 0 }
}

impl<T: HeapSize> HeapSize for [T] {
    fn heap_size(&self) -> usize {
        all(self)
    }
}

impl<T: HeapSize, const N: usize> HeapSize for [T; N] {
    fn heap_size(&self) -> usize {
        all(self)
    }
}

impl<T: HeapSize> HeapSize for Vec<T> {
    fn heap_size(&self) -> usize {
        block(self.capacity() * size_of::<T>()) + all(self)
    }
}

impl<T: HeapSize> HeapSize for VecDeque<T> {
    fn heap_size(&self) -> usize {
        block(self.capacity() * size_of::<T>()) + all(self)
    }
}

impl<T: HeapSize> HeapSize for BinaryHeap<T> {
    fn heap_size(&self) -> usize {
        block(self.capacity() * size_of::<T>()) + all(self)
    }
}

impl HeapSize for String {
    fn heap_size(&self) -> usize {
        block(self.capacity())
    }
}

impl HeapSize for PathBuf {
    fn heap_size(&self) -> usize {
        block(self.capacity())
    }
}

impl<T: HeapSize + ?Sized> HeapSize for Box<T> {
    fn heap_size(&self) -> usize {
        block(size_of_val(&**self)) + (**self).heap_size()
    }
}

/// The content is counted in full for each holder.
impl<T: HeapSize + ?Sized> HeapSize for Arc<T> {
    fn heap_size(&self) -> usize {
        const COUNTERS: usize = 2 * size_of::<usize>();
        block(COUNTERS + size_of_val(&**self)) + (**self).heap_size()
    }
}

impl<T: HeapSize> HeapSize for Option<T> {
    fn heap_size(&self) -> usize {
        self.as_ref().map_or(0, HeapSize::heap_size)
    }
}

impl<T: HeapSize, E: HeapSize> HeapSize for Result<T, E> {
    fn heap_size(&self) -> usize {
        self.as_ref().map_or_else(HeapSize::heap_size, HeapSize::heap_size)
    }
}

impl<T: ToOwned + ?Sized> HeapSize for Cow<'_, T>
where
    T::Owned: HeapSize,
{
    fn heap_size(&self) -> usize {
        match self {
            Cow::Borrowed(_) => 0,
            Cow::Owned(owned) => owned.heap_size(),
        }
    }
}

impl<K: HeapSize, V: HeapSize, S> HeapSize for HashMap<K, V, S> {
    fn heap_size(&self) -> usize {
        hash_table(self.capacity(), size_of::<(K, V)>()) + all(self.keys()) + all(self.values())
    }
}

impl<T: HeapSize, S> HeapSize for HashSet<T, S> {
    fn heap_size(&self) -> usize {
        hash_table(self.capacity(), size_of::<T>()) + all(self)
    }
}

impl<K: HeapSize, V: HeapSize> HeapSize for BTreeMap<K, V> {
    fn heap_size(&self) -> usize {
        tree(self.len(), size_of::<K>() + size_of::<V>()) + all(self.keys()) + all(self.values())
    }
}

impl<T: HeapSize> HeapSize for BTreeSet<T> {
    fn heap_size(&self) -> usize {
        tree(self.len(), size_of::<T>()) + all(self)
    }
}

/// Returns the memory of the standard library's hash table. The number of buckets is a power of two, and at
/// least an eighth of the buckets stays empty. Each bucket has one control byte, and the table has 16 extra
/// control bytes.
fn hash_table(capacity: usize, bucket: usize) -> usize {
    let buckets = match capacity {
        0 => return 0,
        1..=3 => 4,
        4..=7 => 8,
        _ => (capacity.saturating_mul(8) / 7).next_power_of_two(),
    };
    block(buckets * (bucket + 1) + 16)
}

/// Returns an estimate of the memory of the standard library's B-tree. A tree does not report how full its
/// nodes are. If elements are inserted in order, as by a decoder, a leaf and its separator hold seven
/// elements. If a sorted list is collected, they hold twelve. This function assumes eight. So the real size
/// is a seventh larger in the first case, and a third smaller in the second.
fn tree(len: usize, element: usize) -> usize {
    const MOST: usize = 11;
    const LINKS: usize = 16;
    const EDGES: usize = (MOST + 1) * size_of::<usize>();
    let nodes = |below: usize| below.div_ceil(8);
    let leaf = block(MOST * element + LINKS);
    let inner = block(MOST * element + LINKS + EDGES);
    let mut level = nodes(len);
    let mut bytes = level * leaf;
    while level > 1 {
        level = nodes(level);
        bytes += level * inner;
    }
    bytes
}

macro_rules! tuples {
    ($($name:ident)*) => {
        impl<$($name: HeapSize),*> HeapSize for ($($name,)*) {
            #[expect(non_snake_case, reason = "the names of the types serve for their values")]
            fn heap_size(&self) -> usize {
                let ($($name,)*) = self;
                0 $(+ $name.heap_size())*
            }
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
