//! The commands, one module for each family.
//!
//! - [`table`]: every command with its arity, flags and keys. [`family`]: the rows of the table.
//!   [`dispatch`]: finds the command of a request, checks the request against the table, and runs the
//!   command.
//! - [`data`]: runs data commands. [`strings`], [`numbers`], [`ranges`] and [`many`]: commands on values.
//!   [`keys`] and [`removal`]: commands on keys, and their removal. [`expiry`]: commands on expiry. [`scan`]:
//!   commands over all keys of a database. [`walk`]: the threads that walk over the keys.
//! - [`transactions`] and [`scripts`]: several commands at one moment.
//! - [`connection`] and [`client`]: commands about the connection. [`info`], [`config`], [`introspect`],
//!   [`inspect`] and [`diagnostics`]: commands about the server.
//! - [`subcommands`]: the subcommands of containers. [`glob`]: patterns of keys. [`decimal`]: decimal
//!   numbers. [`unsupported`]: commands that larder does not have.
//! - [`errors`]: the texts of errors.
//!
//! A command is `async fn(session, arguments, output)`. When it returns, it has written its reply, or has
//! left the reply to a future ([`Output::reply_later`](crate::session::output::Output::reply_later)). The
//! next requests of its connection wait until it returns. So a command may wait for the disk while other
//! connections are served.

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
mod keys;
mod many;
mod numbers;
mod ranges;
mod removal;
mod scan;
mod scripts;
mod strings;
mod subcommands;
pub(crate) mod table;
mod transactions;
mod unsupported;
mod walk;
