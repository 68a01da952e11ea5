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
//! [`open_url`] and [`from_env`] open a cache whose entries are on a server. Memory has copies of the entries
//! that this process has read. Keyspaces, loads and invalidations work as in any other cache. [`RedisTier`]
//! is the [`RemoteTier`](larder::remote::RemoteTier) of such a cache. The server must be a master of Redis
//! 6.2 or later, or of Valkey. Sentinels may name it. The gate runs the crate's tests with Redis
//! 7.0, and with Valkey 9.1 without TLS. They were also run with Redis 8.2.
//!
//! # The URL
//! The URL is `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`. For a Unix socket it is `redis+unix:///PATH`,
//! and the database is an option such as `db=1`. Bytes that a URL can't contain are written as `%XX`.
//! Passwords never appear in errors or log lines.
//!
//! With the feature `tls`, `rediss://` encrypts the connection. The server's certificate must be for `HOST`,
//! and must be signed by an authority that the system trusts. The option `ca=PATH` names a PEM file with the
//! trusted authorities instead.
//!
//! `redis-sentinel://[USER:PASSWORD@]SENTINEL[:PORT],SENTINEL[:PORT]/MASTER[/DATABASE]` contains the
//! Sentinels, and the name of the master in their configuration. `redis+sentinel://` is the same. With
//! `rediss-sentinel://`, the connections to the Sentinels are encrypted, too. Name all Sentinels, or at least
//! more than half of them. The user and the password are for the master. [`SentinelUrl`] writes such a URL.
//!
//! | option | default | means |
//! |---|---|---|
//! | `prefix=shop` | `larder` | the first part of each key on the server |
//! | `staleness=500ms` | `1s` | how long a value from memory may be outdated after an acknowledged change |
//! | `tracking=broadcast` | `per-key` | which changes the server pushes ([`Tracking`]) |
//! | `request_timeout=1s` | `2s` | the connection counts as lost if no part of a reply arrives for this time, or if one reply takes 100 times as long |
//! | `connect_timeout=1s` | `2s` | the time limit for resolving the host, connecting and authenticating |
//! | `fsync=always` | `no` | declares that the server never loses an acknowledged change |
//! | `replicas=1` | `0` | each removal waits for this number of replicas, and returns an error if fewer have it |
//! | `sentinel_username=watch`, `sentinel_password=…` | none | the user and the password at the Sentinels |
//! | `memory=64MiB` and others | | the options of [`CacheBuilder::from_url`](larder::CacheBuilder::from_url), except those for a file |
//!
//! # Guarantees
//! - **No value from memory is older than an acknowledged change by more than `staleness`.** The server
//!   pushes each change, and one thread handles pushes and replies in order. Memory returns values only while
//!   the last heartbeat with a reply was *sent* less than `staleness` ago. The clock for this counts even
//!   while the process is stopped or the machine is suspended, and clocks of other machines do not matter.
//! - **A removal voids all loads of its keys that are in progress, on every machine.** A miss takes a lease
//!   in the key's slot, and the loaded value is stored only over that lease. A plain `DEL` or `FLUSHALL` of
//!   another program has the same effect.
//! - **After a restart with older data, all entries are misses.** The same holds on another master, and on a
//!   former master that has missed the changes of another master. The client compares the ids of the server
//!   with a marker in the data. `fsync=always` declares that the server uses `appendfsync always` and that no
//!   replica replaces it. The entries are then kept.
//! - **The client leaves a master that the Sentinels have replaced**, even if that master is cut off from
//!   them and goes on answering. Memory and the server answer only if a majority of the Sentinels has named
//!   this server as the master less than `staleness` ago. So the first promise holds through a failover, for
//!   the changes of all caches with the same Sentinels. While no majority of the Sentinels can be reached,
//!   the server counts as away.
//! - **Without a connection, requests fail immediately.** They do not wait for a time limit. The client
//!   reconnects after a wait that doubles up to 5 s and has a random part. A connection that ends within 5 s,
//!   and before a request was served, is one more failure.
//! - **If the server serves no requests, one request at a time waits for it.** A late reply opens a circuit,
//!   and so do three replies in a row with `LOADING`, `BUSY`, `MASTERDOWN` or `CLUSTERDOWN`. Then requests
//!   fail immediately, except one after each wait, which also doubles up to 5 s. Errors that concern one
//!   request or only writes, such as `OOM`, `NOREPLICAS` and `MISCONF`, do not open the circuit.
//!
//! # Limitations
//! - If a master acknowledges a removal, but fails before a replica has it, the removal is lost. `replicas=1`
//!   makes a removal wait for a replica. A former master may come back with entries that were removed on
//!   another master meanwhile, unless it copies that master's data first. A client that has used the other
//!   master detects this, but a client that has started since does not.
//! - A master that is cut off acknowledges removals for up to `staleness` while another master is in use.
//!   These removals are lost. If `replicas=` is the number of all replicas, such a removal returns an error
//!   instead. With `min-replicas-to-write 1` at the servers, and `min-replicas-max-lag` at least a second
//!   below `down-after-milliseconds`, a master that is cut off from its replicas refuses removals before
//!   another master is chosen.
//! - The server does not push the effects of `SWAPDB`. Do not use it with a cache.
//! - In a keyspace with [`Format::Raw`](larder::Format::Raw), a slot contains only the bytes of the value, so
//!   that other programs can read it. Such a keyspace has no leases, so a load may store a value that was
//!   changed while the load ran. After a restart with older data, such a keyspace has the older entries.
//! - To remove a range within a keyspace, the client walks over all keys of the database (`SCAN`), and
//!   removes the keys of the range. A range that the definition of the keyspace declares
//!   ([`range_parts`](larder::KeyspaceDefinition::range_parts)) is instead removed in one step, which does
//!   not free its memory. The removal of a whole keyspace takes effect in one step, and such a walk then
//!   frees the memory. In the format `Raw`, the walk removes a whole keyspace too.
//! - Entries without a TTL that are misses after a restart still take memory, until they are written again,
//!   their keyspace is removed, or the server evicts them.
//! - A Redis Cluster and a replica are not supported: a connection to one of them is an error.
//!
//! # Keys on the server
//! `PREFIX:VERSION:product_MTNVTU`: the keys of `larder-product` are the key strings of the Django original
//! ([`SpelledKey`](larder_product::SpelledKey)), after the prefix and the version of the keyspace. Django's
//! cache has the same form, with `KEY_PREFIX` and `VERSION`. So Django and redis-cli use the same keys. A
//! colon in a key string is written `%3A`, so that no two keys are equal.
//!
//! Any other key is `PREFIX:VERSION:NAME:KEY`, with the name of the keyspace. `KEY` is the text of a text
//! key, and otherwise the encoded key. Keys that begin with `PREFIX::` are internal. The values of keys
//! outside the prefix are neither read nor written, and `KEYS` is never used.
//!
//! A user at the Sentinels needs the rights `+auth +sentinel|get-master-addr-by-name +sentinel|master
//! +sentinel|myid`. A user at the server needs the rights `~PREFIX:* +@read +@write +@scripting +@connection
//! +info +time`, and `+wait` with `replicas`.
//!
//! # Layout
//! ```text
//! inspect → tier → connection → protocol, settings, clock
//! ```
//!
//! - `protocol`: requests and replies as bytes, without I/O.
//! - `connection`: the connection to the server, its heartbeat, and the Sentinels.
//! - `tier`: the requests of a cache as scripts, and the keys on the server.
//! - [`inspect`]: reads a cache on a server without the application's types.

mod address;
mod clock;
mod connection;
mod error;
pub mod inspect;
mod open;
mod protocol;
mod random;
mod sentinel_url;
mod settings;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;
mod tier;
mod walk_cursor;

pub use connection::validity::Tracking;
pub use error::Error;
pub use open::{OpenError, builder, from_env, is_server_url, open_url, staleness};
pub use sentinel_url::SentinelUrl;
pub use settings::{
    DEFAULT_CONNECT_TIMEOUT, DEFAULT_REQUEST_TIMEOUT, DEFAULT_STALENESS, MAX_STALENESS, MIN_STALENESS,
};
pub use tier::RedisTier;

/// Compiles the example in the README of this package.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
