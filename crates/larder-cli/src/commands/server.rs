//! The commands on a cache at a Redis or Valkey server.
//!
//! These commands read the keys with the cache's prefix over their own connection. `remove`,
//! `remove-prefix` and `clear` remove such keys. The checks of `doctor` are in [`super::doctor`]. A command
//! that needs a file, or a process with a control socket, is refused. The failure says why, or what to do
//! instead.

mod entry;
mod info;
mod keys;
mod remove;
mod shown;
mod stats;

use std::process::ExitCode;

use crate::args::Command;
use crate::cache::server::ServerUrl;
use crate::commands::doctor;
use crate::term::exit::{Exit, Failure, report};

/// Runs a command on its server. Returns `None` if the command uses a file or a process.
pub(crate) fn run(command: &mut Command) -> Option<ExitCode> {
    let json = asks_for_json(command);
    match ServerUrl::of(command) {
        Ok(None) => None,
        Ok(Some(server)) => Some(report(json, run_on(&server, command))),
        Err(failure) => Some(report(json, Err(failure))),
    }
}

fn run_on(server: &ServerUrl, command: &Command) -> Result<Exit, Failure> {
    let refuse = |why| Err(server.refuse(why));
    match command {
        Command::Info(options) => info::run(server, options),
        Command::Keys(options) => keys::run(server, options),
        Command::Get(options) => entry::get(server, options),
        Command::Ttl(options) => entry::ttl(server, options),
        Command::Why(options) => entry::why(server, options),
        Command::Stats(options) => stats::run(server, options),
        Command::Remove(options) => remove::one(server, options),
        Command::RemovePrefix(options) => remove::prefix(server, options),
        Command::Clear(options) => remove::clear(server, options),
        Command::Doctor(options) => doctor::server::run(server, options),
        Command::Check { .. } => refuse("`larder doctor` checks it"),
        Command::Serve(_) => refuse("its clients connect to that server themselves"),
        Command::Verify(_) => refuse("it has no pages to verify; `larder why` reads the record of a key"),
        Command::Export(_) | Command::Import(_) => {
            refuse("copy its data as that of the server (`redis-cli --rdb dump.rdb`)")
        }
        Command::Compact(_) => refuse("the server reuses its memory itself"),
        Command::Flush(_) => refuse("every change is at the server when it returns"),
        Command::Top(_) => refuse("`larder stats` shows its counts, and `redis-cli --stat` watches them"),
        Command::Hot(_) | Command::Slow(_) | Command::Monitor(_) => refuse(
            "a process that samples its keys has a control socket (control=PATH in its URL); give that",
        ),
        Command::Completions { .. } | Command::Man => Ok(Exit::Ok),
    }
}

fn asks_for_json(command: &Command) -> bool {
    match command {
        Command::Info(options) | Command::Verify(options) | Command::Compact(options) => options.json,
        Command::Keys(options) => options.cache.json,
        Command::Export(options) => options.cache.json,
        Command::Import(options) => options.cache.json,
        Command::Get(options) => options.key.cache.json,
        Command::Ttl(options) | Command::Why(options) => options.cache.json,
        Command::Stats(options) => options.json,
        Command::Doctor(options) => options.json,
        Command::Hot(options) | Command::Slow(options) => options.json,
        Command::Monitor(options) => options.json,
        Command::Flush(options) => options.json,
        Command::Remove(options) => options.target.json,
        Command::RemovePrefix(options) => options.target.json,
        Command::Clear(options) => options.target.json,
        Command::Top(_)
        | Command::Check { .. }
        | Command::Serve(_)
        | Command::Completions { .. }
        | Command::Man => false,
    }
}
