//! The memory that a value owns. Keyspaces with [`weigh_heap`](crate::KeyspaceDefinition::weigh_heap) weigh
//! their values by it.
//!
//! The size includes the allocator's overhead for each block. For example, a `String` of ten bytes takes 32
//! bytes. Libraries that only add up capacities report half of the real memory for collections of small
//! values, so larder has its own trait.

mod std_types;

/// A value that can report how much memory it owns besides its own bytes.
///
/// Many types of the standard library implement this trait. For your own struct, name the fields with
/// [`heap_size!`](crate::heap_size), or implement the trait by hand:
///
/// ```
/// use larder::KeyspaceDefinition;
///
/// struct Product {
///     name: String,
///     codes: Vec<String>,
///     price: u64,
/// }
/// larder::heap_size!(Product { name, codes, price });
///
/// const PRODUCT: KeyspaceDefinition<u64, Product> = KeyspaceDefinition::new("product").weigh_heap();
/// ```
///
/// For an `enum`, implement the trait by hand:
///
/// ```
/// use larder::heap::HeapSize;
///
/// enum Price {
///     Fixed(u64),
///     Tiers(Vec<u64>),
/// }
///
/// impl HeapSize for Price {
///     fn heap_size(&self) -> usize {
///         match self {
///             Self::Fixed(_) => 0,
///             Self::Tiers(tiers) => tiers.heap_size(),
///         }
///     }
/// }
/// ```
///
/// # Cost
/// The call visits every part of the value that may own memory. A `Vec<u64>` needs one step, and a
/// `Vec<String>` needs one step for each element. The content of an `Arc` is counted in full for each of its
/// holders.
pub trait HeapSize {
    /// Returns how many bytes of memory the value owns, without the bytes of the value itself.
    fn heap_size(&self) -> usize;
}

/// Implements [`HeapSize`](crate::heap::HeapSize) for a struct, as the sum of the `heap_size` of the named
/// fields. A field that is not named does not count.
///
/// ```
/// use larder::heap::HeapSize;
///
/// struct Product {
///     name: String,
///     price: u64,
/// }
/// larder::heap_size!(Product { name, price });
///
/// let product = Product { name: "a name of 23 characters".to_owned(), price: 5 };
/// assert_eq!(product.heap_size(), 32);
/// ```
#[macro_export]
macro_rules! heap_size {
    ($type:ty { $($field:ident),* $(,)? }) => {
        impl $crate::heap::HeapSize for $type {
            fn heap_size(&self) -> usize {
                0 $(+ $crate::heap::HeapSize::heap_size(&self.$field))*
            }
        }
    };
}

/// Returns how many bytes an allocator uses for a block of `bytes` bytes. Returns 0 for 0 bytes.
///
/// The result matches glibc: `bytes` plus eight, rounded up to a multiple of sixteen, and at least 32.
/// Other allocators may use slightly more or less.
#[must_use]
pub const fn block(bytes: usize) -> usize {
    const HEADER: usize = 8;
    const UNIT: usize = 16;
    const LEAST: usize = 32;
    let rounded = bytes.saturating_add(HEADER + UNIT - 1) / UNIT * UNIT;
    match bytes {
        0 => 0,
        _ if rounded < LEAST => LEAST,
        _ => rounded,
    }
}

/// Returns the weight of a value: its own bytes plus the bytes that it owns.
pub(crate) fn weight<V: HeapSize>(value: &V) -> u64 {
    size_of::<V>().saturating_add(value.heap_size()) as u64
}

#[cfg(test)]
mod tests;
