//! The type of the ids of slots.

/// The id of a slot in its shard. The policy and the expiry order keep their own data under the same id.
pub(in crate::memory) type SlotId = u32;
