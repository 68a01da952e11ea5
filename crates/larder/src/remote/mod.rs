//! The seam for a remote tier: a cache that several machines share over a server, in the place of the file.
//!
//! The cache knows the server only as a [`RemoteTier`]. The crate `larder-redis` implements it. [`NearTier`]
//! is the other direction: what the tier tells the cache of changes at the server.
//!
//! - [`tier`]: the requests, their answers, and the order that the tier must keep.
//! - [`reply`](mod@reply): the two ends of an answer, for threads and for tasks.
//! - [`near`]: the near cache, which is the memory tier in front of the server.

pub(crate) mod near;
pub(crate) mod reply;
pub(crate) mod tier;

pub use near::NearTier;
pub use reply::{RemoteAnswer, RemoteReply, RemoteResult, reply};
pub use tier::{
    FillReply, LeaseReply, LeaseToken, Life, RemoteKey, RemoteKeyspace, RemoteRecord, RemoteTier, ScanCursor,
    ScanPage, SetCondition, Validity,
};
