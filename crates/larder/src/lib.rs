#![forbid(unsafe_code)]
#![doc = include_str!("lib.md")]
// The `remote` module is always compiled. The modules of `admin` and `inspect` are compiled only with these
// features, and untyped handles only with `untyped`. A few functions of other modules are called only from
// these modules. The CI gate runs the lints with all features, so it still finds unused code.
#![cfg_attr(
    not(all(feature = "admin", feature = "remote", feature = "untyped")),
    allow(dead_code, reason = "used with the feature `admin`, `inspect`, `remote` or `untyped`")
)]
#![cfg_attr(
    not(all(feature = "inspect", feature = "remote", feature = "untyped")),
    allow(unreachable_pub, reason = "public with the feature `inspect`, `remote` or `untyped`")
)]

mod api;
mod config;
mod disk;
mod engine;
mod error;
mod event;
mod format;
mod memory;
mod ops;
#[cfg(any(test, feature = "remote"))]
pub mod remote;
#[cfg(not(any(test, feature = "remote")))]
#[allow(unused_imports, reason = "the module is public with the feature `remote`")]
mod remote;
mod stats;
mod sys;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;
mod units;

/// Clocks: the source of time for the expiry of entries. Timeouts are in real time.
pub mod clock {
    pub use crate::sys::clock::system::SystemClock;
    pub use crate::sys::clock::{Clock, MAX_COARSE_LAG, ManualClock};
}

/// Items for the model checker's tests. Only builds with `cfg(shuttle)` have this module.
#[cfg(shuttle)]
#[doc(hidden)]
pub mod model {
    pub use crate::sys::sync::failpoint::{Failpoint, set_failpoint};
    pub use crate::sys::sync::pass_time;
}

pub use crate::api::cache::Cache;
pub use crate::api::follower::{Follower, FollowerKeyspace};
pub use crate::api::invalidation::Invalidation;
#[cfg(feature = "async")]
pub use crate::api::invalidation::InvalidationCommit;
pub use crate::api::keyspace::Keyspace;
pub use crate::api::keyspace::absence::Found;
#[cfg(feature = "async")]
pub use crate::api::keyspace::asynchronous::stream::{EntryStream, KeyStream};
pub use crate::api::keyspace::change::{Change, CurrentEntry, Modified};
#[cfg(feature = "async")]
pub use crate::api::keyspace::change_commit::ModifyCommit;
pub use crate::api::keyspace::definition::{DEFAULT_COOL_DOWN, DEFAULT_TTL, KeyspaceDefinition};
pub use crate::api::keyspace::increment::Counter;
pub use crate::api::keyspace::insert_options::{Durability, InsertOptions};
pub use crate::api::keyspace::iterate::{Iter, Keys};
pub use crate::api::keyspace::load::{Load, Loaded};
pub use crate::api::keyspace::load_lease::LoadLease;
pub use crate::api::keyspace::loading::LoadingKeyspace;
#[cfg(feature = "async")]
pub use crate::api::keyspace::loading::asynchronous::AsyncLoadingKeyspace;
pub use crate::api::keyspace::loading::policy::LoadPolicy;
pub use crate::api::keyspace::lookup::{LookupOutcome, PendingLoad, Waited};
pub use crate::api::keyspace::modify_error::ModifyError;
#[cfg(feature = "async")]
pub use crate::api::keyspace::transaction::commit_wait::TransactionCommit;
pub use crate::api::keyspace::transaction::watch::Watch;
pub use crate::api::keyspace::transaction::{MAX_TRANSACTION_KEYS, Transaction};
pub use crate::api::keyspace::ttl::Ttl;
pub use crate::api::keyspace::update::Update;
#[cfg(feature = "untyped")]
pub use crate::api::untyped::UntypedKeyspace;
#[cfg(feature = "untyped")]
pub use crate::api::untyped::pinned::{PinnedKeyspace, UntypedInfo, UntypedKeys};
pub use crate::config::file_size::MAX_LENGTH_PER_CAPACITY;
#[cfg(feature = "async")]
pub use crate::config::load_settings::{BackgroundLoad, DEFAULT_LOAD_TASKS};
pub use crate::config::load_settings::{DEFAULT_LEASE_TIMEOUT, DEFAULT_LOAD_THREADS};
pub use crate::config::settings::Settings;
pub use crate::config::url::URL_VARIABLE;
pub use crate::config::weigher::EntryInfo;
pub use crate::config::{
    CacheBuilder, DEFAULT_DISK_CAPACITY, DEFAULT_FLUSH_INTERVAL, DEFAULT_MEMORY_CAPACITY, DEFAULT_PAGE_CACHE,
    DEFAULT_SLOW_LOAD, DEFAULT_SWEEP_INTERVAL, DEFAULT_VERIFY_ON_OPEN, DEFAULT_WRITE_BUFFER,
    MAX_DEFAULT_WRITE_BUFFER, MAX_TTL, MIN_TTL,
};
pub use crate::disk::file::cache_file::backoff::{INITIAL_RETRY_DELAY, MAX_RETRY_DELAY};
pub use crate::disk::file::quarantine::MAX_QUARANTINED;
pub use crate::disk::reader::keyspace_info::KeyspaceInfo;
pub use crate::disk::store::keyspace_row::{MAX_RETIRED_VERSIONS, RetiredVersion};
#[cfg(feature = "untyped")]
pub use crate::engine::keyspaces::open_keyspace::{MemoryLookup, Shortened};
pub use crate::engine::sweeper::WATCH_INTERVAL;
pub use crate::engine::sweeper::report::SweepReport;
pub use crate::engine::verify::VerifyReport;
pub use crate::error::Error;
pub use crate::error::load_error::LoadError;
pub use crate::error::remote_error::{RemoteError, RemoteErrorKind};
pub use crate::event::Event;
pub use crate::format::codec::compression::Compression;
pub use crate::format::codec::error::CodecError;
pub use crate::format::codec::format::Format;
pub use crate::format::codec::limits::MAX_VALUE_LEN;
pub use crate::format::codec::limits::{MAX_DEPTH, MAX_EMPTY_ELEMENTS};
pub use crate::format::key::bytes::{KeyReader, KeyWriter};
pub use crate::format::key::error::KeyError;
pub use crate::format::key::scope::{Any, KeyPattern, PatternPart, PatternWriter};
pub use crate::format::key::{EncodeKey, Key, KeyPrefix, MAX_KEY_LEN};
pub use crate::memory::heap;
pub use crate::memory::weight::ENTRY_OVERHEAD;
#[cfg(any(test, feature = "admin"))]
pub use crate::ops::admin;
#[cfg(all(unix, feature = "control"))]
pub use crate::ops::control;
#[cfg(any(test, feature = "inspect"))]
pub use crate::ops::inspect;
#[cfg(feature = "metrics")]
pub use crate::ops::metrics;
pub use crate::stats::cumulative::CumulativeStats;
pub use crate::stats::latency::{Latencies, LatencyBucket};
pub use crate::stats::observe::hot::MAX_HOT_KEYS;
pub use crate::stats::observe::hot::{HotKey, HotKeys, HotKeyspace, HotLookups};
pub use crate::stats::observe::recent::HALF_LIFE;
pub use crate::stats::observe::slow::{MAX_SLOW_LOADS, SlowLoad, SlowLoads};
pub use crate::stats::recent::Recent;
pub use crate::stats::remote::RemoteStats;
pub use crate::stats::{DiskState, DiskStats, KeyspaceStats, MemoryStats, Stats};
#[cfg(feature = "async")]
pub use crate::sys::inline_calls::InlineCalls;
pub use crate::units::{ByteSize, ParseByteSizeError, Remaining, Timestamp};

#[cfg(feature = "derive")]
pub use larder_derive::Key;

/// Compiles the example of the package's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
