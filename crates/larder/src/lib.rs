#![forbid(unsafe_code)]
#![doc = include_str!("lib.md")]

pub mod admin;
mod cache;
pub mod clock;
mod codec;
mod config;
#[cfg(all(unix, feature = "control"))]
pub mod control;
mod disk;
mod error;
mod escape;
mod event;
mod follower;
pub mod heap;
mod holders;
mod id;
mod inner;
pub mod inspect;
mod invalidation;
mod key;
mod keyspace;
mod load;
mod memory;
#[cfg(feature = "metrics")]
pub mod metrics;
mod observe;
mod process;
mod record;
mod removal;
mod space;
mod stats;
mod sync;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;
mod units;
mod url;
mod volume;

/// What the model checker's tests need beyond the interface; part of no other build.
#[cfg(shuttle)]
#[doc(hidden)]
pub mod model {
    pub use crate::sync::pass_time;
    pub use crate::sync::planted::{Fault, plant};
}

pub use cache::Cache;
pub use codec::{CodecError, Compression, Format, MAX_DEPTH, MAX_EMPTY_ELEMENTS, MAX_VALUE_LEN};
pub use config::{
    CacheBuilder, DEFAULT_DISK_CAPACITY, DEFAULT_FLUSH_INTERVAL, DEFAULT_MEMORY_CAPACITY, DEFAULT_PAGE_CACHE,
    DEFAULT_SLOW_LOAD, DEFAULT_SWEEP_INTERVAL, DEFAULT_VERIFY_ON_OPEN, DEFAULT_WRITE_BUFFER, LEAST_TTL,
    MAX_LENGTH_PER_CAPACITY, MOST_TTL, Settings, Weighed,
};
pub use disk::{FIRST_DISK_RETRY, LAST_DISK_RETRY, MOST_QUARANTINED, Swept, Verified, WATCH_INTERVAL};
pub use error::{Error, LoadError};
pub use event::Event;
pub use follower::{FollowedKeyspace, Follower, FollowerKeyspace};
pub use invalidation::Invalidation;
pub use key::{
    Any, AsKey, Key, KeyError, KeyPattern, KeyPrefix, KeyReader, KeyWriter, MAX_KEY_LEN, PatternPart,
    PatternWriter,
};
pub use keyspace::{
    DEFAULT_TTL, Durability, InsertOptions, Iter, Keys, Keyspace, KeyspaceDefinition, Update,
};
pub use memory::ENTRY_OVERHEAD;
pub use observe::{
    HALF_LIFE, HotKey, HotKeys, HotKeyspace, HotLookups, MAX_HOT_KEYS, MAX_SLOW_LOADS, SlowLoad, SlowLoads,
};
pub use stats::{
    DiskState, DiskStats, KeyspaceStats, Latencies, LatencyBucket, Lifetime, MemoryStats, Recent, Stats,
};
pub use units::{ByteSize, Timestamp};
pub use url::URL_VARIABLE;

/// Compiles the example of the package's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
