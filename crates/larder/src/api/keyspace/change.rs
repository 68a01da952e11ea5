//! The answer of a closure that changes an entry atomically, and what the change did.

use super::ttl::Ttl;
use crate::sys::sync::Arc;

/// What an atomic change does with the entry of its key.
#[derive(Debug)]
#[non_exhaustive]
pub enum Change<V> {
    /// Leaves the entry as it is, and a missing entry missing.
    Keep,
    /// Stores a value for a TTL.
    Insert(Arc<V>, Ttl),
    /// Removes the entry, durably.
    Remove,
}

/// What an atomic change did, with the values before and after it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Modified<V> {
    /// Nothing was changed. The value is that of the live entry, if there is one.
    Kept(Option<Arc<V>>),
    /// A value was stored.
    Inserted {
        /// The value that it replaced, if there was a live entry.
        old: Option<Arc<V>>,
        /// The value that was stored.
        new: Arc<V>,
    },
    /// The entry with this value was removed.
    Removed(Arc<V>),
}

/// A closure that computes a change from a live value and the TTL that it has left.
pub(super) type Compute<'a, V> = &'a mut dyn FnMut(Option<&Arc<V>>, Ttl) -> Change<V>;
