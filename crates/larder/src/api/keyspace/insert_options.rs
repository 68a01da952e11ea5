//! The options of one insert: its TTL, and when the insert returns.

use super::ttl::Ttl;

/// The moment at which an insert returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// The insert returns when memory has the value. The value reaches the disk within the flush interval.
    #[default]
    Buffered,
    /// The insert returns when the disk has the value: after a commit, shared with other waiting callers.
    Immediate,
}

/// The options of [`insert_with`](crate::Keyspace::insert_with), and of the atomic inserts: the TTL and the
/// durability of one insert.
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

    /// Sets the TTL of this entry: a [`Ttl`], or a duration from 1 ms to ten years, or the time until which
    /// the entry lives.
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
