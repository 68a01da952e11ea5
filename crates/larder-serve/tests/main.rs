//! Tests of the server on real sockets.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by a panic, and prints what it has found"
)]

mod access;
mod basics;
mod clients;
mod commands;
mod diagnostics;
mod differential;
mod expiries;
mod fixed_requests;
mod hostile;
mod http;
mod keys;
mod kills;
mod limits;
mod modes;
mod named;
mod redis_crate;
#[path = "../../../tests/support/redis_process.rs"]
mod redis_process;
mod redis_server;
mod resp;
#[path = "../../../tests/support/skip.rs"]
mod skip;
mod stalls;
mod sums;
mod support;
