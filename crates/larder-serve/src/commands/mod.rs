//! The commands, one module for each family.
//!
//! - [`table`]: every command with its arity, flags and keys. [`family`]: its rows. [`dispatch`]: finds a
//!   request's command, checks what the table says, and runs it.
//! - [`strings`]: values. [`keys`]: keys and their removal. [`connection`] and
//!   [`client`]: the connection itself.
//! - [`errors`]: the texts of errors.
//!
//! A command is `async fn(session, arguments, output)`. It has replied once when it returns, or has left its
//! reply to a future ([`Output::reply_later`](crate::session::output::Output::reply_later)). The next
//! requests of its connection wait until it returns. So it may wait for the disk, and other connections go
//! on.

mod client;
mod connection;
pub(crate) mod dispatch;
mod errors;
mod family;
mod keys;
mod strings;
pub(crate) mod table;
