//! The commands, one module for each family.
//!
//! - [`table`]: every command with its arity, flags and keys. [`family`]: its rows. [`dispatch`]: finds a
//!   request's command, checks what the table says, and runs it.
//! - [`data`]: how a data command runs. [`strings`], [`numbers`], [`ranges`] and [`many`]: values.
//!   [`keys`] and [`removal`]: keys and their removal. [`expiry`]: how long they live. [`scan`]: all keys of
//!   a database. [`walk`]: the threads that walk over them.
//! - [`transactions`] and [`scripts`]: several commands at one moment.
//! - [`connection`] and [`client`]: the connection itself. [`info`], [`config`], [`introspect`], [`inspect`]
//!   and [`diagnostics`]: the server.
//! - [`subcommands`]: the subcommands of containers. [`glob`]: patterns of keys. [`decimal`]: decimal
//!   numbers. [`unsupported`]: what larder does not have.
//! - [`errors`]: the texts of errors.
//!
//! A command is `async fn(session, arguments, output)`. It has replied once when it returns, or has left its
//! reply to a future ([`Output::reply_later`](crate::session::output::Output::reply_later)). The next
//! requests of its connection wait until it returns. So it may wait for the disk, and other connections go
//! on.

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
