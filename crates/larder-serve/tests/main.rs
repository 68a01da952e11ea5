//! The server on real sockets.

mod access;
mod basics;
mod hostile;
mod http;
mod support;
