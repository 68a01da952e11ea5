//! How much memory a value owns: for keyspaces whose budget is to be what their values take
//! ([`KeyspaceDefinition::weigh_heap`](crate::KeyspaceDefinition::weigh_heap)).
//!
//! What is counted is what an allocator takes, not what is asked of it: a `String` of ten bytes takes 32.
//! Hence this trait, where libraries that sum up capacities come to half of that for collections of small
//! things.

mod std_types;

/// A value that can say how much memory it owns besides its own bytes.
///
/// Types of the standard library can. A struct of yours says it of its fields, with
/// [`heap_size!`](crate::heap_size) or by hand:
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
/// A walk over the value, down to where nothing more is owned: a `Vec<u64>` is one step, a `Vec<String>`
/// one for each element. What is shared (an `Arc`) counts in full for each who holds it.
pub trait HeapSize {
    /// Returns how many bytes of memory the value owns, without those of its own place.
    fn heap_size(&self) -> usize;
}

/// Implements [`HeapSize`](crate::heap::HeapSize) for a struct, as the sum of the fields that are named. A
/// field that is not named counts as owning nothing.
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

/// Returns how many bytes an allocator takes for a block of so many; nothing for none.
///
/// As glibc counts: eight bytes more, rounded up to sixteen, and 32 at least. Others take a little less.
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

/// What a value weighs: its own place, and what it owns.
pub(crate) fn weight<V: HeapSize>(value: &V) -> u64 {
    size_of::<V>().saturating_add(value.heap_size()) as u64
}

#[cfg(test)]
mod tests;
