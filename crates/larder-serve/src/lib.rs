#![forbid(unsafe_code)]
//! A server that speaks Redis' protocol (RESP2 and RESP3) over a [`larder`] cache, so that several
//! processes on one machine share the cache.
//!
//! A cache file has one owner. The owner is this server: the command `larder serve`, or an application that
//! serves its own cache. Other processes use the clients of Redis that they have already.
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
//! Each database number is a keyspace of raw bytes, `redis:0` and so on. An entry lives until it is removed
//! or evicted, unless its client gave it a TTL.
//!
//! # What a reply means
//! A removal is answered when it is durable: that of `DEL`, `UNLINK`, `GETDEL` and `FLUSHDB`, of an expiry
//! that has passed, of a script, and of an `EXEC`. Removals of all connections that wait at the same moment
//! share one commit. So do the removals of one pipeline: the connection goes on before they are durable, and
//! its replies wait. The same holds for durable writes.
//!
//! A `SET` is answered when memory has the value, which is on disk within the flush interval. See
//! [`RemovalMode`] and [`WriteMode`] for other choices.
//!
//! An answer of `MISCONF` says that memory has the change and that the disk may not have it. A client that
//! repeats an `INCR`, or an `EXEC` with one, then counts twice.
//!
//! # Differences from Redis
//! Values are strings: lists, sets, hashes, streams, and publish and subscribe are refused with an error that
//! says so. Otherwise the replies and the texts of errors are those of Redis 7, in both versions of the
//! protocol, with these exceptions:
//!
//! - A key has up to 4,096 bytes, a value up to 64 MiB. An expiry is at most ten years ahead.
//! - `EXEC` may abort although no watched key has changed, rarely. An error of the cache, such as a value
//!   that is too large, fails the whole `EXEC`. Then nothing is changed, unless the error is `MISCONF`.
//!   Commands on all keys are refused after `MULTI`. A `HELLO` there changes the form of later replies only.
//! - `MGET`, `EXISTS`, `TOUCH`, `MSET`, `MSETNX` and `EXEC` take up to 8,192 different keys. The changes of
//!   one `MSET` or `EXEC` have up to 8,192 entries and 32 MiB with the default capacity of the file.
//! - `EXPIRETIME` and `PEXPIRETIME` are computed from the time that is left. So they may differ from the time
//!   that was set by some milliseconds, and by as much as the clock was set back.
//! - A cursor of `SCAN` that the server has forgotten is an error. `SCAN` is in the order of the keys. While
//!   the file can't be read, walks over all keys (`SCAN`, `KEYS`, `DBSIZE`, `RANDOMKEY`) are errors.
//! - A request or an `EXEC` whose replies, or whose values that it reads, take more than
//!   [`OutputLimits::max`] at once is an error. Then it changes nothing. A longer `KEYS` or `SCAN` ends the
//!   connection.
//! - `FLUSHALL` waits for its commit unless the removals of each database are buffered.
//! - `INCRBYFLOAT` adds decimal fractions exactly.
//! - `WAIT` answers 1 when all earlier writes are on disk.
//! - `EVAL` knows the scripts of redis-py's `Lock`, of django-redis' `incr`, and of the fixed window of
//!   `limits`.
//! - A connection that does not give the password within 10 s is closed. So is a connection whose request
//!   waits and whose peer has gone. `CLIENT KILL` ends a request that waits.
//! - `CONFIG GET` takes up to 16 KiB of patterns, `CLIENT LIST ID` up to 65,536 numbers.
//! - `OBJECT FREQ` and `OBJECT IDLETIME` are errors. `LATENCY HISTOGRAM` is empty. `SLOWLOG` and `LATENCY`
//!   see a fast command, or a `SET`, only if it waits. Requests of a transaction are shown by `MONITOR` when
//!   they arrive, and count for `SLOWLOG` as one `EXEC`. `CONFIG SET` changes their thresholds alone.
//!   `DBSIZE` and `RANDOMKEY` take time that grows with the number of keys.
//! - `INFO keyspace` may count entries that have expired lately.
//!
//! # Layout
//! The modules import each other in one direction only:
//!
//! ```text
//! server → commands → session → protocol, failpoint
//! ```
//!
//! - `protocol`: requests and replies as bytes, without input and output.
//! - `session`: the state of a connection, and what the connections share.
//! - `commands`: one module for each family of commands.
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
