//! The server on real sockets.

mod basics;
mod support;
