//! The remote tier: a cache that several machines share over a server, in the place of the file.
//!
//! The engine knows the server only as a [`RemoteTier`](tier::RemoteTier). The crate `larder-redis`
//! implements it. [`near`] is the other direction: what the tier tells the cache of changes at the server.
//!
//! - [`tier`]: the requests, their answers, and the order that the tier must keep.
//! - [`reply`]: the two ends of an answer, for threads and for tasks.
//! - [`near`]: the near cache, which is the memory tier in front of the server.

pub(crate) mod near;
pub(crate) mod reply;
pub(crate) mod tier;
