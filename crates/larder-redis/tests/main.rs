//! Tests of the remote tier with real Redis servers, and with servers whose answers a test chooses.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by a panic, and prints what it has found"
)]

mod ages;
mod busy;
mod cache;
mod cache_judge;
mod cache_races;
mod commits;
mod django;
mod endless;
mod errors;
mod failover;
mod faults;
mod foreign;
mod identity;
mod idle;
mod judge;
mod loading;
mod node;
mod processes;
mod proxy;
mod races;
mod ranges;
#[path = "../../../tests/support/redis_process.rs"]
mod redis_process;
mod refusals;
mod renamed_data;
mod replication;
mod requests;
mod restarts;
#[path = "../../../tests/support/scripted_sentinels.rs"]
mod scripted_sentinels;
#[path = "../../../tests/support/scripted_server.rs"]
mod scripted_server;
mod sentinels;
mod server;
mod shop;
mod sizes;
#[path = "../../../tests/support/skip.rs"]
mod skip;
mod support;
mod tasks;
#[cfg(feature = "tls")]
mod tls;
mod transactions;
#[path = "../../../tests/support/watchdog.rs"]
mod watchdog;
