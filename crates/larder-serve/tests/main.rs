//! The server on real sockets.

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
