//! The `larder` command.
//!
//! The modules import each other in one direction only:
//!
//! ```text
//! main → commands → cache → args → term
//! ```
//!
//! - [`args`]: the command line, and the text of `--help`.
//! - [`cache`]: finds the cache that a command uses and its owner, and parses and spells keys.
//! - [`commands`]: one module for each subcommand or group of related subcommands. `info`, `keys`, `get`,
//!   `ttl`, `why`, `verify` and `export` read a cache and change nothing. `remove`, `remove-prefix`,
//!   `clear`, `compact` and `import` change a file that no process owns. The removals also change a live
//!   cache through its control socket, and `flush` works only on a live cache. `hot`, `slow` and `monitor`
//!   show the hot keys, the slow loads and the operations of a live cache.
//! - [`term`]: output, exit codes, signals and the clock. The exit codes are in [`term::exit`].
//!
//! [`commands::server`] handles the URLs of servers (`redis://…`) before any other command.
//!
//! `larder serve` owns a cache and serves it to other processes until it is stopped.
//!
//! `larder check` tests a cache in the place where a service will use it. It exits with 0 if every tier
//! works, with 1 if a tier does not work, and with 2 if the cache could not be opened.

#![forbid(unsafe_code)]

mod args;
mod cache;
mod commands;
mod term;

use std::process::ExitCode;

use crate::args::{Arguments, Command};
use crate::cache::located;
use crate::commands::{activity, change, check, doctor, inspect, manual, serve, server, stats, top};
use crate::term::exit::report;
use crate::term::{interrupt, panics};

fn main() -> ExitCode {
    interrupt::survive_file_size_limit();
    let mut command = match Arguments::read(std::env::args_os()) {
        Ok(read) => read.command,
        Err(error) if located::is_of_an_empty_path(&error) => {
            let json = std::env::args_os().any(|word| word == "--json");
            return report(json, Err(located::empty()));
        }
        Err(error) => error.exit(),
    };
    panics::report_uncaught(|| {
        if let Some(code) = server::run(&mut command) {
            return code;
        }
        match located::locate(&mut command) {
            Ok(()) => run(command),
            Err(code) => code,
        }
    })
}

fn run(command: Command) -> ExitCode {
    match command {
        Command::Check { url } => {
            check::run(url.as_deref()).unwrap_or_else(|failure| report(false, Err(failure)))
        }
        Command::Info(options) => report(options.json, inspect::info::run(&options)),
        Command::Keys(options) => report(options.cache.json, inspect::keys::run(&options)),
        Command::Get(options) => report(options.key.cache.json, inspect::get::run(&options)),
        Command::Ttl(options) => report(options.cache.json, inspect::ttl::run(&options)),
        Command::Why(options) => report(options.cache.json, inspect::why::run(&options)),
        Command::Verify(options) => report(options.json, inspect::verify::run(&options)),
        Command::Stats(options) => report(options.json, stats::run(&options)),
        Command::Top(options) => report(false, top::run(&options)),
        Command::Hot(options) => report(options.json, activity::hot::run(&options)),
        Command::Slow(options) => report(options.json, activity::slow::run(&options)),
        Command::Monitor(options) => report(options.json, activity::monitor::run(&options)),
        Command::Doctor(options) => report(options.json, doctor::run(&options)),
        Command::Export(options) => report(options.cache.json, inspect::export::run(&options)),
        Command::Remove(options) => report(options.target.json, change::remove::one(&options)),
        Command::RemovePrefix(options) => report(options.target.json, change::remove::prefix(&options)),
        Command::Clear(options) => report(options.target.json, change::remove::clear(&options)),
        Command::Flush(options) => report(options.json, change::flush::run(&options)),
        Command::Compact(options) => report(options.json, change::compact::run(&options)),
        Command::Import(options) => report(options.cache.json, change::import::run(&options)),
        Command::Serve(options) => report(false, serve::run(&options)),
        Command::Completions { shell } => report(false, manual::completions(shell)),
        Command::Man => report(false, manual::page()),
    }
}
