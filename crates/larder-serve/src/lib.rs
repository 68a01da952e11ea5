#![forbid(unsafe_code)]
//! A server that speaks the Redis protocol (RESP2 and RESP3) over a [`larder`] cache, so that several
//! processes on one machine can share the cache.
//!
//! A cache file has one owner. With this crate, the owner is a server: the command `larder serve`, or an
//! application that serves its own cache. Other processes use their existing Redis clients.
//!
//! ```no_run
//! use larder::Cache;
//! use larder_serve::Server;
//!
//! let cache = Cache::open_url("file:/var/lib/shop/shop.larder")?;
//! let server = Server::builder(&cache).listen("unix:run/shop.sock").start()?;
//! // The application goes on. At its end:
//! server.shutdown();
//! cache.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Each numbered database is a keyspace of raw bytes, named `redis:0`, `redis:1` and so on. An entry
//! without a TTL lives until it is removed or evicted.
//!
//! [`ServerBuilder::keyspace`] also shows a keyspace of the application, as a further database.
//!
//! # What a reply means
//! The server replies to a removal when it is durable. Removals are `DEL`, `UNLINK`, `GETDEL`, `FLUSHDB`,
//! `FLUSHALL`, an expiry in the past, and a script or an `EXEC` that removes an entry. Removals that wait at
//! the same time share one commit, across all connections. Removals in one pipeline also share a commit,
//! because the connection executes its next requests before the earlier removals are durable. Writes in
//! [`WriteMode::Durable`] share commits in the same way.
//!
//! The server replies to a `SET` when the value is in memory. The value is on disk within the flush interval.
//! [`RemovalMode`] and [`WriteMode`] change when the server replies.
//!
//! The error `MISCONF` means that the change is in memory, but may not be on disk. If a client then repeats
//! an `INCR`, or an `EXEC` with an `INCR`, the counter is incremented twice.
//!
//! # Differences from Redis
//! Values are strings. The server refuses commands for lists, sets, hashes, streams, publish and subscribe.
//! It also refuses `RENAME`, `RENAMENX`, `COPY`, `MOVE`, `SWAPDB`, `DUMP`, `RESTORE`, `LCS`, `EVAL_RO`,
//! `ROLE`, `LASTSAVE`, and other commands about replicas, snapshots and users. Otherwise the replies and
//! error texts are those of Redis 7, in both versions of the protocol, with these exceptions:
//!
//! - A key has up to 4,096 bytes, and a value up to 64 MiB. An expiry is at most ten years ahead.
//! - In rare cases, `EXEC` aborts although no watched key has changed. An error of the cache, such as a value
//!   that is too large, makes the whole `EXEC` fail. The `EXEC` then changes nothing, unless the error is
//!   `MISCONF`. The server refuses commands on all keys after `MULTI`. A `HELLO` in a transaction changes
//!   only the form of later replies.
//! - `MGET`, `EXISTS`, `TOUCH`, `MSET`, `MSETNX` and `EXEC` take up to 8,192 different keys. One `MSET` or
//!   `EXEC` can change up to 8,192 entries and 32 MiB, with the default capacity of the file.
//! - `SCAN` returns the keys in order, and returns an error for a cursor that the server no longer stores.
//!   While the file can't be read, the walks over all keys (`SCAN`, `KEYS`, `DBSIZE`, `RANDOMKEY`) return
//!   an error.
//! - A request on several keys, or an `EXEC`, returns an error and changes nothing if its replies take more
//!   than [`OutputLimits::max`] in total, or if the values that it reads do. In an `EXEC`, the reply of a
//!   command that uses no entries, such as `INFO`, is an error if there is no room left for it. If the reply
//!   of a `KEYS`, a `SCAN` or another command exceeds that limit, the server closes the connection.
//! - `FLUSHALL` waits for its commit, unless the removals of all databases are buffered.
//! - `INCRBYFLOAT` adds decimal numbers exactly, with 17 digits after the decimal point. Redis adds binary
//!   numbers with 64 significant bits, so a sum of more than 18 digits may end with other digits there.
//!   Hexadecimal numbers are an error.
//! - `WAIT` replies 1 when all earlier writes are on disk. In an `EXEC`, it waits, too, and so does the reply
//!   of the `EXEC`. In Redis, it does not wait there.
//! - `EVAL` supports the scripts of redis-py's `Lock`, of django-redis' `incr`, and of the fixed window of
//!   `limits`. Their numbers are integers of 64 bits. In Redis, a result above 2⁵³ is rounded, an argument
//!   may have the form of any number of Lua, such as `1e3`, and an error names the script. A script with
//!   too few arguments is an error, and changes nothing.
//! - A range in a pattern, such as `[a-\xff]`, compares bytes without a sign. In Redis, this depends on the
//!   processor.
//! - The server closes a connection that does not send the password within 10 s. It also closes a connection
//!   whose peer disconnects while a request waits. `CLIENT KILL` ends a waiting request.
//! - `CONFIG GET` accepts up to 16 KiB of patterns, `CLIENT LIST ID` accepts up to 65,536 numbers, and
//!   `COMMAND INFO` and `COMMAND DOCS` accept up to 1,024 names. A `SCAN` whose `COUNT` is large may visit
//!   fewer keys. The name of a connection, and the name and version of its library, have up to 1,024 bytes
//!   each.
//! - `OBJECT FREQ` is at most 15, and 0 until memory has been full. `OBJECT IDLETIME` is an error. `LATENCY
//!   HISTOGRAM` is empty. `SLOWLOG` and `LATENCY` include a `GET`, a `SET`, or a fast command that reads no
//!   entries only if it waits. `MONITOR` shows the requests of a transaction when they arrive, and
//!   `SLOWLOG` counts them as one `EXEC`. `CONFIG SET` changes only the thresholds of `SLOWLOG` and
//!   `LATENCY`, and the length of the slow log, up to 1,024. `DBSIZE` and `RANDOMKEY` take longer with more
//!   keys.
//! - `INFO keyspace` can count entries that have recently expired.
//!
//! # Other machines
//! Connections are not encrypted. So the server refuses to serve clients at an address that other machines
//! can reach, unless [`ServerBuilder::allow_remote`] and a password are set. Anyone who can read the network
//! can then read the password and the values. Use such an address in a private network only, or through a
//! tunnel.
//!
//! # Layout
//! The modules import each other in one direction only:
//!
//! ```text
//! server → commands → session → protocol, failpoint
//! ```
//!
//! - `protocol`: requests and replies as bytes, without I/O.
//! - `session`: the state of a connection, and the state that all connections share.
//! - `commands`: the commands, with one module per family.
//! - `failpoint`: faults that the tests plant.
//! - `server`: listeners, threads, and the loop of a connection.

mod commands;
mod error;
mod failpoint;
mod protocol;
mod server;
mod session;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;

pub use error::Error;
pub use protocol::limits::RequestLimits;
pub use server::Server;
pub use server::address::Address;
pub use server::builder::ServerBuilder;
pub use session::databases::{RemovalMode, WriteMode};
pub use session::output::OutputLimits;
