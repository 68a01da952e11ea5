#![forbid(unsafe_code)]
#![cfg(unix)]
//! Redis or Valkey as the shared tier of [`larder`] caches on several machines.
//!
//! ```no_run
//! use larder::KeyspaceDefinition;
//!
//! const PRICES: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("prices");
//!
//! let cache = larder_redis::open_url("redis://shop:password@redis.example.com:6379/1?prefix=shop&memory=64MiB")?;
//! let prices = cache.keyspace(PRICES)?;
//! prices.insert("MTNVTU", 100)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A cache that is opened by [`open_url`] or [`from_env`] has its entries at a server. Memory has copies of
//! the entries that it has read. The keyspaces, loads and invalidations of such a cache work as in any other
//! cache. [`RedisTier`] is the [`RemoteTier`](larder::remote::RemoteTier) behind it. The server is one master
//! of Redis 6.2 or later, or of Valkey.
//!
//! # The URL
//! `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, or `redis+unix:///PATH` for a Unix socket, whose
//! database is the option `db=1`. Bytes that a URL can't contain are written `%XX`. No error and no log line
//! shows a password.
//!
//! With the feature `tls`, `rediss://` encrypts the connection. The server's certificate must be for `HOST`.
//! An authority that the system trusts must have signed it, or an authority in the file of the option
//! `ca=PATH`. This file has certificates in PEM.
//!
//! | option | default | means |
//! |---|---|---|
//! | `prefix=shop` | `larder` | the first part of each key at the server |
//! | `staleness=500ms` | `1s` | how old an answer from memory may be, compared with an acknowledged change |
//! | `tracking=broadcast` | `per-key` | which changes the server pushes ([`Tracking`]) |
//! | `request_timeout=1s` | `2s` | after this time without a part of the answer, the connection counts as lost |
//! | `connect_timeout=1s` | `2s` | the time within which a name is resolved, and a connection is made and greeted |
//! | `fsync=always` | `no` | declares that the data is never older than what the server has acknowledged |
//! | `replicas=1` | `0` | each removal waits for so many replicas, and is an error if fewer have it |
//! | `memory=64MiB` and others | | the options of [`CacheBuilder::from_url`](larder::CacheBuilder::from_url) that are not of a file |
//!
//! # What holds
//! - **No answer from memory is older than an acknowledged change by more than `staleness`.** The server
//!   pushes each change, and one thread handles pushes and answers in their order. Memory answers only while
//!   a heartbeat that was answered was *sent* less than that time ago, on a clock that counts while the
//!   process is stopped and while the machine is suspended. No clock of another machine matters.
//! - **A removal voids every load that is under way, on every machine.** A miss takes a lease in the key's
//!   slot, and a load is stored only over its own lease. A plain `DEL` or `FLUSHALL` of another program does
//!   the same.
//! - **A restart with older data makes all a miss**, and so does another master, also one that comes back
//!   without the changes of the one between. The ids of the server are compared with a marker in the data.
//!   `fsync=always` declares that a server has `appendfsync always`, and that no replica takes its place:
//!   then the entries are kept.
//! - **A server that is away is an error at once**, not after a time limit for each request. The client tries
//!   again after a wait that doubles up to 5 s, with a random part.
//!
//! # What does not
//! - A removal that was acknowledged by a master that fails before its replicas have it is lost. `replicas=1`
//!   waits for one. A master that was away for a time comes back with what was removed meanwhile, unless it
//!   is filled from the other one first: a client that has used the other one sees it, and a client that has
//!   started since does not. A master that is cut off from its Sentinels still answers:
//!   `min-replicas-to-write` at the server bounds for how long.
//! - `SWAPDB` is not pushed by the server. Do not use it with a cache.
//! - In a keyspace of [`Format::Raw`](larder::Format::Raw), the slot has the value's bytes alone, so that
//!   other programs read it. Such a keyspace has no leases: a load may store a value that was changed while
//!   it ran. After a restart with older data, its entries are that old, too.
//! - The removal of a range within a keyspace walks over all keys of the database (`SCAN`), and removes what
//!   begins so. The removal of a whole keyspace is one step, with such a walk behind it that frees the room.
//! - Entries without a TTL that a restart has made a miss keep their room, until they are written again,
//!   their keyspace is removed, or the server evicts them.
//! - A Redis Cluster, a replica and the address of a Sentinel are not supported. They are clear errors.
//!
//! # Keys at the server
//! `PREFIX:VERSION:NAME:KEY`, with the keyspace's version and name. `KEY` is the text of a text key.
//! `PREFIX:VERSION:` is as Django's cache spells it. Keys that begin with `PREFIX::` are the cache's own.
//! Nothing outside the prefix is read or written, and `KEYS` is never used.
//!
//! A user needs the rights `~PREFIX:* +@read +@write +@scripting +@connection +info +time`, and `+wait` with
//! `replicas`.
//!
//! # Layout
//! ```text
//! tier → connection → protocol, settings, clock
//! ```
//!
//! - `protocol`: requests and replies as bytes, without input and output.
//! - `connection`: one connection, its order, its heartbeat, and its end.
//! - `tier`: the requests of a cache as scripts, and the keys at the server.

mod address;
mod clock;
mod connection;
mod error;
mod open;
mod protocol;
mod random;
mod settings;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;
mod tier;

pub use connection::validity::Tracking;
pub use error::Error;
pub use open::{OpenError, builder, from_env, is_server_url, open_url};
pub use settings::{
    DEFAULT_CONNECT_TIMEOUT, DEFAULT_REQUEST_TIMEOUT, DEFAULT_STALENESS, MAX_STALENESS, MIN_STALENESS,
};
pub use tier::RedisTier;

/// Compiles the example of the package's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
