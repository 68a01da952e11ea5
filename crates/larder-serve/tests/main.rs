//! The server on real sockets.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

mod access;
mod basics;
mod clients;
mod commands;
mod differential;
mod hostile;
mod http;
mod redis_server;
mod resp;
mod support;
