//! The type of slot ids.

/// The id of a slot in its shard. The policy and the expiry index use the same ids.
pub(in crate::memory) type SlotId = u32;
