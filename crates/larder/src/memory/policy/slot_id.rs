//! The id of a slot, which the slots, the policy and the expiry order share.

/// The id of a slot in its shard. The policy and the expiry order keep their own data under the same id.
pub(crate) type SlotId = u32;
