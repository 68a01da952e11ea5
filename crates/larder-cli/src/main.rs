//! The `larder` command.
//!
//! `larder info`, `keys`, `get`, `ttl`, `why`, `verify` and `export` look into a cache file, whoever has it, and change nothing.
//! `larder remove`, `remove-prefix`, `clear`, `compact` and `import` change one that nobody has; the removals, and `flush`, also reach a live cache
//! through its control socket. Their exit codes are in [`exit`].
//!
//! `larder hot`, `slow` and `monitor` tell which keys of a live cache are at work.
//!
//! `larder demo` runs the cache on a real database and shows what it saves. It exits with 0 when no answer
//! was stale, with 1 when one was, and with 2 when the demo could not run.
//!
//! The cache that a command is about is given, or is that of the environment variable `LARDER_URL` ([`located`]).
//!
//! `larder check` tries a cache out where it is to work. It exits with 0 when every tier works, with 1 when one
//! does not, and with 2 when the cache could not be opened.

#![forbid(unsafe_code)]

mod activity;
mod args;
mod change;
mod check;
mod clock;
mod demo;
mod doctor;
mod error;
mod exit;
mod guard;
mod inspect;
mod interrupt;
mod limit;
mod live;
mod located;
mod manual;
mod out;
mod panics;
mod stats;
mod time;
mod top;

use std::process::ExitCode;

use crate::args::{Arguments, Command};
use crate::error::Error;

fn main() -> ExitCode {
    interrupt::survive_file_size_limit();
    let mut command = match Arguments::read(std::env::args_os()) {
        Ok(read) => read.command,
        Err(error) if located::is_of_an_empty_path(&error) => {
            let json = std::env::args_os().any(|word| word == "--json");
            return exit::told(json, Err(located::empty()));
        }
        Err(error) => error.exit(),
    };
    panics::told_if_uncaught(|| match located::locate(&mut command) {
        Ok(()) => end(run(command)),
        Err(code) => code,
    })
}

fn end(outcome: Result<ExitCode, Error>) -> ExitCode {
    match outcome {
        Ok(code) => code,
        Err(error) => {
            guard::warn(&format!("larder: {error}"));
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Check { url } => {
            Ok(check::run(url.as_deref()).unwrap_or_else(|failure| exit::told(false, Err(failure))))
        }
        Command::Demo(options) => match demo::run(options)? {},
        Command::DemoRestarted { handover } => demo::resume(&handover),
        Command::Info(options) => Ok(exit::told(options.json, inspect::info::run(&options))),
        Command::Keys(options) => Ok(exit::told(options.look.json, inspect::keys::run(&options))),
        Command::Get(options) => Ok(exit::told(options.key.look.json, inspect::get::run(&options))),
        Command::Ttl(options) => Ok(exit::told(options.look.json, inspect::ttl::run(&options))),
        Command::Why(options) => Ok(exit::told(options.look.json, inspect::why::run(&options))),
        Command::Verify(options) => Ok(exit::told(options.json, inspect::verify::run(&options))),
        Command::Stats(options) => Ok(exit::told(options.json, stats::run(&options))),
        Command::Top(options) => Ok(exit::told(false, top::run(&options))),
        Command::Hot(options) => Ok(exit::told(options.json, activity::hot::run(&options))),
        Command::Slow(options) => Ok(exit::told(options.json, activity::slow::run(&options))),
        Command::Monitor(options) => Ok(exit::told(options.json, activity::monitor::run(&options))),
        Command::Doctor(options) => Ok(exit::told(options.json, doctor::run(&options))),
        Command::Export(options) => Ok(exit::told(options.look.json, inspect::export::run(&options))),
        Command::Remove(options) => Ok(exit::told(options.target.json, change::remove::one(&options))),
        Command::RemovePrefix(options) => {
            Ok(exit::told(options.target.json, change::remove::prefix(&options)))
        }
        Command::Clear(options) => Ok(exit::told(options.target.json, change::remove::clear(&options))),
        Command::Flush(options) => Ok(exit::told(options.json, change::flush::run(&options))),
        Command::Compact(options) => Ok(exit::told(options.json, change::compact::run(&options))),
        Command::Import(options) => Ok(exit::told(options.look.json, change::import::run(&options))),
        Command::Completions { shell } => Ok(exit::told(false, manual::completions(shell))),
        Command::Man => Ok(exit::told(false, manual::page())),
    }
}
