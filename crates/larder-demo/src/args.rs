//! The command line: its options, their bounds, and the text of `--help`.

use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, value_parser};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Default number of requests in a phase.
///
/// With this number, the first loads of popular keys are a small part of the requests, as in a shop that has
/// been open for a while.
pub(crate) const DEFAULT_REQUESTS: u64 = 600_000;

/// Run the cache on a real database and show what it saves.
///
/// Fills the database of a shop. Then several threads send a skewed stream of requests while products are
/// updated, first without larder, then with larder. Restarts its own process, and answers further requests
/// from disk. Checks every answer. Exits with 1 if an answer was older than an invalidation that had already
/// returned.
#[derive(Debug, Parser)]
#[command(name = "larder-demo", version)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) options: DemoOptions,

    /// The handover file of the process before its restart. Starts the second half of the demo.
    #[arg(long, value_name = "FILE", hide = true, exclusive = true)]
    pub(crate) resume: Option<PathBuf>,

    /// The plan of one of several processes, which `--processes` starts.
    #[arg(long, value_name = "FILE", hide = true, exclusive = true)]
    pub(crate) member: Option<PathBuf>,
}

#[derive(Clone, Debug, Args, Serialize, Deserialize)]
pub(crate) struct DemoOptions {
    /// Requests in each of the three phases.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_REQUESTS)]
    #[arg(value_parser = value_parser!(u64).range(1..=100_000_000))]
    pub(crate) requests: u64,

    /// Threads that send requests at the same time.
    #[arg(long, value_name = "N", default_value_t = 4)]
    #[arg(value_parser = value_parser!(u64).range(1..=256))]
    pub(crate) threads: u64,

    /// The directory for the database and the cache [default: a temporary directory, removed at the end].
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,

    /// The seed of the random requests and updates.
    #[arg(long, value_name = "N", default_value_t = 42)]
    pub(crate) seed: u64,

    /// Write the results to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Run this many processes that share the database and the server of `LARDER_URL`.
    ///
    /// All processes send requests and make changes at the same time. Exits with 1 if an answer was older
    /// than an acknowledged change by the bound of the server's URL (`staleness`, by default 1s) or more.
    #[arg(long, value_name = "N", conflicts_with = "requests")]
    #[arg(value_parser = value_parser!(u64).range(1..=64))]
    pub(crate) processes: Option<u64>,

    /// How many seconds the processes of --processes send requests.
    #[arg(long, value_name = "N", default_value_t = 10, requires = "processes")]
    #[arg(value_parser = value_parser!(u64).range(1..=86_400))]
    pub(crate) seconds: u64,

    /// Plants a fault: changes remove nothing from the cache. A test uses it to show that the check can fail.
    #[arg(long, hide = true, requires = "processes")]
    pub(crate) without_removals: bool,
}

impl Arguments {
    /// Parses the command line of this process. Exits after clap has printed the help or an error.
    ///
    /// # Errors
    /// [`Error::EmptyArgument`] if a path is empty, as in `--dir "$DIR"` if DIR is not set.
    pub(crate) fn read() -> Result<Self, Error> {
        Self::try_parse()
            .map_err(|error| if names_empty_path(&error) { Error::EmptyArgument } else { error.exit() })
    }
}

/// Returns whether clap refused a value because it was empty. Only paths are refused for that reason.
fn names_empty_path(error: &clap::Error) -> bool {
    let value = error.get(ContextKind::InvalidValue);
    error.kind() == ErrorKind::InvalidValue
        && matches!(value, Some(ContextValue::String(value)) if value.is_empty())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_demo_without_requests_or_threads_is_refused() {
        assert!(Arguments::try_parse_from(["larder-demo", "--requests", "0"]).is_err());
        assert!(Arguments::try_parse_from(["larder-demo", "--threads", "0"]).is_err());
        assert!(Arguments::try_parse_from(["larder-demo", "--requests", "1", "--threads", "1"]).is_ok());
    }

    #[test]
    fn options_of_several_processes_need_their_number() {
        let parse = |arguments: &[&str]| Arguments::try_parse_from([&["larder-demo"], arguments].concat());
        assert!(parse(&["--processes", "3", "--seconds", "2"]).is_ok());
        assert!(parse(&["--seconds", "2"]).is_err());
        assert!(parse(&["--without-removals"]).is_err());
        assert!(parse(&["--processes", "3", "--requests", "1000"]).is_err());
    }

    #[test]
    fn the_second_half_takes_no_options_and_is_not_in_the_help() {
        assert!(Arguments::try_parse_from(["larder-demo", "--resume", "F"]).is_ok());
        assert!(Arguments::try_parse_from(["larder-demo", "--resume", "F", "--seed", "7"]).is_err());
        assert!(!Arguments::command().render_long_help().to_string().contains("resume"));
    }
}
