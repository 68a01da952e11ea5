#![forbid(unsafe_code)]
#![doc = include_str!("lib.md")]

mod cache;
pub mod clock;
mod codec;
mod config;
mod disk;
mod error;
mod follower;
mod id;
mod inner;
mod key;
mod keyspace;
mod load;
mod memory;
mod record;
mod space;
mod stats;
mod sync;
#[cfg(feature = "test-util")]
#[doc(hidden)]
pub mod testing;
mod units;

pub use cache::Cache;
pub use codec::{CodecError, MAX_DEPTH, MAX_EMPTY_ELEMENTS, MAX_VALUE_LEN};
pub use config::{
    CacheBuilder, DEFAULT_DISK_CAPACITY, DEFAULT_FLUSH_INTERVAL, DEFAULT_MEMORY_CAPACITY, DEFAULT_PAGE_CACHE,
    DEFAULT_SWEEP_INTERVAL, DEFAULT_VERIFY_ON_OPEN, DEFAULT_WRITE_BUFFER, LEAST_TTL, MOST_TTL, Weighed,
};
pub use disk::{MOST_QUARANTINED, Swept};
pub use error::{Error, LoadError};
pub use follower::{FollowedKeyspace, Follower, FollowerKeyspace};
pub use key::{AsKey, Key, KeyError, KeyPrefix, KeyReader, KeyWriter, MAX_KEY_LEN};
pub use keyspace::{
    DEFAULT_TTL, Durability, InsertOptions, Iter, Keys, Keyspace, KeyspaceDefinition, Update,
};
pub use memory::ENTRY_OVERHEAD;
pub use stats::{DiskStats, KeyspaceStats, MemoryStats, Stats};
pub use units::{ByteSize, Timestamp};

/// The example of the README compiles, too.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}
