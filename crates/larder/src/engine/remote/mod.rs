//! The remote tier: a cache on a server that several machines share. It takes the place of the file.
//!
//! The engine knows the server only as a [`RemoteTier`](tier::RemoteTier). The crate `larder-redis`
//! implements it. [`near`] is the other direction: the calls by which the tier reports changes at the server
//! to the cache.
//!
//! - [`tier`]: the requests, their answers, and the order that the tier must keep.
//! - [`reply`]: the two ends of an answer, for threads and for tasks.
//! - [`near`]: the near cache, which is the memory tier in front of the server.

pub(crate) mod near;
pub(crate) mod reply;
pub(crate) mod tier;
