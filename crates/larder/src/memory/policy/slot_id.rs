//! The id of a slot.

/// The id of a slot of the shard. The policy keeps its own data beside the slots, by the same id.
pub(crate) type SlotId = u32;
