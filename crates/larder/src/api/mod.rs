//! The public API: the cache, its keyspaces with and without their types, invalidations of several keys,
//! and a reader of a file that another process uses.

pub(crate) mod cache;
pub(crate) mod follower;
pub(crate) mod invalidation;
pub(crate) mod keyspace;
#[cfg(feature = "untyped")]
pub(crate) mod untyped;
