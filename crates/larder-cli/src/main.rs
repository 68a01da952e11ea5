//! The `larder` command.
//!
//! `larder demo` runs the cache on a real database and shows what it saves. It exits with 0 when no answer
//! was stale, with 1 when one was, and with 2 when the demo could not run.
//!
//! `larder check` tries a cache out where it is to work. It exits with 0 when every tier works, with 1 when one
//! does not, and with 2 when the cache could not be opened.

#![forbid(unsafe_code)]

mod args;
mod check;
mod clock;
mod demo;
mod error;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Arguments, Command};
use crate::error::Error;

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("larder: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Check { url } => Ok(check::run(url.as_deref())?),
        Command::Demo(options) => match demo::run(options)? {},
        Command::DemoRestarted { handover } => demo::resume(&handover),
    }
}
