//! The remote tier against a real server of Redis.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by a panic, and prints why it is skipped"
)]

mod faults;
mod judge;
mod node;
mod proxy;
mod requests;
mod restarts;
mod server;
mod support;
