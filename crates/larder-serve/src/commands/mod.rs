//! The commands, with one module per family.
//!
//! - [`table`]: all commands, with their arity, flags and keys. [`family`]: macros that define them.
//!   [`dispatch`]: finds the command of a request, checks the request, and runs the command.
//! - [`data`]: runs data commands. [`one_entry`]: the entry that some of them read and change.
//!   [`strings`], [`numbers`], [`ranges`] and [`many`]: commands on values. [`keys`] and [`removal`]:
//!   commands on keys, and removals. [`expiry`]: commands on expiry. [`scan`]: commands over all keys of a
//!   database. [`walk`]: the threads that walk over the keys. [`key_source`]: the keys of a database.
//!   [`named`]: data commands on a keyspace of the application. [`stop`]: the error replies of such
//!   commands, and of transactions.
//! - [`transactions`] and [`scripts`]: several commands at one moment.
//! - [`connection`] and [`client`]: commands about the connection. [`info`], [`config`], [`introspect`],
//!   [`inspect`] and [`diagnostics`]: commands about the server.
//! - [`subcommands`]: the subcommands of containers. [`glob`]: key patterns. [`decimal`]: decimal numbers.
//!   [`unsupported`]: commands that larder does not have.
//! - [`errors`]: the texts of error replies.
//!
//! A command is an async function of the session, the arguments and the output. [`data`] wraps the commands
//! that are functions over entries in such a function. When the async function returns, it has written its
//! reply, or has passed a future that writes the reply later
//! ([`Output::reply_later`](crate::session::output::Output::reply_later)). While a command waits, the next
//! requests of its connection wait, but other connections are served. A short read of the disk is no such
//! wait, because the thread of the connection makes it itself.

mod client;
mod config;
mod connection;
mod data;
mod decimal;
mod diagnostics;
pub(crate) mod dispatch;
mod errors;
mod expiry;
mod family;
mod glob;
mod info;
mod inspect;
mod introspect;
mod key_source;
mod keys;
mod many;
mod named;
mod numbers;
mod one_entry;
mod ranges;
mod removal;
mod scan;
mod scripts;
mod stop;
mod strings;
mod subcommands;
pub(crate) mod table;
mod transactions;
mod unsupported;
mod walk;
