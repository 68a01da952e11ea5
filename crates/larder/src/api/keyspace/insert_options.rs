//! The options of one insert: its TTL and its durability.

use super::ttl::Ttl;

/// When an insert returns. In a remote tier, every insert returns when the server has the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// The insert returns when the value is in memory. The value reaches the disk within the flush interval.
    #[default]
    Buffered,
    /// The insert returns when the value is on disk: after one commit, shared with other waiting callers.
    /// In a keyspace that is not in a file, it returns as with `Buffered`.
    Immediate,
}

/// The TTL and the durability of an insert, for [`insert_with`](crate::Keyspace::insert_with) and similar
/// calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use = "options do nothing until they are passed to insert_with"]
pub struct InsertOptions {
    pub(super) ttl: Ttl,
    pub(super) durability: Durability,
}

impl InsertOptions {
    /// Returns the options that `insert` uses: the keyspace's TTL, and [`Durability::Buffered`].
    pub const fn new() -> Self {
        Self { ttl: Ttl::Default, durability: Durability::Buffered }
    }

    /// Sets the TTL of the entry: a [`Ttl`], a duration from 1 ms to ten years, or the time at which the
    /// entry expires.
    pub fn ttl(mut self, ttl: impl Into<Ttl>) -> Self {
        self.ttl = ttl.into();
        self
    }

    /// Sets when the insert returns.
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }
}
