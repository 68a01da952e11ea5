//! The id of a slot. The slots, the policy and the expiry order share these ids.

/// The id of a slot in its shard. The policy and the expiry order keep their own data under the same id.
pub(in crate::memory) type SlotId = u32;
