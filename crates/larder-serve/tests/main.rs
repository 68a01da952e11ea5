//! The server on real sockets.

mod access;
mod basics;
mod hostile;
mod support;
