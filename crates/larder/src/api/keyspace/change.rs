//! The answer of a closure that changes an entry atomically, and the result of the change.

use super::ttl::Ttl;
use crate::sys::sync::Arc;

/// The change that a closure requests for the entry of its key.
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

impl<V> Change<V> {
    /// Stores a value for the keyspace's TTL.
    pub fn insert(value: impl Into<Arc<V>>) -> Self {
        Self::Insert(value.into(), Ttl::Default)
    }

    /// Stores a value for a TTL.
    pub fn insert_for(value: impl Into<Arc<V>>, ttl: impl Into<Ttl>) -> Self {
        Self::Insert(value.into(), ttl.into())
    }
}

/// The result of an atomic change, with the values before and after it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Modified<V> {
    /// Nothing was changed. Holds the value of the live entry, if there is one.
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

impl<V> Modified<V> {
    /// Returns the value before the change, or `None` if there was no live entry.
    #[must_use]
    pub fn old(&self) -> Option<&V> {
        match self {
            Self::Kept(old) | Self::Inserted { old, .. } => old.as_deref(),
            Self::Removed(old) => Some(old),
        }
    }

    /// Returns the value after the change, or `None` if there is no live entry.
    #[must_use]
    pub fn new_value(&self) -> Option<&V> {
        match self {
            Self::Kept(kept) => kept.as_deref(),
            Self::Inserted { new, .. } => Some(new),
            Self::Removed(_) => None,
        }
    }

    /// Returns whether the entry was changed.
    #[must_use]
    pub const fn is_changed(&self) -> bool {
        !matches!(self, Self::Kept(_))
    }
}

/// A closure that computes a change from a live value and the TTL that it has left.
pub(super) type Compute<'a, V> = &'a mut dyn FnMut(Option<&Arc<V>>, Ttl) -> Change<V>;
