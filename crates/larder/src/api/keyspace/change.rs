//! The types for atomic changes: the change that a closure requests, and the result.

use super::ttl::Ttl;
use crate::sys::sync::Arc;
use crate::sys::user_code::drop_caught;
use crate::units::{Remaining, Timestamp};

/// The change that a closure requests for the entry of its key.
#[derive(Debug)]
#[non_exhaustive]
pub enum Change<V> {
    /// Changes nothing.
    Keep,
    /// Stores a value with the given TTL.
    Insert(Arc<V>, Ttl),
    /// Removes the entry, durably.
    Remove,
}

impl<V> Change<V> {
    /// Returns a change that stores a value with the keyspace's TTL.
    pub fn insert(value: impl Into<Arc<V>>) -> Self {
        Self::Insert(value.into(), Ttl::Default)
    }

    /// Returns a change that stores a value with the given TTL.
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
        /// The replaced value, if there was a live entry.
        old: Option<Arc<V>>,
        /// The stored value.
        new: Arc<V>,
    },
    /// The entry was removed. Holds its value.
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

    /// Returns whether an entry was stored or removed.
    #[must_use]
    pub const fn is_changed(&self) -> bool {
        !matches!(self, Self::Kept(_))
    }

    /// Drops each value, and catches a panic of its `Drop`. If both values were dropped at once, a second
    /// panic during the first one would end the process.
    pub(super) fn drop_caught(self) {
        match self {
            Self::Kept(value) => drop_caught(value),
            Self::Inserted { old, new } => {
                drop_caught(old);
                drop_caught(new);
            }
            Self::Removed(value) => drop_caught(value),
        }
    }
}

/// The live entry of a key, as an atomic change finds it.
#[derive(Debug)]
#[non_exhaustive]
pub struct CurrentEntry<'a, V> {
    /// The value, or `None` if the key has no live entry.
    pub value: Option<&'a V>,
    /// When the TTL of the entry ends: [`Timestamp::NEVER`] for an entry that never expires, and `None` if
    /// the key has no live entry.
    pub ends_at: Option<Timestamp>,
    /// The time of the cache at which the entry was found. A comparison of [`ends_at`](Self::ends_at) with
    /// this time, or with an expiry counted from it, reads the clock once.
    pub now: Timestamp,
}

/// When the live entry of a key ends, and the time of the reading.
#[derive(Debug, Clone, Copy)]
pub(super) struct CurrentLife {
    pub(super) ends_at: Option<Timestamp>,
    pub(super) now: Timestamp,
}

impl CurrentLife {
    /// Returns the remaining TTL, or [`Ttl::Default`] if the key has no live entry.
    pub(super) fn left(self) -> Ttl {
        self.ends_at.map_or(Ttl::Default, |ends_at| Remaining::until(ends_at, self.now).into())
    }
}

/// A closure that computes a change from the live value, if there is one, and its life.
pub(super) type Compute<'a, V> = &'a mut dyn FnMut(Option<&Arc<V>>, CurrentLife) -> Change<V>;
