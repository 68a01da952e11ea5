//! The `larder` command.
//!
//! `larder info`, `keys`, `get`, `ttl`, `why`, `verify` and `export` look into a cache file, whoever has it, and change nothing.
//! `larder remove`, `remove-prefix`, `clear`, `compact` and `import` change one that nobody has; the removals, and `flush`, also reach a live cache
//! through its control socket. Their exit codes are in [`exit`].
//!
//! `larder hot`, `slow` and `monitor` tell which keys of a live cache are at work.
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
mod doctor;
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
        Ok(()) => run(command),
        Err(code) => code,
    })
}

fn run(command: Command) -> ExitCode {
    match command {
        Command::Check { url } => {
            check::run(url.as_deref()).unwrap_or_else(|failure| exit::told(false, Err(failure)))
        }
        Command::Info(options) => exit::told(options.json, inspect::info::run(&options)),
        Command::Keys(options) => exit::told(options.look.json, inspect::keys::run(&options)),
        Command::Get(options) => exit::told(options.key.look.json, inspect::get::run(&options)),
        Command::Ttl(options) => exit::told(options.look.json, inspect::ttl::run(&options)),
        Command::Why(options) => exit::told(options.look.json, inspect::why::run(&options)),
        Command::Verify(options) => exit::told(options.json, inspect::verify::run(&options)),
        Command::Stats(options) => exit::told(options.json, stats::run(&options)),
        Command::Top(options) => exit::told(false, top::run(&options)),
        Command::Hot(options) => exit::told(options.json, activity::hot::run(&options)),
        Command::Slow(options) => exit::told(options.json, activity::slow::run(&options)),
        Command::Monitor(options) => exit::told(options.json, activity::monitor::run(&options)),
        Command::Doctor(options) => exit::told(options.json, doctor::run(&options)),
        Command::Export(options) => exit::told(options.look.json, inspect::export::run(&options)),
        Command::Remove(options) => exit::told(options.target.json, change::remove::one(&options)),
        Command::RemovePrefix(options) => exit::told(options.target.json, change::remove::prefix(&options)),
        Command::Clear(options) => exit::told(options.target.json, change::remove::clear(&options)),
        Command::Flush(options) => exit::told(options.json, change::flush::run(&options)),
        Command::Compact(options) => exit::told(options.json, change::compact::run(&options)),
        Command::Import(options) => exit::told(options.look.json, change::import::run(&options)),
        Command::Completions { shell } => exit::told(false, manual::completions(shell)),
        Command::Man => exit::told(false, manual::page()),
    }
}
