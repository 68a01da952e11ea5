//! The remote tier in the engine: lookups, changes and pushes of keys at a server ([`crate::remote`]).
//!
//! - [`link`]: requests, and the waits for their answers.
//! - [`lookup`]: the steps of a lookup.
//! - [`removal`]: removals of keys and ranges.
//! - [`fences`]: the fences of updates. [`slot_leases`]: the leases of loads. [`renewal`]: the renewal of
//!   both.
//! - [`replaced`]: a record that a load replaces.
//! - [`sharing`]: which callers get the value of a load.
//! - [`near`]: the effect of a push on memory.
//! - [`push_waits`]: the waits of callers for a push.
//! - [`uses`]: uses of entries that have a time to idle. [`sent_uses`]: the uses that are on their way.

pub(crate) mod batch_room;
pub(crate) mod fences;
pub(crate) mod link;
pub(crate) mod lookup;
pub(super) mod near;
pub(crate) mod push_waits;
pub(super) mod removal;
mod renewal;
pub(crate) mod replaced;
mod sent_uses;
pub(crate) mod sharing;
pub(crate) mod slot_leases;
mod uses;
