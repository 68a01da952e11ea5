//! The remote tier against a real server of Redis.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by a panic, and prints why it is skipped"
)]

mod cache;
mod cache_judge;
mod faults;
mod judge;
mod node;
mod processes;
mod proxy;
mod requests;
mod restarts;
mod server;
mod support;
#[cfg(feature = "tls")]
mod tls;
