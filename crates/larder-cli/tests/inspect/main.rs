//! Runs the built command on cache files in various states, and on files that a process uses.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

mod absences;
mod activity;
mod bad_files;
mod change;
mod child;
mod conditions;
mod doctor;
mod environment;
mod export;
mod format;
mod hostile;
mod hostile_process;
mod hostile_server;
mod key_types;
mod limits;
mod links;
mod live;
mod naming;
mod never;
mod operations;
mod output;
mod page;
mod process;
#[path = "../../../../tests/support/redis_process.rs"]
mod redis_process;
#[path = "../../../../tests/support/scripted_sentinels.rs"]
mod scripted_sentinels;
mod sentinels;
mod serve;
mod server;
mod service;
mod sick;
#[path = "../../../../tests/support/skip.rs"]
mod skip;
mod strangers;
mod support;
mod values;
#[path = "../../../../tests/support/watchdog.rs"]
mod watchdog;
mod wrong_targets;
