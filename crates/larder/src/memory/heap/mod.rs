//! How much memory a value owns. Keyspaces with [`weigh_heap`](crate::KeyspaceDefinition::weigh_heap) charge
//! their values by it.
//!
//! It counts the bytes that an allocator takes, not the bytes that are requested: a `String` of ten bytes
//! takes
//! 32. Libraries that sum up capacities come to half of that for collections of small values, so this trait
//!     is our own.

mod std_types;

/// A value that knows how much memory it owns besides its own bytes.
///
/// Types of the standard library implement it. For a struct of your own, name its fields with
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
/// An `enum`, by hand:
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
/// A walk over the value, down to the parts that own nothing: a `Vec<u64>` is one step, a `Vec<String>` one
/// for each element. A shared value (an `Arc`) counts in full for each of its holders.
pub trait HeapSize {
    /// Returns how many bytes of memory the value owns, without the bytes of the value itself.
    fn heap_size(&self) -> usize;
}

/// Implements [`HeapSize`](crate::heap::HeapSize) for a struct, as the sum of the named fields. A field that
/// is not named counts as owning nothing.
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

/// Returns how many bytes an allocator takes for a block of so many bytes. No bytes take nothing.
///
/// It counts as glibc does: eight bytes more, rounded up to sixteen, and at least 32. Other allocators take a
/// little less.
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

/// Returns the weight of a value: its own bytes, and those that it owns.
pub(crate) fn weight<V: HeapSize>(value: &V) -> u64 {
    size_of::<V>().saturating_add(value.heap_size()) as u64
}

#[cfg(test)]
mod tests;
